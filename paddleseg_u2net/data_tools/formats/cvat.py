"""CVAT's exports "Segmentation mask 1.1" and "CVAT for images 1.1".

The first is VOC's layout with colours, which labelmap.txt names. The second is one XML file with
shapes (https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/): coordinates are places,
the first pixel reaches from 0 to 1; masks are run lengths along the rows of a box.
"""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Iterator, List, Optional, Set, Tuple
from xml.parsers import expat

import numpy as np

from paddleseg_u2net.data_tools.formats import rle, voc
from paddleseg_u2net.data_tools.formats.classes import Classes, is_background
from paddleseg_u2net.data_tools.formats.image_index import (
    Fits,
    ImageIndex,
    absent,
    folded,
    refuse_twice,
    unique_names,
    unlabelled,
)
from paddleseg_u2net.data_tools.formats.import_stats import ImportStats
from paddleseg_u2net.data_tools.formats.pairing import SPLITS
from paddleseg_u2net.data_tools.formats.raster import has_area
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Sample
from paddleseg_u2net.data_tools.formats.shapes import Drawn, Ellipse, Polygon, Runs, Shape, points
from paddleseg_u2net.data_tools.formats.splits import Source, read_all, split_of
from paddleseg_u2net.io import files
from paddleseg_u2net.io.images import files_below
from paddleseg_u2net.text import short_list

# A turned ellipse becomes a polygon of this many corners: off by 1/2000 of its radius.
_CORNERS = 128
# Labels of these kinds are no areas.
_NO_AREAS = ("tag", "points", "polyline", "skeleton", "cuboid")
_PORTION = 1 << 16
# The root element of a file is found in so many bytes.
_BEGINNING = 4096


def read(
    root: Path,
    classes: Optional[Classes] = None,
    images: Optional[Path] = None,
    resplit: bool = False,
) -> AnnotatedDataset:
    """Read unpacked exports of CVAT.

    Args:
        root: The folder of one, or a folder above several of the same format (tasks that were
            exported one by one); or the annotations.xml.
        classes: Which labels become which numbers.
        images: The folder of the images, if they were not saved with the export.
        resplit: As for `parts.joined`.

    Polygons, boxes, ellipses and masks are drawn in the order of their ``z_order``. Lines, points,
    cuboids, skeletons and tags are no areas and are counted in a remark.

    Returns:
        All images of the XML files, those without shapes with empty masks; or one record for each
        mask. Splits are the exports' subsets; `parts.read_all` says what becomes of several
        exports. ``bad`` are images that are not there.

    Raises:
        AnnotationError: neither of these exports, a shape or colour cannot be understood, the
            XML has a document type (which could make it grow without end), no image is there.
        ImageError: a folder cannot be listed. Damaged masks show when they are read.
    """
    root, classes = Path(root), classes or Classes()
    files = [root] if root.is_file() else _xml_files(root)
    places = [] if root.is_file() else voc.layouts(root)
    if files and places:
        raise AnnotationError(
            f"{root}: expected one format, found XML ({short_list(files)}) and masks "
            f"({short_list(places)}); give the folder of one of them"
        )
    if files:
        return _read_files(files, classes, images, resplit)
    labels = {place: voc.first_file(voc.COLOUR_LIST, place, root) for place in places}
    without = [place for place, file in labels.items() if file is None]
    if not places or without:
        missing = voc.COLOUR_LIST if places else "SegmentationClass with labelmap.txt"
        raise AnnotationError(
            f"{without[0] if without else root}: expected annotations.xml (CVAT for images 1.1) or "
            f"{missing} (Segmentation mask 1.1), found neither; unpack the export and give its "
            "folder"
        )

    def collected(place: Path, chosen: Classes) -> AnnotatedDataset:
        meaning = voc.labelmap_meaning(labels[place] or place, chosen)
        return voc.collect(place, images or place / voc.IMAGES, meaning, strict=False)

    return voc.read_places(root, places, collected, classes, resplit)


def _image_folder(folder: Path, images: Optional[Path]) -> Path:
    if images is not None:
        return Path(images)
    return folder / "images" if (folder / "images").is_dir() else folder


# ---------------------------------------------------------------- the XML file


@dataclass
class _Shape:
    """A shape that waits for its class number."""

    label: str
    layer: int
    make: Callable[[int], Shape]
    box: bool


@dataclass
class _Image:
    name: str
    size: Tuple[int, int]
    subset: str
    shapes: List[_Shape] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its path in a project's export."""
        return f"{self.subset}/{self.name}" if self.subset else self.name


def _xml_files(root: Path) -> List[Path]:
    """The XML files of CVAT in a folder and below it."""
    found = [path for path in files_below(root) if path.suffix.lower() == ".xml" and path.is_file()]
    return [path for path in found if path.name == "annotations.xml" or _begins_as_cvat(path)]


def _begins_as_cvat(path: Path) -> bool:
    with path.open("rb") as stream:
        return b"<annotations>" in stream.read(_BEGINNING)


def _read_files(
    files: List[Path], classes: Classes, images: Optional[Path], resplit: bool
) -> AnnotatedDataset:
    folders = {path: _image_folder(path.parent, images) for path in files}
    indices = {folder: ImageIndex(folder) for folder in folders.values()}
    sources = [
        Source(
            os.path.relpath(path, os.path.commonpath([file.parent for file in files])),
            folder,
            partial(_read_xml, path, indices[folder], len(files) > 1),
            "" if len(files) == 1 else split_of(path.stem) or split_of(path.parent.name),
        )
        for path, folder in folders.items()
    ]
    found = read_all(sources, classes, resplit)
    below = [path for index in indices.values() for path in index.files]
    what = files[0].name if len(files) == 1 else "any of the XML files"
    found.remarks += [said for index in indices.values() for said in index.remarks()]
    found.remarks += unlabelled(below, found.samples, f"not in {what}")
    return found


def _read_xml(
    path: Path, index: ImageIndex, one_of_several: bool, classes: Classes
) -> AnnotatedDataset:
    tally = ImportStats()
    labels, entries, of_task = _parse(path, tally)
    if one_of_several:  # alone, it is to be divided
        for image in entries:
            image.subset = image.subset or of_task
    drawn = [shape.label for image in entries for shape in image.shapes]
    found = [n for n in dict.fromkeys([*labels, *drawn]) if not is_background(n)]
    names, numbers, remarks = classes.numbers(found, path)
    subsets = {image.subset for image in entries}
    fits = [_of_its_subset(image, index, subsets) for image in entries]
    files = index.find_all([image.title for image in entries], fits)
    bad = [absent(im.title, path, index.folder) for im, file in zip(entries, files) if not file]
    records = []
    for image, file in zip(entries, files):
        if file is not None:
            mask = _drawn(image, numbers, f"{path}, image {image.title}", tally)
            split = SPLITS.get(image.subset.lower(), "")
            records.append(Sample(file, index.name_of(file), mask, split))
    refuse_twice(
        (file, f"image {image.title}") for image, file in zip(entries, files) if file is not None
    )
    remarks += tally.remarks()
    return AnnotatedDataset(names, unique_names(records), remarks=remarks, bad=bad)


def _of_its_subset(image: _Image, index: ImageIndex, subsets: Set[str]) -> Fits:
    """Whether a file is in no folder of another subset, where there are images of equal names."""
    own = folded(image.subset)
    others = {folded(name) for name in subsets} - {own}
    if split_of(own):
        others |= {name for name in SPLITS if split_of(name) != split_of(own)}

    def of_this_subset(path: Path) -> bool:
        above = {folded(name) for name in path.relative_to(index.folder).parts[:-1]}
        return own in above or not above & others

    return of_this_subset


def _drawn(image: _Image, numbers: Dict[str, int], where: str, tally: ImportStats) -> Drawn:
    """The shapes of an image, the lowest layer first, each layer in the file's order."""
    tally.without_objects += not image.shapes
    shapes = []
    for waiting in sorted(image.shapes, key=lambda shape: shape.layer):
        # A shape named background takes away what lies below it.
        if waiting.label in numbers or is_background(waiting.label):
            shape = waiting.make(numbers.get(waiting.label, 0))
            tally.place([shape], image.size, waiting.box)
            shapes.append(shape)
    return Drawn(tuple(shapes), image.size, where)


def _parse(path: Path, tally: ImportStats) -> Tuple[List[str], List[_Image], str]:
    """Labels and images of the file, and the subset of its only task."""
    _refuse_document_type(path)
    labels: List[str] = []
    entries: List[_Image] = []
    subsets: Set[str] = set()
    try:
        with files.open_file(path) as stream:
            for element in _elements(stream, path):
                if element.tag == "label":
                    name = (element.findtext("name") or "").strip()
                    if name and (element.findtext("type") or "") not in _NO_AREAS:
                        labels.append(name)
                elif element.tag == "subset":
                    subsets.add((element.text or "").strip())
                else:
                    entries.append(_image(element, path, tally))
    except ElementTree.ParseError as error:
        raise AnnotationError(
            f"{path}: expected XML, but it is damaged or cut off ({error}); export it again"
        ) from error
    if not entries:
        raise AnnotationError(f"{path}: expected images with shapes, found none; export it again")
    return labels, entries, subsets.pop() if len(subsets) == 1 else ""


def _refuse_document_type(path: Path) -> None:
    """Refuse a DOCTYPE, where entities could be declared that make a file explode."""
    parser = expat.ParserCreate()
    begun = []

    def refuse(*_: object) -> None:
        raise AnnotationError(
            f"{path}: expected plain XML as CVAT writes it, found a document type (DOCTYPE), which "
            "is refused as unsafe; remove it"
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda *_: begun.append(True)
    try:
        with files.open_file(path) as stream:
            while not begun:  # a document type stands before the first element or nowhere
                portion = stream.read(_PORTION)
                parser.Parse(portion, not portion)
                if not portion:
                    break
    except expat.ExpatError as error:
        raise AnnotationError(
            f"{path}: expected XML, found something else or it is damaged ({error})"
        ) from error


def _elements(stream: BinaryIO, path: Path) -> Iterator[ElementTree.Element]:
    """The elements label, subset and image; an image is forgotten when the next is asked for."""
    root: Optional[ElementTree.Element] = None
    for event, element in ElementTree.iterparse(stream, events=("start", "end")):
        if root is None:
            root = element
            if element.tag != "annotations":
                raise AnnotationError(
                    f"{path}: expected <annotations> of CVAT, found <{element.tag}>; give the "
                    "annotations.xml of `CVAT for images 1.1`"
                )
        if element.tag == "track":
            raise AnnotationError(
                f"{path}: expected the export `CVAT for images 1.1`, found tracks of `CVAT for "
                "video 1.1`; export it as the former"
            )
        # Parts of skeletons are labels with a parent, which are no labels of their own.
        if event == "end" and element.tag == "label" and element.find("parent") is None:
            yield element
        if event == "end" and element.tag == "subset":
            yield element
        if event == "end" and element.tag == "image":
            yield element
            root.clear()


# ---------------------------------------------------------------- images and shapes


def _image(element: ElementTree.Element, path: Path, tally: ImportStats) -> _Image:
    name = element.get("name", "")
    where = f"{path}, image {name or element.get('id', '?')}"
    if not name:
        raise AnnotationError(f"{where}: expected a name; export it again")
    width, height = (int(_number(element, key, where, lowest=1)) for key in ("width", "height"))
    image = _Image(name, (height, width), element.get("subset", ""))
    kinds: Counter[str] = Counter()
    for item in element:
        kinds[item.tag] += 1
        place = f"{where}, {item.tag} {kinds[item.tag]}"
        maker = _MAKERS.get(item.tag)
        if maker is None:
            tally.kinds[item.tag] += 1
            continue
        make = maker(item, place)
        if item.tag == "mask":
            _refuse_larger(item, image.size, place)
        if make is None:
            tally.without_area += 1
            continue
        layer = int(_number(item, "z_order", place, default=0))
        label = _text(item, "label", place)
        image.shapes.append(_Shape(label, layer, make, item.tag == "box"))
    return image


Make = Optional[Callable[[int], Shape]]


def _polygon(item: ElementTree.Element, where: str) -> Make:
    pairs = [part.split(",") for part in _text(item, "points", where).split(";") if part.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise AnnotationError(f"{where}: expected points as x,y;x,y; correct it there")
    return _outline(points(pairs, where))


def _outline(corners: np.ndarray) -> Make:
    return (lambda number: Polygon(number, corners)) if has_area(corners) else None


def _box(item: ElementTree.Element, where: str) -> Make:
    left, top, right, bottom = (_number(item, key, where) for key in ("xtl", "ytl", "xbr", "ybr"))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return _outline(_turned(corners, item, where))


def _ellipse(item: ElementTree.Element, where: str) -> Make:
    x, y = _number(item, "cx", where), _number(item, "cy", where)
    across, down = (_number(item, key, where, lowest=0) for key in ("rx", "ry"))
    if across == 0 or down == 0:
        return None
    if _number(item, "rotation", where, default=0) == 0:
        return lambda number: Ellipse(number, (x, y), (across, down))
    angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
    rim = np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1)
    return _outline(_turned(rim, item, where))


def _turned(corners: np.ndarray, item: ElementTree.Element, where: str) -> np.ndarray:
    """Corners turned about their middle, clockwise as seen, by the degrees of ``rotation``."""
    angle = math.radians(_number(item, "rotation", where, default=0))
    if angle == 0:
        return corners
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return (corners - middle) @ turn + middle


def _mask(item: ElementTree.Element, where: str) -> Make:
    left, top = (int(_number(item, key, where)) for key in ("left", "top"))
    width, height = (int(_number(item, key, where, lowest=1)) for key in ("width", "height"))
    text = _text(item, "rle", where)
    try:
        counts = np.array([int(part) for part in text.split(",")], np.int64)
    except (ValueError, OverflowError):
        raise AnnotationError(
            f"{where}: expected run lengths such as 3, 5, 7, got {text[:40]!r}; export it again"
        ) from None
    runs = rle.checked(counts, (height, width), where)
    if not runs[1::2].any():
        return None
    return lambda number: Runs(number, runs, (height, width), top, left, by_rows=True)


def _refuse_larger(item: ElementTree.Element, size: Tuple[int, int], where: str) -> None:
    """Refuse a mask of more rows or columns than its image, which could fill the memory."""
    box = int(_number(item, "height", where)), int(_number(item, "width", where))
    if box[0] > size[0] or box[1] > size[1]:
        raise AnnotationError(
            f"{where}: expected a mask within its image of {size[1]} x {size[0]}, got "
            f"{box[1]} x {box[0]}; export it again"
        )


_MAKERS: Dict[str, Callable[[ElementTree.Element, str], Make]] = {
    "polygon": _polygon,
    "box": _box,
    "ellipse": _ellipse,
    "mask": _mask,
}


def _text(item: ElementTree.Element, key: str, where: str) -> str:
    text = item.get(key)
    if not text:
        raise AnnotationError(f"{where}: expected the attribute {key}; export it again")
    return text


def _number(
    item: ElementTree.Element,
    key: str,
    where: str,
    default: Optional[float] = None,
    lowest: float = -math.inf,
) -> float:
    text = item.get(key)
    if text is None and default is not None:
        return default
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and lowest <= number and abs(number) < 1e9):
        raise AnnotationError(
            f"{where}: expected a number as {key}, got {text!r}; correct it there"
        )
    return number
