"""From unpacked files to a data set: paired, counted, in the layout of its row, with lists."""

from __future__ import annotations

import io
import os
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.sample import Sample
from paddleseg_u2net.data_tools.error import PreparationError
from paddleseg_u2net.data_tools.layouts import find_lists, find_part, find_project
from paddleseg_u2net.data_tools.lists import write_list
from paddleseg_u2net.data_tools.mask_encoding import REMARKS, convert
from paddleseg_u2net.datasets.mask_encoding import IGNORE
from paddleseg_u2net.datasets.pairing import Pair, read_lines, split_train_val
from paddleseg_u2net.datasets.table import Row, Split
from paddleseg_u2net.io.files import with_slashes
from paddleseg_u2net.io.images import image_size
from paddleseg_u2net.progress import tracked

_SHOWN = 3
# Supervisely's classes of people, who are drawn in two ways, and of regions that count nowhere.
_PEOPLE = Classes({"person": ("person_poly", "person_bmp")}, ("neutral",))


class Item(NamedTuple):
    """A pair to be put in place; paths in the data set, that of the mask without a suffix."""

    image: Path
    masks: Tuple[Path, ...]
    image_to: str
    mask_to: str


class Outcome(NamedTuple):
    """What became of an item: its line of the list, or what is wrong with it."""

    image: str
    mask: str
    change: str = ""
    problem: str = ""


@dataclass
class Job:
    """One arrangement.

    Attributes:
        row: Which data set it is.
        tree: What was unpacked; only read.
        target: An empty folder for the data set, on the same device if files may be linked.
        where: What the tree came from, for messages.
        copy: Whether files must not be hard links, because they are the user's.
        incomplete: Whether another number of pairs than published will do.
        remarks: What was changed or left out, a sentence each.
    """

    row: Row
    tree: Path
    target: Path
    where: str
    copy: bool = False
    incomplete: bool = False
    remarks: List[str] = field(default_factory=list)


def arrange(job: Job) -> Dict[str, int]:
    """Fill ``job.target``; pairs by part. ``job.remarks`` tells what was changed or left out.

    Raises:
        PreparationError: parts are missing, or have another number of pairs than published.
        AnnotationError, ImageError: a file cannot be read.
    """
    if job.row.pool is not None:
        parts = _pooled(job)
    elif job.row.layout == "lists":
        parts = _listed(job)
    else:
        parts = _in_folders(job)
    for part, pairs in parts.items():
        write_list(job.target / job.row.splits[part].list_file, pairs)
    return {part: len(pairs) for part, pairs in parts.items()}


Pairs = List[Tuple[str, str]]


def _in_folders(job: Job) -> Dict[str, Pairs]:
    result = {}
    for part, split in job.row.splits.items():
        others = [other for name, other in job.row.splits.items() if name != part]
        try:
            items = _items(job, split, others, part)
        except PreparationError:
            if not (job.incomplete and others):
                raise
            job.remarks.append(f"{part}: not there")
            continue
        result[part] = _placed(job, items, part, split.pairs)
    if not result:
        raise PreparationError(f"{job.where}: expected {job.row.title}, found no part of it")
    return result


def _items(job: Job, split: Split, others: Sequence[Split], part: str) -> List[Item]:
    found = find_part(job.tree, split, others, job.where)
    if found.alone:
        job.remarks.append(
            f"{part}: {len(found.alone)} files without a partner were left out, such as "
            f"{', '.join(file.name for file in found.alone[:_SHOWN])}"
        )
    return [
        Item(
            pair.image,
            pair.masks,
            f"{split.images}/{pair.image.name}",
            f"{split.masks}/{pair.image.stem}",
        )
        for pair in found.found
    ]


def _listed(job: Job) -> Dict[str, Pairs]:
    result = {}
    lists = find_lists(job.tree, job.row, job.where)
    for part, split in job.row.splits.items():
        if part in lists:
            items = [
                _of_line(text, lists[part], number) for number, text in read_lines(lists[part])
            ]
            result[part] = _placed(job, items, part, split.pairs)
        elif job.incomplete:
            job.remarks.append(f"{part}: there is no {split.list_file}")
        else:
            raise PreparationError(
                f"{job.where}: expected {split.list_file} beside "
                f"{next(iter(lists.values())).name}, found none; give a whole copy, or "
                "--allow_incomplete to do without"
            )
    return result


def _of_line(text: str, path: Path, number: int) -> Item:
    """A line of a list, whose files must lie below the list's folder."""
    words = [word.strip() for word in text.split("\t" if "\t" in text else None)]
    words = [with_slashes(word, path.parent) for word in words]
    places = [PurePosixPath(word) for word in words]
    if len(words) != 2 or any(place.is_absolute() or ".." in place.parts for place in places):
        raise PreparationError(
            f"{path}, line {number}: expected `image mask`, two paths below {path.parent.name}, "
            f"got {text!r}"
        )
    image, mask = (path.parent / place for place in places)
    return Item(image, (mask,), str(places[0]), str(places[1].with_suffix("")))


def _pooled(job: Job) -> Dict[str, Pairs]:
    """All pairs in one, then parts by a hash of names."""
    row, pool = job.row, job.row.pool
    assert pool is not None
    if row.layout == "supervisely":
        pairs = _of_supervisely(job, pool)
    else:
        pairs = _placed(job, _items(job, pool, (), "all"), "all", pool.pairs)
    masks = dict(pairs)
    train, val = split_train_val(
        [Pair(Path(image), Path(), image) for image in masks], row.val_share
    )
    job.remarks.append(
        f"the authors give no parts: a hash of each name put {row.val_share:.0%} into val"
    )
    return {
        part: [(pair.name, masks[pair.name]) for pair in chosen]
        for part, chosen in (("train", train), ("val", val))
    }


def _of_supervisely(job: Job, pool: Split) -> Pairs:
    from paddleseg_u2net.data_tools.formats import supervisely

    collection = supervisely.read(find_project(job.tree, job.where), _PEOPLE)
    job.remarks += collection.remarks
    draw = partial(_drawn, job, pool)
    outcomes = _each(draw, collection.samples, "masks")
    outcomes += [Outcome(str(item.image), "", problem=item.why) for item in collection.bad]
    job.remarks.append(f"masks: 1 is {collection.classes[1]}, {IGNORE} counts nowhere (neutral)")
    return _accepted(job, outcomes, "all", pool.pairs)


def _drawn(job: Job, pool: Split, record: Sample) -> Outcome:
    """Draw the mask of one annotated image, and put both in place."""
    image = f"{pool.images}/{record.name}{record.image.suffix}"
    mask = f"{pool.masks}/{record.name}.png"
    try:
        array = record.mask.read(image_size(record.image))
    except ValueError as error:
        return Outcome(image, mask, problem=str(error))
    _write(array, job.target / mask)
    _transfer(record.image, job.target / image, job.copy)
    return Outcome(image, mask)


# ---------------------------------------------------------------- pairs


def _placed(job: Job, items: Sequence[Item], part: str, published: int) -> Pairs:
    _refuse_same_place(job, items)
    outcomes = _each(partial(_place, job), items, part)
    for change, count in sorted(Counter(item.change for item in outcomes if item.change).items()):
        job.remarks.append(f"{part}: {count} {REMARKS[change]}")
    return _accepted(job, outcomes, part, published)


def _refuse_same_place(job: Job, items: Sequence[Item]) -> None:
    """Two files for one place would replace each other; letters of another case, on some disks."""
    for places in ([item.image_to for item in items], [item.mask_to for item in items]):
        twice = [name for name, n in Counter(map(str.casefold, places)).items() if n > 1]
        if twice:
            raise PreparationError(
                f"{job.where}: expected each file once, found {len(twice)} twice, such as "
                f"{twice[0]}; give archives that hold one copy"
            )


def _place(job: Job, item: Item) -> Outcome:
    """Check, convert and put one pair in place."""
    try:
        shape = image_size(item.image)
        path = _best(item.masks, shape)
        mask = convert(path, job.row.mask_encoding)
    except ValueError as error:
        return Outcome(item.image_to, item.mask_to, problem=str(error))
    mask_to = f"{item.mask_to}{path.suffix if mask.array is None else '.png'}"
    if mask.shape != shape:
        problem = f"{path}: is of another size than its image {item.image.name}"
        return Outcome(item.image_to, mask_to, problem=problem)
    if mask.array is None:
        _transfer(path, job.target / mask_to, job.copy)
    else:
        _write(mask.array, job.target / mask_to)
    _transfer(item.image, job.target / item.image_to, job.copy)
    return Outcome(item.image_to, mask_to, mask.change)


def _best(masks: Sequence[Path], shape: Tuple[int, int]) -> Path:
    """Of several masks of one image the one of its size, of these a PNG (DUTS-TR has such)."""
    fitting = [path for path in masks if len(masks) == 1 or image_size(path) == shape]
    return sorted(fitting or masks, key=lambda path: path.suffix.lower() != ".png")[0]


def _accepted(job: Job, outcomes: Sequence[Outcome], part: str, published: int) -> Pairs:
    """The pairs that are right, if there are as many as published."""
    problems = [item.problem for item in outcomes if item.problem]
    pairs = [(item.image, item.mask) for item in outcomes if not item.problem]
    if len(pairs) != published or problems:
        found = f"{part}: expected {published} pairs as published, found {len(pairs)}"
        if problems:
            found += f" and {len(problems)} that cannot be used, such as {problems[0]}"
        if not (job.incomplete and pairs):
            raise PreparationError(
                f"{job.where}: {found}; get a whole copy, or take what there is with "
                "--allow_incomplete"
            )
        job.remarks.append(found)
    return pairs


def _each(work: Callable[..., Outcome], things: Sequence[object], what: str) -> List[Outcome]:
    """Work on all, in threads: decoding does without Python's lock; in their order."""
    pool = ThreadPoolExecutor(min(16, os.cpu_count() or 1))
    try:
        results = pool.map(work, things)
        return list(tracked(results, what, "pairs", len(things)))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _write(array: np.ndarray, path: Path) -> None:
    # The whole data set is synced and renamed at the end, not each file. Through memory, since
    # Pillow's own writing hides why a write failed.
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


def _transfer(source: Path, target: Path, copy: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        with suppress(OSError):  # some file systems know no links
            os.link(source, target)
            return
    shutil.copyfile(source, target)
