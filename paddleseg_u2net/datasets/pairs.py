"""Which mask belongs to which image: from a list file, or from two folders."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from paddleseg_u2net.images import find_images

_SHOWN = 5


class PairingError(ValueError):
    """Images and masks cannot be paired; the message names the files and the repair."""


class Pair(NamedTuple):
    """An image file and its mask file; ``name`` is the image's path below the data set's root."""

    image: Path
    mask: Path
    name: str


def from_list(path: Path, root: Path, separator: Optional[str] = None) -> List[Pair]:
    """Pairs from lines ``image<separator>mask``, both relative to ``root``; ``#`` starts a comment.

    Without a ``separator``: a tab, else the one space that leaves two existing files (names may
    have spaces).

    Raises:
        PairingError: the list is missing, empty or repeats an image, a line has no two parts, or
            a file of it does not exist (the first few are named).
    """
    if not path.is_file():
        raise PairingError(f"{path}: expected a list of `image mask` lines; there is no such file")
    pairs = [
        _from_line(line, f"{path}:{number}", root, separator) for number, line in read_lines(path)
    ]
    if not pairs:
        raise PairingError(f"{path}: expected lines `image mask`, the file has none")
    absent = [file for pair in pairs for file in (pair.image, pair.mask) if not file.is_file()]
    if absent:
        raise PairingError(
            f"{path}: {len(absent)} files of this list do not exist below {root}, such as "
            f"{_some(absent)}; correct the list or the key dataset_root"
        )
    _refuse_repeats(path, pairs)
    return pairs


def read_lines(path: Path) -> List[Tuple[int, str]]:
    """(number, line) of a list file, stripped, without empty lines and comments (``#``).

    Raises:
        PairingError: it is not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise PairingError(f"{path}: expected a list in UTF-8 ({error}); save it so") from error
    stripped = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _from_line(line: str, where: str, root: Path, separator: Optional[str]) -> Pair:
    if separator is None and "\t" in line:
        separator = "\t"
    if separator is not None:
        splits = [tuple(line.split(separator))]
    else:
        words = line.split(" ")
        splits = [
            (" ".join(words[:k]).strip(), " ".join(words[k:]).strip()) for k in range(1, len(words))
        ]
        if len(splits) > 1:
            splits = [s for s in set(splits) if all((root / part).is_file() for part in s)]
    splits = [split for split in set(splits) if len(split) == 2 and all(split)]
    if len(splits) != 1:
        raise PairingError(
            f"{where}: expected `image mask`, two existing files below {root}, got {line!r}; with "
            "spaces in names put a tab between them"
        )
    image, mask = (part.strip() for part in splits[0])
    return Pair(root / image, root / mask, image)


def _refuse_repeats(path: Path, pairs: List[Pair]) -> None:
    seen, repeated = set(), []
    for pair in pairs:
        if pair.image in seen:
            repeated.append(pair.image)
        seen.add(pair.image)
    if repeated:
        raise PairingError(
            f"{path}: {len(repeated)} images stand here more than once, such as "
            f"{_some(repeated)}; delete the extra lines"
        )


def from_folders(images: Path, masks: Path) -> List[Pair]:
    """Pairs of the files of two folders (and their subfolders) with the same name but suffix.

    Raises:
        PairingError: a folder is missing or empty, a file has no partner, or two have the same.
    """
    for folder, what in ((images, "images"), (masks, "masks")):
        if not folder.is_dir():
            raise PairingError(f"{folder}: expected a folder of {what}; there is none")
    by_name = {path: _by_name(path) for path in (images, masks)}
    without = sorted(set(by_name[images]) - set(by_name[masks]))
    alone = sorted(set(by_name[masks]) - set(by_name[images]))
    if without or alone:
        problems = []
        if without:
            problems.append(f"{len(without)} images without a mask, such as {_some(without)}")
        if alone:
            problems.append(f"{len(alone)} masks without an image, such as {_some(alone)}")
        raise PairingError(
            f"{images} and {masks}: expected files of the same name but for the suffix; "
            + "; ".join(problems)
            + "; add or remove those files, or name the pairs in a list file"
        )
    return [
        Pair(image, by_name[masks][name], str(image.relative_to(images)))
        for name, image in sorted(by_name[images].items())
    ]


def _by_name(folder: Path) -> Dict[str, Path]:
    found: Dict[str, Path] = {}
    for path in find_images(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise PairingError(
                f"{folder}: {found[name].name} and {path.name} have the same name but for the "
                "suffix; rename one, or name the pairs in a list file"
            )
        found[name] = path
    if not found:
        raise PairingError(f"{folder}: expected image files, found none")
    return found


def share(pairs: Iterable[Pair], val_share: float) -> Tuple[List[Pair], List[Pair]]:
    """(train, val): ``val_share`` of the pairs, at least one, chosen by a hash of their names.

    The same files give the same parts on every machine and in every order.
    """
    ordered = sorted(pairs, key=lambda pair: hashlib.md5(pair.name.encode()).digest())
    count = max(1, round(len(ordered) * val_share))
    if count >= len(ordered):
        raise PairingError(
            f"val_share: {val_share} of {len(ordered)} pairs leaves none to train on; add images "
            "or lower it"
        )
    return sorted(ordered[count:]), sorted(ordered[:count])


def _some(items: Iterable[object]) -> str:
    items = list(items)
    return ", ".join(str(item) for item in items[:_SHOWN]) + (" ..." if len(items) > _SHOWN else "")
