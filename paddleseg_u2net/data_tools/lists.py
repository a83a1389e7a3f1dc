"""List files: a line `image mask` for each pair."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Tuple

from paddleseg_u2net.io.files import write_text


def line(image: str, mask: str) -> str:
    """One line; a tab separates names with spaces."""
    return f"{image}\t{mask}" if " " in image + mask else f"{image} {mask}"


def write_list(path: Path, pairs: Sequence[Tuple[str, str]]) -> None:
    """Write (image, mask), both relative to the data set's root with ``/`` between folders."""
    write_text(path, "".join(f"{line(image, mask)}\n" for image, mask in pairs))


def read_pairs(path: Path) -> List[Tuple[str, str]]:
    """What ``write_list`` wrote."""
    lines = path.read_text(encoding="utf-8").splitlines()
    split = (text.split("\t" if "\t" in text else " ") for text in lines)
    return [(words[0], words[-1]) for words in split]
