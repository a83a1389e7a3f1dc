"""YOLO's format (https://docs.ultralytics.com/datasets/segment/): polygons in a text an image.

Larger objects are drawn first, so that small ones stay visible, since the file has no order.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.classes import ALL_CLASSES, Classes
from paddleseg_u2net.data_tools.annotations.image_index import refuse_absent
from paddleseg_u2net.data_tools.annotations.objects import ImportStats, Object, Page, Size
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    Bad,
    counted,
    read_lines,
    thread_map,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.shapes import Drawing, Polygon
from paddleseg_u2net.data_tools.annotations.splits import IMAGES, Part, Source, joined, read_all
from paddleseg_u2net.data_tools.formats.yolo_layout import (
    NAMES_FILE,
    Layout,
    Place,
    exports_below,
    find_layout,
)

# The label file of an image, None if there is none, and its lines.
Label = Tuple[Optional[Path], List[str]]


def read(source: Path, classes: Classes = ALL_CLASSES, resplit: bool = False) -> AnnotatedDataset:
    """Read a YOLO data set with polygons, or several with ``data.yaml`` below one folder.

    Images without a label file have empty masks; parts without any label file are left out.
    """
    exports = exports_below(source)
    if not exports:
        return _read_one(source, resplit, classes)
    sources = [
        Source(path.relative_to(source).as_posix(), path.parent, partial(_read_one, path, resplit))
        for path in exports
    ]
    return read_all(sources, classes, resplit)


class Normalised(Drawing):
    """The mask of an image of any size, whose objects are polygons with corners from 0 to 1."""

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """As `MaskSource.read`."""
        mask = np.zeros(shape, np.uint8)
        scale = np.array([shape[1], shape[0]], np.float64)
        for item in self.shapes:
            if isinstance(item, Polygon):
                Polygon(item.number, item.exterior * scale).paint(mask)
        return mask


def _read_one(source: Path, resplit: bool, classes: Classes) -> AnnotatedDataset:
    layout = find_layout(source)
    remarks = list(layout.remarks)
    labelled: List[Tuple[Place, List[Label]]] = []
    for place in layout.places:
        labels = thread_map(_read_label, place.images, f"labels of {place.title}")
        if any(label for label, _ in labels):
            labelled.append((place, labels))
        elif labels:
            why = f"{place.title} is left out, as no image has a label file"
            remarks.append(f"{why}: {counted(len(labels), 'image')}")
    if not labelled:
        image = next(image for place in layout.places for image in place.images)
        expected = f"a label file of {image} as {_label_places(image)[0]}"
        raise wrong(layout.source, expected, "none of any image", "put the labels there")
    titles = layout.names
    if titles is None:
        rows = [line.split() for _, labels in labelled for _, some in labels for line in some]
        met = {fields[0] for fields in rows if len(fields) > 5 and fields[0].isdecimal()}
        titles = tuple(map(str, sorted(map(int, met))))
        remarks.append(
            f"there are no names of classes (in {NAMES_FILE} or data.yaml), so they are called by "
            f"their numbers: {', '.join(titles)}"
        )
    names, numbers, said = classes.numbers(titles, layout.source)
    stats = ImportStats()
    parts = []
    for place, labels in labelled:
        pages = []
        for image, (label, lines) in zip(place.images, labels):
            content = partial(_content, lines, layout, label)
            pages.append(Page(image, _name(image, place), str(label), content, place.split))
        samples = stats.draw(pages, titles, numbers, larger_first=True, source=Normalised)
        parts.append(Part(f"{place.title} of {layout.source}", place.folder, samples))
    bad = [*layout.bad, *stats.bad, *_strays(labelled)]
    samples, renamed = joined(parts, resplit)
    refuse_absent(samples, bad)
    remarks += said + stats.remarks()
    unlabelled = sum(label is None for _, labels in labelled for label, _ in labels)
    if unlabelled:
        remarks.append(f"without a label file, so without objects: {counted(unlabelled, 'image')}")
    return AnnotatedDataset(names, samples, remarks=remarks + renamed, bad=bad)


def _name(image: Path, place: Place) -> str:
    parts = image.relative_to(place.folder).with_suffix("").parts
    return "/".join([*(part for part in parts[:-1] if part.lower() != IMAGES), parts[-1]])


def _read_label(image: Path) -> Label:
    label = next((path for path in _label_places(image) if path.is_file()), None)
    return label, read_lines(label) if label else []


def _label_places(image: Path) -> List[Path]:
    """Where the label file of an image may be: ``labels/a.txt`` or beside ``images/a.jpg``."""
    beside = image.with_suffix(".txt")
    parts = list(beside.parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at].lower() == IMAGES:
            parts[at] = "labels" if parts[at].islower() else "Labels"
            return [Path(*parts), beside]
    return [beside]


def _content(lines: List[str], layout: Layout, label: Optional[Path]) -> Tuple[Size, List[Object]]:
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line]
    return (1, 1), [_object(line, layout, f"{label}, line {number}") for number, line in numbered]


def _object(line: str, layout: Layout, where: str) -> Object:
    try:
        values = np.array([float(text) for text in line.split()], np.float64)
    except ValueError:
        values = np.empty(0)
    most = np.inf if layout.names is None else len(layout.names)
    if (
        not (len(values) == 5 or (len(values) >= 7 and len(values) % 2))
        or not (0 <= values[0] < most and values[0] == np.floor(values[0]))
        # Far outside of the image: given in pixels.
        or not (np.abs(values[1:] - 0.5) <= 1.5).all()
    ):
        known = "on" if layout.names is None else f"to {most - 1}, as {layout.source} names them"
        raise wrong(
            where,
            f"a class number from 0 {known}, then x and y of at least three corners, as fractions "
            "of the image's width and height from 0 to 1, separated by spaces",
            repr(line[:60]),
        )
    number = int(values[0])
    title = str(number) if layout.names is None else layout.names[number]
    corners = values[1:].reshape(-1, 2)
    if len(corners) < 3:
        return Object(title, "boxes", None)
    return Object(title, "polygon", lambda number: [shapes.polygon(number, corners)])


def _strays(labelled: List[Tuple[Place, List[Label]]]) -> List[Bad]:
    """Images whose label files have objects, and that do not exist."""
    used = {label for _, labels in labelled for label, _ in labels}
    folders = {
        label.parent for place, labels in labelled for label, _ in labels if label and place.whole
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
    fields = next(filter(None, read_lines(path)), "").split()
    try:
        return len([float(text) for text in fields]) >= 5
    except ValueError:
        return False
