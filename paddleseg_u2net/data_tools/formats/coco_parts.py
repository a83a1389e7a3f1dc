"""Several COCO files as one collection: the parts of a data set, each with its images.

Roboflow exports ``train/_annotations.coco.json`` with the images beside it, and the same for
``valid`` and ``test``; COCO itself has ``annotations/instances_train2017.json`` for the images of
``train2017``, and CVAT ``annotations/instances_train.json`` for those of ``images/train``.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.formats import coco
from paddleseg_u2net.data_tools.formats.classes import Classes
from paddleseg_u2net.data_tools.formats.image_index import ImageIndex, folded, unlabelled
from paddleseg_u2net.data_tools.formats.pairing import SPLITS
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError
from paddleseg_u2net.data_tools.formats.splits import IMAGES, Source, read_all, split_of
from paddleseg_u2net.io.images import files_below, find_images
from paddleseg_u2net.text import short_list

_BESIDE = "*_annotations.coco*.json"
_INSTANCES = "*instances*.json"
_ANNOTATIONS = "annotations"


def read(
    files: Sequence[Tuple[Path, Path]],
    classes: Optional[Classes] = None,
    crowd: str = "object",
    resplit: bool = False,
    within: Optional[Path] = None,
) -> AnnotatedDataset:
    """Read COCO files as parts of one data set.

    Args:
        files: JSON file and folder of its images, as `find` gives them.
        classes: As for `coco.read`. Without a choice, all files must name the same classes; their
            order in the first file counts. A choice must be in every file.
        crowd: As for `coco.read`.
        resplit: As for `parts.joined`.
        within: A remark counts the images below this folder (else below those of ``files``) that
            are in no file.

    Returns:
        All images. A part's split is what its JSON file's folder says (``train``, ``valid``), else
        its file's name (``instances_val2017.json``), else the folder of its images. Names count
        from the images' folder; `parts.joined` says what happens to equal ones. Remarks begin with
        the files that they are about.

    Raises:
        AnnotationError: as `coco.read`; there are no files, their classes differ, or an image is
            in two parts.
        ImageError, ValueError: as `coco.read`.
    """
    if not files:
        raise AnnotationError("expected at least one COCO file with its images, got none")
    titles = _titles([Path(file) for file, _ in files])
    parsed = [coco.CocoFile(file) for file, _ in files]
    used = set().union(*(file.used for file in parsed))
    indices = {folder: _index(folder, within) for folder in {Path(images) for _, images in files}}

    def source(title: str, file: coco.CocoFile, images: Path) -> Source:
        def collect(chosen: Classes) -> AnnotatedDataset:
            return file.collect(indices[images], chosen, crowd, used)

        return Source(title, images, collect, _split(file.path, images))

    sources = [source(t, file, Path(f[1])) for t, file, f in zip(titles, parsed, files)]
    found = read_all(sources, classes or Classes(), resplit)
    found.empty = coco.only_boxes(parsed)
    images = [path for index in indices.values() for path in index.files]
    images = find_images(within) if within else images
    found.remarks += [said for index in indices.values() for said in index.remarks()]
    found.remarks += unlabelled(images, [*found.samples, *found.bad], "in none of these files")
    return found


def _index(folder: Path, within: Optional[Path]) -> ImageIndex:
    """The images of a folder; none of one that was only looked for."""
    return ImageIndex(folder, [] if within and not folder.is_dir() else None)


def read_folder(
    source: Path,
    classes: Optional[Classes] = None,
    crowd: str = "object",
    resplit: bool = False,
) -> AnnotatedDataset:
    """Read the COCO files below a folder, as `find` and `read`; a single one without its split.

    Remarks name images and JSON files below the folder that were not read.
    """
    files = find(source)
    found = read(files, classes, crowd, resplit, source)
    if len(files) == 1:
        found.samples = [replace(record, split="") for record in found.samples]
    known = {file for file, _ in files}
    others = [path for path in _json_files(source) if path not in known]
    if others:
        names = short_list([path.relative_to(source).as_posix() for path in others])
        found.remarks.append(f"not read, for their names are not those of COCO files: {names}")
    return found


def find(source: Path) -> List[Tuple[Path, Path]]:
    """Find the COCO files below a folder and the folders of their images.

    Files ``_annotations.coco.json`` have their images beside them. Of ``instances_NAME.json``, or
    ``NAME_instances.json``, they are in ``NAME``, ``images/NAME`` or ``images``, beside the file or
    its folder ``annotations``; NAME may be written otherwise (``val`` and ``valid``). If there are
    none of these, files of any NAME count that have a COCO file's keys; their images may be
    anywhere below.

    Returns:
        JSON file and folder of its images, which may be missing, sorted, for `read`.

    Raises:
        AnnotationError: there are no such files.
        ImageError: a folder cannot be listed.
    """
    source = Path(source)
    if not source.is_dir():
        raise AnnotationError(f"{source}: expected a folder with COCO files; check the path")
    found = []
    there = _json_files(source)
    for path in there:
        if fnmatch(path.name, _BESIDE):
            found.append((path, path.parent))
        elif fnmatch(path.name, _INSTANCES):
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
    return all(f'"{key}"'.encode() in content for key in coco.KEYS)


def _json_files(source: Path) -> List[Path]:
    return [path for path in files_below(source) if path.suffix.lower() == ".json"]


def _above(path: Path) -> Path:
    """The folder that holds a file, or its folder ``annotations``."""
    return path.parent.parent if path.parent.name.lower() == _ANNOTATIONS else path.parent


def _images_of(path: Path) -> Path:
    base = _above(path)
    before, _, after = path.stem.partition("instances")
    names = [name.strip("_-. ") for name in (after, before) if name.strip("_-. ")]
    tops = (base, base / IMAGES)
    for alike in (str, folded, split_of):
        for name in names:
            for top in filter(Path.is_dir, tops):
                same = [f for f in _folders(top) if alike(name) and alike(f.name) == alike(name)]
                if len(same) == 1:
                    return same[0]
    if (base / IMAGES).is_dir():
        return base / IMAGES
    # There is none: `read` says which images are missing.
    return base / names[0] if names else base / IMAGES


def _folders(top: Path) -> List[Path]:
    return sorted(path for path in top.iterdir() if path.is_dir())


def _split(file: Path, images: Path) -> str:
    in_name = {SPLITS.get(word, "") for word in re.findall("[a-z]+", file.stem.lower())}
    in_name.discard("")
    return (
        split_of(file.absolute().parent.name)
        or (in_name.pop() if len(in_name) == 1 else "")
        or split_of(images.absolute().name)
    )


def _titles(paths: Sequence[Path]) -> List[str]:
    """The files' paths, from the folder on that holds all of them."""
    top = os.path.commonpath([path.absolute().parent for path in paths])
    return [path.absolute().relative_to(top).as_posix() for path in paths]
