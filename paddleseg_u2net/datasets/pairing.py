"""Which mask belongs to which image: by list files, and by equal names in two folders.

`name_rules` pairs names that differ by more than their suffix.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import AbstractSet, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.io import files
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, files_below


class PairingError(ValueError):
    """Files cannot be paired; the message names the files and the repair."""


class Pair(NamedTuple):
    """An image file and its mask file; ``name`` is the image's path below the data set's root."""

    image: Path
    mask: Path
    name: str


class Problem(NamedTuple):
    """Why files make no pair: its kind, the files, and a sentence with the repair.

    The kind is ``line``, ``missing`` or ``repeated`` of a list; ``same_name``, ``no_mask`` or
    ``no_image`` of folders.
    """

    kind: str
    files: Tuple[Path, ...]
    message: str


_NO_MASK = (
    "the mask is missing: training and validation need one for each image, and "
    "`predict --image_path LIST` takes a list without masks"
)


def from_list(
    path: Path,
    root: Path,
    separator: Optional[str] = None,
    problems: Optional[List[Problem]] = None,
) -> List[Pair]:
    """Read pairs from lines ``image<separator>mask``, relative to ``root``; ``#`` is a comment.

    Without a ``separator``: a tab, else the one space that leaves two existing files (names may
    have spaces). ``problems`` receives what is wrong with single lines, which then make no pair;
    without it the first is a PairingError, as a list is that is missing or empty.
    """
    if not path.is_file():
        raise PairingError(f"{path}: expected a list of `image mask` lines; there is no such file")
    lines = read_lines(path)
    if not lines:
        raise PairingError(f"{path}: expected lines `image mask`, the file has none")
    pairs: Dict[Path, Pair] = {}
    found: List[Problem] = []
    for number, line in lines:
        where = f"{path}:{number}"
        pair = _parse_line(line, root, separator)
        if pair is None:
            name = files.with_slashes(line.strip(), root)
            alone = os.path.isfile(root / name)  # noqa: PTH113 (also of a name that is too long)
            message = (
                f"{where}: expected `image mask`, two existing files below {root}, got {line!r}; "
                + (_NO_MASK if alone else "with spaces in names put a tab between them")
            )
            found.append(Problem("line", (), message))
            continue
        absent = tuple(file for file in pair[:2] if not file.is_file())
        if absent:
            names = " and ".join(map(str, absent))
            message = f"{where}: there is no {names}; bring it, or correct the list or dataset_root"
            found.append(Problem("missing", absent, message))
        elif pair.image in pairs:
            message = f"{where}: {pair.image} is in this list already; delete the line"
            found.append(Problem("repeated", (pair.image,), message))
        else:
            pairs[pair.image] = pair
    report(found, problems)
    return list(pairs.values())


def read_lines(path: Path) -> List[Tuple[int, str]]:
    """Read a list as `files.read_lines`."""
    try:
        return files.read_lines(path)
    except ValueError as error:
        raise PairingError(str(error)) from error


def _parse_line(line: str, root: Path, separator: Optional[str]) -> Optional[Pair]:
    if separator is None and "\t" in line:
        separator = "\t"
    if separator is not None:
        splits = [line.split(separator)]
    else:
        words = line.split(" ")
        splits = [[" ".join(words[:k]), " ".join(words[k:])] for k in range(1, len(words))]
    named = {tuple(files.with_slashes(part.strip(), root) for part in split) for split in splits}
    if separator is None and len(named) > 1:
        named = {split for split in named if all((root / part).is_file() for part in split)}
    fitting = [split for split in named if len(split) == 2 and all(split)]
    if len(fitting) != 1:
        return None
    image, mask = fitting[0]
    return Pair(root / image, root / mask, image)


def report(found: Sequence[Problem], problems: Optional[List[Problem]]) -> None:
    """Add what is wrong to ``problems``; where there are none to add to, the first is raised."""
    if problems is not None:
        problems += found
    elif found:
        more = f" (the first of {len(found)} such problems)" if len(found) > 1 else ""
        raise PairingError(found[0].message + more)


def list_files(
    folder: Path,
    what: str = "images",
    suffixes: AbstractSet[str] = IMAGE_SUFFIXES,
    exclude: Optional[Path] = None,
) -> List[Path]:
    """List the files of a folder and its subfolders by suffix, as `files_below`.

    ``what`` should be there, for messages; the files below ``exclude`` are left out. A folder that
    is missing or has no such file is a PairingError.
    """
    if not folder.is_dir():
        there = "a file" if folder.exists() else "nothing"
        raise PairingError(f"{folder}: expected a folder of {what}, found {there}; check the path")
    found = [path for path in files_below(folder) if path.suffix.lower() in suffixes]
    excluded = exclude.resolve() if exclude else folder
    if folder.resolve() in excluded.parents:
        found = [path for path in found if excluded not in path.resolve().parents]
    if not found:
        raise PairingError(
            f"{folder}: expected {what} ({', '.join(sorted(suffixes))}), found none; check the path"
        )
    return found


def bare_name(path: Path, folder: Path) -> str:
    """Return a file's path below ``folder`` without suffix, with ``/`` between folders."""
    return path.relative_to(folder).with_suffix("").as_posix()


def by_name(
    paths: Iterable[Path],
    folder: Path,
    repair: str = "rename or remove one",
    problems: Optional[List[Problem]] = None,
) -> Dict[str, Path]:
    """Return files by their `bare_name`.

    ``repair`` says what to do about two files of one name, ``{0}`` and ``{1}`` being their
    suffixes. ``problems`` receives these, which are then left out; else they are a PairingError.
    """
    groups: Dict[str, List[Path]] = {}
    for path in paths:
        groups.setdefault(bare_name(path, folder), []).append(path)
    found: List[Problem] = []
    for group in groups.values():
        if len(group) == 1:
            continue
        same = tuple(sorted(group))[:2]
        names = " and ".join(str(path.relative_to(folder)) for path in same)
        advice = repair.format(*(path.suffix for path in same))
        message = f"{folder}: {names} have the same name but for the suffix; {advice}"
        found.append(Problem("same_name", same, message))
    report(found, problems)
    return {name: group[0] for name, group in groups.items() if len(group) == 1}


def from_folders(images: Path, masks: Path, problems: Optional[List[Problem]] = None) -> List[Pair]:
    """Pair the files of two folders (and their subfolders) of the same name but for the suffix.

    ``problems`` receives what is wrong with single files, which then make no pair; without it the
    first is a PairingError, as a folder is that is missing or has no image files.
    """
    found: List[Problem] = []
    repair = "add, rename or remove one, or name the pairs in a list file"
    of_images = by_name(list_files(images, "images"), images, repair, found)
    of_masks = by_name(list_files(masks, "masks"), masks, repair, found)
    doubtful = {path.with_suffix("") for problem in found for path in problem.files}
    pairs: List[Pair] = []
    for name in sorted({*of_images, *of_masks}):
        if images / name in doubtful or masks / name in doubtful:
            continue
        image, mask = of_images.get(name), of_masks.get(name)
        if image is not None and mask is not None:
            pairs.append(Pair(image, mask, str(image.relative_to(images))))
        elif image is not None:
            message = f"{image}: expected its mask {masks / name}.*, found none; {repair}"
            found.append(Problem("no_mask", (image,), message))
        elif mask is not None:
            message = f"{mask}: expected its image {images / name}.*, found none; {repair}"
            found.append(Problem("no_image", (mask,), message))
    report(found, problems)
    return pairs


def split_train_val(pairs: Iterable[Pair], val_share: float) -> Tuple[List[Pair], List[Pair]]:
    """Split pairs into (train, val) by a hash of their names, at least one for validation.

    The same files give the same split on every machine and in every order.
    """
    ordered = sorted(pairs, key=lambda pair: hashlib.md5(pair.name.encode()).digest())
    count = max(1, round(len(ordered) * val_share))
    if count >= len(ordered):
        raise PairingError(
            f"val_share: {val_share} of {len(ordered)} pairs leaves none to train on; add images "
            "or lower it"
        )
    return sorted(ordered[count:]), sorted(ordered[:count])
