"""Supervisely's format: a folder with meta.json and, for each data set, images and labels.

Written from https://developer.supervisely.com/getting-started/supervisely-annotation-format.
``NAME/img/a.jpg`` has its label in ``NAME/ann/a.jpg.json`` (in older projects ``a.json``). Objects
are drawn in the order of the file. The points of polygons and rectangles name pixels, and those on
the outline belong to the object; the outline of a hole belongs to the hole, which cuts only its
own object. That is how Supervisely itself draws them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats import json_file
from paddleseg_u2net.data_tools.formats.classes import Classes
from paddleseg_u2net.data_tools.formats.image_index import ImageIndex, unique_names
from paddleseg_u2net.data_tools.formats.import_stats import ImportStats
from paddleseg_u2net.data_tools.formats.png_bitmap import from_base64
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Bad, Sample
from paddleseg_u2net.data_tools.formats.shapes import Drawn, Polygon, Shape, points
from paddleseg_u2net.io.images import files_below

SPLITS = ("train", "val", "test")

_META = "meta.json"
_BITMAPS = ("bitmap", "alpha_mask")
_AREAS = (*_BITMAPS, "polygon", "rectangle")


def read(project: Path, classes: Optional[Classes] = None) -> AnnotatedDataset:
    """Read a project.

    Bitmaps, alpha masks (where they are opaque by half or more), polygons and rectangles are drawn;
    other objects, and those of classes that meta.json does not list, are counted in the remarks.

    Args:
        project: The folder with meta.json.
        classes: Which class titles become which numbers, such as ``person`` from ``person_poly``
            and ``person_bmp``, with ``neutral`` ignored.

    Returns:
        One record for each image, called ``NAME/a``. Splits are given if all data sets are called
        train, val or test; there are no groups. Images without a label, labels without an image
        and labels that cannot be understood are ``bad``.

    Raises:
        AnnotationError: it is no project, or two images share a label.
        ImageError: a folder cannot be listed.
    """
    project = Path(project)
    titles = _titles(project)
    names, numbers, remarks = (classes or Classes()).numbers(list(titles), project / _META)
    folders = _data_sets(project)
    parted = all(folder.name.lower() in SPLITS for folder in folders)
    tally = ImportStats()
    records = []
    bad: List[Bad] = []
    for folder in folders:
        split = folder.name.lower() if parted else ""
        place = folder.relative_to(project).as_posix()
        place = "" if place == "." else f"{place}/"
        index = ImageIndex(folder / "img")
        pairs, alone = _pairs(index, folder / "ann")
        bad += alone
        for image, label in pairs:
            try:
                mask = _mask(label, titles, numbers, tally)
            except AnnotationError as error:
                bad.append(Bad(image, str(error)))
                continue
            records.append(Sample(image, f"{place}{index.name_of(image)}", mask, split))
    if not records and not bad:
        raise AnnotationError(f"{project}: its data sets have no images")
    return AnnotatedDataset(
        names, unique_names(records), remarks=remarks + tally.remarks(), bad=bad
    )


def _titles(project: Path) -> Dict[str, str]:
    """The shape (or an empty text) by class title."""
    meta = project / _META
    if not meta.is_file():
        below = [path.parent for path in files_below(project) if path.name == _META]
        repair = f"give {below[0]}" if below else "give the folder of a Supervisely project"
        raise AnnotationError(f"{meta}: expected Supervisely's meta.json, found none; {repair}")
    tree = json_file.require(
        json_file.read_json(meta), ("classes",), meta, "Supervisely's meta.json"
    )
    titles = {}
    for place, entry in enumerate(json_file.member(tree, "classes", list, meta)):
        title = json_file.member(entry, "title", str, f"{meta}, classes[{place}]")
        titles[title] = str(entry.get("shape") or "")
    return titles


def _data_sets(project: Path) -> List[Path]:
    """Folders with ``img`` and ``ann``, which newer projects also have inside of each other."""
    places = {path.parent for path in files_below(project)}
    images = {folder.parent for folder in places if folder.name == "img"}
    labels = {folder.parent for folder in places if folder.name == "ann"}
    found = sorted(images & labels)
    alone = sorted(images ^ labels)
    if alone or not found:
        trouble = f"{alone[0]} has only one of them" if alone else "found none"
        raise AnnotationError(
            f"{project}: expected data sets, folders with the images in img and the labels in ann, "
            f"but {trouble}; export the project with images and labels"
        )
    return found


def _pairs(index: ImageIndex, folder: Path) -> Tuple[List[Tuple[Path, Path]], List[Bad]]:
    """Each image of a data set with its label file; images and label files that are alone."""
    labels = {
        path.relative_to(folder).as_posix()[: -len(".json")]: path
        for path in files_below(folder)
        if path.suffix.lower() == ".json"
    }
    folded = {name.casefold(): path for name, path in labels.items()}
    pairs = []
    alone = []
    for image in index.files:
        full, short = index.name_of(image, True), index.name_of(image)
        label = labels.get(full) or labels.get(short)
        label = label or folded.get(full.casefold()) or folded.get(short.casefold())
        if label is None:
            why = f"{image}: expected its label {folder / full}.json, found none"
            alone.append(Bad(image, why, missing=True))
        else:
            pairs.append((image, label))
    used = {label for _, label in pairs}
    for name, label in sorted(labels.items()):
        if label not in used:
            why = f"{label}: expected its image {index.folder / name}, found none"
            alone.append(Bad(label, why, missing=True))
    if len(used) < len(pairs):
        raise AnnotationError(
            f"{folder}: two images whose names differ in the suffix share one label file; name "
            "the label files after the whole name of the image (a.jpg.json)"
        )
    return pairs, alone


def _mask(
    label: Path, titles: Dict[str, str], numbers: Dict[str, int], tally: ImportStats
) -> Drawn:
    keys = ("size", "objects")
    what = "Supervisely's label of one image"
    tree = json_file.require(json_file.read_json(label), keys, label, what)
    size = json_file.size(tree["size"], "height", "width", f"{label}, size")
    objects = json_file.member(tree, "objects", list, label)
    tally.without_objects += not objects
    shapes: List[Shape] = []
    for place, item in enumerate(objects):
        where = f"{label}, objects[{place}]"
        title = json_file.member(item, "classTitle", str, where)
        if title not in titles:
            tally.unknown[title] += 1
            continue
        if title not in numbers:
            continue
        kind = _kind(item, titles[title])
        if kind not in _AREAS:
            tally.kinds[kind] += 1
            continue
        shape = _shape(kind, item, numbers[title], where)
        if shape is None:
            tally.without_area += 1
        else:
            tally.place([shape], size, box=kind == "rectangle")
            shapes.append(shape)
    return Drawn(tuple(shapes), size, str(label))


def _kind(item: Dict[str, Any], of_class: str) -> str:
    """What an object is; older files say it only by what they hold, or in meta.json."""
    kind = item.get("geometryType")
    if kind:
        return str(kind)
    if item.get("bitmap"):
        return of_class if of_class in _BITMAPS else "bitmap"
    return of_class if of_class not in ("", "any", *_BITMAPS) else "polygon"


def _shape(kind: str, item: Dict[str, Any], number: int, where: str) -> Optional[Shape]:
    """An object's shape; None: it has too few points."""
    if kind in _BITMAPS:
        tree = json_file.member(item, "bitmap", dict, where)
        origin = points(json_file.member(tree, "origin", list, where), where)
        if len(origin) != 1:
            raise AnnotationError(
                f"{where}: expected one point as origin, got {len(origin)}; correct it there"
            )
        left, top = np.floor(np.clip(origin[0], -1e9, 1e9)).astype(int).tolist()
        text = json_file.member(tree, "data", str, where)
        bitmap = from_base64(number, text, top, left, where, packed=True)
        return replace(bitmap, graded=kind == "alpha_mask")
    tree = json_file.member(item, "points", dict, where)
    outline = points(json_file.member(tree, "exterior", list, where), where)
    if kind == "rectangle" and len(outline) > 1:
        if len(outline) != 2:
            raise AnnotationError(
                f"{where}: expected 2 points of a rectangle, got {len(outline)}; correct it there"
            )
        left, top, right, bottom = outline.ravel()
        outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        return Polygon(number, outline, of_pixels=True)
    holes = json_file.member(tree, "interior", list, where) if "interior" in tree else []
    cut = tuple(points(hole, where) for hole in holes)
    return Polygon(number, outline, cut, of_pixels=True) if len(outline) >= 3 else None
