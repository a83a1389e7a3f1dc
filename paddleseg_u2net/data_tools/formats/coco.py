"""COCO's format: one JSON file with the objects of all images as polygons or run lengths.

Written from https://cocodataset.org/#format-data. An object's polygons are joined. Larger objects
are drawn first, so that small ones stay visible, since the file has no order. A crowd (``iscrowd``)
is drawn like any object, or ignored.

A data set may have several such files, each with its images; `coco_layout` finds them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import AbstractSet, Any, Dict, List, Optional, Sequence, Set, Tuple, Union

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import Runs, check_runs, unpack_runs
from paddleseg_u2net.data_tools.annotations.classes import IGNORE, Classes
from paddleseg_u2net.data_tools.annotations.image_index import (
    ImageIndex,
    absent,
    refuse_twice,
    unique_names,
    unlabelled,
)
from paddleseg_u2net.data_tools.annotations.import_stats import ImportStats, count_objects
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
from paddleseg_u2net.data_tools.annotations.splits import Source, read_all
from paddleseg_u2net.data_tools.formats.coco_layout import KEYS, find, json_files, split_of_files
from paddleseg_u2net.io.images import find_images, image_size
from paddleseg_u2net.text import short_list

CROWDS = ("object", "ignore")

Size = Tuple[int, int]
Part = Union[Polygon, Runs]
# Id, entry, and the file if it exists.
Entry = Tuple[Any, Dict[str, Any], Optional[Path]]

_ID = (int, str, float)
_WHOLE = re.compile(r"(-?)0*([0-9]+?)(?:\.0*)?")
_BOXES = "objects with a box only"
_NEEDED = ("id", "image_id", "category_id", "iscrowd", "segmentation")


def read(
    files: Sequence[Tuple[Path, Path]],
    classes: Optional[Classes] = None,
    crowd: str = "object",
    resplit: bool = False,
    within: Optional[Path] = None,
) -> AnnotatedDataset:
    """Read COCO files as parts of one data set.

    Args:
        files: JSON file and the folder from which its ``file_name`` counts; `ImageIndex.find` says
            what else is tried.
        classes: Which categories become which numbers. Without a choice all but those that are
            only the ``supercategory`` of others, as Roboflow writes one.
        crowd: ``object``: crowds are objects of their class; ``ignore``: they are ignored.
        resplit: As for `splits.joined`.
        within: A remark counts the images below this folder (else below those of ``files``) that
            are in no file.

    Returns:
        All images of the files; those without objects have empty masks. Of several files, a part's
        split is what its JSON file's folder says (``train``, ``valid``), else its file's name
        (``instances_val2017.json``), else the folder of its images; `splits.read_all` says how they
        are joined. Remarks count what was left out or lies outside its image; ``bad`` are missing
        images, and those with an object that cannot be understood.

    Raises:
        AnnotationError: a file is no such file, no image can be used, one is named twice, or as
            `splits.read_all`.
        ImageError: the folder cannot be listed, or an image whose size the file lacks is damaged.
        ValueError: ``crowd`` is something else.
    """
    if crowd not in CROWDS:
        raise ValueError(f"crowd: expected one of {', '.join(CROWDS)}, got {crowd!r}")
    if not files:
        raise AnnotationError("expected at least one COCO file with its images, got none")
    paths = [Path(path).absolute() for path, _ in files]
    top = os.path.commonpath([path.parent for path in paths])
    parsed = [CocoFile(Path(path)) for path, _ in files]
    used = set().union(*(file.used for file in parsed))
    folders = [Path(images) for _, images in files]
    # Some folders were only guessed.
    indices = {
        folder: ImageIndex(folder, [] if within and not folder.is_dir() else None)
        for folder in set(folders)
    }

    def source(file: CocoFile, path: Path, folder: Path) -> Source:
        def collect(chosen: Classes) -> AnnotatedDataset:
            return file.collect(indices[folder], chosen, crowd, used)

        split = split_of_files(path, folder) if len(files) > 1 else ""
        return Source(path.relative_to(top).as_posix(), folder, collect, split)

    found = read_all(list(map(source, parsed, paths, folders)), classes or Classes(), resplit)
    if not found.samples:
        raise AnnotationError(f"{short_list(paths)}: lists no images; give a COCO file that does")
    found.empty = _only_boxes(parsed)
    images = [path for index in indices.values() for path in index.files]
    images = find_images(within) if within else images
    found.remarks += [said for index in indices.values() for said in index.remarks()]
    alone = len(files) == 1 and not within
    why = f"not in {paths[0].name}" if alone else "in none of these files"
    named = [sample.image for sample in found.samples] + [bad.image for bad in found.bad]
    found.remarks += unlabelled(images, named, why)
    return found


def read_folder(
    source: Path, classes: Optional[Classes] = None, crowd: str = "object", resplit: bool = False
) -> AnnotatedDataset:
    """Read the COCO files below a folder, as `find` and `read`.

    Remarks name images and JSON files below the folder that were not read.
    """
    files = find(source)
    found = read(files, classes, crowd, resplit, source)
    known = {file for file, _ in files}
    others = [path for path in json_files(source) if path not in known]
    if others:
        names = short_list([path.relative_to(source).as_posix() for path in others])
        found.remarks.append(f"not read, for their names are not those of COCO files: {names}")
    return found


class CocoFile:
    """A COCO file, parsed.

    ``used`` are the categories that objects have; ``boxes`` and ``areas`` say how many objects
    `collect` met that have a box only, and others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        tree = require_keys(read_json(path, _slimmed), KEYS, path, "a COCO file")
        self._images, self._objects, self._categories = (
            field(tree, key, list, path) for key in KEYS
        )
        if any(isinstance(item, dict) and "segments_info" in item for item in self._objects):
            raise AnnotationError(
                f"{path}: expected polygons or run lengths, found a panoptic file "
                "(segments_info), whose masks are image files; give the file with the instances"
            )
        self._names = _category_names(self._categories, path)
        ids = {_id(item.get("category_id")) for item in self._objects if isinstance(item, dict)}
        self.used = {name for number, name in self._names.items() if number in ids}
        self.boxes = self.areas = 0

    def collect(
        self, index: ImageIndex, classes: Classes, crowd: str, used: AbstractSet[str]
    ) -> AnnotatedDataset:
        """Return its images, as `read`; ``used`` are the categories of objects in all files."""
        stats = ImportStats()
        parents = self._parents(used) - classes.asked
        found = [name for name in dict.fromkeys(self._names.values()) if name not in parents]
        names, by_name, remarks = classes.numbers(found, self.path)
        numbers = {number: by_name.get(name) for number, name in self._names.items()}
        if parents:
            remarks.append(
                f"left out, only the supercategory of others: {', '.join(sorted(parents))}"
            )
        entries, bad = self._find_images(index)
        objects, strays = self._by_image(entries)
        samples = []
        for (number, entry, path), items in zip(entries, objects):
            if path is None:
                continue
            where = f"{self.path}, image {number}"
            try:
                size = _size(entry, path, where)
                drawn = self._shapes(items, numbers, size, crowd, stats)
            except AnnotationError as error:
                bad.append(Bad(path, str(error)))
                continue
            stats.without_objects += not items
            samples.append(Sample(path, index.name_of(path), Drawing(drawn, size, where)))
        self.boxes, self.areas = stats.kinds[_BOXES], stats.drawn
        remarks += stats.remarks()
        if not entries:
            remarks.append("lists no images")
        if strays:
            remarks.append(
                f"left out, of images that the file does not list: {count_objects(strays)}"
            )
        return AnnotatedDataset(names, unique_names(samples), remarks=remarks, bad=bad)

    def _parents(self, used: AbstractSet[str]) -> Set[str]:
        """Categories that are nothing but the supercategory of others."""
        names = set(self._names.values())
        above = {
            str(category.get("supercategory"))
            for category in self._categories
            if category.get("supercategory") != category["name"]
        }
        parents = (names & above) - used
        return parents if parents < names else set()

    def _find_images(self, index: ImageIndex) -> Tuple[List[Entry], List[Bad]]:
        numbers: Dict[str, Any] = {}
        names: List[str] = []
        for place, entry in enumerate(self._images):
            where = f"{self.path}, images[{place}]"
            number = field(entry, "id", _ID, where)
            if _id(number) in numbers:
                raise AnnotationError(f"{where}: the id {number} was given before; make ids differ")
            numbers[_id(number)] = number
            # LVIS has the URL alone.
            url = entry.get("file_name") is None and "coco_url" in entry
            names.append(field(entry, "coco_url" if url else "file_name", str, where))
        paths = index.find_all(names)
        entries = list(zip(numbers.values(), self._images, paths))
        refuse_twice((path, f"image {number}") for number, _, path in entries if path)
        bad = [absent(n, self.path, index.folder) for n, path in zip(names, paths) if not path]
        return entries, bad

    def _by_image(self, entries: List[Entry]) -> Tuple[List[List[Any]], int]:
        """Objects of each image, and how many belong to no image of the file."""
        by_id: Dict[str, List[Any]] = {_id(number): [] for number, _, _ in entries}
        strays: List[Any] = []
        for place, item in enumerate(self._objects):
            image = field(item, "image_id", _ID, f"{self.path}, annotations[{place}]")
            by_id.get(_id(image), strays).append(item)
        return list(by_id.values()), len(strays)

    def _shapes(
        self,
        items: List[Any],
        numbers: Dict[str, Optional[int]],
        size: Size,
        crowd: str,
        stats: ImportStats,
    ) -> Tuple[Shape, ...]:
        """The objects of one image, larger ones first; a background is a hole in larger ones."""
        drawn: List[List[Part]] = []
        for item in items:
            where = f"{self.path}, annotation {item.get('id', '(without id)')}"
            category = field(item, "category_id", _ID, where)
            if _id(category) not in numbers:
                stats.unknown[f"category {category}"] += 1
            number = numbers.get(_id(category))
            if number is None:
                continue
            if crowd == "ignore" and _id(item.get("iscrowd")).lower() in ("1", "true"):
                number = IGNORE
            parts = _parts(item, number, size, where, stats)
            if parts:
                stats.add_object(parts, size)
                drawn.append(parts)
        drawn.sort(key=lambda parts: -sum(part.area for part in parts))
        return tuple(part for parts in drawn for part in parts)


def _id(number: Any) -> str:
    """The same for 1, "1", "0001" and 1.0, which one file may use for one id."""
    text = str(number).strip()
    match = _WHOLE.fullmatch(text)
    return match[1] + match[2] if match else text


def _category_names(categories: List[Any], path: Path) -> Dict[str, str]:
    names: Dict[str, str] = {}
    for place, category in enumerate(categories):
        where = f"{path}, categories[{place}]"
        number = field(category, "id", _ID, where)
        name = field(category, "name", str, where)
        if names.setdefault(_id(number), name) != name:
            raise AnnotationError(
                f"{where}: the id {number} stands for {names[_id(number)]} and for {name}; "
                "give each category an id of its own"
            )
    return names


def _only_boxes(files: Sequence[CocoFile]) -> str:
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
            tree["segmentation"] = [_array(outline, np.float64) for outline in outlines]
    elif "counts" in tree:
        tree["counts"] = _array(tree["counts"], None)
    return tree


def _array(value: Any, dtype: Any) -> Any:
    if not isinstance(value, list):
        return value
    try:
        return np.asarray(value, dtype)
    except (TypeError, ValueError, OverflowError):
        return value  # refused later, with its place


def _size(entry: Dict[str, Any], image: Path, where: str) -> Size:
    if entry.get("height") is None or entry.get("width") is None:
        return image_size(image)
    return size_field(entry, "height", "width", where)


def _parts(
    item: Dict[str, Any], number: int, size: Size, where: str, stats: ImportStats
) -> List[Part]:
    """Polygons or run lengths of an object that have an area."""
    outlines = item.get("segmentation")
    if isinstance(outlines, list):
        outlines = [part for part in outlines if not hasattr(part, "__len__") or len(part)]
    if not outlines:
        stats.kinds[_BOXES] += 1
        return []
    if isinstance(outlines, dict):
        outlines = [outlines]
    if not isinstance(outlines, list):
        raise wrong(where, "polygons or run lengths as segmentation", f"{str(outlines)[:60]}")
    if isinstance(outlines[0], dict):
        runs = [_runs(part, number, size, where) for part in outlines]
        parts: List[Part] = [part for part in runs if part.area]
    else:
        pairs = len(outlines) > 2 and all(np.shape(corner) == (2,) for corner in outlines)
        if pairs or not isinstance(outlines[0], (list, np.ndarray)):
            outlines = [outlines]  # one polygon without the list around it
        corners = [shapes.points(outline, where) for outline in outlines]
        parts = [part for part in (shapes.polygon(number, each) for each in corners) if part]
    stats.without_area += not parts
    return parts


def _runs(tree: Dict[str, Any], number: int, size: Size, where: str) -> Runs:
    made_for = field(tree, "size", list, where)
    if made_for != list(size):
        raise AnnotationError(
            f"{where}: run lengths for {made_for} (height, width), but the image has {list(size)}; "
            "export it again"
        )
    counts = field(tree, "counts", (str, np.ndarray, list), where)
    if isinstance(counts, str):
        counts = unpack_runs(counts, where)
    return Runs(number, size, 0, 0, check_runs(counts, size, where))
