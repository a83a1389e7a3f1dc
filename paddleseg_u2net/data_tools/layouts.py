"""Where a data set is in an unpacked archive: its folders are known by name, wherever they lie."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from paddleseg_u2net.datasets.table import Row, Split
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, files_below
from paddleseg_u2net.text import short_list

# What copies of data sets of one part call the two folders.
_USUAL = [
    (images, masks)
    for images in ("images", "image", "imgs", "img")
    for masks in ("masks", "mask", "gt", "ground_truth")
]


class PreparationError(ValueError):
    """A data set cannot be prepared; the message says what was found, and what to do."""


class FoundPart(NamedTuple):
    """A part of a data set in an archive."""

    folders: str  # of images and of masks, for messages
    pairs: List[Tuple[Path, Tuple[Path, ...]]]  # masks: several where the archive has them
    alone: List[Path]  # files without a partner


Group = Dict[str, List[Path]]  # files by name without folder and suffix


def find_part(tree: Path, split: Split, where: str, only_part: bool) -> FoundPart:
    """Find the folders of ``split`` in ``tree``, those with the most pairs."""
    pictures = [file for file in files_below(tree) if file.suffix.lower() in IMAGE_SUFFIXES]
    names = [*split.found_as, (split.images, split.masks)]
    wanted = f"folders {names[0][0]} and {names[0][1]} with {split.pairs} images and their masks"
    names = [(split.images, split.masks), *split.found_as, *(_USUAL if only_part else [])]
    parts = _by_names(pictures, tree, names, split.mask_end)
    if not parts:
        raise PreparationError(
            f"{where}: expected {wanted}, wherever they lie; found {_describe(tree)}"
        )
    most = max(len(part.pairs) for part in parts)
    parts = [part for part in parts if len(part.pairs) == most]
    if len(parts) > 1:
        raise PreparationError(
            f"{where}: expected {wanted} once, found {len(parts)} times "
            f"({'; '.join(part.folders for part in parts)}); give archives that hold one copy"
        )
    return parts[0]


def find_lists(tree: Path, row: Row, where: str) -> Dict[str, Path]:
    """Find the list files of a data set, those of all parts in one folder; part -> list."""
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
    """Find the folder of a Supervisely project, which holds ``meta.json``."""
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
    counts = Counter(file.parent for file in files_below(tree))
    shown = [f"{folder.relative_to(tree)} ({count} files)" for folder, count in counts.items()]
    return short_list(shown, 6) or "no files"


def _by_names(
    pictures: Sequence[Path], tree: Path, names: Sequence[Tuple[str, str]], mask_end: str
) -> List[FoundPart]:
    for images, masks in names:
        parts = [
            _joined(
                f"{image_top.relative_to(tree)} and {mask_top.relative_to(tree)}",
                _group(file for file in pictures if image_top in file.parents),
                _group((file for file in pictures if mask_top in file.parents), mask_end),
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


def _joined(folders: str, images: Group, masks: Group) -> FoundPart:
    pairs: List[Tuple[Path, Tuple[Path, ...]]] = []
    alone: List[Path] = []
    for stem, files in sorted(images.items()):
        if stem in masks and len(files) == 1:
            pairs.append((files[0], tuple(masks[stem])))
        else:
            alone += files
    for stem in sorted(set(masks) - set(images)):
        alone += masks[stem]
    return FoundPart(folders, pairs, alone)
