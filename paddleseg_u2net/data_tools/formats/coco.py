"""COCO's format (https://cocodataset.org/#format-data): one JSON file for many images.

Larger objects are drawn first, so that small ones stay visible, since the file has no order.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import AbstractSet, Any, Dict, List, Optional, Sequence, Set, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import Runs, check_runs, unpack_runs
from paddleseg_u2net.data_tools.annotations.classes import ALL_CLASSES, IGNORE, Classes
from paddleseg_u2net.data_tools.annotations.image_index import (
    ImageIndex,
    absent,
    refuse_twice,
    unlabelled,
)
from paddleseg_u2net.data_tools.annotations.objects import ImportStats, Object, Page, Size
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Tree,
    counted,
    field,
    read_json,
    require_keys,
    size_field,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.splits import IMAGES, SPLITS, Source, read_all, split_of
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.images import files_below, find_images, image_size
from paddleseg_u2net.text import short_list

_KEYS = ("images", "annotations", "categories")

_ID = (int, str, float)
_WHOLE = re.compile(r"(-?)0*([0-9]+?)(?:\.0*)?")
_NEEDED = ("id", "image_id", "category_id", "iscrowd", "segmentation")


def read(
    files: Sequence[Tuple[Path, Path]],
    classes: Classes = ALL_CLASSES,
    crowd: str = "object",
    resplit: bool = False,
    within: Optional[Path] = None,
) -> AnnotatedDataset:
    """Read COCO files, each with its folder of images, as parts of one data set.

    Without a choice all categories are classes but those that are only the ``supercategory`` of
    others, as Roboflow writes one. Crowds (``iscrowd``) are objects of their class, or ignored. A
    remark counts the images below ``within`` (else below the folders) that are in no file.
    """
    top = os.path.commonpath([path.absolute().parent for path, _ in files])
    trees = [
        require_keys(read_json(path, _slimmed), _KEYS, path, "a COCO file") for path, _ in files
    ]
    used = set().union(*(_used(tree, path) for tree, (path, _) in zip(trees, files)))
    # Some folders were only guessed.
    indices = {
        folder: ImageIndex(folder, [] if within and not folder.is_dir() else None)
        for folder in {folder for _, folder in files}
    }
    sources = [
        Source(
            path.absolute().relative_to(top).as_posix(),
            folder,
            partial(_collect, tree, path, indices[folder], crowd, used),
            _split_of_files(path.absolute(), folder) if len(files) > 1 else "",
        )
        for tree, (path, folder) in zip(trees, files)
    ]
    found = read_all(sources, classes, resplit)
    if not found.samples:
        names = short_list([path for path, _ in files])
        raise AnnotationError(f"{names}: lists no images; give a COCO file that does")
    images = [path for index in indices.values() for path in index.files]
    found.remarks += [said for index in indices.values() for said in index.remarks()]
    alone = len(files) == 1 and not within
    why = f"not in {files[0][0].name}" if alone else "in none of these files"
    named = [sample.image for sample in found.samples] + [bad.image for bad in found.bad]
    found.remarks += unlabelled(find_images(within) if within else images, named, why)
    return found


def read_folder(
    source: Path, classes: Classes = ALL_CLASSES, crowd: str = "object", resplit: bool = False
) -> AnnotatedDataset:
    """Read the COCO files below a folder; remarks name images and JSON files not read."""
    files = find(source)
    found = read(files, classes, crowd, resplit, source)
    known = {file for file, _ in files}
    others = [path for path in _json_files(source) if path not in known]
    if others:
        names = short_list([path.relative_to(source).as_posix() for path in others])
        found.remarks.append(f"not read, for their names are not those of COCO files: {names}")
    return found


def find(source: Path) -> List[Tuple[Path, Path]]:
    """Find the COCO files below a folder and the folders of their images, which may be missing.

    Files ``_annotations.coco.json`` (Roboflow) have their images beside them. Those of
    ``instances_NAME.json`` (COCO, CVAT) are in ``NAME``, ``images/NAME`` or ``images``. If there
    are none of these, files of any name are taken that have a COCO file's keys.
    """
    found = []
    there = _json_files(source)
    for path in there:
        if fnmatch(path.name, "*_annotations.coco*.json"):
            found.append((path, path.parent))
        elif fnmatch(path.name, "*instances*.json"):
            found.append((path, _images_of(path)))
    if not found:
        for path in there:
            content, folder = path.read_bytes(), _images_of(path)
            if all(f'"{key}"'.encode() in content for key in _KEYS):
                found.append((path, folder if folder.is_dir() else _above(path)))
    if not found:
        names = short_list([path.relative_to(source).as_posix() for path in there])
        expected = "_annotations.coco.json (Roboflow) or instances_NAME.json (COCO, CVAT)"
        repair = "give JSON files with --annotations and the folder of their images with --images"
        raise wrong(source, expected, names or "no JSON file", repair)
    return sorted(found)


def _json_files(source: Path) -> List[Path]:
    return [path for path in files_below(source) if path.suffix.lower() == ".json"]


def _above(path: Path) -> Path:
    """The folder that holds a file, or its folder ``annotations``."""
    return path.parent.parent if path.parent.name.lower() == "annotations" else path.parent


def _images_of(path: Path) -> Path:
    base = _above(path)
    before, _, after = path.stem.partition("instances")
    names = [name.strip("_-. ") for name in (after, before) if name.strip("_-. ")]
    for alike in (str, fold_case, split_of):
        for name in names:
            for top in filter(Path.is_dir, (base, base / IMAGES)):
                folders = [folder for folder in top.iterdir() if folder.is_dir()]
                same = [f for f in folders if alike(name) and alike(f.name) == alike(name)]
                if len(same) == 1:
                    return same[0]
    if (base / IMAGES).is_dir():
        return base / IMAGES
    # There is none: `read` says which images are missing.
    return base / names[0] if names else base / IMAGES


def _split_of_files(file: Path, images: Path) -> str:
    """The split by the file's folder, else its name, else the images' folder; or empty."""
    in_name = {SPLITS.get(word, "") for word in re.findall("[a-z]+", file.stem.lower())} - {""}
    return (
        split_of(file.parent.name)
        or (in_name.pop() if len(in_name) == 1 else "")
        or split_of(images.absolute().name)
    )


def _slimmed(tree: Tree) -> Tree:
    """Annotations without what is not needed, coordinates as small arrays."""
    if "image_id" in tree and "category_id" in tree:
        tree = {key: tree[key] for key in _NEEDED if key in tree}
        outlines = tree.get("segmentation")
        if isinstance(outlines, list):
            tree["segmentation"] = [_array(outline) for outline in outlines]
    elif "counts" in tree:
        tree["counts"] = _array(tree["counts"])
    return tree


def _array(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        return value  # refused later, with its place


def _id(number: Any) -> str:
    """The same for 1, "1", "0001" and 1.0, which one file may use for one id."""
    text = str(number).strip()
    match = _WHOLE.fullmatch(text)
    return match[1] + match[2] if match else text


def _category_names(tree: Tree, path: Path) -> Dict[str, str]:
    names: Dict[str, str] = {}
    for place, category in enumerate(field(tree, "categories", list, path)):
        where = f"{path}, categories[{place}]"
        number = field(category, "id", _ID, where)
        name = field(category, "name", str, where).strip()
        if names.setdefault(_id(number), name) != name:
            got = f"{number} for {names[_id(number)]} and for {name}"
            raise wrong(where, "an id of its own for each category", got)
    return names


def _used(tree: Tree, path: Path) -> Set[str]:
    items = field(tree, "annotations", list, path)
    ids = {_id(item.get("category_id")) for item in items if isinstance(item, dict)}
    return {name for number, name in _category_names(tree, path).items() if number in ids}


def _parents(tree: Tree, names: Set[str], used: AbstractSet[str]) -> Set[str]:
    """Categories that are nothing but the supercategory of others."""
    above = {
        str(category.get("supercategory"))
        for category in tree["categories"]
        if category.get("supercategory") != category["name"]
    }
    parents = (names & above) - used
    return parents if parents < names else set()


def _collect(
    tree: Tree, path: Path, index: ImageIndex, crowd: str, used: AbstractSet[str], classes: Classes
) -> AnnotatedDataset:
    # `used` are the categories of objects in all files.
    titles = _category_names(tree, path)
    parents = _parents(tree, set(titles.values()), used) - classes.asked
    found = [name for name in dict.fromkeys(titles.values()) if name not in parents]
    numbered = classes.numbers(found, path)
    if parents:
        said = f"left out, only the supercategory of others: {', '.join(sorted(parents))}"
        numbered[2].append(said)
    entries: Dict[str, Tree] = {}
    for place, entry in enumerate(field(tree, "images", list, path)):
        where = f"{path}, images[{place}]"
        number = field(entry, "id", _ID, where)
        field(entry, "file_name", str, where)
        if _id(number) in entries:
            raise wrong(where, "an id of its own for each image", number)
        entries[_id(number)] = entry
    objects: Dict[str, List[Any]] = {number: [] for number in entries}
    strays: List[Any] = []
    for place, item in enumerate(tree["annotations"]):
        number = field(item, "image_id", _ID, f"{path}, annotations[{place}]")
        objects.get(_id(number), strays).append(item)
    paths = index.find_all([entry["file_name"] for entry in entries.values()])
    stats = ImportStats()
    pages = []
    for (number, entry), image in zip(entries.items(), paths):
        where = f"{path}, image {number}"
        if image is None:
            stats.bad.append(absent(entry["file_name"], path, index.folder))
        else:
            content = partial(_content, entry, objects[number], image, titles, crowd, where)
            pages.append(Page(image, index.name_of(image), where, content))
    refuse_twice((page.image, page.where) for page in pages)
    read = stats.dataset(pages, set(titles.values()), numbered, larger_first=True)
    if not entries:
        read.remarks.append("lists no images")
    if strays:
        what = counted(len(strays), "object")
        read.remarks.append(f"left out, of images that the file does not list: {what}")
    return read


def _content(
    entry: Tree, items: Sequence[Any], image: Path, titles: Dict[str, str], crowd: str, where: str
) -> Tuple[Size, List[Object]]:
    if entry.get("height") is None or entry.get("width") is None:
        size = image_size(image)
    else:
        size = size_field(entry, "height", "width", where)
    objects = []
    for item in items:
        place = f"{where}, annotation {item.get('id', '(without id)')}"
        category = field(item, "category_id", _ID, place)
        label = titles.get(_id(category), f"category {category}")
        ignored = crowd == "ignore" and _id(item.get("iscrowd")).lower() in ("1", "true")
        outlines = item.get("segmentation")
        if isinstance(outlines, list):
            outlines = [part for part in outlines if not hasattr(part, "__len__") or len(part)]
        make = partial(_parts, outlines, size, ignored, place) if outlines else None
        objects.append(Object(label, "objects with a box only", make))
    return size, objects


def _parts(
    outlines: Any, size: Size, ignored: bool, where: str, number: int
) -> Sequence[Optional[shapes.Shape]]:
    number = IGNORE if ignored else number
    if isinstance(outlines, dict):
        runs = _runs(outlines, number, size, where)
        return [runs] if runs.area else []
    if not isinstance(outlines, list):
        raise wrong(where, "polygons or run lengths as segmentation", f"{str(outlines)[:60]}")
    if not isinstance(outlines[0], (list, np.ndarray)):
        outlines = [outlines]  # one polygon without the list around it
    return [shapes.polygon(number, shapes.points(outline, where)) for outline in outlines]


def _runs(tree: Tree, number: int, size: Size, where: str) -> Runs:
    made_for = field(tree, "size", list, where)
    if made_for != list(size):
        expected = f"run lengths for {list(size)} (height, width) as its image"
        raise wrong(where, expected, made_for, "export it again")
    counts = field(tree, "counts", (str, np.ndarray, list), where)
    if isinstance(counts, str):
        counts = unpack_runs(counts, where)
    return Runs(number, size, 0, 0, check_runs(counts, size, where))
