"""Which mask belongs to which image: from a list file, or from two folders."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from paddleseg_u2net.io import files
from paddleseg_u2net.io.images import find_images
from paddleseg_u2net.text import short_list


class PairingError(ValueError):
    """Images and masks cannot be paired; the message names the files and the repair."""


class Pair(NamedTuple):
    """An image file and its mask file; ``name`` is the image's path below the data set's root."""

    image: Path
    mask: Path
    name: str


class Problem(NamedTuple):
    """What keeps files from being a pair: a kind, the files that it is about, and a sentence."""

    kind: str
    files: Tuple[Path, ...]
    message: str


def from_list(path: Path, root: Path, separator: Optional[str] = None) -> List[Pair]:
    """Pairs from lines ``image<separator>mask``, both relative to ``root``; ``#`` starts a comment.

    Without a ``separator``: a tab, else the one space that leaves two existing files (names may
    have spaces).

    Raises:
        PairingError: the list is missing, empty or repeats an image, a line has no two parts, or
            a file of it does not exist (the first few are named).
    """
    pairs, problems = look_through_list(path, root, separator)
    by_kind = _by_kind(problems)
    for problem in by_kind.get("line", []):
        raise PairingError(problem.message)
    if "missing" in by_kind:
        absent = [file for problem in by_kind["missing"] for file in problem.files]
        raise PairingError(
            f"{path}: {len(absent)} files of this list do not exist below {root}, such as "
            f"{short_list(absent)}; correct the list or the key dataset_root"
        )
    if "repeated" in by_kind:
        repeated = [problem.files[0] for problem in by_kind["repeated"]]
        raise PairingError(
            f"{path}: {len(repeated)} images stand here more than once, such as "
            f"{short_list(repeated)}; delete the extra lines"
        )
    return pairs


def look_through_list(
    path: Path, root: Path, separator: Optional[str] = None
) -> Tuple[List[Pair], List[Problem]]:
    """What is sound in a list, and what is not: the pairs of `from_list` and problems of the kinds

    line (it does not name two files), missing (a file does not exist), repeated (an image that an
    earlier line has); such lines make no pair.

    Raises:
        PairingError: the list is missing, not UTF-8, or has no lines.
    """
    if not path.is_file():
        raise PairingError(f"{path}: expected a list of `image mask` lines; there is no such file")
    lines = read_lines(path)
    if not lines:
        raise PairingError(f"{path}: expected lines `image mask`, the file has none")
    pairs: List[Pair] = []
    problems: List[Problem] = []
    seen: Set[Path] = set()
    for number, line in lines:
        where = f"{path}:{number}"
        try:
            pair = _from_line(line, where, root, separator)
        except PairingError as error:
            problems.append(Problem("line", (), str(error)))
            continue
        absent = tuple(file for file in (pair.image, pair.mask) if not file.is_file())
        if absent:
            names = " and ".join(map(str, absent))
            message = f"{where}: there is no {names}; correct the list or bring the file"
            problems.append(Problem("missing", absent, message))
        elif pair.image in seen:
            message = f"{where}: {pair.image} stands in this list already; delete the line"
            problems.append(Problem("repeated", (pair.image,), message))
        else:
            seen.add(pair.image)
            pairs.append(pair)
    return pairs, problems


def read_lines(path: Path) -> List[Tuple[int, str]]:
    """As `files.read_lines`.

    Raises:
        PairingError: it is not UTF-8.
    """
    try:
        return files.read_lines(path)
    except ValueError as error:
        raise PairingError(str(error)) from error


def _from_line(line: str, where: str, root: Path, separator: Optional[str]) -> Pair:
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


def from_folders(images: Path, masks: Path) -> List[Pair]:
    """Pairs of the files of two folders (and their subfolders) with the same name but suffix.

    Raises:
        PairingError: a folder is missing or empty, a file has no partner, or two have the same.
    """
    pairs, problems = look_through_folders(images, masks)
    by_kind = _by_kind(problems)
    for problem in by_kind.get("same_name", []):
        raise PairingError(problem.message)
    texts = []
    for kind, folder, what in (
        ("no_mask", images, "images without a mask"),
        ("no_image", masks, "masks without an image"),
    ):
        if kind in by_kind:
            names = [_bare(problem.files[0], folder) for problem in by_kind[kind]]
            texts.append(f"{len(names)} {what}, such as {short_list(names)}")
    if texts:
        raise PairingError(
            f"{images} and {masks}: expected files of the same name but for the suffix; "
            + "; ".join(texts)
            + "; add or remove those files, or name the pairs in a list file"
        )
    return pairs


def look_through_folders(images: Path, masks: Path) -> Tuple[List[Pair], List[Problem]]:
    """What is sound in two folders, and what is not: the pairs of `from_folders` and problems of
    the kinds

    no_mask, no_image (a file without a partner), same_name (two files of one folder have the same
    name but for the suffix); such files make no pair.

    Raises:
        PairingError: a folder is missing or has no image files.
        ImageError: a folder cannot be listed.
    """
    for folder, what in ((images, "images"), (masks, "masks")):
        if not folder.is_dir():
            raise PairingError(f"{folder}: expected a folder of {what}; there is none")
    (of_images, doubtful), (of_masks, also) = _by_name(images), _by_name(masks)
    problems = [*doubtful.values(), *also.values()]
    pairs = []
    for name in sorted({*of_images, *of_masks} - {*doubtful, *also}):
        image, mask = of_images.get(name), of_masks.get(name)
        if image is not None and mask is not None:
            pairs.append(Pair(image, mask, str(image.relative_to(images))))
        elif image is not None:
            message = f"{image}: expected its mask {masks / name}.*, found none; add or remove one"
            problems.append(Problem("no_mask", (image,), message))
        elif mask is not None:
            message = f"{mask}: expected its image {images / name}.*, found none; add or remove one"
            problems.append(Problem("no_image", (mask,), message))
    return pairs, problems


def _by_name(folder: Path) -> Tuple[Dict[str, Path], Dict[str, Problem]]:
    """The files of a folder by their name without suffix, and the names that two of them have."""
    found: Dict[str, Path] = {}
    doubtful: Dict[str, Problem] = {}
    for path in find_images(folder):
        name = _bare(path, folder)
        if name in found and name not in doubtful:
            message = (
                f"{folder}: {found[name].name} and {path.name} have the same name but for the "
                "suffix; rename one, or name the pairs in a list file"
            )
            doubtful[name] = Problem("same_name", (found[name], path), message)
        found.setdefault(name, path)
    if not found:
        raise PairingError(f"{folder}: expected image files, found none")
    return found, doubtful


def _bare(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _by_kind(problems: Iterable[Problem]) -> Dict[str, List[Problem]]:
    grouped: Dict[str, List[Problem]] = {}
    for problem in problems:
        grouped.setdefault(problem.kind, []).append(problem)
    return grouped


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
