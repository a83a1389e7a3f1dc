"""YOLO's format for segmentation: a text file with polygons for each image.

Written from https://docs.ultralytics.com/datasets/segment/. A line is one object: class number,
then x and y of its corners as fractions of the image's width and height. Larger objects are drawn
first, so that small ones stay visible, since the file has no order. `yolo_layout` finds the
images; the labels of ``images/a.jpg`` are in ``labels/a.txt``, or beside the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.import_stats import (
    ImportStats,
    count_images,
    count_objects,
)
from paddleseg_u2net.data_tools.annotations.label_files import read_lines, thread_map
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Bad,
    MaskSource,
    Sample,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.shapes import Polygon, has_area, points
from paddleseg_u2net.data_tools.annotations.splits import IMAGES, Part, Source, joined, read_all
from paddleseg_u2net.data_tools.formats.yolo_layout import (
    NAMES_FILE,
    Layout,
    Place,
    exports_below,
    find_layout,
)

# Further outside than a rounding error: less than a pixel of most images.
_OUTSIDE = 1e-3
# An object so far outside of its image is given in pixels.
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
        resplit: As for `splits.joined`.

    Returns:
        All images; those with an empty label file, or without one, have empty masks. Splits are
        what the source calls ``train``, ``val`` and ``test``. Names count from the part's folder;
        `splits.joined` says what happens to equal ones. Remarks count what was left out: boxes
        (lines of five numbers), which do not define a mask, and parts without any label file.
        ``bad`` are images that are listed, or have objects in a label file, and do not exist.

    Raises:
        AnnotationError: it is no such data set, a line cannot be understood, a class number has
            no name, coordinates are pixels, or no listed image exists.
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


@dataclass(frozen=True, eq=False)
class Normalised(MaskSource):
    """The mask of an image of any size, whose objects are polygons.

    Attributes:
        polygons: In drawing order, corners from 0 to 1.
    """

    polygons: Tuple[Polygon, ...]

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """As `MaskSource.read`."""
        mask = np.zeros(shape, np.uint8)
        scale = np.array([shape[1], shape[0]], np.float64)
        for polygon in self.polygons:
            Polygon(polygon.number, polygon.exterior * scale).paint(mask)
        return mask


class _Page(NamedTuple):
    """An image."""

    place: Place
    image: Path
    label: Optional[Path]
    empty: bool  # the label says that there are no objects
    objects: List[Tuple[int, np.ndarray]]  # class number in the file, corners (N, 2)


def _read_one(source: Path, resplit: bool, classes: Classes) -> AnnotatedDataset:
    layout = find_layout(source)
    stats = ImportStats()
    remarks = list(layout.remarks)
    labelled: List[List[_Page]] = []
    for place in layout.places:
        pages = _read_pages(place, layout, stats)
        if any(page.label for page in pages):
            labelled.append(pages)
        elif pages:
            remarks.append(
                f"{place.title} is left out, as no image has a label file: "
                f"{count_images(len(pages))}"
            )
    if not labelled:
        image = next(image for place in layout.places for image in place.images)
        raise AnnotationError(
            f"{layout.source}: no image has a label file; of {image} it was expected as "
            f"{_label_places(image)[0]}; put the labels there"
        )
    pages = [page for part in labelled for page in part]
    stats.without_objects = sum(page.empty for page in pages)
    names, numbers, said = _number(layout, pages, classes)
    parts = [
        Part(
            f"{part[0].place.title} of {layout.source}",
            part[0].place.folder,
            [_sample(page, numbers) for page in part],
        )
        for part in labelled
    ]
    samples, renamed = joined(parts, resplit)
    boxes = stats.kinds["boxes"]
    remarks += said + stats.remarks()
    unlabelled = sum(page.label is None for page in pages)
    if unlabelled:
        remarks.append(f"without a label file, so without objects: {count_images(unlabelled)}")
    empty = ""
    if boxes and not stats.drawn:
        empty = (
            f"{layout.source}: expected polygons, found only boxes (class, x, y, width, height; "
            f"{count_objects(boxes)}), as for detection; export the data set for segmentation"
        )
    return AnnotatedDataset(
        names, samples, remarks=remarks + renamed, bad=layout.bad + _strays(pages), empty=empty
    )


def _read_pages(place: Place, layout: Layout, stats: ImportStats) -> List[_Page]:
    pages = []
    read_labels = thread_map(_read_label, place.images, f"labels of {place.title}")
    for image, (label, lines) in zip(place.images, read_labels):
        objects = []
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            title, corners = _object(line, layout, f"{label}, line {number}")
            if len(corners) == 2:
                stats.kinds["boxes"] += 1
            elif _add(corners, stats):
                objects.append((title, corners))
        pages.append(_Page(place, image, label, not any(lines), objects))
    return pages


def _read_label(image: Path) -> Tuple[Optional[Path], List[str]]:
    """The label file of an image, None if there is none, and its lines."""
    label = next((path for path in _label_places(image) if path.is_file()), None)
    return label, read_lines(label) if label else []


def _label_places(image: Path) -> List[Path]:
    """Where the label file of an image may be."""
    beside = image.with_suffix(".txt")
    parts = list(beside.parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at].lower() == IMAGES:
            parts[at] = "labels" if parts[at].islower() else "Labels"
            return [Path(*parts), beside]
    return [beside]


def _object(line: str, layout: Layout, where: str) -> Tuple[int, np.ndarray]:
    """The class number and the corners (N, 2) in a line; of a box its centre and its size."""
    fields = line.split()
    try:
        values = np.array([float(text) for text in fields], np.float64)
    except ValueError:
        values = np.empty(0)
    if len(values) != 5 and (len(values) < 7 or len(values) % 2 == 0):
        even = len(values) >= 6 and len(values) % 2 == 0
        raise AnnotationError(
            f"{where}: expected a class number, then x and y of at least three corners, separated "
            f"by spaces, got {len(fields)} fields, {line[:60]!r}"
            f"{' (predictions have one more, the confidence)' if even else ''}; correct it there"
        )
    corners = points(values[1:], where)
    worst = values[1:][np.argmax(np.abs(values[1:] - 0.5))]
    if abs(worst - 0.5) > 0.5 + _FAR:
        raise AnnotationError(
            f"{where}: expected x and y from 0 to 1, as fractions of the image's width and height, "
            f"got {worst:g}; these seem to be pixels: divide x by the width and y by the height"
        )
    most = np.inf if layout.names is None else len(layout.names)
    if not 0 <= values[0] < most or values[0] != np.floor(values[0]):
        known = "on" if layout.names is None else f"to {most - 1}, as {layout.source} names them"
        raise wrong(where, f"a class number from 0 {known}", f"{values[0]:g}")
    return int(values[0]), corners


def _add(corners: np.ndarray, stats: ImportStats) -> bool:
    """Count a polygon; whether it can be drawn."""
    stats.add_outline(corners)
    if not has_area(corners):
        stats.without_area += 1
        return False
    low, high = corners.min(axis=0), corners.max(axis=0)
    wholly = bool((high <= 0).any() or (low >= 1).any())
    partly = bool((low < -_OUTSIDE).any() or (high > 1 + _OUTSIDE).any())
    stats.wholly += wholly
    stats.partly += partly and not wholly
    return True


def _number(
    layout: Layout, pages: List[_Page], classes: Classes
) -> Tuple[Tuple[str, ...], Dict[int, int], List[str]]:
    """New names, class number in the files -> new number, remarks."""
    remarks = []
    if layout.names is not None:
        titles = dict(enumerate(layout.names))
    else:
        met = {number for page in pages for number, _ in page.objects}
        titles = {number: str(number) for number in sorted(met)}
        remarks.append(
            f"there are no names of classes (in {NAMES_FILE} or data.yaml), so they are called by "
            f"their numbers: {', '.join(titles.values())}"
        )
    names, by_title, said = classes.numbers(list(titles.values()), layout.source)
    numbers = {number: by_title[name] for number, name in titles.items() if name in by_title}
    return names, numbers, remarks + said


def _sample(page: _Page, numbers: Dict[int, int]) -> Sample:
    drawn = [
        Polygon(numbers[number], corners) for number, corners in page.objects if number in numbers
    ]
    drawn.sort(key=lambda polygon: -polygon.area)
    parts = page.image.relative_to(page.place.folder).with_suffix("").parts
    kept = [part for part in parts[:-1] if part.lower() != IMAGES]
    mask = Normalised(tuple(drawn))
    return Sample(page.image, "/".join([*kept, parts[-1]]), mask, page.place.split)


def _strays(pages: List[_Page]) -> List[Bad]:
    """Images whose label files have objects, and that do not exist."""
    used = {page.label for page in pages}
    folders = {page.label.parent for page in pages if page.label and page.place.whole}
    return [
        Bad(path, f"{path}: its image is not there", missing=True)
        for folder in sorted(folders)
        if "labels" in (part.lower() for part in folder.parts)
        for path in sorted(folder.glob("*.txt"))
        if path not in used and _has_objects(path)
    ]


def _has_objects(path: Path) -> bool:
    """Whether the first line of a text file is an object; other files may lie among labels."""
    fields = next(filter(None, read_lines(path)), "").split()
    try:
        return len([float(text) for text in fields]) >= 5
    except ValueError:
        return False
