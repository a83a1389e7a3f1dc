"""Where data sets in COCO's format have their JSON files and images.

Roboflow exports ``train/_annotations.coco.json`` with the images beside it, and the same for
``valid`` and ``test``; COCO itself has ``annotations/instances_train2017.json`` for the images of
``train2017``, and CVAT ``annotations/instances_train.json`` for those of ``images/train``.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import List, Tuple

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.annotations.splits import IMAGES, SPLITS, split_of
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.images import files_below
from paddleseg_u2net.text import short_list

KEYS = ("images", "annotations", "categories")


def find(source: Path) -> List[Tuple[Path, Path]]:
    """Find the COCO files below a folder and the folders of their images.

    Files ``_annotations.coco.json`` have their images beside them. Of ``instances_NAME.json``, or
    ``NAME_instances.json``, they are in ``NAME``, ``images/NAME`` or ``images``, beside the file or
    its folder ``annotations``; NAME may be written otherwise (``val`` and ``valid``). If there are
    none of these, files of any name are taken that have a COCO file's keys; their images may be
    anywhere below.

    Returns:
        JSON file and folder of its images, which may be missing, sorted, for `coco.read`.

    Raises:
        AnnotationError: there are no such files.
        ImageError: a folder cannot be listed.
    """
    source = Path(source)
    if not source.is_dir():
        raise AnnotationError(f"{source}: expected a folder with COCO files; check the path")
    found = []
    there = json_files(source)
    for path in there:
        if fnmatch(path.name, "*_annotations.coco*.json"):
            found.append((path, path.parent))
        elif fnmatch(path.name, "*instances*.json"):
            found.append((path, _images_of(path)))
    if not found:
        for path in filter(_has_keys, there):
            folder = _images_of(path)
            found.append((path, folder if folder.is_dir() else _above(path)))
    if not found:
        names = short_list([path.relative_to(source).as_posix() for path in there])
        raise AnnotationError(
            f"{source}: expected _annotations.coco.json (Roboflow) or instances_NAME.json (COCO, "
            f"CVAT) in it or below, found {names or 'no JSON file'}; give the JSON files with "
            "--annotations and the folder of their images with --images"
        )
    return sorted(found)


def _has_keys(path: Path) -> bool:
    content = path.read_bytes()
    return all(f'"{key}"'.encode() in content for key in KEYS)


def json_files(source: Path) -> List[Path]:
    """List the JSON files below a folder."""
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


def split_of_files(file: Path, images: Path) -> str:
    """The split by the file's folder, else its name, else the images' folder; or empty."""
    in_name = {SPLITS.get(word, "") for word in re.findall("[a-z]+", file.stem.lower())} - {""}
    return (
        split_of(file.parent.name)
        or (in_name.pop() if len(in_name) == 1 else "")
        or split_of(images.absolute().name)
    )
