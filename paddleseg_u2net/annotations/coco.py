"""COCO's format: one JSON file with the objects of all images as polygons or run lengths.

Written from https://cocodataset.org/#format-data. An object's polygons are joined. Larger objects
are drawn first, so that small ones stay to be seen, for the file knows no order. A crowd
(``iscrowd``) is drawn like any object, or counts nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np

from paddleseg_u2net.annotations import json_file, rle
from paddleseg_u2net.annotations.classes import IGNORE, Classes
from paddleseg_u2net.annotations.image_index import (
    ImageIndex,
    listed,
    refuse_twice,
    unique_names,
)
from paddleseg_u2net.annotations.raster import has_area
from paddleseg_u2net.annotations.record import AnnotationError, Collection, Record
from paddleseg_u2net.annotations.shapes import Drawn, Polygon, Runs, Shape, points
from paddleseg_u2net.annotations.tally import Tally, count_images, count_objects
from paddleseg_u2net.images import image_size

CROWDS = ("object", "ignore")

Size = Tuple[int, int]
Part = Union[Polygon, Runs]

_NEEDED = ("id", "image_id", "category_id", "iscrowd", "segmentation")


def read(
    annotations: Path, images: Path, classes: Optional[Classes] = None, crowd: str = "object"
) -> Collection:
    """Read a COCO file.

    Args:
        annotations: The JSON file.
        images: The folder from which its ``file_name`` counts; `ImageIndex.find` says what else
            is tried.
        classes: Which categories become which numbers.
        crowd: ``object``: crowds are objects of their class; ``ignore``: they count nowhere.

    Returns:
        All images of the file, without splits and groups; those without objects have empty masks.
        Remarks count what was left out or lies outside its image.

    Raises:
        AnnotationError: the file is no such file, an object cannot be understood, images are not
            there, or one is named twice.
        ImageError: the folder cannot be listed, or an image whose size the file lacks is damaged.
        ValueError: ``crowd`` is something else.
    """
    if crowd not in CROWDS:
        raise ValueError(f"crowd: expected one of {', '.join(CROWDS)}, got {crowd!r}")
    annotations, images = Path(annotations), Path(images)
    tree = json_file.read_json(annotations, _slimmed)
    keys = ("images", "annotations", "categories")
    tree = json_file.require(tree, keys, annotations, "a COCO file")
    for key in keys:
        json_file.member(tree, key, list, annotations)
    numbered = _Categories(tree["categories"], annotations, classes or Classes())
    tally = Tally()
    objects, strays = _by_image(tree, annotations)
    index = ImageIndex(images)
    found = _find_images(tree["images"], index, annotations)
    records = []
    for image_id, (entry, path) in found.items():
        where = f"{annotations}, image {image_id}"
        size = _size(entry, path, where)
        shapes = _shapes(objects.get(image_id, []), numbered, size, annotations, crowd, tally)
        tally.without_objects += not objects.get(image_id)
        records.append(Record(path, index.name_of(path), Drawn(shapes, size, where)))
    remarks = numbered.remarks + tally.remarks()
    if strays:
        remarks.append(f"left out, of images that the file does not list: {count_objects(strays)}")
    rest = len(index.files) - len(records)
    if rest:
        remarks.append(f"left out, not in {annotations.name}: {count_images(rest)}")
    return Collection(numbered.names, unique_names(records), remarks=remarks)


def _slimmed(tree: Dict[str, Any]) -> Dict[str, Any]:
    """Annotations without what is not needed, coordinates as small arrays."""
    if "image_id" in tree and "category_id" in tree:
        tree = {key: tree[key] for key in _NEEDED if key in tree}
        outlines = tree.get("segmentation")
        if isinstance(outlines, list):
            tree["segmentation"] = [_slim(outline, np.float64) for outline in outlines]
    elif "counts" in tree:
        tree["counts"] = _slim(tree["counts"], None)
    return tree


def _slim(value: Any, dtype: Any) -> Any:
    if not isinstance(value, list):
        return value
    try:
        return np.asarray(value, dtype)
    except (TypeError, ValueError, OverflowError):
        return value  # refused later, with its place


class _Categories:
    """Class numbers by category id."""

    def __init__(self, categories: List[Any], path: Path, classes: Classes) -> None:
        self._titles: Dict[Any, str] = {}
        for place, category in enumerate(categories):
            where = f"{path}, categories[{place}]"
            number = json_file.member(category, "id", (int, str), where)
            name = json_file.member(category, "name", str, where)
            if self._titles.setdefault(number, name) != name:
                raise AnnotationError(
                    f"{where}: the id {number} stands for {self._titles[number]} and for {name}; "
                    "give each category an id of its own"
                )
        found = list(dict.fromkeys(self._titles.values()))
        self.names, self._numbers, self.remarks = classes.numbers(found, path)

    def number(self, category: Any, tally: Tally) -> int:
        """The class number; 0 for what is left out."""
        title = self._titles.get(category)
        if title is None:
            tally.unknown[f"category {category}"] += 1
            return 0
        return self._numbers.get(title, 0)


def _by_image(tree: Dict[str, Any], path: Path) -> Tuple[Dict[Any, List[Any]], int]:
    """Annotations by image id, and how many belong to no image of the file."""
    listed_ids = {image.get("id") for image in tree["images"] if isinstance(image, dict)}
    objects: Dict[Any, List[Any]] = {}
    strays = 0
    for place, item in enumerate(tree["annotations"]):
        image = json_file.member(item, "image_id", (int, str), f"{path}, annotations[{place}]")
        if image in listed_ids:
            objects.setdefault(image, []).append(item)
        else:
            strays += 1
    return objects, strays


def _find_images(
    entries: List[Any], index: ImageIndex, path: Path
) -> Dict[Any, Tuple[Dict[str, Any], Path]]:
    found: Dict[Any, Tuple[Dict[str, Any], Path]] = {}
    missing = []
    for place, entry in enumerate(entries):
        where = f"{path}, images[{place}]"
        number = json_file.member(entry, "id", (int, str), where)
        if number in found:
            raise AnnotationError(f"{where}: the id {number} was given before; make ids differ")
        name = json_file.member(entry, "file_name", str, where)
        image = index.find(name)
        if image is None:
            missing.append(name)
        else:
            found[number] = entry, image
    if missing or not found:
        what = f"{len(missing)} of {len(entries)} images are not there: {listed(missing)}"
        raise AnnotationError(
            f"{path}: {what if missing else 'lists no images'}; they were looked for below "
            f"{index.folder}: give the folder with the images of this file"
        )
    refuse_twice((image, f"image {number}") for number, (_, image) in found.items())
    return found


def _size(entry: Dict[str, Any], image: Path, where: str) -> Size:
    if entry.get("height") is None or entry.get("width") is None:
        return image_size(image)
    return json_file.size(entry, "height", "width", where)


def _shapes(
    items: List[Any], numbered: _Categories, size: Size, path: Path, crowd: str, tally: Tally
) -> Tuple[Shape, ...]:
    """The objects of one image, larger ones first."""
    drawn: List[Tuple[float, List[Part]]] = []
    for item in items:
        where = f"{path}, annotation {item.get('id', '(without id)')}"
        category = json_file.member(item, "category_id", (int, str), where)
        number = numbered.number(category, tally)
        if number == 0:
            continue
        number = IGNORE if crowd == "ignore" and item.get("iscrowd") else number
        parts = _parts(item, number, size, where, tally)
        if parts:
            tally.place(parts, size)
            drawn.append((sum(part.area for part in parts), parts))
    drawn.sort(key=lambda entry: -entry[0])
    return tuple(part for _, parts in drawn for part in parts)


def _parts(item: Dict[str, Any], number: int, size: Size, where: str, tally: Tally) -> List[Part]:
    outlines = item.get("segmentation")
    if isinstance(outlines, dict):
        parts: List[Part] = [_runs(outlines, number, size, where)]
        parts = [part for part in parts if part.area]
    elif isinstance(outlines, list) and outlines:
        if not isinstance(outlines[0], (list, np.ndarray)):
            outlines = [outlines]  # one polygon without the list around it
        corners = [points(outline, where) for outline in outlines]
        parts = [Polygon(number, outline) for outline in corners if has_area(outline)]
    elif outlines is None or outlines == []:
        tally.kinds["objects with a box only"] += 1
        return []
    else:
        raise AnnotationError(
            f"{where}: expected polygons or run lengths as segmentation, got "
            f"{str(outlines)[:60]}; correct it there"
        )
    tally.without_area += not parts
    return parts


def _runs(tree: Dict[str, Any], number: int, size: Size, where: str) -> Runs:
    made_for = json_file.member(tree, "size", list, where)
    if made_for != list(size):
        raise AnnotationError(
            f"{where}: run lengths for {made_for} (height, width), but the image has {list(size)}; "
            "export it again"
        )
    counts = json_file.member(tree, "counts", (str, np.ndarray, list), where)
    if isinstance(counts, str):
        counts = rle.unpack(counts, where)
    return Runs(number, rle.checked(counts, size, where), size)
