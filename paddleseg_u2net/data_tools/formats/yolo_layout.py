"""Where a YOLO data set has its images, and what its classes are called."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, List, NamedTuple, Optional, Sequence, Set, Tuple

import yaml

from paddleseg_u2net.data_tools.annotations.image_index import absent, refuse_absent, unlabelled
from paddleseg_u2net.data_tools.annotations.sample import Bad, read_lines, wrong
from paddleseg_u2net.data_tools.annotations.splits import IMAGES, SPLITS, split_of
from paddleseg_u2net.io.images import files_below, find_images
from paddleseg_u2net.io.yaml_text import YamlError, read_yaml_file
from paddleseg_u2net.text import short_list

NAMES_FILE = "classes.txt"

_DESCRIPTIONS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_NOTHING = ("", "null", "~")


class Place(NamedTuple):
    """Images of one part."""

    title: str  # what the source calls it, or its folder
    split: str
    folder: Path  # from here the images' names count
    images: List[Path]
    whole: bool = True  # these are all images of the folder


@dataclass
class Layout:
    """A YOLO data set."""

    source: Path  # data.yaml, or the folder
    names: Optional[Tuple[str, ...]]  # None: the source does not say
    places: List[Place]
    remarks: List[str] = field(default_factory=list)
    bad: List[Bad] = field(default_factory=list)  # images in lists that do not exist


def find_layout(source: Path) -> Layout:
    """Look at a folder, or at its ``data.yaml``."""
    if source.is_file():
        return _described(source)
    if not source.is_dir():
        raise wrong(source, "a folder or its data.yaml", "nothing", "check the path")
    files = _yaml_files(source)
    known = [path for path in files if path.name in _DESCRIPTIONS] or files
    if len(known) > 1:
        raise wrong(source, "one data.yaml", short_list(known), "give the file itself")
    return _described(known[0]) if known else _undescribed(source)


def exports_below(source: Path) -> List[Path]:
    """Find the files ``data.yaml`` below a folder that is no YOLO data set itself, else none."""
    if not source.is_dir() or _yaml_files(source) or _image_folders(source):
        return []
    return [path for path in files_below(source) if path.name in _DESCRIPTIONS]


def _yaml_files(folder: Path) -> List[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml"))


def _undescribed(source: Path) -> Layout:
    """The folders images and labels, or such in train, val and test."""
    places = []
    for folder in _image_folders(source):
        title = folder.relative_to(source).as_posix()
        split = next(filter(None, map(split_of, title.split("/"))), "")
        places.append(Place(title, split, folder, find_images(folder)))
    if not any(place.images for place in places):
        expected = "data.yaml, or the folders images and labels (or these in train, valid and test)"
        raise wrong(source, expected, "no images there", "give the folder that holds them")
    folders = (source, *(place.folder.parent / "labels" for place in places))
    for file in (folder / NAMES_FILE for folder in folders):
        if file.is_file():
            names = "\n".join(read_lines(file)).rstrip().split("\n")
            return Layout(source, _checked_names(names, file), places)
    return Layout(source, None, places)


def _image_folders(source: Path) -> List[Path]:
    """``images`` or, if these are all of its folders, its train, val and test; ``NAME/images``."""
    folders = (path for path in source.iterdir() if path.is_dir())
    children = sorted(path for path in folders if not path.name.startswith("."))
    tops = [path for path in children if path.name.lower() == IMAGES]
    inner = (sub for path in children if path not in tops for sub in path.iterdir())
    found = [path for path in inner if path.name.lower() == IMAGES and path.is_dir()]
    for top in tops:
        below = {path.relative_to(top).parts[0] for path in find_images(top)}
        found += [top / name for name in below] if all(map(split_of, below)) else [top]
    return sorted(found)


def _described(path: Path) -> Layout:
    try:
        # All values are texts, for `no` and `1` may be names of classes.
        tree = read_yaml_file(path, yaml.BaseLoader)
    except YamlError as error:
        raise wrong(path, "YAML", error) from error
    if not isinstance(tree, dict):
        raise wrong(path, "names, train and val as in YOLO's data.yaml", repr(tree)[:60])
    names = tree.get("names")
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if "kpt_shape" in tree or not isinstance(names, list) or not names:
        found = "keypoints (kpt_shape)" if "kpt_shape" in tree else names
        raise wrong(path, "names of classes under `names`, for polygons", found)
    layout = Layout(path, _checked_names(names, path), [])
    root = tree.get("path", "")
    root = path.parent / root if isinstance(root, str) and root not in _NOTHING else path.parent
    # Entries count from `path`, or from the file itself.
    roots = list(dict.fromkeys([root, path.parent])) if root.is_dir() else [path.parent]
    for key in tree:
        if key.lower() in SPLITS:
            _add_part(layout, key, tree[key], roots)
    layout.places.sort(key=lambda place: list(SPLITS).index(place.title.lower()))
    refuse_absent(layout.places, layout.bad)
    if not layout.places:
        expected = "folders or lists of images under train, val or test"
        repair = "correct them, they count from `path` or from this file's folder"
        raise wrong(path, expected, "; ".join(["none", *layout.remarks]), repair)
    used = [image for place in layout.places for image in place.images]
    if any(path.parent.resolve() in image.resolve().parents for image in used):
        beside = [image for folder in _image_folders(path.parent) for image in find_images(folder)]
        layout.remarks += unlabelled(beside, used, f"not named in {path.name}")
    return layout


def _checked_names(names: Sequence[Any], path: Path) -> Tuple[str, ...]:
    bad = [n for n, name in enumerate(names) if not isinstance(name, str) or not name.strip()]
    if bad:
        raise wrong(path, "a name for each class from 0 on", f"{names[bad[0]]!r} for {bad[0]}")
    return tuple(name.strip() for name in names)


def _add_part(layout: Layout, key: str, value: Any, roots: List[Path]) -> None:
    entries = value if isinstance(value, list) else [value]
    entries = [entry for entry in entries if entry not in _NOTHING]
    unknown = [entry for entry in entries if not isinstance(entry, str)]
    if unknown:
        raise wrong(layout.source, f"a path or a list of paths under {key}", repr(unknown[0])[:60])
    found = {entry: _find(entry, roots) for entry in entries}
    missing = [entry for entry, path in found.items() if path is None]
    if missing and len(missing) == len(found):
        # Roboflow names parts that were not exported.
        layout.remarks.append(f"{key} is left out: {short_list(missing)} is not there")
        return
    if missing:
        got = f"{short_list(missing)}, which is not there"
        raise wrong(layout.source, f"folders or lists under {key}", got, "correct or remove it")
    seen: Set[Path] = set()
    for path in filter(None, found.values()):
        folder, named = _images_of(key, path, roots, layout)
        images = [image for image in dict.fromkeys(named) if image not in seen]
        seen.update(images)
        if images:
            place = Place(key, SPLITS[key.lower()], folder, images, whole=path.is_dir())
            layout.places.append(place)
        else:
            layout.remarks.append(f"{path}, named under {key}, holds no images of its own")


def _find(entry: str, roots: List[Path]) -> Optional[Path]:
    """The folder or list that an entry means: as it is, or by the end of its path.

    Roboflow writes ``../train/images`` for ``train/images``, others folders of their computer.
    """
    entry = entry.replace("\\", "/")
    as_it_is = [root / entry for root in roots]
    parts = [part for part in PurePosixPath(entry).parts if part not in ("..", "/")]
    tails = [root.joinpath(*parts[at:]) for at in range(len(parts)) for root in roots]
    if entry.startswith("../"):
        # Beside a Roboflow export there may be another one.
        places = [*tails[: len(roots)], *as_it_is, *tails]
    else:
        places = [*as_it_is, *tails]
    return next((p for p in places if os.path.exists(p)), None)  # noqa: PTH110 - long names


def _images_of(key: str, path: Path, roots: List[Path], layout: Layout) -> Tuple[Path, List[Path]]:
    """The images in a folder or a list, and the folder from which their names count."""
    if path.is_dir():
        return path, find_images(path)
    if path.suffix.lower() != ".txt":
        raise wrong(path, f"a folder of images or a .txt file that lists them, for {key}", "a file")
    images = []
    for line in filter(None, read_lines(path)):
        image = _find(line, list(dict.fromkeys([path.parent, *roots])))
        if image is None:
            layout.bad.append(absent(line, path, roots[0]))
        else:
            images.append(Path(os.path.normpath(image.absolute())))
    folder = Path(os.path.commonpath([im.parent for im in images])) if images else path.parent
    return folder, images
