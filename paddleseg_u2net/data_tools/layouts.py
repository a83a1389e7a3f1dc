"""Where a data set is in an unpacked archive, whose folders have been wrapped and renamed.

Folders are known by their names, wherever in the tree. Where these names are not found, two
folders are taken whose files have the same names, as many as are published, and of which one
holds masks.
"""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.mask_files import JPEG
from paddleseg_u2net.datasets.table import Row, Split
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, ImageError, files_below, read_mask
from paddleseg_u2net.text import short_list

_SAMPLES = 3
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")


class PreparationError(ValueError):
    """A data set cannot be prepared; the message says what was found, and what to do."""


class FoundPart(NamedTuple):
    """A part of a data set in an archive.

    Attributes:
        images, masks: Its folders.
        pairs: An image and its masks: several files where the archive has them.
        alone: Files without a partner.
    """

    images: Path
    masks: Path
    pairs: List[Tuple[Path, Tuple[Path, ...]]]
    alone: List[Path]


Group = Dict[str, List[Path]]  # files by name without folder and suffix


def find_part(tree: Path, split: Split, others: Sequence[Split], where: str) -> FoundPart:
    """Find the folders of ``split`` in ``tree``; ``others`` are parts that share the tree.

    Raises:
        PreparationError: They are not there, or there are several.
    """
    pictures = [file for file in files_below(tree) if file.suffix.lower() in IMAGE_SUFFIXES]
    parts = _by_names(pictures, tree, split) or _by_content(pictures, split, others)
    names = split.found_as[0] if split.found_as else (split.images, split.masks)
    wanted = f"folders {names[0]} and {names[1]} with {split.pairs} images and their masks"
    if not parts:
        raise PreparationError(
            f"{where}: expected {wanted}, wherever they lie; found {_describe(tree)}"
        )
    most = max(len(part.pairs) for part in parts)
    parts = [part for part in parts if len(part.pairs) == most]
    if len(parts) > 1:
        found = "; ".join(
            f"{part.images.relative_to(tree)} and {part.masks.relative_to(tree)}" for part in parts
        )
        raise PreparationError(
            f"{where}: expected {wanted} once, found {len(parts)} times ({found}); give archives "
            "that hold one copy"
        )
    return parts[0]


def find_lists(tree: Path, row: Row, where: str) -> Dict[str, Path]:
    """Find the list files of a data set, those of all parts in one folder; part -> list.

    Raises:
        PreparationError: There is none, or they are in several folders.
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
    found = f"{len(best)} folders with them" if best else _describe(tree)
    raise PreparationError(f"{where}: expected {asked} in one folder, found {found}")


def find_project(tree: Path, where: str) -> Path:
    """Find the folder of a Supervisely project, which holds ``meta.json``.

    Raises:
        PreparationError: There is none, or more than one.
    """
    projects = [file.parent for file in files_below(tree) if file.name == "meta.json"]
    projects = [folder for folder in projects if any(folder.glob("*/ann"))]
    if len(projects) == 1:
        return projects[0]
    found = ", ".join(str(folder.relative_to(tree)) for folder in projects) or _describe(tree)
    raise PreparationError(
        f"{where}: expected one project of Supervisely (meta.json, and folders with img and ann), "
        f"found {found}"
    )


def _describe(tree: Path) -> str:
    """Which folders hold how many files, in short."""
    files = list(files_below(tree))
    packed = [file.name for file in files if file.suffix.lower() in _ARCHIVES]
    if packed:
        return f"further archives in it: {', '.join(packed[:3])}; unpack it and give those"
    counts = Counter(file.parent for file in files)
    shown = [f"{folder.relative_to(tree)} ({count} files)" for folder, count in counts.items()]
    return short_list(shown, 6) or "no files"


def _by_names(pictures: Sequence[Path], tree: Path, split: Split) -> List[FoundPart]:
    for images, masks in ((split.images, split.masks), *split.found_as):
        parts = [
            _joined(
                image_top,
                mask_top,
                _group(file for file in pictures if image_top in file.parents),
                _group((file for file in pictures if mask_top in file.parents), split.mask_end),
            )
            for image_top in _tops(pictures, tree, images)
            for mask_top in _tops(pictures, tree, masks)
        ]
        parts = [part for part in parts if part.pairs]
        if parts:
            return parts
    return []


def _tops(pictures: Sequence[Path], tree: Path, pattern: str) -> List[Path]:
    """Folders whose path ends as ``pattern``, in any case, and that hold pictures."""
    wanted = [word.casefold() for word in pattern.split("/")]
    tops = set()
    for folder in {file.parent for file in pictures}:
        parts = folder.relative_to(tree).parts
        words = [part.casefold() for part in parts]
        # The last place: copies wrap a folder into one of the same name.
        for end in range(len(words), len(wanted) - 1, -1):
            if words[end - len(wanted) : end] == wanted:
                tops.add(tree.joinpath(*parts[:end]))
                break
    return sorted(tops)


def _group(files: Iterable[Path], end: str = "") -> Group:
    """Files by their stems without ``end``; others are left out."""
    result: Group = {}
    for file in files:
        if file.stem.endswith(end):
            result.setdefault(file.stem[: len(file.stem) - len(end)], []).append(file)
    return result


def _joined(images: Path, masks: Path, image_files: Group, mask_files: Group) -> FoundPart:
    pairs: List[Tuple[Path, Tuple[Path, ...]]] = []
    alone: List[Path] = []
    for stem, files in sorted(image_files.items()):
        if stem in mask_files and len(files) == 1:
            pairs.append((files[0], tuple(mask_files[stem])))
        else:
            alone += files
    for stem in sorted(set(mask_files) - set(image_files)):
        alone += mask_files[stem]
    return FoundPart(images, masks, pairs, alone)


def _by_content(pictures: Sequence[Path], split: Split, others: Sequence[Split]) -> List[FoundPart]:
    # The files of each folder, those in JPEG apart: masks may be beside their images.
    folders: Dict[Tuple[Path, bool], List[Path]] = {}
    for file in pictures:
        folders.setdefault((file.parent, file.suffix.lower() in JPEG), []).append(file)
    groups = {key: _group(files) for key, files in folders.items()}
    exact: List[FoundPart] = []
    near: List[FoundPart] = []
    for (image_key, images), (mask_key, masks) in permutations(groups.items(), 2):
        common = len(set(images) & set(masks))
        if common and all(_look_like_masks(masks)) and not any(_look_like_masks(images)):
            part = _joined(image_key[0], mask_key[0], images, masks)
            (exact if common == split.pairs else near).append(part)
    # An incomplete part may be taken for another one.
    return exact or ([] if others else near)


def _look_like_masks(group: Group) -> List[bool]:
    """Whether some of the files are of one channel, with most pixels of a few values."""
    stems = sorted(group)
    return [_has_few_values(group[stem][0]) for stem in stems[:: max(1, len(stems) // _SAMPLES)]]


def _has_few_values(path: Path) -> bool:
    try:
        mask = read_mask(path)
    except ImageError:
        return False
    counts = np.sort(np.bincount(mask.ravel()))[::-1]
    return bool(counts[:8].sum() >= 0.9 * mask.size)
