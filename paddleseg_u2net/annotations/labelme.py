"""labelme's format: a JSON file beside each image.

Written from https://github.com/wkentaro/labelme. Shapes are drawn in the order of the file. As in
labelme's own converters, ``__ignore__`` counts nowhere and ``_background_`` gives back to the
background what was drawn before. Coordinates are places (the first pixel reaches from 0 to 1), so
the pixels whose centres are inside count; labelme's converters add the pixels on the outline.
"""

from __future__ import annotations

import math
import os
import posixpath
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from paddleseg_u2net.annotations import json_file
from paddleseg_u2net.annotations.classes import IGNORE, Classes
from paddleseg_u2net.annotations.image_index import (
    ImageIndex,
    listed,
    refuse_twice,
    unique_names,
)
from paddleseg_u2net.annotations.png_bitmap import from_base64
from paddleseg_u2net.annotations.raster import has_area
from paddleseg_u2net.annotations.record import AnnotationError, Collection, Record
from paddleseg_u2net.annotations.shapes import Drawn, Ellipse, Polygon, Shape, box, points
from paddleseg_u2net.annotations.tally import Tally, count_images
from paddleseg_u2net.images import files_below, image_size

IGNORED_LABEL = "__ignore__"
BACKGROUND_LABEL = "_background_"

_OUTLINES = ("polygon", "oriented_rectangle", "rotation")


def read(
    folder: Path, classes: Optional[Classes] = None, images: Optional[Path] = None
) -> Collection:
    """Read a folder of labelme files.

    Polygons, rectangles, circles and masks are drawn; lines and points have no area and are
    counted in the remarks, as are images without a file. ``group_id`` and flags say nothing about
    a mask.

    Args:
        folder: All files ``.json`` in it and its subfolders are read.
        classes: Which labels become which numbers; without a choice all, in alphabetical order.
        images: The folder of the images, if they are not where the files say: ``imagePath``
            counts from the file on, else an image of that name beside the file is taken, then one
            of that name below this folder (else below ``folder``).

    Returns:
        One record for each file, with the file's name, without splits and groups.

    Raises:
        AnnotationError: a file is no labelme file, a shape cannot be understood, images are not
            there (they may be inside the files), or one is labelled twice.
        ImageError: a folder cannot be listed, or an image whose size the file lacks is damaged.
    """
    folder = Path(folder)
    index = ImageIndex(Path(images) if images is not None else folder)
    files = sorted(path for path in files_below(folder) if path.suffix.lower() == ".json")
    if not files:
        raise AnnotationError(f"{folder}: expected labelme files (.json), found none")
    search = _Search(folder, index)
    pages = [_page(path, search) for path in files]
    search.refuse_missing()
    refuse_twice((page.image.resolve(), str(page.path)) for page in pages)
    names, numbers, remarks = _numbers(pages, classes or Classes(), folder)
    tally = Tally()
    records = []
    for page in pages:
        shapes = _shapes(page, numbers, tally)
        tally.without_objects += not page.shapes
        name = page.path.relative_to(folder).with_suffix("").as_posix()
        records.append(Record(page.image, name, Drawn(shapes, page.size, str(page.path))))
    remarks += tally.remarks()
    rest = {path.resolve() for path in index.files} - {page.image.resolve() for page in pages}
    if rest:
        remarks.append(f"left out, without a labelme file: {count_images(len(rest))}")
    return Collection(names, unique_names(records), remarks=remarks)


@dataclass
class _Page:
    """One labelme file."""

    path: Path
    image: Path
    size: Tuple[int, int]
    shapes: List[Tuple[str, Dict[str, Any]]]  # where and what


class _Search:
    """Finds the images of labelme files and remembers those that are not there."""

    def __init__(self, folder: Path, index: ImageIndex) -> None:
        self._folder = folder
        self._index = index
        self._missing: List[str] = []
        self._embedded = 0

    def find(self, page: Path, tree: Dict[str, Any]) -> Optional[Path]:
        """The image of a labelme file."""
        name = json_file.member(tree, "imagePath", str, page).replace("\\", "/")
        for beside in (page.parent / name, page.parent / name.rsplit("/", 1)[-1]):
            if os.path.isfile(beside):  # noqa: PTH113 - the other fails on long names
                return beside
        place = page.parent.relative_to(self._folder).as_posix()
        found = (
            self._index.at(posixpath.normpath(f"{place}/{name}"))
            or self._index.at(f"{place}/{name.rsplit('/', 1)[-1]}")
            or self._index.find(name)
        )
        if found is None:
            self._missing.append(f"{name} of {page}")
            self._embedded += bool(tree.get("imageData"))
        return found

    def refuse_missing(self) -> None:
        """Raise an error that names the first few."""
        if not self._missing:
            return
        repair = "give their folder with --images"
        if self._embedded:
            repair = (
                f"{self._embedded} of these files hold the picture itself (imageData): write it "
                f"out with labelme's labelme_export_json, or {repair}"
            )
        raise AnnotationError(
            f"{self._folder}: {len(self._missing)} images are not there: "
            f"{listed(self._missing)}; {repair}"
        )


def _page(path: Path, search: _Search) -> _Page:
    keys = ("shapes", "imagePath")
    tree = json_file.require(json_file.read_json(path), keys, path, "a labelme file")
    image = search.find(path, tree)
    if image is None:
        size = (0, 0)  # `refuse_missing` ends the reading
    elif tree.get("imageHeight") is None or tree.get("imageWidth") is None:
        size = image_size(image)
    else:
        size = json_file.size(tree, "imageHeight", "imageWidth", path)
    shapes = [
        (f"{path}, shapes[{place}]", shape)
        for place, shape in enumerate(json_file.member(tree, "shapes", list, path))
    ]
    for where, shape in shapes:
        json_file.member(shape, "label", str, where)
    return _Page(path, image or path, size, shapes)


def _numbers(
    pages: List[_Page], classes: Classes, folder: Path
) -> Tuple[Tuple[str, ...], Dict[str, int], List[str]]:
    labels = {shape["label"] for page in pages for _, shape in page.shapes}
    found = sorted(labels - {IGNORED_LABEL, BACKGROUND_LABEL})
    # Asked for or not, it is ignored.
    ignored = tuple(name for name in classes.ignored if name != IGNORED_LABEL)
    names, numbers, remarks = replace(classes, ignored=ignored).numbers(found, folder)
    return names, {**numbers, IGNORED_LABEL: IGNORE, BACKGROUND_LABEL: 0}, remarks


def _shapes(page: _Page, numbers: Dict[str, int], tally: Tally) -> Tuple[Shape, ...]:
    drawn: List[Shape] = []
    for where, tree in page.shapes:
        number = numbers.get(tree["label"])
        if number is None:
            continue
        kind = tree.get("shape_type") or "polygon"
        shape = _shape(kind, tree, number, where)
        if shape is None:
            tally.kinds[str(kind)] += 1
        elif isinstance(shape, Polygon) and not has_area(shape.exterior):
            tally.without_area += 1
        else:
            tally.place([shape], page.size)
            drawn.append(shape)
    return tuple(drawn)


def _shape(kind: str, tree: Dict[str, Any], number: int, where: str) -> Optional[Shape]:
    """A shape of a labelme file; None: a kind without area."""
    if kind not in (*_OUTLINES, "rectangle", "circle", "mask"):
        return None
    corners = points(json_file.member(tree, "points", list, where), where)
    if kind in _OUTLINES or (kind == "rectangle" and len(corners) == 4):
        return Polygon(number, corners)
    if len(corners) != 2:
        raise AnnotationError(
            f"{where}: expected 2 points of a {kind}, got {len(corners)}; correct it there"
        )
    (left, top), (right, bottom) = corners.tolist()
    if kind == "rectangle":
        return box(number, left, top, right, bottom)
    if kind == "circle":
        radius = math.hypot(right - left, bottom - top)
        return Ellipse(number, (left, top), (radius, radius))
    text = json_file.member(tree, "mask", str, where)
    return from_base64(number, text, int(top), int(left), where)
