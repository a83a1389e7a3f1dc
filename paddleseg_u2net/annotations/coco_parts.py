"""Several COCO files as one collection: the parts of a data set, each with its images.

Roboflow exports ``train/_annotations.coco.json`` with the images beside it, and the same for
``valid`` and ``test``; COCO itself has ``annotations/instances_train2017.json`` for the images of
``train2017``, and CVAT ``annotations/instances_train.json`` for those of ``images/train``.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from paddleseg_u2net.annotations import coco
from paddleseg_u2net.annotations.classes import Classes
from paddleseg_u2net.annotations.pairing import SPLITS
from paddleseg_u2net.annotations.parts import IMAGES, Part, joined, split_of
from paddleseg_u2net.annotations.record import AnnotationError, Collection, Record
from paddleseg_u2net.images import files_below

_BESIDE = "_annotations.coco*.json"
_INSTANCES = "instances_*.json"
_ANNOTATIONS = "annotations"


def read(
    files: Sequence[Tuple[Path, Path]],
    classes: Optional[Classes] = None,
    crowd: str = "object",
) -> Collection:
    """Read COCO files as parts of one data set.

    Args:
        files: JSON file and folder of its images, as `find` gives them.
        classes: As for `coco.read`. Without a choice, all files must name the same classes; their
            order in the first file counts. A choice must be in every file.
        crowd: As for `coco.read`.

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
    files = [(Path(file), Path(images)) for file, images in files]
    if not files:
        raise AnnotationError("expected at least one COCO file with its images, got none")
    titles = _titles([file for file, _ in files])
    names: Tuple[str, ...] = ()
    parts = []
    remarks: Dict[str, List[str]] = {}
    for title, (file, images) in zip(titles, files):
        found = coco.read(file, images, classes, crowd)
        if names and found.classes != names:
            _require_same(files[0][0], names, file, found.classes)
            # The same in another order.
            chosen = Classes({name: (name,) for name in names[1:]}, (classes or Classes()).ignored)
            found = coco.read(file, images, chosen, crowd)
        names = found.classes
        split = _split(file, images)
        records = [
            Record(record.image, record.name, record.mask, split) for record in found.records
        ]
        parts.append(Part(title, images, records))
        for remark in found.remarks:
            remarks.setdefault(remark, []).append(title)
    merged = [f"{', '.join(about)}: {remark}" for remark, about in remarks.items()]
    all_records, said = joined(parts)
    return Collection(names, all_records, remarks=merged + said)


def find(source: Path) -> List[Tuple[Path, Path]]:
    """Find the COCO files below a folder and the folders of their images.

    Files ``_annotations.coco.json`` have their images beside them. Of ``instances_NAME.json`` they
    are in ``NAME``, ``images/NAME`` or ``images``, beside the file or its folder ``annotations``.

    Returns:
        JSON file and folder of its images, sorted, for `read`.

    Raises:
        AnnotationError: there are no such files, or a folder of images is missing.
        ImageError: a folder cannot be listed.
    """
    source = Path(source)
    if not source.is_dir():
        raise AnnotationError(f"{source}: expected a folder with COCO files; check the path")
    found = []
    for path in files_below(source):
        if fnmatch(path.name, _BESIDE):
            found.append((path, path.parent))
        elif fnmatch(path.name, _INSTANCES):
            found.append((path, _images_of(path)))
    if not found:
        raise AnnotationError(
            f"{source}: expected _annotations.coco.json (Roboflow) or instances_NAME.json (COCO, "
            "CVAT) in it or below, found neither; give the JSON file and the folder of its images "
            "themselves"
        )
    return sorted(found)


def _images_of(path: Path) -> Path:
    base = path.parent.parent if path.parent.name.lower() == _ANNOTATIONS else path.parent
    name = path.stem.split("_", 1)[1]
    for folder in (base / name, base / IMAGES / name, base / IMAGES):
        if folder.is_dir():
            return folder
    raise AnnotationError(
        f"{path}: expected its images in {base / name}, {base / IMAGES / name} or {base / IMAGES}, "
        "found none of these folders; put the images there, or move the file away if this part is "
        "not wanted"
    )


def _split(file: Path, images: Path) -> str:
    in_name = {SPLITS.get(word, "") for word in re.findall("[a-z]+", file.stem.lower())}
    in_name.discard("")
    return (
        split_of(file.absolute().parent.name)
        or (in_name.pop() if len(in_name) == 1 else "")
        or split_of(images.absolute().name)
    )


def _require_same(first: Path, names: Sequence[str], other: Path, others: Sequence[str]) -> None:
    if sorted(names) != sorted(others):
        raise AnnotationError(
            f"{other}: its classes are {', '.join(others[1:])}, but those of {first} are "
            f"{', '.join(names[1:])}; choose some that all files have with --classes, or make the "
            "lists of categories the same"
        )


def _titles(paths: Sequence[Path]) -> List[str]:
    """The files' paths, from the folder on that holds all of them."""
    top = os.path.commonpath([path.absolute().parent for path in paths])
    return [path.absolute().relative_to(top).as_posix() for path in paths]
