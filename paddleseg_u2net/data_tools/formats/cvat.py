"""CVAT's exports "Segmentation mask 1.1" and "CVAT for images 1.1".

The first is VOC's layout with colours, which labelmap.txt names. The second is one XML file with
shapes (https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/): the first pixel reaches
from 0 to 1; masks are run lengths along the rows of a box.
"""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Iterator, List, Optional, Set, Tuple, Union

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import Runs, check_runs
from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.image_index import (
    Fits,
    ImageIndex,
    absent,
    refuse_twice,
    unique_names,
    unlabelled,
)
from paddleseg_u2net.data_tools.annotations.import_stats import ImportStats
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Sample,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.shapes import Drawing, Ellipse, Polygon, Shape
from paddleseg_u2net.data_tools.annotations.splits import IMAGES, SPLITS, Source, read_all, split_of
from paddleseg_u2net.data_tools.formats import voc
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io import files
from paddleseg_u2net.io.images import files_below
from paddleseg_u2net.text import short_list

# A rotated ellipse becomes a polygon of this many corners: off by 1/2000 of its radius.
_CORNERS = 128
# Labels of these kinds are no areas.
_NO_AREAS = ("tag", "points", "polyline", "skeleton", "cuboid")
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
        resplit: As for `splits.joined`.

    Polygons, boxes, ellipses and masks are drawn in the order of their ``z_order``. Lines, points,
    cuboids, skeletons and tags are no areas and are counted in a remark.

    Returns:
        All images of the XML files, those without shapes with empty masks; or one sample for each
        mask. Splits are the exports' subsets; `splits.read_all` says how several exports are
        joined. ``bad`` are missing images.

    Raises:
        AnnotationError: neither of these exports, a shape or colour cannot be understood, the
            XML has a document type (which could make it grow without end), no image exists.
        ImageError: a folder cannot be listed. Damaged masks are found when they are read.
    """
    root, classes = Path(root), classes or Classes()
    xml_files = [root] if root.is_file() else _xml_files(root)
    places = [] if root.is_file() else voc.layouts(root)
    if xml_files and places:
        raise AnnotationError(
            f"{root}: expected one format, found XML ({short_list(xml_files)}) and masks "
            f"({short_list(places)}); give the folder of one of them"
        )
    if xml_files:
        return _read_files(xml_files, classes, images, resplit)
    labels = {place: voc.nearest(voc.COLOUR_LIST, place, root) for place in places}
    without = [place for place, file in labels.items() if file is None]
    if not places or without:
        missing = voc.COLOUR_LIST if places else "SegmentationClass with labelmap.txt"
        raise AnnotationError(
            f"{without[0] if without else root}: expected annotations.xml (CVAT for images 1.1) or "
            f"{missing} (Segmentation mask 1.1), found neither; unpack the export and give its "
            "folder"
        )

    def read_one(place: Path, chosen: Classes) -> AnnotatedDataset:
        meaning = voc.labelmap_meaning(labels[place] or place, chosen)
        return voc.collect(place, images or place / voc.IMAGES, meaning, strict=False)

    return voc.read_places(root, places, read_one, classes, resplit)


@dataclass
class _Shape:
    """A shape that is to be given the class number of its label."""

    label: str
    layer: int
    shape: Union[Polygon, Ellipse, Runs]
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
    return [p for p in found if p.name == "annotations.xml" or b"<annotations>" in _beginning(p)]


def _beginning(path: Path) -> bytes:
    with files.open_file(path) as stream:
        return stream.read(_BEGINNING)


def _read_files(
    paths: List[Path], classes: Classes, images: Optional[Path], resplit: bool
) -> AnnotatedDataset:
    folders = {}
    for path in paths:
        inner = path.parent / IMAGES
        folders[path] = Path(images or (inner if inner.is_dir() else path.parent))
    indices = {folder: ImageIndex(folder) for folder in folders.values()}
    top = os.path.commonpath([path.parent for path in paths])
    several = len(paths) > 1
    sources = [
        Source(
            os.path.relpath(path, top),
            folder,
            partial(_read_xml, path, indices[folder], several),
            (split_of(path.stem) or split_of(path.parent.name)) if several else "",
        )
        for path, folder in folders.items()
    ]
    found = read_all(sources, classes, resplit)
    below = [path for index in indices.values() for path in index.files]
    what = "any of the XML files" if several else paths[0].name
    found.remarks += [said for index in indices.values() for said in index.remarks()]
    found.remarks += unlabelled(below, [one.image for one in found.samples], f"not in {what}")
    return found


def _read_xml(
    path: Path, index: ImageIndex, one_of_several: bool, classes: Classes
) -> AnnotatedDataset:
    stats = ImportStats()
    labels, entries, of_task = _parse(path, stats)
    if one_of_several:  # alone, it is to be divided
        for image in entries:
            image.subset = image.subset or of_task
    drawn = [shape.label for image in entries for shape in image.shapes]
    names, numbers, remarks = classes.numbers([*labels, *drawn], path)
    subsets = {image.subset for image in entries}
    fits = [_of_its_subset(image, index, subsets) for image in entries]
    paths = index.find_all([image.title for image in entries], fits)
    pairs = [(image, file) for image, file in zip(entries, paths) if file is not None]
    refuse_twice((file, f"image {image.title}") for image, file in pairs)
    samples = []
    for image, file in pairs:
        mask = _drawing(image, numbers, f"{path}, image {image.title}", stats)
        split = SPLITS.get(image.subset.lower(), "")
        samples.append(Sample(file, index.name_of(file), mask, split))
    bad = [absent(im.title, path, index.folder) for im, file in zip(entries, paths) if not file]
    remarks += stats.remarks()
    return AnnotatedDataset(names, unique_names(samples), remarks=remarks, bad=bad)


def _of_its_subset(image: _Image, index: ImageIndex, subsets: Set[str]) -> Fits:
    """Whether a file is in no folder of another subset, where there are images of equal names."""
    own = fold_case(image.subset)
    others = {fold_case(name) for name in subsets} - {own}
    if split_of(own):
        others |= {name for name in SPLITS if split_of(name) != split_of(own)}

    def of_this_subset(path: Path) -> bool:
        above = {fold_case(name) for name in path.relative_to(index.folder).parts[:-1]}
        return own in above or not above & others

    return of_this_subset


def _drawing(image: _Image, numbers: Dict[str, int], where: str, stats: ImportStats) -> Drawing:
    """The shapes of an image, the lowest layer first, each layer in the file's order."""
    stats.without_objects += not image.shapes
    drawn: List[Shape] = []
    for item in sorted(image.shapes, key=lambda item: item.layer):
        if item.label in numbers:  # a background erases what lies below it
            stats.add_object([item.shape], image.size, item.box)
            drawn.append(replace(item.shape, number=numbers[item.label]))
    return Drawing(tuple(drawn), image.size, where)


def _parse(path: Path, stats: ImportStats) -> Tuple[List[str], List[_Image], str]:
    """Labels and images of the file, and the subset of its only task."""
    if b"<!doctype" in _beginning(path).lower().replace(b"\0", b""):  # UTF-16 too
        raise AnnotationError(
            f"{path}: expected plain XML as CVAT writes it, found a document type (DOCTYPE), which "
            "is refused as unsafe; remove it"
        )
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
                    entries.append(_image(element, path, stats))
    except ElementTree.ParseError as error:
        raise AnnotationError(
            f"{path}: expected XML, but it is damaged or cut off ({error}); export it again"
        ) from error
    if not entries:
        raise wrong(path, "images with shapes", "none", "export it again")
    return labels, entries, subsets.pop() if len(subsets) == 1 else ""


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
        if event == "start":
            continue
        # Parts of skeletons are labels with a parent, which are no labels of their own.
        if element.tag == "subset" or (element.tag == "label" and element.find("parent") is None):
            yield element
        elif element.tag == "image":
            yield element
            root.clear()


def _image(element: ElementTree.Element, path: Path, stats: ImportStats) -> _Image:
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
            stats.kinds[item.tag] += 1
            continue
        shape = maker(item, place)
        if shape is None:
            stats.without_area += 1
            continue
        if isinstance(shape, Runs) and max(np.subtract(shape.shape, image.size)) > 0:
            # It could fill the memory.
            raise AnnotationError(
                f"{place}: expected a mask within its image of {width} x {height}, got "
                f"{shape.shape[1]} x {shape.shape[0]}; export it again"
            )
        layer = int(_number(item, "z_order", place, default=0))
        label = _text(item, "label", place)
        image.shapes.append(_Shape(label, layer, shape, item.tag == "box"))
    return image


def _polygon(item: ElementTree.Element, where: str) -> Optional[Polygon]:
    pairs = [part.split(",") for part in _text(item, "points", where).split(";") if part.strip()]
    return shapes.polygon(0, shapes.points(pairs, where))


def _box(item: ElementTree.Element, where: str) -> Optional[Polygon]:
    left, top, right, bottom = (_number(item, key, where) for key in ("xtl", "ytl", "xbr", "ybr"))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return shapes.polygon(0, _rotated(corners, item, where))


def _ellipse(item: ElementTree.Element, where: str) -> Union[Polygon, Ellipse, None]:
    x, y = _number(item, "cx", where), _number(item, "cy", where)
    across, down = (_number(item, key, where, lowest=0) for key in ("rx", "ry"))
    if across == 0 or down == 0:
        return None
    if _number(item, "rotation", where, default=0) == 0:
        return Ellipse(0, (x, y), (across, down))
    angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
    rim = np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1)
    return shapes.polygon(0, _rotated(rim, item, where))


def _rotated(corners: np.ndarray, item: ElementTree.Element, where: str) -> np.ndarray:
    """Corners rotated about their middle, clockwise as seen, by the degrees of ``rotation``."""
    angle = math.radians(_number(item, "rotation", where, default=0))
    if angle == 0:
        return corners
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return (corners - middle) @ turn + middle


def _mask(item: ElementTree.Element, where: str) -> Optional[Runs]:
    left, top = (int(_number(item, key, where)) for key in ("left", "top"))
    width, height = (int(_number(item, key, where, lowest=1)) for key in ("width", "height"))
    text = _text(item, "rle", where)
    try:
        counts = np.array([int(part) for part in text.split(",")], np.int64)
    except (ValueError, OverflowError):
        raise AnnotationError(
            f"{where}: expected run lengths such as 3, 5, 7, got {text[:40]!r}; export it again"
        ) from None
    runs = check_runs(counts, (height, width), where)
    return Runs(0, (height, width), top, left, runs, by_rows=True) if runs[1::2].any() else None


_MAKERS: Dict[str, Callable[[ElementTree.Element, str], Union[Polygon, Ellipse, Runs, None]]] = {
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
        raise wrong(where, f"a number as {key}", f"{text!r}")
    return number
