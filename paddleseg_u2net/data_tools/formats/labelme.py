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
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats import json_file
from paddleseg_u2net.data_tools.formats.classes import IGNORE, Classes
from paddleseg_u2net.data_tools.formats.embedded import KEY, EmbeddedPicture
from paddleseg_u2net.data_tools.formats.image_index import (
    ImageIndex,
    refuse_twice,
    unique_names,
)
from paddleseg_u2net.data_tools.formats.import_stats import ImportStats, count_images
from paddleseg_u2net.data_tools.formats.png_bitmap import PngBitmap, from_base64
from paddleseg_u2net.data_tools.formats.raster import has_area
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Bad, Sample
from paddleseg_u2net.data_tools.formats.shapes import Drawn, Ellipse, Polygon, Shape, box, points
from paddleseg_u2net.io.images import ImageError, decode_image, files_below, image_size
from paddleseg_u2net.text import short_list

IGNORED_LABEL = "__ignore__"
BACKGROUND_LABEL = "_background_"

_KEYS = {"shapes", "imagePath"}

_FAR = 1e9  # larger than any picture
# The last two are X-AnyLabeling's.
_OUTLINES = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")


def read(
    folder: Path, classes: Optional[Classes] = None, images: Optional[Path] = None
) -> AnnotatedDataset:
    """Read a folder of labelme files.

    Polygons, rectangles, circles and masks are drawn; lines and points have no area and are
    counted in the remarks, as are shapes without points, images without a file, and JSON files
    of other programs. ``group_id`` and flags say nothing about a mask.

    Args:
        folder: All files ``.json`` in it and its subfolders are read.
        classes: Which labels become which numbers; without a choice all, in alphabetical order.
        images: The folder of the images, if they are not where the files say: ``imagePath``
            counts from the file on, else an image of that name beside the file is taken, then one
            of that name below this folder (else below ``folder``), then the picture inside the
            file (``imageData``), an image that has the name with another suffix, at last one that
            has the name of the file itself.

    Returns:
        One record for each file, with the file's name, without splits and groups. Files that
        cannot be understood and those whose image is not there are ``bad``.

    Raises:
        AnnotationError: there is no labelme file that can be used, or an image is labelled twice.
        ImageError: a folder cannot be listed.
    """
    folder = Path(folder)
    index = ImageIndex(Path(images) if images is not None else folder)
    files = sorted(path for path in files_below(folder) if path.suffix.lower() == ".json")
    if not files:
        raise AnnotationError(f"{folder}: expected labelme files (.json), found none")
    source = _Source(folder, index)
    pages = source.pages(files)
    refuse_twice((page.image.resolve(), str(page.path)) for page in pages)
    names, numbers, remarks = _numbers(pages, classes or Classes(), folder)
    tally = ImportStats()
    records = []
    for page in pages:
        try:
            shapes = _shapes(page, numbers, tally)
        except AnnotationError as error:
            source.bad.append(Bad(page.image, str(error)))
            continue
        tally.without_objects += not page.shapes
        name = page.path.relative_to(folder).with_suffix("").as_posix()
        drawn = Drawn(shapes, page.size, str(page.path))
        records.append(Sample(page.image, name, drawn, picture=page.picture))
    remarks += [*source.remarks(), *tally.remarks(), *index.remarks()]
    # Pictures that labelme files hold may lie beside them too; those of bad files have a file.
    beside = [page.path for page in pages if page.picture] + [item.image for item in source.bad]
    stems = {path.with_suffix("") for path in beside if path.name}
    rest = {path.resolve() for path in index.files if path.with_suffix("") not in stems}
    rest -= {page.image.resolve() for page in pages}
    if rest:
        remarks.append(f"left out, without a labelme file: {count_images(len(rest))}")
    return AnnotatedDataset(names, unique_names(records), remarks=remarks, bad=source.bad)


@dataclass
class _Page:
    """One labelme file; with a ``picture`` it is ``image`` itself."""

    path: Path
    image: Path
    size: Tuple[int, int]
    shapes: List[Tuple[str, Dict[str, Any]]]  # where and what
    picture: Optional[EmbeddedPicture] = None


class _Source:
    """Reads labelme files, finds their images, and remembers what cannot be used."""

    def __init__(self, folder: Path, index: ImageIndex) -> None:
        self._folder = folder
        self._index = index
        self._others: Dict[str, str] = {}  # name of another program's file -> what it is
        self._renamed: Dict[Path, str] = {}  # image that has its file's name -> what the file says
        self.bad: List[Bad] = []

    def pages(self, files: Sequence[Path]) -> List[_Page]:
        """What can be used.

        Raises:
            AnnotationError: nothing.
        """
        found = []
        for path in files:
            try:
                tree = json_file.read_json(path)
                if not isinstance(tree, dict) or _KEYS.isdisjoint(tree):
                    self._others[str(path.relative_to(self._folder))] = json_file.kind_of(tree)
                    continue
                page = self._page(path, tree)
            except (AnnotationError, ImageError) as error:
                self.bad.append(Bad(path, str(error)))
                continue
            if page is None:
                why = f"{path}: its image {tree['imagePath']} is not there, nor inside of it; give"
                missing = path.parent / tree["imagePath"]
                self.bad.append(Bad(missing, f"{why} its folder with --images", missing=True))
            else:
                found.append(page)
        if not found:
            self._refuse()
        return found

    def _refuse(self) -> None:
        if not self.bad:
            name, kind = next(iter(self._others.items()))
            raise AnnotationError(
                f"{self._folder / name}: expected a labelme file, but it looks like {kind}; choose "
                "the reader for that or give the right folder"
            )
        more = f" (the first of {len(self.bad)} such files)" if len(self.bad) > 1 else ""
        raise AnnotationError(f"{self.bad[0].why}{more}")

    def remarks(self) -> List[str]:
        """What was left alone, and what was guessed."""
        said = []
        if self._others:
            named = [f"{name} ({kind})" for name, kind in self._others.items()]
            said.append(f"left out, no labelme files: {short_list(named)}")
        if self._renamed:
            image, name = next(iter(self._renamed.items()))
            said.append(
                "taken by the label file's own name, as the image that it says is not there: "
                f"{count_images(len(self._renamed))}, such as {image.name} for {name}"
            )
        return said

    def _page(self, path: Path, tree: Dict[str, Any]) -> Optional[_Page]:
        """What a file says; None: its image is not there."""
        json_file.require(tree, ("shapes", "imagePath"), path, "a labelme file")
        shapes = [
            (f"{path}, shapes[{place}]", shape)
            for place, shape in enumerate(json_file.member(tree, "shapes", list, path))
        ]
        for where, shape in shapes:
            json_file.member(shape, "label", str, where)
        image, picture = self._image(path, tree)
        if image is None:
            return None
        return _Page(path, image, _size(path, tree, image, picture), shapes, picture)

    def _image(
        self, path: Path, tree: Dict[str, Any]
    ) -> Tuple[Optional[Path], Optional[EmbeddedPicture]]:
        name = json_file.member(tree, "imagePath", str, path).replace("\\", "/")
        last = name.rsplit("/", 1)[-1]
        # labelme's own tutorial has a file that names itself.
        if not name.lower().endswith(".json"):
            for beside in (path.parent / name, path.parent / last):
                if os.path.isfile(beside):  # noqa: PTH113 - the other fails on long names
                    return beside, None
        place = path.parent.relative_to(self._folder).as_posix()
        for any_suffix in (False, True):
            if any_suffix and tree.get(KEY):
                return path, EmbeddedPicture.of(path, tree)
            found = (
                self._index.at(posixpath.normpath(f"{place}/{name}"), any_suffix)
                or self._index.at(f"{place}/{last}", any_suffix)
                or self._index.find(name, any_suffix)
            )
            if found is not None:
                return found, None
        # Renamed together with its file, which does not know it.
        own = self._index.named(f"{place}/{path.name}")
        if own is not None:
            self._renamed[own] = last
        return own, None


def _size(
    path: Path, tree: Dict[str, Any], image: Path, picture: Optional[EmbeddedPicture]
) -> Tuple[int, int]:
    if tree.get("imageHeight") is not None and tree.get("imageWidth") is not None:
        return json_file.size(tree, "imageHeight", "imageWidth", path)
    if picture is None:
        return image_size(image)
    height, width, _ = decode_image(picture.read(), name=path).shape
    return height, width


def _numbers(
    pages: List[_Page], classes: Classes, folder: Path
) -> Tuple[Tuple[str, ...], Dict[str, int], List[str]]:
    labels = {shape["label"] for page in pages for _, shape in page.shapes}
    found = sorted(labels - {IGNORED_LABEL, BACKGROUND_LABEL})
    # Asked for or not, it is ignored.
    ignored = tuple(name for name in classes.ignored if name != IGNORED_LABEL)
    names, numbers, remarks = replace(classes, ignored=ignored).numbers(found, folder)
    return names, {**numbers, IGNORED_LABEL: IGNORE, BACKGROUND_LABEL: 0}, remarks


def _shapes(page: _Page, numbers: Dict[str, int], tally: ImportStats) -> Tuple[Shape, ...]:
    drawn: List[Shape] = []
    for where, tree in page.shapes:
        number = numbers.get(tree["label"])
        if number is None:
            continue
        kind = tree.get("shape_type") or "polygon"
        if kind not in (*_OUTLINES, "rectangle", "circle", "mask"):
            tally.kinds[str(kind)] += 1
            continue
        shape = _shape(kind, tree, number, where)
        if shape is None:
            tally.without_area += 1
        else:
            tally.place([shape], page.size, box=kind == "rectangle")
            drawn.append(shape)
    return tuple(drawn)


def _shape(kind: str, tree: Dict[str, Any], number: int, where: str) -> Optional[Shape]:
    """A shape of a labelme file; None: it has no area."""
    corners = points(json_file.member(tree, "points", list, where), where)
    if kind in _OUTLINES or (kind == "rectangle" and len(corners) == 4):
        return Polygon(number, corners) if has_area(corners) else None
    if len(corners) < 2 and kind != "mask":
        return None
    if len(corners) != 2:
        raise AnnotationError(
            f"{where}: expected 2 points of a {kind}, got {len(corners)}; correct it there"
        )
    if kind == "mask":
        return _mask(tree, corners, number, where)
    (left, top), (right, bottom) = corners.tolist()
    if kind == "rectangle":
        return box(number, left, top, right, bottom) if left != right and top != bottom else None
    radius = math.hypot(right - left, bottom - top)
    return Ellipse(number, (left, top), (radius, radius)) if radius else None


def _mask(
    tree: Dict[str, Any], corners: np.ndarray, number: int, where: str
) -> Optional[PngBitmap]:
    """A bitmap in the pixels that labelme gives it; None: in none.

    Its corners are rounded, halves to even numbers. Whole ones name its first and its last pixel,
    which cut what is larger; others come of dragging, and say where it begins only.
    """
    text = json_file.member(tree, "mask", str, where)
    left, top = (round(place) for place in corners[0].tolist())
    bitmap = from_base64(number, text, top, left, where)
    if (corners != np.trunc(corners)).any():
        return bitmap
    width, height = (int(size) for size in (corners[1] - corners[0] + 1).clip(0, _FAR))
    shape = min(height, bitmap.shape[0]), min(width, bitmap.shape[1])
    return replace(bitmap, shape=shape) if all(shape) else None
