"""Splits of a data set, each with labels of its own, as one data set."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.image_index import refuse_absent, unique_names
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Sample,
    counted,
    wrong,
)
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.images import image_size

# What sources call them.
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
IMAGES = "images"


def split_of(folder: str) -> str:
    """``train``, ``val`` or ``test`` if a folder's name (``valid``, ``train2017``) says so."""
    return SPLITS.get(folder.lower().rstrip("0123456789"), "")


class Source(NamedTuple):
    """One of several exports that are one data set."""

    title: str  # for messages
    folder: Path  # from here the names of its samples count
    read: Callable[[Classes], AnnotatedDataset]
    split: str = ""  # of samples that have none


class Part(NamedTuple):
    """A folder and its samples, in any order; no image twice."""

    title: str
    folder: Path
    samples: Sequence[Sample]


def read_all(
    sources: Sequence[Source], classes: Classes, resplit: bool = False
) -> AnnotatedDataset:
    """Read several exports as one data set, as `joined`.

    All have to have the same classes, of which the order of the first is taken.
    """
    found: List[AnnotatedDataset] = []
    for source in sources:
        one = source.read(classes)
        first = found[0].classes if found else one.classes
        if sorted(one.classes) != sorted(first):
            expected = f"the classes of {sources[0].title} ({', '.join(first[1:])})"
            repair = "choose some that all have with --classes"
            raise wrong(source.title, expected, ", ".join(one.classes[1:]), repair)
        if one.classes != first:  # the same in another order
            one = source.read(Classes({name: (name,) for name in first[1:]}, classes.ignored))
        found.append(one)
    about: Dict[str, List[str]] = {}
    parts = []
    for source, one in zip(sources, found):
        for remark in one.remarks:
            about.setdefault(remark, []).append(source.title)
        samples = [replace(item, split=item.split or source.split) for item in one.samples]
        parts.append(Part(source.title, source.folder, unique_names(samples)))
    titled = len(sources) > 1
    remarks = [f"{', '.join(t)}: {r}" if titled else r for r, t in about.items()]
    samples, said = joined(parts, resplit)
    bad = [item for one in found for item in one.bad]
    refuse_absent(samples, bad)
    return AnnotatedDataset(found[0].classes, samples, remarks=remarks + said, bad=bad)


def joined(parts: Sequence[Part], resplit: bool = False) -> Tuple[List[Sample], List[str]]:
    """Join the samples of several parts, with remarks.

    If a name is in several parts, all names begin with their part's folder: its path from the
    folder on that holds all parts, without ``images``. With ``resplit`` an image may be in several
    parts, if its masks are the same there, and is taken once, from the first.
    """
    parts, remarks = _each_once(parts, resplit)
    times: Counter[str] = Counter()
    for part in parts:
        times.update({fold_case(sample.name) for sample in part.samples})
    shared = sum(count > 1 for count in times.values())
    samples = [sample for part in parts for sample in part.samples]
    if shared:
        said = "1 name is" if shared == 1 else f"{shared} names are"
        remarks.append(f"named after their folders too, as {said} in several")
        places = [Path(os.path.normpath(part.folder.absolute())) for part in parts]
        top = os.path.commonpath(places)
        samples = []
        for place, part in zip(places, parts):
            folders = [name for name in place.relative_to(top).parts if name.lower() != IMAGES]
            for sample in part.samples:
                samples.append(replace(sample, name="/".join([*folders, sample.name])))
    return unique_names(samples), remarks


def _each_once(parts: Sequence[Part], resplit: bool) -> Tuple[List[Part], List[str]]:
    """The parts without images of an earlier one, and a remark on them."""
    seen: Dict[Path, Tuple[Part, Sample]] = {}
    kept, again = [], 0
    for part in parts:
        samples = []
        for sample in part.samples:
            other, first = seen.setdefault(sample.image.resolve(), (part, sample))
            if first is sample:
                samples.append(sample)
                continue
            _require_equal(first, other, sample, part, resplit)
            again += 1
        kept.append(part._replace(samples=samples))
    said = f"{counted(again, 'image')} {'is' if again == 1 else 'are'}"
    return kept, [f"{said} in several parts, and taken once"] if again else []


def _require_equal(first: Sample, other: Part, sample: Sample, part: Part, resplit: bool) -> None:
    both = f"{sample.image}: is in {other.title} and in {part.title}"
    if not resplit and first.split != sample.split:
        why = "so what is trained on would be measured on"
        raise AnnotationError(f"{both}, {why}; take it out of one of them, or use --resplit")
    size = image_size(sample.image)
    if not np.array_equal(first.mask.read(size), sample.mask.read(size)):
        raise AnnotationError(f"{both}, with different masks; take it out of one of them")
