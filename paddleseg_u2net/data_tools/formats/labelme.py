"""labelme's format: a JSON file beside each image.

Written from https://github.com/wkentaro/labelme. Shapes are drawn in the order of the file. As in
labelme's own converters, ``__ignore__`` is ignored and ``_background_`` erases what
was drawn before. The first pixel reaches from 0 to 1, so the pixels whose centres
are inside are covered; labelme's converters add the pixels on the outline.
"""

from __future__ import annotations

import base64
import math
import os
import posixpath
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import PngBitmap, decode_png
from paddleseg_u2net.data_tools.annotations.classes import IGNORE, Classes
from paddleseg_u2net.data_tools.annotations.image_index import (
    ImageIndex,
    refuse_twice,
    unique_names,
)
from paddleseg_u2net.data_tools.annotations.import_stats import ImportStats, count_images
from paddleseg_u2net.data_tools.annotations.label_files import (
    field,
    kind_of,
    read_json,
    require_keys,
    size_field,
)
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Bad,
    Sample,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.shapes import Drawing, Ellipse, Shape
from paddleseg_u2net.io.file_types import file_type
from paddleseg_u2net.io.images import ImageError, decode_image, files_below, image_size
from paddleseg_u2net.text import short_list

_IGNORED = "__ignore__"
_BACKGROUND = "_background_"
_KEYS = ("shapes", "imagePath")
_IMAGE = "imageData"
_SUFFIXES = {"jpeg": ".jpg", "tiff": ".tif"}
# The last two are X-AnyLabeling's.
_OUTLINES = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")


def read(
    folder: Path, classes: Optional[Classes] = None, images: Optional[Path] = None
) -> AnnotatedDataset:
    """Read a folder of labelme files.

    Polygons, rectangles, circles and masks are drawn; lines and points have no area and are
    counted in the remarks, as are shapes without points, images without a file, and JSON files
    of other programs. ``group_id`` and flags do not change a mask.

    Args:
        folder: All files ``.json`` in it and its subfolders are read.
        classes: Which labels become which numbers; without a choice all, in alphabetical order.
        images: The folder of the images, if they are not where the files say: ``imagePath``
            counts from the file on, else an image of that name beside the file is taken, then one
            of that name below this folder (else below ``folder``), then the image inside the
            file (``imageData``), an image that has the name with another suffix, at last one that
            has the name of the file itself.

    Returns:
        One sample for each file, with the file's name, without splits and groups. Files that
        cannot be understood and those whose image does not exist are ``bad``.

    Raises:
        AnnotationError: there is no labelme file that can be used, or an image is labelled twice.
        ImageError: a folder cannot be listed.
    """
    folder = Path(folder)
    index = ImageIndex(Path(images) if images is not None else folder)
    pages, others, bad = _read_files(folder, index)
    refuse_twice((page.image.resolve(), str(page.path)) for page in pages)
    names, numbers, remarks = _number(pages, classes or Classes(), folder)
    stats = ImportStats()
    samples = []
    for page in pages:
        try:
            drawn = _shapes(page, numbers, stats)
        except AnnotationError as error:
            bad.append(Bad(page.image, str(error)))
            continue
        stats.without_objects += not page.shapes
        name = page.path.relative_to(folder).with_suffix("").as_posix()
        mask = Drawing(drawn, page.size, str(page.path))
        samples.append(Sample(page.image, name, mask, picture=page.picture))
    if others:
        remarks.append(f"left out, no labelme files: {short_list(others)}")
    renamed = [page for page in pages if page.renamed]
    if renamed:
        remarks.append(
            "taken by the label file's own name, as the image that it says is not there: "
            f"{count_images(len(renamed))}, such as {renamed[0].image.name} for "
            f"{renamed[0].renamed}"
        )
    remarks += [*stats.remarks(), *index.remarks()]
    # Images that labelme files hold may lie beside them too; those of bad files have a file.
    beside = [page.path for page in pages if page.picture] + [item.image for item in bad]
    stems = {path.with_suffix("") for path in beside if path.name}
    rest = {path.resolve() for path in index.files if path.with_suffix("") not in stems}
    rest -= {page.image.resolve() for page in pages}
    if rest:
        remarks.append(f"left out, without a labelme file: {count_images(len(rest))}")
    return AnnotatedDataset(names, unique_names(samples), remarks=remarks, bad=bad)


@dataclass(frozen=True)
class EmbeddedImage:
    """The `PictureSource` of base64 text in a labelme file, which is read again when needed."""

    file: Path
    suffix: str

    def read(self) -> bytes:
        """As `PictureSource.read`."""
        return _decoded(self.file, read_json(self.file))[0]


def _decoded(file: Path, tree: object) -> Tuple[bytes, str]:
    """The image in a labelme file, and the suffix of such a file."""
    text = field(tree, _IMAGE, str, file)
    try:
        # Some programs write a data URL, whose text follows a comma.
        content = base64.b64decode(text.rpartition(",")[2])
    except ValueError:
        content = b""
    found = file_type(content)
    if found is None or found.family != "image":
        repair = "set it to null there and put the image beside the file"
        raise wrong(file, f"base64 text of an image as {_IMAGE}", f"{text[:12]!r}", repair)
    return content, _SUFFIXES.get(found.name, f".{found.name}")


@dataclass
class _Page:
    """One labelme file."""

    path: Path
    image: Path  # with a picture the file itself
    size: Tuple[int, int]
    shapes: List[Tuple[str, Dict[str, Any]]]  # with where they are, for messages
    picture: Optional[EmbeddedImage]
    renamed: str  # what the file calls the image, if that has the file's name instead


def _read_files(folder: Path, index: ImageIndex) -> Tuple[List[_Page], List[str], List[Bad]]:
    """The labelme files that can be used, files of other programs, and those that cannot be used.

    Raises:
        AnnotationError: none can be used.
    """
    pages: List[_Page] = []
    others: List[str] = []
    bad: List[Bad] = []
    for path in sorted(files_below(folder)):
        if path.suffix.lower() != ".json":
            continue
        try:
            tree = read_json(path)
            if not isinstance(tree, dict) or set(_KEYS).isdisjoint(tree):
                others.append(f"{path.relative_to(folder)} ({kind_of(tree)})")
                continue
            page = _read_page(path, tree, index, path.parent.relative_to(folder).as_posix())
        except (AnnotationError, ImageError) as error:
            bad.append(Bad(path, str(error)))
            continue
        if isinstance(page, Bad):
            bad.append(page)
        else:
            pages.append(page)
    if bad and not pages:
        more = f" (the first of {len(bad)} such files)" if len(bad) > 1 else ""
        raise AnnotationError(f"{bad[0].why}{more}")
    if not pages:
        found = short_list(others) or "none"
        raise wrong(folder, "labelme files (.json)", found, "choose the reader for that")
    return pages, others, bad


def _read_page(
    path: Path, tree: Dict[str, Any], index: ImageIndex, place: str
) -> Union[_Page, Bad]:
    """Read a file in the folder ``place``; Bad if its image does not exist."""
    require_keys(tree, _KEYS, path, "a labelme file")
    found = [
        (f"{path}, shapes[{number}]", shape)
        for number, shape in enumerate(field(tree, "shapes", list, path))
    ]
    for where, shape in found:
        field(shape, "label", str, where)
    name = field(tree, "imagePath", str, path)
    image, picture = _find_image(path, tree, name.replace("\\", "/"), index, place)
    renamed = ""
    if image is None:  # it may have been renamed together with its file, which does not know it
        image, renamed = index.named(f"{place}/{path.name}"), re.split(r"[\\/]", name)[-1]
    if image is None:
        why = f"{path}: its image {name} is not there, nor inside of it; give its folder with"
        return Bad(path.parent / name, f"{why} --images", missing=True)
    if tree.get("imageHeight") is not None and tree.get("imageWidth") is not None:
        size = size_field(tree, "imageHeight", "imageWidth", path)
    elif picture is None:
        size = image_size(image)
    else:
        height, width, _ = decode_image(picture.read(), name=path).shape
        size = height, width
    return _Page(path, image, size, found, picture, renamed)


def _find_image(
    path: Path, tree: Dict[str, Any], name: str, index: ImageIndex, place: str
) -> Tuple[Optional[Path], Optional[EmbeddedImage]]:
    last = name.rsplit("/", 1)[-1]
    # labelme's own tutorial has a file that names itself.
    if not name.lower().endswith(".json"):
        for beside in (path.parent / name, path.parent / last):
            if os.path.isfile(beside):  # noqa: PTH113 - the other fails on long names
                return beside, None
    for any_suffix in (False, True):
        if any_suffix and tree.get(_IMAGE):
            return path, EmbeddedImage(path, _decoded(path, tree)[1])
        found = (
            index.at(posixpath.normpath(f"{place}/{name}"), any_suffix)
            or index.at(f"{place}/{last}", any_suffix)
            or index.find(name, any_suffix)
        )
        if found is not None:
            return found, None
    return None, None


def _number(
    pages: List[_Page], classes: Classes, folder: Path
) -> Tuple[Tuple[str, ...], Dict[str, int], List[str]]:
    labels = {shape["label"] for page in pages for _, shape in page.shapes}
    found = sorted(labels - {_IGNORED, _BACKGROUND})
    # Asked for or not, it is ignored.
    ignored = tuple(name for name in classes.ignored if name != _IGNORED)
    names, numbers, remarks = replace(classes, ignored=ignored).numbers(found, folder)
    return names, {**numbers, _IGNORED: IGNORE, _BACKGROUND: 0}, remarks


def _shapes(page: _Page, numbers: Dict[str, int], stats: ImportStats) -> Tuple[Shape, ...]:
    drawn: List[Shape] = []
    for where, tree in page.shapes:
        number = numbers.get(tree["label"])
        if number is None:
            continue
        kind = tree.get("shape_type") or "polygon"
        if kind not in (*_OUTLINES, "rectangle", "circle", "mask"):
            stats.kinds[str(kind)] += 1
            continue
        shape = _shape(kind, tree, number, where)
        if shape is None:
            stats.without_area += 1
        else:
            stats.add_object([shape], page.size, box=kind == "rectangle")
            drawn.append(shape)
    return tuple(drawn)


def _shape(kind: str, tree: Dict[str, Any], number: int, where: str) -> Optional[Shape]:
    """A shape of a labelme file; None: it has no area."""
    corners = shapes.points(field(tree, "points", list, where), where)
    if kind in _OUTLINES or (kind == "rectangle" and len(corners) == 4):
        return shapes.polygon(number, corners)
    if len(corners) < 2 and kind != "mask":
        return None
    if len(corners) != 2:
        raise wrong(where, f"2 points of a {kind}", len(corners))
    if kind == "mask":
        return _mask(tree, corners, number, where)
    if kind == "rectangle":
        return shapes.rectangle(number, corners) if (corners[0] != corners[1]).all() else None
    (left, top), (right, bottom) = corners.tolist()
    radius = math.hypot(right - left, bottom - top)
    return Ellipse(number, (left, top), (radius, radius)) if radius else None


def _mask(
    tree: Dict[str, Any], corners: np.ndarray, number: int, where: str
) -> Optional[PngBitmap]:
    """A bitmap in the pixels that labelme gives it; None: in none.

    Its corners are rounded, halves to even numbers. Whole ones name its first and its last pixel,
    which cut what is larger; others come from dragging, and only say where it begins.
    """
    left, top = (round(place) for place in corners[0].tolist())
    png, (height, width) = decode_png(field(tree, "mask", str, where), where)
    if (corners == np.trunc(corners)).all():
        across, down = (corners[1] - corners[0] + 1).clip(0, None).tolist()
        height, width = min(int(down), height), min(int(across), width)
    return PngBitmap(number, (height, width), top, left, png, where) if height and width else None
