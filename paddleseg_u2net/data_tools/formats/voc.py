"""PASCAL VOC's layout (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/).

Official masks are palette PNG files of class numbers; copies may hold the palette's colours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Dict, List, Optional, Set, Tuple

from paddleseg_u2net.data_tools.annotations.classes import (
    ALL_CLASSES,
    Classes,
    Colour,
    is_background,
    number_colours,
    read_colours,
    voc_colour,
)
from paddleseg_u2net.data_tools.annotations.image_index import ImageIndex, absent, refuse_twice
from paddleseg_u2net.data_tools.annotations.mask_files import colour_file, index_file, is_grey
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    Bad,
    MaskSource,
    Sample,
    read_lines,
    thread_map,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.splits import SPLITS, Source, read_all
from paddleseg_u2net.datasets.mask_encoding import IGNORE
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.datasets.pairing import by_name, list_files
from paddleseg_u2net.io.images import ImageError, files_below, read_header
from paddleseg_u2net.text import short_list

VOC_CLASSES = [
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
]
_IMAGES = "JPEGImages"
COLOUR_LIST = "labelmap.txt"

# labelme puts masks here and arrays into the folder of the official name.
_MASKS = ("SegmentationClassPNG", "SegmentationClass")
# The masks of SBD, which make the training set of VOC 2012 seven times as large, and its lists.
_AUGMENTED = "SegmentationClassAug"
_LISTS = {**SPLITS, "trainaug": "train", "train_aug": "train", "aug": "train"}
_NAME_LISTS = ("class_names.txt", "labels.txt")
_VOID = ("__ignore__", "ignored")
# An image in several lists goes into the strongest: a leak from test into train does most harm.
_STRONGER = ("", "train", "val", "test")


def read(
    root: Path,
    classes: Classes = ALL_CLASSES,
    resplit: bool = False,
    images: Optional[Path] = None,
    strict: bool = True,
) -> AnnotatedDataset:
    """Read all folders of this layout at or below ``root``, such as the years of a VOCdevkit.

    Names come from labelmap.txt (then masks are read by colour), else from class_names.txt or
    labels.txt, else they are VOC's. Masks without an image are bad, and if ``strict`` images in
    train.txt or val.txt without a mask.
    """
    places = layouts(root)
    if not places:
        found = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
        expected = "the folders JPEGImages and SegmentationClass as in VOC2012"
        got = short_list(found) or "no folder"
        raise wrong(root, expected, got, "export masks, or give their folder")
    sources = []
    for place in places:
        title = place.relative_to(root).as_posix() if place != root else root.name
        read_one = partial(_read_place, place, root, images or place / _IMAGES, strict)
        sources.append(Source(title, place, read_one))
    return read_all(sources, classes, resplit)


def layouts(root: Path) -> List[Path]:
    """Find folders of this layout: ``root`` and all below it."""
    if not root.is_dir():
        return []
    folders = {above for path in files_below(root) for above in _upwards(path.parent, root)}
    return sorted(
        folder for folder in {root, *folders} if any((folder / name).is_dir() for name in _MASKS)
    )


def _upwards(folder: Path, root: Path) -> List[Path]:
    """A folder at or below ``root``, and those above it up to ``root``."""
    return [folder, *(above for above in folder.parents if above == root or root in above.parents)]


def nearest(name: str, place: Path, root: Path) -> Optional[Path]:
    """A file of this name at ``place``, or else the nearest one above it up to ``root``."""
    found = (folder / name for folder in _upwards(place, root))
    return next((path for path in found if path.is_file()), None)


@dataclass(frozen=True)
class _Meaning:
    """What values and colours stand for."""

    names: Tuple[str, ...]  # from the background on
    numbers: Dict[int, int]  # by value
    table: Dict[Colour, int]  # class number by colour
    by_colour: bool  # palette files are read by their colours instead of their indices
    remarks: List[str]

    def source(self, path: Path) -> MaskSource:
        """Make the source of a mask; that of a damaged file raises when it is read."""
        try:
            header = read_header(path)
        except ImageError:
            return index_file(path, self.numbers)
        if is_grey(header) or header.mode == "1" or (header.mode == "P" and not self.by_colour):
            return index_file(path, self.numbers)
        return colour_file(path, self.table)


def _labelmap_meaning(path: Path, classes: Classes) -> _Meaning:
    """Read a labelmap.txt; values count its lines from 0."""
    colours = read_colours(path)
    table = {colour: name for colour, name in colours.items() if name not in _VOID}
    names, numbers, remarks = number_colours(table, classes, path)
    numbers.update((colour, IGNORE) for colour, name in colours.items() if name in _VOID)
    by_line = {line: numbers[colour] for line, colour in enumerate(colours)}
    by_value = {0: 0, IGNORE: IGNORE, **by_line}
    return _Meaning(names, by_value, {voc_colour(IGNORE): IGNORE, **numbers}, True, remarks)


def _meaning(place: Path, root: Path, classes: Classes) -> _Meaning:
    colour_list = nearest(COLOUR_LIST, place, root)
    if colour_list is not None:
        return _labelmap_meaning(colour_list, classes)
    names_file = next(filter(None, (nearest(name, place, root) for name in _NAME_LISTS)), None)
    found, remarks = VOC_CLASSES, []
    if names_file is not None:
        found = [line for line in read_lines(names_file) if line and line not in _VOID]
        found = found[1:] if is_background("".join(found[:1])) else found
        if not found or len(set(found)) < len(found):
            expected = "a name of its own for each class, one a line"
            raise wrong(names_file, expected, short_list(found, 8))
    elif not re.fullmatch(r"VOC\d{4}", place.name):
        lists = f"{COLOUR_LIST} or {_NAME_LISTS[0]}"
        remarks.append(f"no {lists} in {place.name}: classes are named as in PASCAL VOC")
    names, numbers, more = classes.numbers(found, names_file or place)
    values = {0: 0, IGNORE: IGNORE}
    values.update((value, numbers.get(name, 0)) for value, name in enumerate(found, start=1))
    table = {voc_colour(value): number for value, number in values.items()}
    return _Meaning(names, values, table, False, remarks + more)


def _read_place(
    place: Path, root: Path, images: Path, strict: bool, classes: Classes
) -> AnnotatedDataset:
    meaning = _meaning(place, root, classes)
    masks = _masks(place)
    if not images.is_dir():
        raise wrong(images, "a folder with the images", "none", "put them there")
    index = ImageIndex(images)
    exact = {index.name_of(path): path for path in index.files}
    alike = {fold_case(name): path for name, path in exact.items()}
    pairs = {name: exact.get(name) or alike.get(fold_case(name)) for name in masks}
    bad = [absent(name, masks[name], images) for name in sorted(masks) if pairs[name] is None]
    found = {name: image for name, image in pairs.items() if image is not None}
    refuse_twice((image, str(masks[name])) for name, image in found.items())
    splits, remarks, unmasked = _splits(place, set(masks), strict)
    sources = dict(zip(masks, thread_map(meaning.source, list(masks.values()), "headers of masks")))
    samples = [
        Sample(image, name, sources[name], splits.get(name, "")) for name, image in found.items()
    ]
    rest = len(index.files) - len(samples)
    if rest:
        remarks.append(f"left out, without a mask: {rest} images")
    remarks = meaning.remarks + remarks
    return AnnotatedDataset(meaning.names, samples, remarks=remarks, bad=bad + unmasked)


def _masks(place: Path) -> Dict[str, Path]:
    """Masks by their path below their folder, without a suffix; those of an augmented set too."""
    folders = [next(place / name for name in _MASKS if (place / name).is_dir())]
    if (place / _AUGMENTED).is_dir():
        folders.insert(0, place / _AUGMENTED)
    found: Dict[str, Path] = {}
    for folder in folders:
        found.update(by_name(list_files(folder, "masks"), folder))
    return found


def _splits(
    place: Path, masks: Set[str], strict: bool
) -> Tuple[Dict[str, str], List[str], List[Bad]]:
    """Mask -> split from the lists, remarks, and listed images whose mask does not exist."""
    remarks = []
    bad: Dict[str, Bad] = {}
    splits: Dict[str, str] = {}
    twice = set()
    for path in sorted((place / "ImageSets" / "Segmentation").glob("*.txt")):
        split = _LISTS.get(path.stem.lower(), "")
        unmasked = []
        for line in filter(None, read_lines(path)):
            name = _name_of(line, masks)
            if name is None:
                unmasked.append(line)
                continue
            if split and splits.get(name, "") not in ("", split):
                twice.add(name)
            splits[name] = max(splits.get(name, ""), split, key=_STRONGER.index)
        if strict and split in ("train", "val"):
            why = f"{path}: %s has no mask below {place}"
            bad.update((line, Bad(Path(line), why % line, missing=True)) for line in unmasked)
        elif unmasked and split:
            remarks.append(f"left out, in {path.name} but without a mask: {len(unmasked)} images")
    if twice:
        names = short_list(sorted(twice), 8)
        remarks.append(f"in several lists, counted for test before val before train: {names}")
    return splits, remarks, list(bad.values())


def _name_of(line: str, known: Set[str]) -> Optional[str]:
    """The mask that a line of a list means: a name, or a path to an image."""
    path = Path(line)
    names = (line, str(path.parent / path.stem), path.stem)
    return next((name for name in names if name in known), None)
