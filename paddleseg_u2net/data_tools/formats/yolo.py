"""YOLO's format for segmentation: a text file with polygons for each image.

Written from https://docs.ultralytics.com/datasets/segment/. A line is one object: class number,
then x and y of its corners as shares of the image's width and height. Larger objects are drawn
first, so that small ones stay to be seen, for the file knows no order. `yolo_layout` finds the
images; the labels of ``images/a.jpg`` are in ``labels/a.txt``, or beside the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats.classes import Classes, is_background
from paddleseg_u2net.data_tools.formats.colours import lines_of
from paddleseg_u2net.data_tools.formats.import_stats import ImportStats, count_images, count_objects
from paddleseg_u2net.data_tools.formats.raster import has_area
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Bad, Sample
from paddleseg_u2net.data_tools.formats.shapes import Polygon
from paddleseg_u2net.data_tools.formats.splits import IMAGES, Part, Source, joined, read_all
from paddleseg_u2net.data_tools.formats.thread_map import look_at
from paddleseg_u2net.data_tools.formats.yolo_layout import (
    NAMES_FILE,
    Layout,
    Place,
    exports_below,
    find_layout,
)

# Further outside than a rounding error: less than a pixel of most images.
_OUTSIDE = 1e-3
# Nobody draws an object that far outside of its image.
_FAR = 1.0


def read(
    source: Path, classes: Optional[Classes] = None, resplit: bool = False
) -> AnnotatedDataset:
    """Read a YOLO data set with polygons, or several below one folder.

    Args:
        source: The folder with ``data.yaml``, or that file; or a folder with ``images`` and
            ``labels`` (or ``train``, ``valid`` ... with these), whose class names are in
            ``classes.txt``, if anywhere; or a folder above several with ``data.yaml``.
        classes: Which classes become which numbers.
        resplit: As for `parts.joined`.

    Returns:
        All images; those with an empty label file, or without one, have empty masks. Splits are
        what the source calls ``train``, ``val`` and ``test``. Names count from the part's folder;
        `parts.joined` says what happens to equal ones. Remarks count what was left out: boxes
        (lines of five numbers), which say nothing about a mask, and parts without any label file.
        ``bad`` are images that are listed, or have objects in a label file, and are not there.

    Raises:
        AnnotationError: it is no such data set, a line cannot be understood, a class number has
            no name, coordinates are pixels, or no listed image is there.
        ImageError: a folder cannot be listed.
    """
    source, classes = Path(source), classes or Classes()
    exports = exports_below(source)
    if not exports:
        return _read_one(source, resplit, classes)
    sources = [
        Source(path.relative_to(source).as_posix(), path.parent, partial(_read_one, path, resplit))
        for path in exports
    ]
    return read_all(sources, classes, resplit)


def _read_one(source: Path, resplit: bool, classes: Classes) -> AnnotatedDataset:
    layout = find_layout(source)
    met = _Met()
    read_places = [(place, _pages(place, layout, met)) for place in layout.places]
    labelled = [(place, pages) for place, pages in read_places if _any_labels(pages)]
    remarks = layout.remarks + [
        f"{place.title} is left out, as no image has a label file: {count_images(len(pages))}"
        for place, pages in read_places
        if pages and not _any_labels(pages)
    ]
    met.check(layout, bool(labelled))
    met.tally.without_objects = sum(page.empty for page in _all_pages(labelled))
    names, numbers, said = _numbers(layout, labelled, classes)
    parts = [
        Part(
            f"{place.title} of {layout.source}",
            place.folder,
            [_record(page, place, numbers) for page in pages],
        )
        for place, pages in labelled
    ]
    records, renamed = joined(parts, resplit)
    remarks += said + met.remarks() + _without_labels(labelled)
    bad = layout.bad + _strays(labelled)
    remarks += renamed
    return AnnotatedDataset(names, records, remarks=remarks, bad=bad, empty=met.only_boxes(layout))


@dataclass(frozen=True, eq=False)
class Normalised:
    """The mask of an image whose objects are polygons of any size.

    Attributes:
        polygons: In drawing order, corners from 0 to 1.
    """

    polygons: Tuple[Polygon, ...]

    @property
    def file(self) -> Optional[Path]:
        """None: the mask is nowhere before it is drawn."""
        return None

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """The mask for an image of ``shape`` (height, width), upright as it is read.

        Returns:
            uint8 (H, W) of class numbers, 0 where there is no polygon.
        """
        mask = np.zeros(shape, np.uint8)
        scale = np.array([shape[1], shape[0]], np.float64)
        for polygon in self.polygons:
            Polygon(polygon.number, polygon.exterior * scale).paint(mask)
        return mask


class _Object(NamedTuple):
    number: int  # in the file
    corners: np.ndarray


class _Page(NamedTuple):
    """An image.

    Attributes:
        image: The file.
        label: Its label file, or None if there is none.
        empty: Whether that says that there are no objects.
        objects: Those that can be drawn.
    """

    image: Path
    label: Optional[Path]
    empty: bool
    objects: List[_Object]


@dataclass
class _Met:
    """What was met in all label files."""

    tally: ImportStats = field(default_factory=ImportStats)
    boxes: int = 0
    polygons: int = 0

    def count(self, corners: np.ndarray) -> bool:
        """Count a polygon; whether it can be drawn."""
        self.polygons += 1
        self.tally.corners(corners)
        if not has_area(corners):
            self.tally.without_area += 1
            return False
        low, high = corners.min(axis=0), corners.max(axis=0)
        wholly = bool((high <= 0).any() or (low >= 1).any())
        self.tally.wholly += wholly
        partly = bool((low < -_OUTSIDE).any() or (high > 1 + _OUTSIDE).any())
        self.tally.partly += partly and not wholly
        return True

    def check(self, layout: Layout, labelled: bool) -> None:
        """Refuse a data set without labels."""
        if not labelled:
            image = next(image for place in layout.places for image in place.images)
            raise AnnotationError(
                f"{layout.source}: no image has a label file; of {image} it was expected as "
                f"{_label_places(image)[0]}; put the labels there"
            )

    def only_boxes(self, layout: Layout) -> str:
        """What is wrong with a data set that has boxes and no polygons."""
        if not self.boxes or self.polygons:
            return ""
        return (
            f"{layout.source}: expected polygons, found only boxes (class, x, y, width, height; "
            f"{count_objects(self.boxes)}), as for detection; export the data set for segmentation"
        )

    def remarks(self) -> List[str]:
        if self.boxes:
            self.tally.kinds["boxes"] = self.boxes
        return self.tally.remarks()


# ---------------------------------------------------------------- label files


def _pages(place: Place, layout: Layout, met: _Met) -> List[_Page]:
    pages = []
    read_lines = look_at(place.images, _lines, f"labels of {place.title}")
    for image, (label, lines) in zip(place.images, read_lines):
        objects = []
        for number, line in enumerate(lines, start=1):
            item = _object(line.split(), layout, f"{label}, line {number}") if line else None
            met.boxes += bool(line) and item is None
            if item is not None and met.count(item.corners):
                objects.append(item)
        pages.append(_Page(image, label, not any(lines), objects))
    return pages


def _lines(image: Path) -> Tuple[Optional[Path], List[str]]:
    """The label file of an image, None if there is none, and its lines."""
    label = next((path for path in _label_places(image) if path.is_file()), None)
    return label, lines_of(label) if label else []


def _label_places(image: Path) -> List[Path]:
    """Where the label file of an image may be."""
    beside = image.with_suffix(".txt")
    parts = list(beside.parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at].lower() == IMAGES:
            parts[at] = "labels" if parts[at].islower() else "Labels"
            return [Path(*parts), beside]
    return [beside]


def _object(fields: List[str], layout: Layout, where: str) -> Optional[_Object]:
    """The object of a line; None: a box."""
    try:
        values = np.array([float(text) for text in fields], np.float64)
    except ValueError:
        raise AnnotationError(
            f"{where}: expected a class number, then x and y of each corner, parted by spaces, "
            f"got {' '.join(fields)[:60]!r}; correct it there"
        ) from None
    if len(values) != 5 and (len(values) < 7 or len(values) % 2 == 0):
        raise AnnotationError(
            f"{where}: expected a class number, then x and y of at least three corners, got "
            f"{len(values)} numbers{_even_hint(len(values))}; correct it there"
        )
    number = _class_number(values[0], fields[0], layout, where)
    _check_range(values[1:], where)
    return None if len(values) == 5 else _Object(number, values[1:].reshape(-1, 2))


def _even_hint(count: int) -> str:
    return " (predictions have one more, the confidence)" if count >= 6 and count % 2 == 0 else ""


def _class_number(value: float, text: str, layout: Layout, where: str) -> int:
    if not math.isfinite(value) or value < 0 or value != math.floor(value):
        raise AnnotationError(
            f"{where}: expected a class number, 0 or more, got {text[:40]}; correct it there"
        )
    number = int(value)
    if layout.names is not None and number >= len(layout.names):
        raise AnnotationError(
            f"{where}: class {number} has no name, for {layout.source} names 0 to "
            f"{len(layout.names) - 1}; correct one of them"
        )
    return number


def _check_range(values: np.ndarray, where: str) -> None:
    if not np.isfinite(values).all():
        raise AnnotationError(
            f"{where}: a coordinate is no finite number (NaN or infinite); correct it there"
        )
    worst = values[np.argmax(np.abs(values - 0.5))]
    if abs(worst - 0.5) > 0.5 + _FAR:
        raise AnnotationError(
            f"{where}: expected x and y from 0 to 1, as shares of the image's width and height, "
            f"got {worst:g}; these seem to be pixels: divide x by the width and y by the height"
        )


# ---------------------------------------------------------------- what comes of them


Labelled = List[Tuple[Place, List[_Page]]]


def _any_labels(pages: List[_Page]) -> bool:
    return any(page.label for page in pages)


def _all_pages(labelled: Labelled) -> Iterator[_Page]:
    return (page for _, pages in labelled for page in pages)


def _numbers(
    layout: Layout, labelled: Labelled, classes: Classes
) -> Tuple[Tuple[str, ...], Dict[int, int], List[str]]:
    """New names, class number in the files -> new number, remarks."""
    remarks = []
    if layout.names is not None:
        titles = dict(enumerate(layout.names))
    else:
        met = {item.number for page in _all_pages(labelled) for item in page.objects}
        titles = {number: str(number) for number in sorted(met)}
        remarks.append(
            f"there are no names of classes (in {NAMES_FILE} or data.yaml), so they are called by "
            f"their numbers: {', '.join(titles.values())}"
        )
    found = [name for name in dict.fromkeys(titles.values()) if not is_background(name)]
    names, by_name, said = classes.numbers(found, layout.source)
    by_name = {**dict.fromkeys(filter(is_background, titles.values()), 0), **by_name}
    numbers = {number: by_name[name] for number, name in titles.items() if name in by_name}
    return names, numbers, remarks + said


def _record(page: _Page, place: Place, numbers: Dict[int, int]) -> Sample:
    drawn = [
        Polygon(numbers[item.number], item.corners)
        for item in page.objects
        if item.number in numbers
    ]
    drawn.sort(key=lambda polygon: -polygon.area)
    parts = page.image.relative_to(place.folder).with_suffix("").parts
    kept = [part for part in parts[:-1] if part.lower() != IMAGES]
    return Sample(page.image, "/".join([*kept, parts[-1]]), Normalised(tuple(drawn)), place.split)


def _without_labels(labelled: Labelled) -> List[str]:
    count = sum(page.label is None for page in _all_pages(labelled))
    return [f"without a label file, so without objects: {count_images(count)}"] if count else []


def _strays(labelled: Labelled) -> List[Bad]:
    """Images whose label files have objects, and that are not there."""
    used = {page.label for page in _all_pages(labelled)}
    folders: Set[Path] = {
        page.label.parent
        for place, pages in labelled
        if place.whole
        for page in pages
        if page.label
    }
    return [
        Bad(path, f"{path}: its image is not there", missing=True)
        for folder in sorted(folders)
        if "labels" in (part.lower() for part in folder.parts)
        for path in sorted(folder.glob("*.txt"))
        if path not in used and _has_objects(path)
    ]


def _has_objects(path: Path) -> bool:
    """Whether the first line of a text file is an object; other files may lie among labels."""
    fields = next(filter(None, lines_of(path)), "").split()
    try:
        return len([float(text) for text in fields]) >= 5
    except ValueError:
        return False
