"""PASCAL VOC's layout: JPEGImages, SegmentationClass, ImageSets/Segmentation.

Many tools export it. The mask of the official data is a palette PNG, in which class numbers are
palette indices and 255 is void (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/). Copies
without a palette hold the colours of that palette.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.formats.classes import IGNORE, Classes, is_background
from paddleseg_u2net.data_tools.formats.colours import lines_of, numbered, read_table, voc_colour
from paddleseg_u2net.data_tools.formats.image_index import (
    ImageIndex,
    absent,
    folded,
    refuse_twice,
    unique_names,
)
from paddleseg_u2net.data_tools.formats.mask_files import Colour, ColourFile, IndexFile, kind, some
from paddleseg_u2net.data_tools.formats.pairing import SPLITS
from paddleseg_u2net.data_tools.formats.sample import (
    AnnotatedDataset,
    AnnotationError,
    Bad,
    MaskSource,
    Sample,
)
from paddleseg_u2net.data_tools.formats.splits import Source, read_all
from paddleseg_u2net.data_tools.formats.thread_map import look_at
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, ImageError, files_below

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
# The masks of SBD, which make the training set of VOC 2012 seven times as large, and its lists.
_AUGMENTED = "SegmentationClassAug"
_LISTS = {**SPLITS, "trainaug": "train", "train_aug": "train", "aug": "train"}
IMAGES = "JPEGImages"
_BOXES = "Annotations"
COLOUR_LIST = "labelmap.txt"
NAME_LISTS = ("class_names.txt", "labels.txt")
_VOID = ("__ignore__", "ignored")
# An image of several lists goes where a leak does least harm.
_STRONGER = ("", "train", "val", "test")


def read(root: Path, classes: Optional[Classes] = None, resplit: bool = False) -> AnnotatedDataset:
    """Read a VOCdevkit, one year of it (VOC2012), or a folder of that layout.

    Args:
        root: The folder, or any above it. Of several years or exports all are read.
        classes: Which classes become which numbers.
        resplit: As for `parts.joined`.

    Names come from labelmap.txt (``name:r,g,b:parts:actions``: then colours count), else from
    class_names.txt or labels.txt (one a line, from the background on if it is the first, after an
    optional ``__ignore__``), else they are VOC's. SegmentationObject is not read;
    SegmentationClassAug (SBD's masks, trainaug.txt) is added.

    Returns:
        One record for each mask, with the split of train.txt, val.txt, test.txt; `parts.read_all`
        says what becomes of several folders. ``bad`` are masks without image, and images in
        train.txt or val.txt without mask.

    Raises:
        AnnotationError: no such layout; no mask has an image; a file of names or colours cannot be
            read. Unknown values and damaged masks show when masks are read.
        ImageError: a folder cannot be listed.
    """
    root = Path(root)
    places = layouts(root)
    if not places:
        found = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
        boxes = "; Annotations has boxes, for detection: export masks" if _BOXES in found else ""
        raise AnnotationError(
            f"{root}: expected the folders JPEGImages and SegmentationClass as in VOC2012, found "
            f"{some(found) if root.is_dir() else 'no folder'}{boxes}"
        )

    def collected(place: Path, chosen: Classes) -> AnnotatedDataset:
        return collect(place, place / IMAGES, _meaning(place, root, chosen), strict=True)

    return read_places(root, places, collected, classes or Classes(), resplit)


def read_places(
    root: Path,
    places: Sequence[Path],
    read_one: Callable[[Path, Classes], AnnotatedDataset],
    classes: Classes,
    resplit: bool,
) -> AnnotatedDataset:
    """Read folders of this layout below ``root`` as one data set."""
    sources = [
        Source(
            place.relative_to(root).as_posix() if place != root else root.name,
            place,
            partial(read_one, place),
        )
        for place in places
    ]
    found = read_all(sources, classes, resplit)
    rest = [place for place in _folders_with((IMAGES,), root) if place not in places]
    if rest:
        names = some(place.relative_to(root).as_posix() for place in rest)
        found.remarks.append(f"left out, with {IMAGES} but without {MASK_FOLDERS[-1]}: {names}")
    return found


def layouts(root: Path) -> List[Path]:
    """Folders of this layout: ``root`` and all below it."""
    return _folders_with(MASK_FOLDERS, root) if root.is_dir() else []


def _folders_with(names: Sequence[str], root: Path) -> List[Path]:
    folders = {root}
    for folder in {path.parent for path in files_below(root)}:
        folders.update(upwards(folder, root))
    return sorted(folder for folder in folders if any((folder / name).is_dir() for name in names))


def upwards(folder: Path, root: Path) -> List[Path]:
    """A folder at or below ``root``, and those above it up to ``root``."""
    return [folder, *(above for above in folder.parents if above == root or root in above.parents)]


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
    lists = first_file(COLOUR_LIST, place, root)
    if lists is not None:
        return labelmap_meaning(lists, classes)
    names_file = next(filter(None, (first_file(name, place, root) for name in NAME_LISTS)), None)
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


def first_file(name: str, place: Path, root: Path) -> Optional[Path]:
    """A file of this name at ``place``, or else the nearest one above it up to ``root``."""
    found = (folder / name for folder in upwards(place, root))
    return next((path for path in found if path.is_file()), None)


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


def collect(place: Path, images: Path, meaning: Meaning, strict: bool) -> AnnotatedDataset:
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
    bad = [absent(name, masks[name], images) for name in without]
    found = {name: image for name, image in pairs.items() if image is not None}
    refuse_twice((image, str(masks[name])) for name, image in found.items())
    splits, remarks, unmasked = _splits(place, list(masks), strict)
    sources = dict(zip(masks, look_at(list(masks.values()), meaning.source, "headers of masks")))
    records = [
        Sample(image, name, sources[name], splits.get(name, "")) for name, image in found.items()
    ]
    rest = len(index.files) - len(records)
    if rest:
        remarks.append(f"left out, without a mask: {rest} images")
    remarks = meaning.remarks + remarks
    return AnnotatedDataset(
        meaning.names, unique_names(records), remarks=remarks, bad=bad + unmasked
    )


def _anywhere(index: ImageIndex, name: str) -> Optional[Path]:
    """The image of a mask's last name in any subfolder, if there is just one."""
    last = folded(name.rsplit("/", 1)[-1])
    found = [path for path in index.files if folded(path.stem) == last]
    return found[0] if len(found) == 1 else None


def _masks(place: Path) -> Dict[str, Path]:
    """Masks by their path below their folder, without a suffix; those of an augmented set too."""
    folder = next(place / name for name in MASK_FOLDERS if (place / name).is_dir())
    found = _masks_below(folder)
    if (place / _AUGMENTED).is_dir():
        found = {**_masks_below(place / _AUGMENTED), **found}
    return found


def _masks_below(folder: Path) -> Dict[str, Path]:
    found: Dict[str, Path] = {}
    for path in files_below(folder):
        if path.suffix.lower() in IMAGE_SUFFIXES:
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


def _splits(
    place: Path, masks: List[str], strict: bool
) -> Tuple[Dict[str, str], List[str], List[Bad]]:
    """Mask -> split from the lists, remarks, and listed images whose mask is not there."""
    known, remarks = set(masks), []
    bad: Dict[str, Bad] = {}
    splits: Dict[str, str] = {}
    twice = set()
    for path in sorted((place / "ImageSets" / "Segmentation").glob("*.txt")):
        split = _LISTS.get(path.stem.lower(), "")
        unmasked = []
        for line in filter(None, lines_of(path)):
            name = _name_of(line, known)
            if name is None:
                unmasked.append(line)
                continue
            if split and splits.get(name, "") not in ("", split):
                twice.add(name)
            splits[name] = max(splits.get(name, ""), split, key=_STRONGER.index)
        if strict and split in ("train", "val"):
            why = f"{path}: %s has no mask below {place}"
            bad.update((line, Bad(Path(line), why % line, missing=True)) for line in unmasked)
            continue
        if unmasked and split:
            remarks.append(f"left out, in {path.name} but without a mask: {len(unmasked)} images")
    if twice:
        remarks.append(
            f"in several lists, counted for test before val before train: {some(sorted(twice))}"
        )
    if any(splits.values()) and not all(splits.get(name) for name in masks):
        rest = sum(not splits.get(name) for name in masks)
        remarks.append(f"in no list of train, val or test: {rest} images")
    return splits, remarks, list(bad.values())


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
