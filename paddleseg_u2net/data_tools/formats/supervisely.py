"""Supervisely's format: a folder with meta.json and, for each data set, images and labels.

Written from https://developer.supervisely.com/getting-started/supervisely-annotation-format.
``NAME/img/a.jpg`` has its label in ``NAME/ann/a.jpg.json`` (in older projects ``a.json``). Objects
are drawn in the order of the file. The points of polygons and rectangles name pixels, and those on
the outline belong to the object; the outline of a hole belongs to the hole, which cuts only its
own object. That is how Supervisely itself draws them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import PngBitmap, decode_png
from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.image_index import ImageIndex, unique_names
from paddleseg_u2net.data_tools.annotations.import_stats import ImportStats
from paddleseg_u2net.data_tools.annotations.label_files import (
    field,
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
from paddleseg_u2net.data_tools.annotations.shapes import Drawing, Polygon, Shape
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.images import files_below

_META = "meta.json"
_SPLITS = ("train", "val", "test")
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
        One sample for each image, called ``NAME/a``. Splits are given if all data sets are called
        train, val or test; there are no groups. Images without a label, labels without an image
        and labels that cannot be understood are ``bad``.

    Raises:
        AnnotationError: it is no project, or two images share a label.
        ImageError: a folder cannot be listed.
    """
    project = Path(project)
    kinds = _kinds(project)
    names, numbers, remarks = (classes or Classes()).numbers(list(kinds), project / _META)
    folders = _data_sets(project)
    split = all(folder.name.lower() in _SPLITS for folder in folders)
    stats = ImportStats()
    samples = []
    bad: List[Bad] = []
    for folder in folders:
        place = "" if folder == project else f"{folder.relative_to(project).as_posix()}/"
        index = ImageIndex(folder / "img")
        pairs, alone = _pairs(index, folder / "ann")
        bad += alone
        for image, label in pairs:
            try:
                mask = _mask(label, kinds, numbers, stats)
            except AnnotationError as error:
                bad.append(Bad(image, str(error)))
                continue
            name = f"{place}{index.name_of(image)}"
            samples.append(Sample(image, name, mask, folder.name.lower() if split else ""))
    if not samples and not bad:
        raise AnnotationError(f"{project}: its data sets have no images")
    return AnnotatedDataset(
        names, unique_names(samples), remarks=remarks + stats.remarks(), bad=bad
    )


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
        trouble = f"{alone[0]} has only one of them" if alone else "found none"
        raise AnnotationError(
            f"{project}: expected data sets, folders with the images in img and the labels in ann, "
            f"but {trouble}; export the project with images and labels"
        )
    return sorted(images)


def _pairs(index: ImageIndex, folder: Path) -> Tuple[List[Tuple[Path, Path]], List[Bad]]:
    """Each image of a data set with its label file; images and label files without a partner."""
    labels = {
        path.relative_to(folder).as_posix()[: -len(".json")]: path
        for path in files_below(folder)
        if path.suffix.lower() == ".json"
    }
    alike = {fold_case(name): path for name, path in labels.items()}
    pairs = []
    alone = []
    for image in index.files:
        full, short = index.name_of(image, True), index.name_of(image)
        found = (labels.get(full), labels.get(short), alike.get(fold_case(full)))
        label = next(filter(None, (*found, alike.get(fold_case(short)))), None)
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
    label: Path, kinds: Dict[str, str], numbers: Dict[str, int], stats: ImportStats
) -> Drawing:
    keys, what = ("size", "objects"), "Supervisely's label of one image"
    tree = require_keys(read_json(label), keys, label, what)
    size = size_field(tree["size"], "height", "width", f"{label}, size")
    objects = field(tree, "objects", list, label)
    stats.without_objects += not objects
    drawn: List[Shape] = []
    for place, item in enumerate(objects):
        where = f"{label}, objects[{place}]"
        title = field(item, "classTitle", str, where)
        if title not in kinds:
            stats.unknown[title] += 1
            continue
        if title not in numbers:
            continue
        kind = _kind(item, kinds[title])
        if kind not in _AREAS:
            stats.kinds[kind] += 1
            continue
        shape = _shape(kind, item, numbers[title], where)
        if shape is None:
            stats.without_area += 1
        else:
            stats.add_object([shape], size, box=kind == "rectangle")
            drawn.append(shape)
    return Drawing(tuple(drawn), size, str(label))


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
        tree = field(item, "bitmap", dict, where)
        (origin,) = _points(tree, "origin", (1,), "an origin", where)
        left, top = np.floor(np.clip(origin, -1e9, 1e9)).astype(int).tolist()
        png, size = decode_png(field(tree, "data", str, where), where, packed=True)
        return PngBitmap(number, size, top, left, png, where, graded=kind == "alpha_mask")
    tree = field(item, "points", dict, where)
    if kind == "rectangle":
        outline = _points(tree, "exterior", (0, 1, 2), "a rectangle", where)
        return shapes.rectangle(number, outline, of_pixels=True) if len(outline) == 2 else None
    outline = shapes.points(field(tree, "exterior", list, where), where)
    holes = field(tree, "interior", list, where) if "interior" in tree else []
    cut = tuple(shapes.points(hole, where) for hole in holes)
    return Polygon(number, outline, cut, of_pixels=True) if len(outline) >= 3 else None


def _points(
    tree: Dict[str, Any], key: str, counts: Tuple[int, ...], what: str, where: str
) -> np.ndarray:
    found = shapes.points(field(tree, key, list, where), where)
    if len(found) not in counts:
        raise wrong(where, f"{counts[-1]} points of {what}", len(found))
    return found
