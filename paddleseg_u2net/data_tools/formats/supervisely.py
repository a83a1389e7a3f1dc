"""Supervisely's format: a folder with meta.json and, for each data set, images and labels.

https://developer.supervisely.com/getting-started/supervisely-annotation-format: points name
pixels, and outlines belong to their object, or to the hole, which cuts it alone.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import PngBitmap, decode_png
from paddleseg_u2net.data_tools.annotations.classes import ALL_CLASSES, Classes
from paddleseg_u2net.data_tools.annotations.image_index import ImageIndex, refuse_twice
from paddleseg_u2net.data_tools.annotations.objects import ImportStats, Object, Page, Size
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    Bad,
    Tree,
    field,
    read_json,
    require_keys,
    size_field,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.shapes import Polygon, Shape
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.images import files_below

_META = "meta.json"
_SPLITS = ("train", "val", "test")
_BITMAPS = ("bitmap", "alpha_mask")
_AREAS = (*_BITMAPS, "polygon", "rectangle")


def read(project: Path, classes: Classes = ALL_CLASSES) -> AnnotatedDataset:
    """Read a project; its data sets are splits if all are called train, val or test.

    ``NAME/img/a.jpg`` has its label in ``NAME/ann/a.jpg.json`` (in older projects ``a.json``), and
    its sample is ``NAME/a``. Alpha masks count where they are opaque by half or more.
    """
    kinds = _kinds(project)
    numbered = classes.numbers(list(kinds), project / _META)
    folders = _data_sets(project)
    split = all(folder.name.lower() in _SPLITS for folder in folders)
    stats = ImportStats()
    pages = []
    for folder in folders:
        place = "" if folder == project else f"{folder.relative_to(project).as_posix()}/"
        index = ImageIndex(folder / "img")
        for image, label in _pairs(index, folder / "ann", stats.bad):
            name = f"{place}{index.name_of(image)}"
            part = folder.name.lower() if split else ""
            pages.append(Page(image, name, str(label), partial(_content, label, kinds), part))
    return stats.dataset(pages, {title.strip() for title in kinds}, numbered)


def _kinds(project: Path) -> Dict[str, str]:
    """The shape (or an empty text) by class title."""
    meta = project / _META
    if not meta.is_file():
        below = [path.parent for path in files_below(project) if path.name == _META]
        repair = f"give {below[0]}" if below else "give the folder of a Supervisely project"
        raise wrong(meta, "Supervisely's meta.json", "none", repair)
    tree = require_keys(read_json(meta), ("classes",), meta, "Supervisely's meta.json")
    kinds = {}
    for place, entry in enumerate(field(tree, "classes", list, meta)):
        title = field(entry, "title", str, f"{meta}, classes[{place}]")
        kinds[title] = str(entry.get("shape") or "")
    return kinds


def _data_sets(project: Path) -> List[Path]:
    """Folders with ``img`` and ``ann``, which newer projects also have inside of each other."""
    places = {path.parent for path in files_below(project)}
    images = {folder.parent for folder in places if folder.name == "img"}
    labels = {folder.parent for folder in places if folder.name == "ann"}
    alone = sorted(images ^ labels)
    if alone or not images:
        expected = "data sets, folders with the images in img and the labels in ann"
        got = f"only one of them in {alone[0]}" if alone else "none"
        raise wrong(project, expected, got, "export the project with images and labels")
    return sorted(images)


def _pairs(index: ImageIndex, folder: Path, bad: List[Bad]) -> List[Tuple[Path, Path]]:
    """Each image of a data set with its label file; what has no partner becomes ``bad``."""
    labels = {
        path.relative_to(folder).as_posix()[: -len(".json")]: path
        for path in files_below(folder)
        if path.suffix.lower() == ".json"
    }
    alike = {fold_case(name): path for name, path in labels.items()}
    pairs = []
    for image in index.files:
        full, short = index.name_of(image, True), index.name_of(image)
        label = labels.get(full) or labels.get(short) or alike.get(fold_case(full))
        if label is None:
            why = f"{image}: expected its label {folder / full}.json, found none"
            bad.append(Bad(image, why, missing=True))
        else:
            pairs.append((image, label))
    refuse_twice((label, f"the image {image}") for image, label in pairs)
    used = {label for _, label in pairs}
    for label in sorted(set(labels.values()) - used):
        why = f"{label}: expected its image below {index.folder}, found none"
        bad.append(Bad(label, why, missing=True))
    return pairs


def _content(label: Path, kinds: Dict[str, str]) -> Tuple[Size, List[Object]]:
    keys, what = ("size", "objects"), "Supervisely's label of one image"
    tree = require_keys(read_json(label), keys, label, what)
    size = size_field(tree["size"], "height", "width", f"{label}, size")
    objects = []
    for place, item in enumerate(field(tree, "objects", list, label)):
        where = f"{label}, objects[{place}]"
        title = field(item, "classTitle", str, where)
        kind = _kind(item, kinds.get(title, ""))
        make = partial(_parts, kind, item, where) if kind in _AREAS else None
        objects.append(Object(title, kind, make))
    return size, objects


def _kind(item: Tree, of_class: str) -> str:
    """What an object is; older files say it only by what they hold, or in meta.json."""
    kind = item.get("geometryType")
    if kind:
        return str(kind)
    if item.get("bitmap"):
        return of_class if of_class in _BITMAPS else "bitmap"
    return of_class if of_class not in ("", "any", *_BITMAPS) else "polygon"


def _parts(kind: str, item: Tree, where: str, number: int) -> List[Shape]:
    """An object's shape; none where it has too few points."""
    if kind in _BITMAPS:
        tree = field(item, "bitmap", dict, where)
        (origin,) = _points(tree, "origin", (1,), "an origin", where)
        left, top = np.floor(np.clip(origin, -1e9, 1e9)).astype(int).tolist()
        png, size = decode_png(field(tree, "data", str, where), where, packed=True)
        return [PngBitmap(number, size, top, left, png, where, graded=kind == "alpha_mask")]
    tree = field(item, "points", dict, where)
    if kind == "rectangle":
        outline = _points(tree, "exterior", (0, 1, 2), "a rectangle", where)
        return [shapes.rectangle(number, outline, of_pixels=True)] if len(outline) == 2 else []
    outline = shapes.points(field(tree, "exterior", list, where), where)
    holes = field(tree, "interior", list, where) if "interior" in tree else []
    cut = tuple(shapes.points(hole, where) for hole in holes)
    return [Polygon(number, outline, cut, of_pixels=True)] if len(outline) >= 3 else []


def _points(tree: Tree, key: str, counts: Tuple[int, ...], what: str, where: str) -> np.ndarray:
    found = shapes.points(field(tree, key, list, where), where)
    if len(found) not in counts:
        raise wrong(where, f"{counts[-1]} points of {what}", len(found))
    return found
