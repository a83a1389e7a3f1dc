"""COCO's format: one JSON file with the objects of all images as polygons or run lengths.

Written from https://cocodataset.org/#format-data. An object's polygons are joined. Larger objects
are drawn first, so that small ones stay to be seen, for the file knows no order. A crowd
(``iscrowd``) is drawn like any object, or counts nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import (
    AbstractSet,
    Any,
    Dict,
    Generic,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import numpy as np

from paddleseg_u2net.data_tools.formats import json_file, rle
from paddleseg_u2net.data_tools.formats.classes import IGNORE, Classes
from paddleseg_u2net.data_tools.formats.image_index import (
    ImageIndex,
    absent,
    refuse_absent,
    refuse_twice,
    unique_names,
    unlabelled,
)
from paddleseg_u2net.data_tools.formats.import_stats import ImportStats, count_objects
from paddleseg_u2net.data_tools.formats.raster import has_area
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Bad, Sample
from paddleseg_u2net.data_tools.formats.shapes import Drawn, Polygon, Runs, Shape, points
from paddleseg_u2net.io.images import image_size
from paddleseg_u2net.text import short_list

KEYS = ("images", "annotations", "categories")
CROWDS = ("object", "ignore")

Size = Tuple[int, int]
Part = Union[Polygon, Runs]

_ID = (int, str, float)
_WHOLE = re.compile(r"(-?)0*([0-9]+?)(?:\.0*)?")
_BOXES = "objects with a box only"
_SEGMENTS = "segments_info"
_NEEDED = ("id", "image_id", "category_id", "iscrowd", "segmentation")


def read(
    annotations: Path, images: Path, classes: Optional[Classes] = None, crowd: str = "object"
) -> AnnotatedDataset:
    """Read a COCO file.

    Args:
        annotations: The JSON file.
        images: The folder from which its ``file_name`` counts; `ImageIndex.find` says what else
            is tried.
        classes: Which categories become which numbers. Without a choice all but those that are
            only the ``supercategory`` of others, as Roboflow writes one.
        crowd: ``object``: crowds are objects of their class; ``ignore``: they count nowhere.

    Returns:
        All images of the file, without splits and groups; those without objects have empty masks.
        Remarks count what was left out or lies outside its image; ``bad`` are images that are not
        there, and those with an object that cannot be understood.

    Raises:
        AnnotationError: the file is no such file, no image can be used, or one is named twice.
        ImageError: the folder cannot be listed, or an image whose size the file lacks is damaged.
        ValueError: ``crowd`` is something else.
    """
    file = CocoFile(annotations)
    index = ImageIndex(Path(images))
    found = file.collect(index, classes or Classes(), crowd)
    refuse_absent(found.samples, found.bad)
    if not found.samples:
        raise AnnotationError(f"{file.path}: lists no images; give a COCO file that does")
    found.empty = only_boxes([file])
    found.remarks += index.remarks()
    found.remarks += unlabelled(
        index.files, [*found.samples, *found.bad], f"not in {file.path.name}"
    )
    return found


class CocoFile:
    """A COCO file, parsed.

    Attributes:
        path: The file.
        used: Names of the categories that objects have.
        boxes, areas: How many objects `collect` met that have a box only, and others.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        tree = json_file.read_json(self.path, _slimmed)
        self._tree = json_file.require(tree, KEYS, self.path, "a COCO file")
        for key in KEYS:
            json_file.member(self._tree, key, list, self.path)
        if any(isinstance(item, dict) and _SEGMENTS in item for item in self._tree["annotations"]):
            raise AnnotationError(
                f"{self.path}: expected polygons or run lengths, found a panoptic file "
                f"({_SEGMENTS}), whose masks are pictures; give the file with the instances"
            )
        self._titles = _titles(self._tree["categories"], self.path)
        self.used = set(filter(None, map(self._title_of, self._tree["annotations"])))
        self.boxes = self.areas = 0

    def collect(
        self, index: ImageIndex, classes: Classes, crowd: str, used: AbstractSet[str] = frozenset()
    ) -> AnnotatedDataset:
        """Its images, as `read`.

        Args:
            index: The images.
            classes, crowd: As for `read`.
            used: Categories that objects have in other files of the same data set.
        """
        if crowd not in CROWDS:
            raise ValueError(f"crowd: expected one of {', '.join(CROWDS)}, got {crowd!r}")
        numbered = _Categories(self._titles, self._parents(self.used | used), self.path, classes)
        tally = ImportStats()
        entries, bad = _find_images(self._tree["images"], index, self.path)
        objects, strays = _by_image(self._tree["annotations"], entries, self.path)
        records = []
        for (number, entry, path), items in zip(entries, objects):
            if path is None:
                continue
            where = f"{self.path}, image {number}"
            try:
                size = _size(entry, path, where)
                shapes = _shapes(items, numbered, size, self.path, crowd, tally)
            except AnnotationError as error:
                bad.append(Bad(path, str(error)))
                continue
            tally.without_objects += not items
            records.append(Sample(path, index.name_of(path), Drawn(shapes, size, where)))
        self.boxes, self.areas = tally.kinds[_BOXES], tally.drawn
        remarks = numbered.remarks + tally.remarks()
        if not entries:
            remarks.append("lists no images")
        if strays:
            remarks.append(
                f"left out, of images that the file does not list: {count_objects(strays)}"
            )
        return AnnotatedDataset(numbered.names, unique_names(records), remarks=remarks, bad=bad)

    def _title_of(self, item: Any) -> Optional[str]:
        number = item.get("category_id") if isinstance(item, dict) else None
        return self._titles.get(number) if isinstance(number, _ID) else None

    def _parents(self, used: AbstractSet[str]) -> Set[str]:
        """Categories that are nothing but the supercategory of others."""
        names = set(self._titles.values())
        above = {
            str(category.get("supercategory"))
            for category in self._tree["categories"]
            if category.get("supercategory") != category["name"]
        }
        parents = (names & above) - used
        return parents if parents < names else set()


def only_boxes(files: Sequence[CocoFile]) -> str:
    """What is wrong with files whose objects, of which there are some, all have a box only."""
    boxes = sum(file.boxes for file in files)
    if not boxes or any(file.areas for file in files):
        return ""
    return (
        f"{short_list([file.path for file in files])}: expected polygons or run lengths, found "
        f"only boxes ({count_objects(boxes)}), as for detection; export the data set for "
        "segmentation"
    )


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


# ---------------------------------------------------------------- ids

Item = TypeVar("Item")


class _ById(Generic[Item]):
    """Things by their id, which one file writes as 1, "1", "0001" and 1.0."""

    def __init__(self) -> None:
        self._exact: Dict[Any, Item] = {}
        self._loose: Dict[str, List[Item]] = {}

    def setdefault(self, number: Any, item: Item) -> Item:
        """What has exactly this id; ``item`` if nothing has."""
        if number not in self._exact:
            self._exact[number] = item
            self._loose.setdefault(_plain(number), []).append(item)
        return self._exact[number]

    def get(self, number: Any) -> Optional[Item]:
        """What has this id, or the only one whose id is the same written otherwise."""
        if number in self._exact:
            return self._exact[number]
        alike = self._loose.get(_plain(number), [])
        return alike[0] if len(alike) == 1 else None

    def values(self) -> List[Item]:
        """All of them, in their order."""
        return list(self._exact.values())


def _plain(number: Any) -> str:
    text = str(number).strip()
    match = _WHOLE.fullmatch(text)
    return match[1] + match[2] if match else text


# ---------------------------------------------------------------- categories


def _titles(categories: List[Any], path: Path) -> _ById[str]:
    """Names by category id."""
    titles: _ById[str] = _ById()
    for place, category in enumerate(categories):
        where = f"{path}, categories[{place}]"
        number = json_file.member(category, "id", _ID, where)
        name = json_file.member(category, "name", str, where)
        if titles.setdefault(number, name) != name:
            raise AnnotationError(
                f"{where}: the id {number} stands for {titles.get(number)} and for {name}; "
                "give each category an id of its own"
            )
    return titles


class _Categories:
    """Class numbers by category id."""

    def __init__(
        self, titles: _ById[str], parents: AbstractSet[str], path: Path, classes: Classes
    ) -> None:
        self._titles = titles
        parents = parents - classes.asked
        found = [name for name in dict.fromkeys(titles.values()) if name not in parents]
        self.names, self._numbers, self.remarks = classes.numbers(found, path)
        if parents:
            self.remarks.append(
                f"left out, only the supercategory of others: {', '.join(sorted(parents))}"
            )

    def number(self, category: Any, tally: ImportStats) -> Optional[int]:
        """The class number; None for what is left out."""
        title = self._titles.get(category)
        if title is None:
            tally.unknown[f"category {category}"] += 1
            return None
        return self._numbers.get(title)


# ---------------------------------------------------------------- images

# Id, entry, and the file if it is there.
Entry = Tuple[Any, Dict[str, Any], Optional[Path]]


def _by_image(
    annotations: List[Any], entries: List[Entry], path: Path
) -> Tuple[List[List[Any]], int]:
    """Annotations of each image, and how many belong to no image of the file."""
    objects: List[List[Any]] = [[] for _ in entries]
    by_id: _ById[List[Any]] = _ById()
    for (number, _, _), items in zip(entries, objects):
        by_id.setdefault(number, items)
    strays = 0
    for place, item in enumerate(annotations):
        image = json_file.member(item, "image_id", _ID, f"{path}, annotations[{place}]")
        found = by_id.get(image)
        if found is None:
            strays += 1
        else:
            found.append(item)
    return objects, strays


def _find_images(images: List[Any], index: ImageIndex, path: Path) -> Tuple[List[Entry], List[Bad]]:
    ids: Dict[Any, Dict[str, Any]] = {}
    names: List[str] = []
    for place, entry in enumerate(images):
        where = f"{path}, images[{place}]"
        number = json_file.member(entry, "id", _ID, where)
        if number in ids:
            raise AnnotationError(f"{where}: the id {number} was given before; make ids differ")
        # LVIS has the address alone.
        key = "coco_url" if entry.get("file_name") is None and "coco_url" in entry else "file_name"
        names.append(json_file.member(entry, key, str, where))
        ids[number] = entry
    files = index.find_all(names)
    entries = [(number, entry, file) for (number, entry), file in zip(ids.items(), files)]
    refuse_twice((file, f"image {number}") for number, _, file in entries if file)
    bad = [absent(name, path, index.folder) for name, file in zip(names, files) if not file]
    return entries, bad


def _size(entry: Dict[str, Any], image: Path, where: str) -> Size:
    if entry.get("height") is None or entry.get("width") is None:
        return image_size(image)
    return json_file.size(entry, "height", "width", where)


def _shapes(
    items: List[Any], numbered: _Categories, size: Size, path: Path, crowd: str, tally: ImportStats
) -> Tuple[Shape, ...]:
    """The objects of one image, larger ones first; a background is a hole in larger ones."""
    drawn: List[Tuple[float, List[Part]]] = []
    for item in items:
        where = f"{path}, annotation {item.get('id', '(without id)')}"
        number = numbered.number(json_file.member(item, "category_id", _ID, where), tally)
        if number is None:
            continue
        number = IGNORE if crowd == "ignore" and _is_true(item.get("iscrowd")) else number
        parts = _parts(item, number, size, where, tally)
        if parts:
            tally.place(parts, size)
            drawn.append((sum(part.area for part in parts), parts))
    drawn.sort(key=lambda entry: -entry[0])
    return tuple(part for _, parts in drawn for part in parts)


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("1", "1.0", "true")


def _parts(
    item: Dict[str, Any], number: int, size: Size, where: str, tally: ImportStats
) -> List[Part]:
    outlines = item.get("segmentation")
    if isinstance(outlines, list):
        outlines = [part for part in outlines if not hasattr(part, "__len__") or len(part)]
    if not outlines:
        tally.kinds[_BOXES] += 1
        return []
    if isinstance(outlines, dict):
        outlines = [outlines]
    if isinstance(outlines, list) and isinstance(outlines[0], dict):
        parts: List[Part] = [_runs(runs, number, size, where) for runs in outlines]
        parts = [part for part in parts if part.area]
    elif isinstance(outlines, list):
        if not isinstance(outlines[0], (list, np.ndarray)) or _are_corners(outlines):
            outlines = [outlines]  # one polygon without the list around it
        corners = [points(outline, where) for outline in outlines]
        parts = [Polygon(number, outline) for outline in corners if has_area(outline)]
    else:
        raise AnnotationError(
            f"{where}: expected polygons or run lengths as segmentation, got "
            f"{str(outlines)[:60]}; correct it there"
        )
    tally.without_area += not parts
    return parts


def _are_corners(outlines: List[Any]) -> bool:
    """Whether they are the corners of one polygon, as pairs, instead of polygons."""
    return len(outlines) > 2 and all(np.shape(corner) == (2,) for corner in outlines)


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
