"""CVAT's exports "Segmentation mask 1.1", VOC's layout with colours, and "CVAT for images 1.1".

The latter is XML with shapes: https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, List, Optional, Set, Tuple
from xml.etree.ElementTree import Element, ParseError, parse

import numpy as np

from paddleseg_u2net.data_tools.annotations import shapes
from paddleseg_u2net.data_tools.annotations.bitmaps import Runs, check_runs
from paddleseg_u2net.data_tools.annotations.classes import ALL_CLASSES, Classes
from paddleseg_u2net.data_tools.annotations.image_index import (
    Fits,
    ImageIndex,
    absent,
    refuse_twice,
    unlabelled,
)
from paddleseg_u2net.data_tools.annotations.objects import ImportStats, Object, Page, Size
from paddleseg_u2net.data_tools.annotations.sample import AnnotatedDataset, AnnotationError, wrong
from paddleseg_u2net.data_tools.annotations.shapes import Ellipse, Shape
from paddleseg_u2net.data_tools.annotations.splits import IMAGES, SPLITS, Source, read_all, split_of
from paddleseg_u2net.data_tools.formats import voc
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io import files
from paddleseg_u2net.io.images import files_below
from paddleseg_u2net.text import short_list

# A rotated ellipse becomes a polygon of this many corners: off by 1/2000 of its radius.
_CORNERS = 128
_AREAS = ("polygon", "box", "ellipse", "mask")
# Labels of these kinds are no areas.
_NO_AREAS = ("tag", "points", "polyline", "skeleton", "cuboid")


def read(
    root: Path, classes: Classes = ALL_CLASSES, images: Optional[Path] = None, resplit: bool = False
) -> AnnotatedDataset:
    """Read an unpacked export, several of one format below a folder, or an annotations.xml.

    Splits are the exports' subsets. ``images`` are given if they were not saved with the export.
    """
    xml_files = [root] if root.is_file() else _xml_files(root)
    places = [] if root.is_file() else voc.layouts(root)
    if xml_files and not places:
        return _read_files(xml_files, classes, images, resplit)
    labelled = [voc.nearest(voc.COLOUR_LIST, place, root) is not None for place in places]
    if xml_files or not places or not all(labelled):
        expected = "annotations.xml (CVAT for images 1.1) or SegmentationClass with labelmap.txt"
        got = "both" if xml_files else "neither"
        repair = "unpack the export and give its folder"
        raise wrong(root, f"{expected} (Segmentation mask 1.1)", got, repair)
    return voc.read(root, classes, resplit, images, strict=False)


def _xml_files(root: Path) -> List[Path]:
    found = [path for path in files_below(root) if path.suffix.lower() == ".xml" and path.is_file()]
    return [p for p in found if p.name == "annotations.xml" or b"<annotations>" in _beginning(p)]


def _beginning(path: Path) -> bytes:
    with files.open_file(path) as stream:
        return stream.read(4096)


def _read_files(
    paths: List[Path], classes: Classes, images: Optional[Path], resplit: bool
) -> AnnotatedDataset:
    folders = {}
    for path in paths:
        inner = path.parent / IMAGES
        folders[path] = Path(images or (inner if inner.is_dir() else path.parent))
    indices = {folder: ImageIndex(folder) for folder in folders.values()}
    top = os.path.commonpath([path.parent for path in paths])
    several = len(paths) > 1
    sources = [
        Source(
            os.path.relpath(path, top),
            folder,
            partial(_read_xml, path, indices[folder], several),
            (split_of(path.stem) or split_of(path.parent.name)) if several else "",
        )
        for path, folder in folders.items()
    ]
    found = read_all(sources, classes, resplit)
    below = [path for index in indices.values() for path in index.files]
    what = "any of the XML files" if several else paths[0].name
    found.remarks += [said for index in indices.values() for said in index.remarks()]
    found.remarks += unlabelled(below, [one.image for one in found.samples], f"not in {what}")
    return found


def _parse(path: Path) -> Element:
    if b"<!doctype" in _beginning(path).lower().replace(b"\0", b""):  # UTF-16 too
        raise wrong(path, "plain XML", "a document type (DOCTYPE), which is unsafe", "remove it")
    try:
        with files.open_file(path) as stream:
            root = parse(stream).getroot()
    except ParseError as error:
        raise wrong(path, "whole XML", error, "export it again") from error
    if root.tag != "annotations" or root.find("image") is None or root.find("track") is not None:
        found = f"<{root.tag}> of {short_list(dict.fromkeys(item.tag for item in root))}"
        expected = "<annotations> with images, as CVAT for images 1.1 has them"
        raise wrong(path, expected, found, "export it so")
    return root


def _read_xml(
    path: Path, index: ImageIndex, one_of_several: bool, classes: Classes
) -> AnnotatedDataset:
    root = _parse(path)
    entries = root.findall("image")
    # Parts of skeletons are labels with a parent, which are no labels of their own.
    labels = [label for label in root.iter("label") if label.find("parent") is None]
    named = [label for label in labels if (label.findtext("type") or "") not in _NO_AREAS]
    drawn = [item for entry in entries for item in entry if item.tag in _AREAS]
    found = [label.findtext("name") for label in named] + [item.get("label") for item in drawn]
    numbered = classes.numbers([name for name in found if name], path)
    of_task = {(element.text or "").strip() for element in root.iter("subset")}
    if one_of_several and len(of_task) == 1:  # alone, it is to be divided
        for entry in entries:
            entry.set("subset", entry.get("subset") or min(of_task))
    subsets = {entry.get("subset", "") for entry in entries}
    titles = [_title(entry, path) for entry in entries]
    fits = [_of_its_subset(entry.get("subset", ""), index, subsets) for entry in entries]
    stats = ImportStats()
    pages = []
    for entry, title, file in zip(entries, titles, index.find_all(titles, fits)):
        if file is None:
            stats.bad.append(absent(title, path, index.folder))
            continue
        where = f"{path}, image {title}"
        split = SPLITS.get(entry.get("subset", "").lower(), "")
        content = partial(_content, entry, where)
        pages.append(Page(file, index.name_of(file), where, content, split))
    refuse_twice((page.image, page.where) for page in pages)
    return stats.dataset(pages, {name.strip() for name in found if name}, numbered)


def _title(entry: Element, path: Path) -> str:
    """An image's path in a project's export."""
    subset = entry.get("subset")
    name = _text(entry, "name", f"{path}, image {entry.get('id', '?')}")
    return f"{subset}/{name}" if subset else name


def _of_its_subset(subset: str, index: ImageIndex, subsets: Set[str]) -> Fits:
    """Whether a file is in no folder of another subset, where there are images of equal names."""
    own = fold_case(subset)
    others = {fold_case(name) for name in subsets} - {own}
    if split_of(own):
        others |= {name for name in SPLITS if split_of(name) != split_of(own)}

    def of_this_subset(path: Path) -> bool:
        above = {fold_case(name) for name in path.relative_to(index.folder).parts[:-1]}
        return own in above or not above & others

    return of_this_subset


def _content(entry: Element, where: str) -> Tuple[Size, List[Object]]:
    """The size of an image, and its shapes, the lowest layer first, each in the file's order."""
    width, height = (int(_number(entry, key, where, lowest=1)) for key in ("width", "height"))
    kinds: Counter[str] = Counter()
    found = []
    for item in entry:
        kinds[item.tag] += 1
        place = f"{where}, {item.tag} {kinds[item.tag]}"
        layer = int(_number(item, "z_order", place, default=0))
        area = item.tag in _AREAS
        make = partial(_parts, item, place, (height, width)) if area else None
        label = _text(item, "label", place) if area else ""
        found.append((layer, Object(label, item.tag, make)))
    found.sort(key=lambda pair: pair[0])
    return (height, width), [item for _, item in found]


def _parts(item: Element, where: str, size: Size, number: int) -> List[Optional[Shape]]:
    if item.tag == "mask":
        return [_mask(number, item, where, size)]
    if item.tag == "ellipse":
        return [_ellipse(number, item, where)]
    if item.tag == "polygon":
        pairs = _text(item, "points", where).split(";")
        corners = shapes.points([pair.split(",") for pair in pairs if pair.strip()], where)
    else:
        keys = ("xtl", "ytl", "xbr", "ybr")
        left, top, right, bottom = (_number(item, key, where) for key in keys)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        corners = _rotated(corners, item, where)
    return [shapes.polygon(number, corners)]


def _ellipse(number: int, item: Element, where: str) -> Optional[Shape]:
    x, y = _number(item, "cx", where), _number(item, "cy", where)
    across, down = (_number(item, key, where, lowest=0) for key in ("rx", "ry"))
    if across == 0 or down == 0:
        return None
    if _number(item, "rotation", where, default=0) == 0:
        return Ellipse(number, (x, y), (across, down))
    angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
    rim = np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1)
    return shapes.polygon(number, _rotated(rim, item, where))


def _rotated(corners: np.ndarray, item: Element, where: str) -> np.ndarray:
    """Corners rotated about their middle, clockwise as seen, by the degrees of ``rotation``."""
    angle = math.radians(_number(item, "rotation", where, default=0))
    if angle == 0:
        return corners
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return (corners - middle) @ turn + middle


def _mask(number: int, item: Element, where: str, size: Size) -> Optional[Shape]:
    left, top = (int(_number(item, key, where)) for key in ("left", "top"))
    width, height = (int(_number(item, key, where, lowest=1)) for key in ("width", "height"))
    if height > size[0] or width > size[1]:  # it could fill the memory
        expected = f"a mask within its image of {size[1]} x {size[0]}"
        raise wrong(where, expected, f"{width} x {height}", "export it again")
    text = _text(item, "rle", where)
    try:
        counts: Any = [int(part) for part in text.split(",")]
    except ValueError:
        counts = text
    runs = check_runs(counts, (height, width), where)
    shape = Runs(number, (height, width), top, left, runs, by_rows=True)
    return shape if shape.area else None


def _text(item: Element, key: str, where: str) -> str:
    text = item.get(key)
    if not text:
        raise AnnotationError(f"{where}: expected the attribute {key}; export it again")
    return text


def _number(
    item: Element, key: str, where: str, default: Optional[float] = None, lowest: float = -math.inf
) -> float:
    text = item.get(key)
    if text is None and default is not None:
        return default
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and lowest <= number and abs(number) < 1e9):
        raise wrong(where, f"a number as {key}", f"{text!r}")
    return number
