"""PASCAL VOC's layout: JPEGImages, SegmentationClass, ImageSets/Segmentation.

Many tools export it. The mask of the official data is a palette PNG, in which class numbers are
palette indices and 255 is void (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/). Copies
without a palette hold the colours of that palette.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from paddleseg_u2net.annotations.classes import IGNORE, Classes, is_background
from paddleseg_u2net.annotations.colours import (
    lines_of,
    numbered,
    read_table,
    voc_colour,
)
from paddleseg_u2net.annotations.image_index import ImageIndex, folded, refuse_twice, unique_names
from paddleseg_u2net.annotations.look import look_at
from paddleseg_u2net.annotations.mask_files import Colour, ColourFile, IndexFile, kind, some
from paddleseg_u2net.annotations.pairing import MASK_SUFFIXES, SPLITS
from paddleseg_u2net.annotations.record import AnnotationError, Collection, MaskSource, Record
from paddleseg_u2net.images import ImageError, files_below

VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
# labelme puts pictures here and arrays into the folder of the official name.
MASK_FOLDERS = ("SegmentationClassPNG", "SegmentationClass")
COLOUR_LIST = "labelmap.txt"
NAME_LISTS = ("class_names.txt", "labels.txt")
_VOID = ("__ignore__", "ignored")
# An image of several lists goes where a leak does least harm.
_STRONGER = ("", "train", "val", "test")


def read(root: Path, classes: Optional[Classes] = None) -> Collection:
    """Read a VOCdevkit, one year of it (VOC2012), or a folder of that layout.

    Args:
        root: The folder, or one or two folders above it. Of several years all are read, each
            under its name.
        classes: Which classes become which numbers.

    Names come from labelmap.txt (``name:r,g,b:parts:actions``: then colours count), else from
    class_names.txt or labels.txt (one a line, from the background on if it is the first, after an
    optional ``__ignore__``), else they are VOC's. SegmentationObject is not read.

    Returns:
        One record for each mask, with the split of train.txt, val.txt, test.txt.

    Raises:
        AnnotationError: no such layout; a mask without image or a listed image without mask; a
            file of names or colours cannot be read. Unknown values and damaged masks show when
            masks are read.
        ImageError: a folder cannot be listed.
    """
    root = Path(root)
    places = layouts(root)
    if not places:
        raise AnnotationError(
            f"{root}: expected the folders JPEGImages and SegmentationClass as in VOC2012, found "
            f"{some(sorted(p.name for p in root.iterdir())) if root.is_dir() else 'no folder'}"
        )
    parts = []
    for place in places:
        meaning = _meaning(place, root, classes or Classes())
        part = collect(place, place / "JPEGImages", meaning, strict=True)
        if len(places) > 1:
            part.remarks = [f"{place.name}: {remark}" for remark in part.remarks]
            part.records = [replace(r, name=f"{place.name}/{r.name}") for r in part.records]
        parts.append(part)
    if len({part.classes for part in parts}) > 1:
        raise AnnotationError(
            f"{root}: the classes of {', '.join(p.name for p in places)} differ; read one alone"
        )
    records = unique_names([record for part in parts for record in part.records])
    remarks = [remark for part in parts for remark in part.remarks]
    return Collection(parts[0].classes, records, remarks=list(dict.fromkeys(remarks)))


def layouts(root: Path) -> List[Path]:
    """Folders of this layout at ``root`` or up to two folders below it."""
    for pattern in ("", "*/", "*/*/"):
        found = {
            path.parent
            for name in MASK_FOLDERS
            for path in root.glob(pattern + name)
            if path.is_dir()
        }
        if found:
            return sorted(found)
    return []


# ---------------------------------------------------------------- what values and colours mean


@dataclass(frozen=True)
class Meaning:
    """What values and colours stand for.

    Attributes:
        names: From the background on.
        numbers: Value -> class number.
        table: Colour -> class number.
        by_colour: Whether palette files are read by their colours instead of their indices.
        remarks: What the user should know.
    """

    names: Tuple[str, ...]
    numbers: Dict[int, int]
    table: Dict[Colour, int]
    by_colour: bool
    remarks: List[str] = field(default_factory=list)

    def source(self, path: Path) -> MaskSource:
        """What reads a mask; that of a damaged file says so when it is read."""
        try:
            header = kind(path)
        except ImageError:
            return IndexFile(path, self.numbers)
        if header.mode in ("1", "L", "LA") or header.mode.startswith("I"):
            return IndexFile(path, self.numbers)
        if header.mode == "P" and not self.by_colour:
            return IndexFile(path, self.numbers)
        return ColourFile(path, self.table)


def labelmap_meaning(path: Path, classes: Classes) -> Meaning:
    """What a labelmap.txt says; values count its lines from 0.

    Raises:
        AnnotationError: it cannot be read, or as ``Classes.numbers``.
    """
    colours = read_table(path)
    table = {colour: name for colour, name in colours.items() if name not in _VOID}
    names, numbers, remarks = numbered(table, classes, path)
    numbers.update((colour, IGNORE) for colour, name in colours.items() if name in _VOID)
    by_line = {line: numbers[colour] for line, colour in enumerate(colours)}
    return Meaning(
        names,
        {0: 0, IGNORE: IGNORE, **by_line},
        {voc_colour(IGNORE): IGNORE, **numbers},
        True,
        remarks,
    )


def _meaning(place: Path, root: Path, classes: Classes) -> Meaning:
    lists = _first(COLOUR_LIST, place, root)
    if lists is not None:
        return labelmap_meaning(lists, classes)
    names_file = next(filter(None, (_first(name, place, root) for name in NAME_LISTS)), None)
    where, found, remarks = names_file or place, list(VOC_CLASSES), []
    if names_file is not None:
        found = _listed_names(names_file)
    elif not re.fullmatch(r"VOC\d{4}", place.name):
        remarks.append(
            f"no {COLOUR_LIST} or {NAME_LISTS[0]} in {place.name}: classes are named as in PASCAL "
            "VOC"
        )
    names, numbers, more = classes.numbers(found, where)
    values = {0: 0, IGNORE: IGNORE}
    values.update((value, numbers.get(name, 0)) for value, name in enumerate(found, start=1))
    table = {voc_colour(value): number for value, number in values.items()}
    return Meaning(names, values, table, False, remarks + more)


def _first(name: str, *folders: Path) -> Optional[Path]:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _listed_names(path: Path) -> List[str]:
    names = [line for line in lines_of(path) if line and line not in _VOID]
    if names and is_background(names[0]):
        names = names[1:]
    if not names or len(set(names)) < len(names):
        raise AnnotationError(
            f"{path}: expected a name of its own for each class, one a line, got {some(names)}"
        )
    return names


# ---------------------------------------------------------------- files


def collect(place: Path, images: Path, meaning: Meaning, strict: bool) -> Collection:
    """The masks of a folder of this layout, with their images and splits.

    Args:
        place: Holds the folder of masks and ImageSets.
        images: The folder of images.
        meaning: What the masks hold.
        strict: Whether a listed image without a mask is an error (else it is left out).

    Raises:
        AnnotationError: as `read`.
    """
    masks = _masks(place)
    if not images.is_dir():
        raise AnnotationError(f"{images}: expected a folder with the images; there is none")
    index = ImageIndex(images)
    exact = {index.name_of(path): path for path in index.files}
    alike = {folded(name): path for name, path in exact.items()}
    pairs = {
        name: exact.get(name) or alike.get(folded(name)) or _anywhere(index, name) for name in masks
    }
    without = sorted(name for name, image in pairs.items() if image is None)
    if without:
        raise AnnotationError(
            f"{place}: {len(without)} masks have no image below {images}: {some(without, 5)}; "
            "unpack all images, or give their folder"
        )
    found = {name: image for name, image in pairs.items() if image is not None}
    refuse_twice((image, str(masks[name])) for name, image in found.items())
    splits, remarks = _splits(place, list(masks), strict)
    sources = dict(zip(masks, look_at(list(masks.values()), meaning.source, "headers of masks")))
    records = [
        Record(image, name, sources[name], splits.get(name, "")) for name, image in found.items()
    ]
    rest = len(index.files) - len(records)
    if rest:
        remarks.append(f"left out, without a mask: {rest} images")
    return Collection(meaning.names, unique_names(records), remarks=meaning.remarks + remarks)


def _anywhere(index: ImageIndex, name: str) -> Optional[Path]:
    """The image of a mask's last name in any subfolder, if there is just one."""
    last = folded(name.rsplit("/", 1)[-1])
    found = [path for path in index.files if folded(path.stem) == last]
    return found[0] if len(found) == 1 else None


def _masks(place: Path) -> Dict[str, Path]:
    """Masks by their path below their folder, without a suffix."""
    folder = next(place / name for name in MASK_FOLDERS if (place / name).is_dir())
    found: Dict[str, Path] = {}
    for path in files_below(folder):
        if path.suffix.lower() in MASK_SUFFIXES:
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise AnnotationError(
                    f"{folder}: {found[name].name} and {path.name} have the same name but for the "
                    "suffix; remove one"
                )
            found[name] = path
    if not found:
        raise AnnotationError(f"{folder}: expected masks, found no pictures; check the export")
    return found


def _splits(place: Path, masks: List[str], strict: bool) -> Tuple[Dict[str, str], List[str]]:
    """Mask -> split from the lists, and remarks."""
    known, remarks = set(masks), []
    splits: Dict[str, str] = {}
    twice = set()
    for path in sorted((place / "ImageSets" / "Segmentation").glob("*.txt")):
        split = SPLITS.get(path.stem.lower(), "")
        absent = []
        for line in filter(None, lines_of(path)):
            name = _name_of(line, known)
            if name is None:
                absent.append(line)
                continue
            if split and splits.get(name, "") not in ("", split):
                twice.add(name)
            splits[name] = max(splits.get(name, ""), split, key=_STRONGER.index)
        if absent and strict and split in ("train", "val"):
            raise AnnotationError(
                f"{path}: {len(absent)} of its images have no mask: {some(absent, 5)}; unpack all "
                "masks, or correct the list"
            )
        if absent and split:
            remarks.append(f"left out, in {path.name} but without a mask: {len(absent)} images")
    if twice:
        remarks.append(
            f"in several lists, counted for test before val before train: {some(sorted(twice))}"
        )
    if any(splits.values()) and not all(splits.get(name) for name in masks):
        rest = sum(not splits.get(name) for name in masks)
        remarks.append(f"in no list of train, val or test: {rest} images")
    return splits, remarks


def _name_of(line: str, known: set[str]) -> Optional[str]:
    """The mask that a line of a list means: a name, a path to an image, or an image and a mask."""
    line = line.strip().strip('"')
    first = line.split()[0] if line.split() else line
    forms: List[Callable[[str], str]] = [
        lambda text: text,
        lambda text: str(Path(text).with_suffix("")) if Path(text).name else text,
        lambda text: Path(text).stem,
    ]
    candidates = (form(text) for text in (line, first) for form in forms)
    return next((name for name in candidates if name in known), None)
