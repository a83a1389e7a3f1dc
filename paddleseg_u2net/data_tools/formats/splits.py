"""Parts of a data set, each with labels of its own, as one collection."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats.classes import Classes
from paddleseg_u2net.data_tools.formats.image_index import folded, refuse_absent, unique_names
from paddleseg_u2net.data_tools.formats.pairing import SPLITS
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Sample
from paddleseg_u2net.io.images import image_size

IMAGES = "images"


class Source(NamedTuple):
    """One of several exports that are one data set.

    Attributes:
        title: What the user calls it, for messages.
        folder: The folder from which its records' names count.
        read: Reads it with a choice of classes.
        split: ``train``, ``val`` or ``test`` for records without a split, or empty.
    """

    title: str
    folder: Path
    read: Callable[[Classes], AnnotatedDataset]
    split: str = ""


def read_all(
    sources: Sequence[Source], classes: Classes, resplit: bool = False
) -> AnnotatedDataset:
    """Read several exports as one data set.

    Without a choice of classes all have to name the same ones; their order in the first counts.
    A choice must be in every export.

    Returns:
        All records, as `joined`. Where there are several exports, remarks begin with the titles
        of those that they are about.

    Raises:
        AnnotationError: their classes differ, no image is there, or as `joined`.
    """
    found: List[AnnotatedDataset] = []
    for source in sources:
        one = source.read(classes)
        if found and one.classes != found[0].classes:
            _require_same(sources[0].title, found[0].classes, source.title, one.classes)
            # The same in another order.
            names = {name: (name,) for name in found[0].classes[1:]}
            one = source.read(Classes(names, classes.ignored))
        found.append(one)
    about: Dict[str, List[str]] = {}
    for source, one in zip(sources, found):
        for remark in one.remarks:
            about.setdefault(remark, []).append(source.title)
    titled = len(sources) > 1
    remarks = [f"{', '.join(t)}: {r}" if titled else r for r, t in about.items()]
    parts = [
        Part(
            source.title,
            source.folder,
            [replace(record, split=record.split or source.split) for record in one.samples],
        )
        for source, one in zip(sources, found)
    ]
    records, said = joined(parts, resplit)
    bad = [item for one in found for item in one.bad]
    refuse_absent(records, bad)
    empty = found[0].empty if all(one.empty for one in found) else ""
    return AnnotatedDataset(found[0].classes, records, remarks=remarks + said, bad=bad, empty=empty)


def _require_same(first: str, names: Sequence[str], other: str, others: Sequence[str]) -> None:
    if sorted(names) != sorted(others):
        raise AnnotationError(
            f"{other}: its classes are {', '.join(others[1:])}, but those of {first} are "
            f"{', '.join(names[1:])}; choose some that all have with --classes, import one alone, "
            "or make their lists of classes the same"
        )


@dataclass(frozen=True)
class Part:
    """A folder and its records.

    Attributes:
        title: What the user calls it, for messages.
        folder: The folder from which the records' names count.
        records: In any order; no image twice.
    """

    title: str
    folder: Path
    records: Sequence[Sample]


def split_of(folder: str) -> str:
    """``train``, ``val`` or ``test`` if a folder's name (``valid``, ``train2017``) says so."""
    return SPLITS.get(folder.lower().rstrip("0123456789"), "")


def joined(parts: Sequence[Part], resplit: bool = False) -> Tuple[List[Sample], List[str]]:
    """Records of several parts as one list.

    If a name is in several parts, all names begin with their part's folder: its path from the
    folder on that holds all parts, without ``images`` (``valid/images`` becomes ``valid``).

    Args:
        parts: In the order that counts where an image is in several.
        resplit: Whether the splits of the parts do not count. Then an image may be in several, if
            its masks are the same there, and is taken once.

    Returns:
        The records, in the order of their names, which differ; remarks.

    Raises:
        AnnotationError: an image is in two parts.
    """
    parts, remarks = _each_once(parts, resplit)
    times: Counter[str] = Counter()
    for part in parts:
        times.update({folded(record.name) for record in part.records})
    if not times or max(times.values()) == 1:
        return unique_names([record for part in parts for record in part.records]), remarks
    before = _prefixes([part.folder for part in parts])
    records = [
        replace(record, name=prefix + record.name)
        for prefix, part in zip(before, parts)
        for record in part.records
    ]
    shared = sum(count > 1 for count in times.values())
    said = "1 name is" if shared == 1 else f"{shared} names are"
    remarks.append(f"named after their folders too, as {said} in several")
    return unique_names(records), remarks


def _each_once(parts: Sequence[Part], resplit: bool) -> Tuple[List[Part], List[str]]:
    """The parts without what is in an earlier one, and a remark on it."""
    seen: Dict[Path, Tuple[Part, Sample]] = {}
    kept, again = [], 0
    for part in parts:
        records = []
        for record in part.records:
            other, first = seen.setdefault(record.image.resolve(), (part, record))
            if first is record:
                records.append(record)
                continue
            _refuse_other(first, other, record, part, resplit)
            again += 1
        kept.append(replace(part, records=records))
    said = "1 image is" if again == 1 else f"{again} images are"
    return kept, [f"{said} in several parts, and taken once"] if again else []


def _refuse_other(first: Sample, other: Part, record: Sample, part: Part, resplit: bool) -> None:
    both = f"{record.image}: is in {other.title} and in {part.title}"
    if not resplit and first.split != record.split:
        raise AnnotationError(
            f"{both}, so what is trained on would be measured on; take it out of one of them, or "
            "divide all images anew with --resplit"
        )
    size = image_size(record.image)
    if not np.array_equal(first.mask.read(size), record.mask.read(size)):
        raise AnnotationError(f"{both}, with different masks; take it out of one of them")


def _prefixes(folders: Sequence[Path]) -> List[str]:
    places = [os.path.normpath(folder.absolute()) for folder in folders]
    top = Path(os.path.commonpath(places))
    return [
        "".join(f"{name}/" for name in Path(place).relative_to(top).parts if name.lower() != IMAGES)
        for place in places
    ]
