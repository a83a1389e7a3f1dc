"""Pairs by patterns: what the stars of an image's path and of its mask's stand for is the same.

``leftImg8bit/train/*/*_leftImg8bit.png`` with ``gtFine/train/*/*_gtFine_labelTrainIds.png``. Lists
of names, a line each, say which of the images are taken, where there is one star.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from paddleseg_u2net.datasets.pairing import Pair, PairingError, Problem, read_lines, report

Words = Tuple[str, ...]
"""What the stars stand for."""


class Patterns(NamedTuple):
    """Paths below a data set's root with ``*``, which stands for any letters but ``/``.

    A mask is looked for by each of ``masks`` in turn; ``lists`` have names, a line each.
    """

    images: str
    masks: Tuple[str, ...]
    lists: Tuple[Path, ...] = ()


def make_patterns(
    images: str, masks: Union[str, Sequence[str], None], lists: Sequence[Path], where: str
) -> Patterns:
    """Patterns of a configuration, checked; ``where`` is the section for messages."""
    found = (masks,) if isinstance(masks, str) else tuple(masks or ())
    stars = images.count("*")
    if any("**" in str(pattern) for pattern in (images, *found)):
        raise PairingError(
            f"{where}.images: expected a * for each folder between, and no **, got {images!r} with "
            f"{masks!r}"
        )
    if not found or any(not isinstance(mask, str) or mask.count("*") != stars for mask in found):
        raise PairingError(
            f"{where}.masks: expected as many * as in images ({images}), which stand for the same "
            f"there, got {masks!r}"
        )
    if lists and stars != 1:
        raise PairingError(
            f"{where}.images: expected one *, which stands for the names in {lists[0]}, got "
            f"{images!r}"
        )
    return Patterns(images, found, tuple(lists))


def from_patterns(
    root: Path, patterns: Patterns, problems: Optional[List[Problem]] = None
) -> List[Pair]:
    """Find the pairs below ``root``, in the order of the lists, else of the names.

    ``problems`` receives what is wrong with single files, which then make no pair; without it the
    first is a PairingError, as no image at all is.
    """
    found: List[Problem] = []
    pairs: List[Pair] = []
    named = _named(patterns.lists, found) if patterns.lists else None
    masks = [_matching(root, mask) for mask in patterns.masks]
    taken = {path for files in masks for path in files.values()}  # of x.png, x_mask.png
    images = {w: path for w, path in _matching(root, patterns.images).items() if path not in taken}
    for words in images if named is None else named:
        name = _filled(patterns.images, words)
        image = images.get(words)
        mask = next((files[words] for files in masks if words in files), None)
        if image is None:
            message = (
                f"{root / name}: there is no such image, but {named and named[words]} names it"
            )
            found.append(
                Problem("missing", (root / name,), f"{message}; bring it, or cut the line")
            )
        elif mask is None:
            expected = " or ".join(str(root / _filled(one, words)) for one in patterns.masks)
            message = f"{image}: expected its mask {expected}, found none; bring it, or remove one"
            found.append(Problem("no_mask", (image,), message))
        else:
            pairs.append(Pair(image, mask, name))
    if named is None:
        for files in masks:
            for words in files.keys() - images.keys():
                message = f"{files[words]}: expected its image {_filled(patterns.images, words)}"
                found.append(Problem("no_image", (files[words],), f"{message}, found none"))
    report(found, problems)
    if not pairs and not found:
        raise PairingError(f"{root / patterns.images}: expected images, found none; check the path")
    return pairs


def _filled(pattern: str, words: Words) -> str:
    parts = pattern.split("*")
    return parts[0] + "".join(word + part for word, part in zip(words, parts[1:]))


def _matching(root: Path, pattern: str) -> Dict[Words, Path]:
    """The files that a pattern fits, by what its stars stand for, in the order of their names."""
    parts = pattern.split("*")
    form = re.compile("([^/]*)".join(map(re.escape, parts)))
    found = {}
    for path in sorted(root.glob("*".join(map(glob.escape, parts)))):
        match = form.fullmatch(path.relative_to(root).as_posix())
        if match and path.is_file():
            found[match.groups()] = path
    return found


def _named(lists: Sequence[Path], found: List[Problem]) -> Dict[Words, str]:
    """The names in the lists, each with the place where it stands."""
    names: Dict[Words, str] = {}
    for path in lists:
        if not path.is_file():
            raise PairingError(f"{path}: expected a list of names; there is no such file")
        for number, line in read_lines(path):
            where, words = f"{path}:{number}", (line.strip(),)
            if words in names:
                message = f"{where}: {line} stands in {names[words]} already; delete the line"
                found.append(Problem("repeated", (), message))
            else:
                names[words] = where
    if not names:
        raise PairingError(f"{lists[0]}: expected names, a line each, the file has none")
    return names
