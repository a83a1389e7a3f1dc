"""CVAT's exports "Segmentation mask 1.1" and "CVAT for images 1.1".

The first is VOC's layout with colours, which labelmap.txt names. The second is one XML file with
shapes (https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/): coordinates are places,
the first pixel reaches from 0 to 1; masks are run lengths along the rows of a box.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple
from xml.parsers import expat

import numpy as np

from paddleseg_u2net import files
from paddleseg_u2net.annotations import rle, voc
from paddleseg_u2net.annotations.classes import Classes, is_background
from paddleseg_u2net.annotations.image_index import (
    ImageIndex,
    listed,
    refuse_twice,
    unique_names,
)
from paddleseg_u2net.annotations.pairing import SPLITS
from paddleseg_u2net.annotations.raster import has_area
from paddleseg_u2net.annotations.record import AnnotationError, Collection, Record
from paddleseg_u2net.annotations.shapes import Drawn, Ellipse, Polygon, Runs, Shape, points
from paddleseg_u2net.annotations.tally import Tally

# A turned ellipse becomes a polygon of this many corners: off by 1/2000 of its radius.
_CORNERS = 128
# Labels of these kinds are no areas.
_NO_AREAS = ("tag", "points", "polyline", "skeleton", "cuboid")
_PORTION = 1 << 16


def read(
    root: Path, classes: Optional[Classes] = None, images: Optional[Path] = None
) -> Collection:
    """Read an unpacked export of CVAT.

    Args:
        root: Its folder, or the annotations.xml.
        classes: Which labels become which numbers.
        images: The folder of the images, if they were not saved with the export.

    Polygons, boxes, ellipses and masks are drawn in the order of their ``z_order``. Lines, points,
    cuboids, skeletons and tags are no areas and are counted in a remark.

    Returns:
        All images of the XML file, those without shapes with empty masks; or one record for each
        mask. Splits are the export's subsets.

    Raises:
        AnnotationError: neither of these exports, a shape or colour cannot be understood, the
            XML has a document type (which could make it grow without end), images are missing.
        ImageError: a folder cannot be listed. Damaged masks show when they are read.
    """
    root, classes = Path(root), classes or Classes()
    xml = root if root.is_file() else root / "annotations.xml"
    if xml.is_file():
        return _read_xml(xml, classes, _image_folder(xml.parent, images))
    places = voc.layouts(root)
    for place in places[:1]:
        for labels in (place / voc.COLOUR_LIST, root / voc.COLOUR_LIST):
            if labels.is_file():
                meaning = voc.labelmap_meaning(labels, classes)
                return voc.collect(place, images or place / "JPEGImages", meaning, strict=False)
    missing = voc.COLOUR_LIST if places else "SegmentationClass with labelmap.txt"
    raise AnnotationError(
        f"{root}: expected annotations.xml (CVAT for images 1.1) or {missing} (Segmentation mask "
        "1.1), found neither; unpack the export and give its folder"
    )


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


@dataclass
class _Image:
    name: str
    size: Tuple[int, int]
    split: str
    shapes: List[_Shape] = field(default_factory=list)


def _read_xml(path: Path, classes: Classes, folder: Path) -> Collection:
    tally = Tally()
    labels, entries = _parse(path, tally)
    drawn = [shape.label for image in entries for shape in image.shapes]
    found = [n for n in dict.fromkeys([*labels, *drawn]) if not is_background(n)]
    names, numbers, remarks = classes.numbers(found, path)
    index = ImageIndex(folder)
    files = [index.find(image.name) for image in entries]
    missing = [image.name for image, file in zip(entries, files) if file is None]
    if missing:
        raise AnnotationError(
            f"{path}: {len(missing)} of {len(entries)} images are not there: {listed(missing)}; "
            f"they were looked for below {folder}: export with images, or give their folder"
        )
    records = []
    for image, file in zip(entries, files):
        if file is not None:
            mask = _drawn(image, numbers, f"{path}, image {image.name}", tally)
            records.append(Record(file, index.name_of(file), mask, image.split))
    refuse_twice((r.image, f"image {image.name}") for r, image in zip(records, entries))
    return Collection(names, unique_names(records), remarks=remarks + tally.remarks())


def _drawn(image: _Image, numbers: Dict[str, int], where: str, tally: Tally) -> Drawn:
    """The shapes of an image, the lowest layer first, each layer in the file's order."""
    tally.without_objects += not image.shapes
    shapes = []
    for waiting in sorted(image.shapes, key=lambda shape: shape.layer):
        # A shape named background takes away what lies below it.
        if waiting.label in numbers or is_background(waiting.label):
            shape = waiting.make(numbers.get(waiting.label, 0))
            tally.place([shape], image.size)
            shapes.append(shape)
    return Drawn(tuple(shapes), image.size, where)


def _parse(path: Path, tally: Tally) -> Tuple[List[str], List[_Image]]:
    """Labels and images of the file."""
    _refuse_document_type(path)
    labels: List[str] = []
    entries: List[_Image] = []
    try:
        with files.open_file(path) as stream:
            for element in _elements(stream, path):
                if element.tag == "label":
                    name = (element.findtext("name") or "").strip()
                    if name and (element.findtext("type") or "") not in _NO_AREAS:
                        labels.append(name)
                else:
                    entries.append(_image(element, path, tally))
    except ElementTree.ParseError as error:
        raise AnnotationError(
            f"{path}: expected XML, but it is damaged or cut off ({error}); export it again"
        ) from error
    if not entries:
        raise AnnotationError(f"{path}: expected images with shapes, found none; export it again")
    return labels, entries


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
    """The elements label and image; an image is forgotten when the next is asked for."""
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
        if event == "end" and element.tag == "image":
            yield element
            root.clear()


# ---------------------------------------------------------------- images and shapes


def _image(element: ElementTree.Element, path: Path, tally: Tally) -> _Image:
    name = element.get("name", "")
    where = f"{path}, image {name or element.get('id', '?')}"
    if not name:
        raise AnnotationError(f"{where}: expected a name; export it again")
    width, height = (int(_number(element, key, where, lowest=1)) for key in ("width", "height"))
    image = _Image(name, (height, width), SPLITS.get(element.get("subset", "").lower(), ""))
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
        image.shapes.append(_Shape(_text(item, "label", place), layer, make))
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
