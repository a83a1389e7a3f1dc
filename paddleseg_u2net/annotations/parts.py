"""Parts of a data set that stand in folders of their own, as one list of records."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from paddleseg_u2net.annotations.image_index import folded, unique_names
from paddleseg_u2net.annotations.pairing import SPLITS
from paddleseg_u2net.annotations.record import AnnotationError, Record

IMAGES = "images"


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
    records: Sequence[Record]


def split_of(folder: str) -> str:
    """``train``, ``val`` or ``test`` if a folder's name (``valid``, ``train2017``) says so."""
    return SPLITS.get(folder.lower().rstrip("0123456789"), "")


def joined(parts: Sequence[Part]) -> Tuple[List[Record], List[str]]:
    """Records of several parts as one list.

    If a name is in several parts, all names begin with their part's folder: its path from the
    folder on that holds all parts, without ``images`` (``valid/images`` becomes ``valid``).

    Returns:
        The records, in the order of their names, which differ; remarks.

    Raises:
        AnnotationError: an image is in two parts.
    """
    _refuse_shared(parts)
    times: Counter[str] = Counter()
    for part in parts:
        times.update({folded(record.name) for record in part.records})
    if not times or max(times.values()) == 1:
        return unique_names([record for part in parts for record in part.records]), []
    before = _prefixes([part.folder for part in parts])
    records = [
        replace(record, name=prefix + record.name)
        for prefix, part in zip(before, parts)
        for record in part.records
    ]
    shared = sum(count > 1 for count in times.values())
    said = "1 name is" if shared == 1 else f"{shared} names are"
    return unique_names(records), [f"named after their folders too, as {said} in several"]


def _refuse_shared(parts: Sequence[Part]) -> None:
    seen: Dict[Path, Part] = {}
    for part in parts:
        for record in part.records:
            other = seen.setdefault(record.image.resolve(), part)
            if other is not part:
                raise AnnotationError(
                    f"{record.image}: is in {other.title} and in {part.title}, so what is trained "
                    "on would be measured on; take it out of one of them"
                )


def _prefixes(folders: Sequence[Path]) -> List[str]:
    places = [os.path.normpath(folder.absolute()) for folder in folders]
    top = Path(os.path.commonpath(places))
    return [
        "".join(f"{name}/" for name in Path(place).relative_to(top).parts if name.lower() != IMAGES)
        for place in places
    ]
