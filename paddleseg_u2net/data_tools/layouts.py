"""Where a data set lies in an unpacked archive, whose folders have been wrapped and renamed.

Folders are known by their names, wherever in the tree. Where these names are not found, two
folders are taken whose files have the same names, as many as are published, and of which one
holds masks.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.mask_files import JPEG
from paddleseg_u2net.data_tools.error import PreparationError
from paddleseg_u2net.datasets.table import Row, Split
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, ImageError, files_below, read_mask
from paddleseg_u2net.text import short_list

_SAMPLES = 3
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")


class Found(NamedTuple):
    """An image and its mask as an archive has them: several files where it cannot decide."""

    image: Path
    masks: Tuple[Path, ...]


class Part(NamedTuple):
    """What was found of one part of a data set; ``alone`` are files without a partner."""

    images: Path
    masks: Path
    found: List[Found]
    alone: List[Path]


Group = Dict[str, List[Path]]  # files by name without folder and suffix


def find_part(tree: Path, split: Split, others: Sequence[Split], where: str) -> Part:
    """Find the folders of ``split`` in ``tree``; ``others`` are parts that share the tree.

    Raises:
        PreparationError: they are not there, or there are several.
    """
    pictures = [file for file in files_below(tree) if file.suffix.lower() in IMAGE_SUFFIXES]
    parts = _by_names(pictures, tree, split) or _by_content(pictures, split, others)
    if not parts:
        raise PreparationError(
            f"{where}: expected {_wanted(split)}, wherever they lie; found {describe(tree)}"
        )
    most = max(len(part.found) for part in parts)
    parts = [part for part in parts if len(part.found) == most]
    if len(parts) > 1:
        names = "; ".join(
            f"{part.images.relative_to(tree)} and {part.masks.relative_to(tree)}" for part in parts
        )
        raise PreparationError(
            f"{where}: expected {_wanted(split)} once, found {len(parts)} times ({names}); give "
            "archives that hold one copy"
        )
    return parts[0]


def find_lists(tree: Path, row: Row, where: str) -> Dict[str, Path]:
    """Find the list files of a data set, those of all parts in one folder; part -> list.

    Raises:
        PreparationError: there is none, or they lie in several folders.
    """
    wanted = {part: (split.list_file, *split.lists_as) for part, split in row.splits.items()}
    folders: Dict[Path, Dict[str, Path]] = {}
    for file in files_below(tree):
        for part, names in wanted.items():
            if file.name in names:
                folders.setdefault(file.parent, {})[part] = file
    most = max(map(len, folders.values()), default=0)
    best = [lists for lists in folders.values() if len(lists) == most]
    if len(best) == 1:
        return best[0]
    asked = ", ".join(" or ".join(names) for names in wanted.values())
    found = f"{len(best)} folders with them" if best else describe(tree)
    raise PreparationError(f"{where}: expected {asked} in one folder, found {found}")


def find_project(tree: Path, where: str) -> Path:
    """Find the folder of a Supervisely project, which holds ``meta.json``.

    Raises:
        PreparationError: there is none, or more than one.
    """
    projects = [file.parent for file in files_below(tree) if file.name == "meta.json"]
    projects = [folder for folder in projects if any(folder.glob("*/ann"))]
    if len(projects) == 1:
        return projects[0]
    found = ", ".join(str(folder.relative_to(tree)) for folder in projects) or describe(tree)
    raise PreparationError(
        f"{where}: expected one project of Supervisely (meta.json, and folders with img and ann), "
        f"found {found}"
    )


def describe(tree: Path) -> str:
    """Which folders hold how many files, in short."""
    counts: Dict[Path, int] = {}
    packed = []
    for file in files_below(tree):
        counts[file.parent] = counts.get(file.parent, 0) + 1
        if file.suffix.lower() in _ARCHIVES:
            packed.append(file.name)
    if packed:
        return f"further archives in it: {', '.join(packed[:3])}; unpack it and give those"
    shown = [f"{folder.relative_to(tree)} ({count} files)" for folder, count in counts.items()]
    return short_list(shown, 6) or "no files"


def _wanted(split: Split) -> str:
    names = split.found_as[0] if split.found_as else (split.images, split.masks)
    return f"folders {names[0]} and {names[1]} with {split.pairs} images and their masks"


# ---------------------------------------------------------------- by names


def _by_names(pictures: Sequence[Path], tree: Path, split: Split) -> List[Part]:
    parts = []
    for images, masks in ((split.images, split.masks), *split.found_as):
        for image_top in _tops(pictures, tree, images):
            for mask_top in _tops(pictures, tree, masks):
                part = _paired(pictures, image_top, mask_top, split.mask_end)
                if part.found:
                    parts.append(part)
        if parts:
            break
    return parts


def _tops(pictures: Sequence[Path], tree: Path, pattern: str) -> List[Path]:
    """Folders whose path ends as ``pattern``, in any case, and that hold pictures."""
    wanted = [word.casefold() for word in pattern.split("/")]
    tops: Set[Path] = set()
    for folder in {file.parent for file in pictures}:
        parts = folder.relative_to(tree).parts
        words = [part.casefold() for part in parts]
        # The last place: copies wrap a folder into one of the same name.
        for end in range(len(words), len(wanted) - 1, -1):
            if words[end - len(wanted) : end] == wanted:
                tops.add(tree.joinpath(*parts[:end]))
                break
    return sorted(tops)


def _paired(pictures: Sequence[Path], images: Path, masks: Path, mask_end: str) -> Part:
    image_files = _group(file for file in pictures if images in file.parents)
    mask_files = _group((file for file in pictures if masks in file.parents), mask_end)
    return _joined(images, masks, image_files, mask_files)


def _group(files: Iterable[Path], end: str = "") -> Group:
    """Files by their stems without ``end``; others are left out."""
    result: Group = {}
    for file in files:
        if file.stem.endswith(end):
            result.setdefault(file.stem[: len(file.stem) - len(end)], []).append(file)
    return result


def _joined(images: Path, masks: Path, image_files: Group, mask_files: Group) -> Part:
    found, alone = [], []
    for stem in sorted(image_files):
        files = image_files[stem]
        if stem in mask_files and len(files) == 1:
            found.append(Found(files[0], tuple(mask_files[stem])))
        else:
            alone += files
    alone += [file for stem in sorted(set(mask_files) - set(image_files))
              for file in mask_files[stem]]  # fmt: skip
    return Part(images, masks, found, alone)


# ---------------------------------------------------------------- by content


def _by_content(pictures: Sequence[Path], split: Split, others: Sequence[Split]) -> List[Part]:
    groups = _groups(pictures)
    exact: List[Part] = []
    near: List[Part] = []
    for (image_key, images), (mask_key, masks) in permutations(groups.items(), 2):
        common = len(set(images) & set(masks))
        if common and _is_mask(masks) and not _is_mask(images, of_photographs=True):
            part = _joined(image_key[0], mask_key[0], images, masks)
            (exact if common == split.pairs else near).append(part)
    # An incomplete part may be taken for another one.
    return exact or ([] if others else near)


def _groups(pictures: Sequence[Path]) -> Dict[Tuple[Path, bool], Group]:
    """The files of each folder, those in JPEG apart: masks may lie beside their images."""
    by_key: Dict[Tuple[Path, bool], List[Path]] = {}
    for file in pictures:
        by_key.setdefault((file.parent, file.suffix.lower() in JPEG), []).append(file)
    return {key: _group(files) for key, files in by_key.items()}


def _is_mask(group: Group, of_photographs: bool = False) -> bool:
    """Whether files look like masks: of one channel, most pixels of a few values."""
    stems = sorted(group)
    looks = [_few_values(group[stem][0]) for stem in stems[:: max(1, len(stems) // _SAMPLES)]]
    return any(looks) if of_photographs else all(looks)


def _few_values(path: Path) -> bool:
    try:
        mask = read_mask(path)
    except ImageError:
        return False
    counts = np.sort(np.bincount(mask.ravel()))[::-1]
    return bool(counts[:8].sum() >= 0.9 * mask.size)
