"""From unpacked files to a data set: paired, counted, in the layout of its row, with lists."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

import numpy as np
from PIL import Image

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.mask_files import JPEG
from paddleseg_u2net.data_tools.annotations.sample import Sample, thread_map
from paddleseg_u2net.data_tools.formats import supervisely
from paddleseg_u2net.data_tools.layouts import PreparationError, find_lists, find_part, find_project
from paddleseg_u2net.data_tools.sample_writer import put_file, write_lists, write_picture
from paddleseg_u2net.datasets.mask_encoding import IGNORE
from paddleseg_u2net.datasets.pairing import Pair, read_lines, split_train_val
from paddleseg_u2net.datasets.table import Row, Split
from paddleseg_u2net.io.files import with_slashes
from paddleseg_u2net.io.images import image_size, read_mask
from paddleseg_u2net.text import short_list, short_values

# Supervisely's classes of people, who are drawn in two ways, and of ignored regions.
_PEOPLE = Classes({"person": ("person_poly", "person_bmp")}, ("neutral",))
# 38 is how grey shows the dark red of class 1 in a palette (0.299 of 128); some copies went so.
_FOREGROUND = {1, 38, 255}
# How masks that were changed are said to have been, by the encoding of the data set.
_CHANGED = {
    "binary": "cut in the middle of their values, to 0 and 255, as the field's scores take them",
    "votes": "cut where half of the people marked a pixel, to 0 and 255",
    "index": "given 1 for the foreground instead of another number",
    "instances": "given 1 for all their objects instead of a number for each",
}

Pairs = List[Tuple[str, str]]


class Item(NamedTuple):
    """An image and its mask files; their paths in the data set, that of the mask without suffix."""

    image: Path
    masks: Tuple[Path, ...]
    image_to: str
    mask_to: str


class Placed(NamedTuple):
    """A pair of the data set, and whether its mask was changed."""

    image: str
    mask: str
    changed: bool = False


Outcome = Union[Placed, str]  # or what is wrong with it


@dataclass
class Job:
    """What is to be made."""

    row: Row
    target: Path
    where: str = ""  # what it is made of, for messages
    copy: bool = False  # files must not be hard links, because they are the user's
    incomplete: bool = False  # another number of pairs than published will do
    remarks: List[str] = field(default_factory=list)  # what was changed or left out


def arrange(job: Job, tree: Path, folder: Path) -> Dict[str, int]:
    """Fill ``folder`` with a data set from ``tree``; return the number of pairs of each part."""
    row = job.row
    if row.layout == "supervisely":
        outcomes = _draw_all(job, tree, folder)
        parts = {"all": _accepted(job, tree, outcomes, "all")}
    else:
        find = _in_lists if row.layout == "lists" else _in_folders
        parts = {
            part: _accepted(job, tree, _place_all(job, items, part, folder), part)
            for part, items in find(job, tree)
        }
    if not parts:
        raise PreparationError(f"{job.where}: expected {row.title}, found no part of it")
    if row.pool is not None:
        parts = _split_pool(job, parts["all"])
    write_lists(folder, parts)
    return {part: len(pairs) for part, pairs in parts.items()}


def _published(row: Row) -> Dict[str, Split]:
    return row.splits if row.pool is None else {"all": row.pool}


def _split_pool(job: Job, pairs: Pairs) -> Dict[str, Pairs]:
    share, masks = job.row.val_share, dict(pairs)
    both = split_train_val([Pair(Path(image), Path(), image) for image in masks], share)
    job.remarks.append(f"the authors give no parts: a hash of each name put {share:.0%} into val")
    return {
        part: [(pair.name, masks[pair.name]) for pair in chosen]
        for part, chosen in zip(("train", "val"), both)
    }


def _in_folders(job: Job, tree: Path) -> Iterator[Tuple[str, List[Item]]]:
    splits = _published(job.row)
    for part, split in splits.items():
        try:
            found = find_part(tree, split, job.where, len(splits) == 1)
        except PreparationError:
            if not (job.incomplete and len(splits) > 1):
                raise
            job.remarks.append(f"{part}: not there")
            continue
        if found.alone:
            job.remarks.append(
                f"{part}: {len(found.alone)} files without a partner were left out, such as "
                f"{short_list(file.name for file in found.alone)}"
            )
        items = [
            Item(image, masks, f"{split.images}/{image.name}", f"{split.masks}/{image.stem}")
            for image, masks in found.pairs
        ]
        yield part, items


def _in_lists(job: Job, tree: Path) -> Iterator[Tuple[str, List[Item]]]:
    lists = find_lists(tree, job.row, job.where)
    for part, split in job.row.splits.items():
        if part in lists:
            lines = read_lines(lists[part])
            yield part, [_of_line(text, lists[part], number) for number, text in lines]
        elif job.incomplete:
            job.remarks.append(f"{part}: there is no {split.list_file}")
        else:
            raise PreparationError(
                f"{job.where}: expected {split.list_file} beside "
                f"{next(iter(lists.values())).name}, found none; give a whole copy, or "
                "--allow_incomplete to do without"
            )


def _of_line(text: str, path: Path, number: int) -> Item:
    """A line of a list, whose files must be below the list's folder."""
    words = text.split("\t" if "\t" in text else None)
    places = [PurePosixPath(with_slashes(word.strip(), path.parent)) for word in words]
    if len(places) != 2 or any(place.is_absolute() or ".." in place.parts for place in places):
        raise PreparationError(
            f"{path}, line {number}: expected `image mask`, two paths below {path.parent.name}, "
            f"got {text!r}"
        )
    image, mask = places
    masks = (path.parent / mask,)
    return Item(path.parent / image, masks, str(image), str(mask.with_suffix("")))


def _place_all(job: Job, items: Sequence[Item], part: str, folder: Path) -> List[Outcome]:
    # Two files for one place would replace each other; letters of another case, on some disks.
    for places in ([item.image_to for item in items], [item.mask_to for item in items]):
        twice = [name for name, n in Counter(map(str.casefold, places)).items() if n > 1]
        if twice:
            raise PreparationError(
                f"{job.where}: expected each file once, found {len(twice)} twice, such as "
                f"{twice[0]}; give archives that hold one copy"
            )
    outcomes = thread_map(partial(_place, job, folder), items, part)
    changed = sum(isinstance(item, Placed) and item.changed for item in outcomes)
    if changed:
        job.remarks.append(f"{part}: {changed} masks were {_CHANGED[job.row.mask_encoding]}")
    return outcomes


def _place(job: Job, folder: Path, item: Item) -> Outcome:
    try:
        shape = image_size(item.image)
        path = _best(item.masks, shape)
        mask, changed = recode(path, job.row.mask_encoding)
    except ValueError as error:
        return str(error)
    if mask.shape != shape:
        return f"{path}: is of another size than its image {item.image.name}"
    mask_to = f"{item.mask_to}{'.png' if changed else path.suffix}"
    if changed:
        write_picture(folder / mask_to, Image.fromarray(mask))
    else:
        put_file(path, folder / mask_to, job.copy)
    put_file(item.image, folder / item.image_to, job.copy)
    return Placed(item.image_to, mask_to, changed)


def _best(masks: Sequence[Path], shape: Tuple[int, int]) -> Path:
    """Of several masks of one image the one of its size, of these a PNG (DUTS-TR has such)."""
    fitting = [path for path in masks if len(masks) == 1 or image_size(path) == shape]
    return sorted(fitting or masks, key=lambda path: path.suffix.lower() != ".png")[0]


def recode(path: Path, encoding: str) -> Tuple[np.ndarray, bool]:
    """A mask in the encoding of its data set, uint8 (H, W), and whether it had another."""
    raw = read_mask(path)
    if raw.dtype == np.uint16:
        raw = (raw >> 8).astype(np.uint8)
    values = np.flatnonzero(np.bincount(raw.ravel(), minlength=256)).tolist()
    above = set(values) - {0}
    if encoding in ("binary", "votes"):
        least = 1 if above == {1} else 128
        changed = not above <= {255} or path.suffix.lower() in JPEG
        return np.where(raw >= least, np.uint8(255), np.uint8(0)), changed
    if encoding == "index" and (len(above) > 1 or not above <= _FOREGROUND):
        raise PreparationError(
            f"{path}: expected a mask of 0 and 1, got the values {short_values(values)}"
        )
    return (raw > 0).astype(np.uint8), not above <= {1}


def _draw_all(job: Job, tree: Path, folder: Path) -> List[Outcome]:
    project = supervisely.read(find_project(tree, job.where), _PEOPLE)
    job.remarks += project.remarks
    outcomes = thread_map(partial(_draw, job, folder), project.samples, "masks")
    job.remarks.append(f"masks: 1 is {project.classes[1]}, {IGNORE} is ignored (neutral)")
    return [*outcomes, *(item.why for item in project.bad)]


def _draw(job: Job, folder: Path, sample: Sample) -> Outcome:
    pool = _published(job.row)["all"]
    image = f"{pool.images}/{sample.name}{sample.image.suffix}"
    mask = f"{pool.masks}/{sample.name}.png"
    try:
        array = sample.mask.read(image_size(sample.image))
    except ValueError as error:
        return str(error)
    write_picture(folder / mask, Image.fromarray(array))
    put_file(sample.image, folder / image, job.copy)
    return Placed(image, mask)


def _accepted(job: Job, tree: Path, outcomes: Sequence[Outcome], part: str) -> Pairs:
    published = _published(job.row)[part].pairs
    problems = [item for item in outcomes if isinstance(item, str)]
    pairs = [(item.image, item.mask) for item in outcomes if isinstance(item, Placed)]
    if len(pairs) != published or problems:
        found = f"{part}: expected {published} pairs as published, found {len(pairs)}"
        if problems:
            # An unpacked archive is gone when this is read.
            first = problems[0] if job.copy else problems[0].replace(f"{tree}{os.sep}", "")
            found += f" and {len(problems)} that cannot be used, such as {first}"
        if not (job.incomplete and pairs):
            raise PreparationError(
                f"{job.where}: {found}; get a whole copy, or take what there is with "
                "--allow_incomplete"
            )
        job.remarks.append(found)
    return pairs
