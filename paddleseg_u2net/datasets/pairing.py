"""Which mask belongs to which image: by list files, and by equal names in two folders.

`name_rules` pairs names that differ by more than their suffix.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import AbstractSet, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from paddleseg_u2net.io import files
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, files_below
from paddleseg_u2net.text import short_list


class PairingError(ValueError):
    """Files cannot be paired; the message names the files and the repair."""


class Pair(NamedTuple):
    """An image file and its mask file; ``name`` is the image's path below the data set's root."""

    image: Path
    mask: Path
    name: str


class Problem(NamedTuple):
    """Why files make no pair.

    Attributes:
        kind: ``line``, ``missing`` or ``repeated`` of a list; ``same_name``, ``no_mask`` or
            ``no_image`` of folders.
        files: The files concerned.
        message: A sentence with the repair.
    """

    kind: str
    files: Tuple[Path, ...]
    message: str


# ---------------------------------------------------------------- list files


def from_list(
    path: Path,
    root: Path,
    separator: Optional[str] = None,
    problems: Optional[List[Problem]] = None,
) -> List[Pair]:
    """Read pairs from lines ``image<separator>mask``, relative to ``root``; ``#`` is a comment.

    Args:
        path: The list, in UTF-8.
        root: The folder that its paths are relative to.
        separator: Without one: a tab, else the one space that leaves two existing files (names
            may have spaces).
        problems: Receives what is wrong with single lines, which then make no pair: ``line`` (not
            two files), ``missing`` (a file does not exist), ``repeated`` (an image of an earlier
            line). Without it they are an error.

    Raises:
        PairingError: The list is missing, not UTF-8 or empty; without ``problems`` also for
            these, with the first few files named.
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
        try:
            pair = _parse_line(line, where, root, separator)
        except PairingError as error:
            if problems is None:
                raise
            found.append(Problem("line", (), str(error)))
            continue
        absent = tuple(file for file in pair[:2] if not file.is_file())
        if absent:
            names = " and ".join(map(str, absent))
            message = f"{where}: there is no {names}; correct the list or bring the file"
            found.append(Problem("missing", absent, message))
        elif pair.image in pairs:
            message = f"{where}: {pair.image} is in this list already; delete the line"
            found.append(Problem("repeated", (pair.image,), message))
        else:
            pairs[pair.image] = pair
    if problems is not None:
        problems += found
    elif found:
        raise PairingError(_faults_of_list(path, root, found))
    return list(pairs.values())


def read_lines(path: Path) -> List[Tuple[int, str]]:
    """Read a list as `files.read_lines`.

    Raises:
        PairingError: It is not UTF-8.
    """
    try:
        return files.read_lines(path)
    except ValueError as error:
        raise PairingError(str(error)) from error


def _parse_line(line: str, where: str, root: Path, separator: Optional[str]) -> Pair:
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
        raise PairingError(
            f"{where}: expected `image mask`, two existing files below {root}, got {line!r}; with "
            "spaces in names put a tab between them"
        )
    image, mask = fitting[0]
    return Pair(root / image, root / mask, image)


def _faults_of_list(path: Path, root: Path, problems: Sequence[Problem]) -> str:
    absent = [file for problem in problems if problem.kind == "missing" for file in problem.files]
    if absent:
        return (
            f"{path}: {len(absent)} files of this list do not exist below {root}, such as "
            f"{short_list(absent)}; correct the list or the key dataset_root"
        )
    repeated = [problem.files[0] for problem in problems]
    return (
        f"{path}: {len(repeated)} images are listed more than once, such as "
        f"{short_list(repeated)}; delete the extra lines"
    )


# ---------------------------------------------------------------- folders


def list_files(
    folder: Path,
    what: str = "images",
    suffixes: AbstractSet[str] = IMAGE_SUFFIXES,
    exclude: Optional[Path] = None,
) -> List[Path]:
    """List the files of a folder and its subfolders by suffix, in any letter case.

    Hidden files and folders are skipped. Links to folders are followed, each folder once.

    Args:
        folder: Where to look.
        what: What should be there, for messages.
        suffixes: In lower case, such as ``.png``.
        exclude: A folder below ``folder`` whose files are left out.

    Raises:
        PairingError: The folder is missing or has no such file.
        ImageError: A folder cannot be listed.
    """
    if not folder.is_dir():
        there = "a file" if folder.exists() else "nothing"
        raise PairingError(f"{folder}: expected a folder of {what}, found {there}; check the path")
    excluded = exclude.resolve() if exclude else None
    if excluded and folder.resolve() not in excluded.parents:
        excluded = None
    found: List[Path] = []
    others: Counter[str] = Counter()
    for path in files_below(folder):
        if excluded and excluded in path.resolve().parents:
            continue
        if path.suffix.lower() in suffixes:
            found.append(path)
        else:
            others[path.suffix or "no suffix"] += 1
    if not found:
        got = ", ".join(f"{count} of {suffix}" for suffix, count in others.most_common(5))
        raise PairingError(
            f"{folder}: expected {what} ({', '.join(sorted(suffixes))}), found {got or 'none'}; "
            "check the path"
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

    Args:
        paths: Files below ``folder``.
        folder: The folder.
        repair: What to do about two files of one name; ``{0}`` and ``{1}`` are their suffixes.
        problems: Receives files of one name, which are then left out; else they are an error.

    Raises:
        PairingError: Two files have the same name but for the suffix.
    """
    found: Dict[str, List[Path]] = {}
    for path in paths:
        found.setdefault(bare_name(path, folder), []).append(path)
    for files_of_name in found.values():
        if len(files_of_name) == 1:
            continue
        same = tuple(sorted(files_of_name))[:2]
        names = " and ".join(str(path.relative_to(folder)) for path in same)
        advice = repair.format(*(path.suffix for path in same))
        message = f"{folder}: {names} have the same name but for the suffix; {advice}"
        if problems is None:
            raise PairingError(message)
        problems.append(Problem("same_name", same, message))
    return {name: same[0] for name, same in found.items() if len(same) == 1}


def from_folders(images: Path, masks: Path, problems: Optional[List[Problem]] = None) -> List[Pair]:
    """Pair the files of two folders (and their subfolders) of the same name but for the suffix.

    Args:
        images, masks: The folders.
        problems: Receives what is wrong with single files, which then make no pair: ``no_mask``
            and ``no_image`` (no partner), ``same_name`` (two files of one name but for the
            suffix). Without it they are an error.

    Raises:
        PairingError: A folder is missing or has no image files; without ``problems`` also for
            these.
        ImageError: A folder cannot be listed.
    """
    found: List[Problem] = []
    sides: List[Dict[str, Path]] = []
    doubtful: Set[str] = set()
    for folder, what in ((images, "images"), (masks, "masks")):
        repair = "rename one, or name the pairs in a list file"
        same: List[Problem] = []
        paths = list_files(folder, what)
        sides.append(by_name(paths, folder, repair, None if problems is None else same))
        doubtful.update(bare_name(problem.files[0], folder) for problem in same)
        found += same
    of_images, of_masks = sides
    pairs: List[Pair] = []
    alone: Dict[str, List[str]] = {"images without a mask": [], "masks without an image": []}
    for name in sorted({*of_images, *of_masks} - doubtful):
        image, mask = of_images.get(name), of_masks.get(name)
        if image is not None and mask is not None:
            pairs.append(Pair(image, mask, str(image.relative_to(images))))
        elif image is not None:
            message = f"{image}: expected its mask {masks / name}.*, found none; add or remove one"
            found.append(Problem("no_mask", (image,), message))
            alone["images without a mask"].append(name)
        elif mask is not None:
            message = f"{mask}: expected its image {images / name}.*, found none; add or remove one"
            found.append(Problem("no_image", (mask,), message))
            alone["masks without an image"].append(name)
    if problems is not None:
        problems += found
    elif found:
        lists = [
            f"{len(names)} {what}, such as {short_list(names)}"
            for what, names in alone.items()
            if names
        ]
        raise PairingError(
            f"{images} and {masks}: expected files of the same name but for the suffix; "
            f"{'; '.join(lists)}; add or remove those files, or name the pairs in a list file"
        )
    return pairs


# ---------------------------------------------------------------- splits


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
