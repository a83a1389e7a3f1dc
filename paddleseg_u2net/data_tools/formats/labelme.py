"""labelme's format (https://github.com/wkentaro/labelme): a JSON file beside each image.

As there, ``__ignore__`` is ignored and ``_background_`` erases; but pixels count by their centre.
"""

from __future__ import annotations

import base64
import math
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import List, Optional, Set, Tuple, Union

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import PngBitmap, decode_png
from paddleseg_u2net.data_tools.annotations.classes import ALL_CLASSES, IGNORE, Classes
from paddleseg_u2net.data_tools.annotations.image_index import (
    ImageIndex,
    refuse_absent,
    refuse_twice,
    unlabelled,
)
from paddleseg_u2net.data_tools.annotations.objects import ImportStats, Object, Page, Size
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Bad,
    Picture,
    Tree,
    field,
    read_json,
    require_keys,
    size_field,
    what_is,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.shapes import Ellipse, Shape
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
_AREAS = (*_OUTLINES, "rectangle", "circle", "mask")


def read(
    folder: Path, classes: Classes = ALL_CLASSES, images: Optional[Path] = None
) -> AnnotatedDataset:
    """Read a folder of labelme files, classes without a choice in alphabetical order.

    ``imagePath`` counts from the file on, else an image of that name beside the file is taken,
    then one of that name below ``images`` (else below ``folder``), then the image inside the file
    (``imageData``), at last an image that has the name with another suffix.
    """
    index = ImageIndex(images or folder)
    stats = ImportStats()
    pages, labels, others = _read_files(folder, index, stats.bad)
    refuse_twice((page.image.resolve(), page.where) for page in pages)
    # Asked for or not, it is ignored.
    ignored = tuple(name for name in classes.ignored if name != _IGNORED)
    found = sorted(labels - {_IGNORED, _BACKGROUND})
    names, numbers, remarks = replace(classes, ignored=ignored).numbers(found, folder)
    numbers.update({_IGNORED: IGNORE, _BACKGROUND: 0})
    if others:
        remarks.append(f"left out, no labelme files: {short_list(others)}")
    listed = {label.strip() for label in labels}
    data = stats.dataset(pages, listed, (names, numbers, remarks))
    data.remarks += index.remarks()
    # Images that labelme files hold may lie beside them too; those of bad files have a file.
    stems = {Path(page.where).with_suffix("") for page in pages}
    stems |= {item.image.with_suffix("") for item in stats.bad if item.image.name}
    beside = [path for path in index.files if path.with_suffix("") not in stems]
    data.remarks += unlabelled(beside, [page.image for page in pages], "without a labelme file")
    return data


def _embedded(file: Path) -> bytes:
    return _decoded(file, read_json(file))[0]


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


def _read_files(
    folder: Path, index: ImageIndex, bad: List[Bad]
) -> Tuple[List[Page], Set[str], List[str]]:
    """The labelme files that can be used, their labels, and files of other programs."""
    pages: List[Page] = []
    labels: Set[str] = set()
    others: List[str] = []
    for path in sorted(files_below(folder)):
        if path.suffix.lower() != ".json":
            continue
        try:
            tree = read_json(path)
            if not isinstance(tree, dict) or set(_KEYS).isdisjoint(tree):
                others.append(f"{path.relative_to(folder)} ({what_is(tree)})")
                continue
            page = _read_page(path, tree, index, folder)
        except (AnnotationError, ImageError) as error:
            bad.append(Bad(path, str(error)))
            continue
        if isinstance(page, Bad):
            bad.append(page)
        else:
            pages.append(page)
            labels.update(shape["label"] for shape in tree["shapes"])
    refuse_absent(pages, bad)
    if not pages:
        found = short_list(others) or "none"
        raise wrong(folder, "labelme files (.json)", found, "choose the reader for that")
    return pages, labels, others


def _read_page(path: Path, tree: Tree, index: ImageIndex, folder: Path) -> Union[Page, Bad]:
    require_keys(tree, _KEYS, path, "a labelme file")
    for number, shape in enumerate(field(tree, "shapes", list, path)):
        field(shape, "label", str, f"{path}, shapes[{number}]")
    name = field(tree, "imagePath", str, path)
    place = path.parent.relative_to(folder).as_posix()
    image, picture = _find_image(path, tree, name.replace("\\", "/"), index, place)
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
    title = path.relative_to(folder).with_suffix("").as_posix()
    content = partial(_content, tree["shapes"], path, size)
    return Page(image, title, str(path), content, picture=picture)


def _find_image(
    path: Path, tree: Tree, name: str, index: ImageIndex, place: str
) -> Tuple[Optional[Path], Optional[Picture]]:
    # labelme's own tutorial has a file that names itself.
    if not name.lower().endswith(".json"):
        for beside in (path.parent / name, path.parent / name.rsplit("/", 1)[-1]):
            if os.path.isfile(beside):  # noqa: PTH113 - the other fails on long names
                return beside, None
    found = index.find(name, any_suffix=False, place=place)
    if found is None and tree.get(_IMAGE):
        return path, Picture(_decoded(path, tree)[1], partial(_embedded, path))
    return found or index.find(name, place=place), None


def _content(items: List[Tree], path: Path, size: Size) -> Tuple[Size, List[Object]]:
    objects = []
    for number, item in enumerate(items):
        kind = str(item.get("shape_type") or "polygon")
        make = partial(_parts, kind, item, f"{path}, shapes[{number}]") if kind in _AREAS else None
        objects.append(Object(item["label"], kind, make))
    return size, objects


def _parts(kind: str, item: Tree, where: str, number: int) -> List[Optional[Shape]]:
    corners = shapes.points(field(item, "points", list, where), where)
    if kind in _OUTLINES or (kind == "rectangle" and len(corners) == 4):
        return [shapes.polygon(number, corners)]
    if len(corners) < 2 and kind != "mask":
        return []
    if len(corners) != 2:
        raise wrong(where, f"2 points of a {kind}", len(corners))
    if kind == "mask":
        return [_mask(item, corners, number, where)]
    if kind == "rectangle":
        return [shapes.rectangle(number, corners)] if (corners[0] != corners[1]).all() else []
    (left, top), (right, bottom) = corners.tolist()
    radius = math.hypot(right - left, bottom - top)
    return [Ellipse(number, (left, top), (radius, radius))] if radius else []


def _mask(tree: Tree, corners: np.ndarray, number: int, where: str) -> Optional[PngBitmap]:
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
