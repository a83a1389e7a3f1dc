"""Every image and mask of a data set is decoded once; what `check` and `statistics` build on.

For each pair there is a small `PairStats`, about 2 KB whatever the size of the image; arrays are
gone when the next pair is read. They are handed out in the order of the pairs, so that the
result is the same for any number of processes.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import cv2
import numpy as np

from paddleseg_u2net.data_tools.inspection.fingerprints import Fingerprint, fingerprint
from paddleseg_u2net.datasets.pairing import Pair
from paddleseg_u2net.io.images import Header, decode_file
from paddleseg_u2net.parallel import in_chunks, parallel_map

Shape = Tuple[int, int]  # height, width

# Pairs that a process takes at a time: few enough that all end at nearly the same time, enough that
# sending costs nothing beside decoding.
CHUNK = 16
PLACES = 64  # rows and columns of the map of places
_SAMPLED = 4 * PLACES
_BLOCK = 1024  # of the middle and the end, for the digest
# Masks of more values than these are soft; their places are added up as shares of the top value.
_MOST_CLASSES = 64
SOFT = (-1, False)  # stands for the values of such masks in `Places`


@dataclass(frozen=True)
class Task:
    """What is looked at.

    Attributes:
        channels: That images are read with: 1, 3 or 4.
        size: (width, height) that the network sees, for the colours.
        copies: Whether fingerprints and digests are made.
        statistics: Whether colours and places are added up.
    """

    channels: int = 3
    size: Tuple[int, int] = (320, 320)
    copies: bool = True
    statistics: bool = False


class Values(NamedTuple):
    """How often each value of a mask occurs, as bytes: little-endian uint16 and uint32."""

    values: bytes
    counts: bytes
    sixteen_bit: bool

    def arrays(self) -> Tuple[np.ndarray, np.ndarray]:
        """Values, ascending, and counts: uint16 and uint32 (N,)."""
        return np.frombuffer(self.values, "<u2"), np.frombuffer(self.counts, "<u4")

    @property
    def distinct(self) -> Set[int]:
        """The values alone."""
        return set(self.arrays()[0].tolist())


class PairStats(NamedTuple):
    """What one pair is like.

    Attributes:
        image_error, mask_error: Why the file cannot be read, else empty.
        image, mask: How the files are stored.
        shape, mask_shape: Of the arrays, upright.
        values: What the mask holds.
        digest: Of the image file's size and of some blocks of it; equal files have equal ones.
        print: The image's fingerprint.
        colours: Sum and sum of squares per channel of the image at the network's size, divided
            by 255, as float64 bytes; each has the same number of pixels.
    """

    image_error: str = ""
    mask_error: str = ""
    image: Header = Header()
    mask: Header = Header()
    shape: Optional[Shape] = None
    mask_shape: Optional[Shape] = None
    values: Optional[Values] = None
    digest: bytes = b""
    print: Optional[Fingerprint] = None
    colours: bytes = b""


# By (value, whether the mask has 16 bits).
Places = Dict[Tuple[int, bool], np.ndarray]


@dataclass
class Look:
    """All facts about some pairs.

    Attributes:
        facts: In the order of the pairs.
        places: For each value of masks, int64 (64, 64): how much of each place of the image holds
            it, 255 for all of it, added up over masks. See `SOFT`.
    """

    facts: List[PairStats] = field(default_factory=list)
    places: Places = field(default_factory=dict)


def look(
    pairs: Sequence[Pair],
    task: Task,
    workers: int = 0,
    progress: Callable[[int], object] = lambda pairs: None,
) -> Look:
    """Look at all pairs.

    Args:
        pairs: Image and mask files.
        task: What is looked at.
        workers: Processes; 0 works in this one. The result is the same.
        progress: Called with the number of pairs that are done since the last call.

    Raises:
        ChildProcessError: a process died.
    """
    result = Look()
    known: Dict[Any, Any] = {}
    work = partial(_look_at_chunk, task=task)
    with closing(parallel_map(work, in_chunks(pairs, CHUNK), workers)) as answers:
        for facts, places in answers:
            result.facts += [_shared(item, known) for item in facts]
            for value, added in places.items():
                if value in result.places:
                    result.places[value] += added
                else:
                    result.places[value] = added
            progress(len(facts))
    return result


def _shared(facts: PairStats, known: Dict[Any, Any]) -> PairStats:
    """The same with one object for equal headers, shapes and lists of values, to save memory."""

    def one(item: Any) -> Any:
        return known.setdefault(item, item)

    values = facts.values
    if values is not None and len(values.values) <= 2 * _MOST_CLASSES:
        values = values._replace(values=one(values.values))
    return facts._replace(
        image=one(facts.image),
        mask=one(facts.mask),
        shape=one(facts.shape),
        mask_shape=one(facts.mask_shape),
        values=values,
    )


def _look_at_chunk(pairs: Sequence[Pair], task: Task) -> Tuple[List[PairStats], Places]:
    """PairStats about some pairs, and their places added up."""
    places: Places = {}
    return [_look_at(pair, task, places) for pair in pairs], places


def _look_at(pair: Pair, task: Task, places: Places) -> PairStats:
    facts = PairStats()
    try:
        facts = _image(pair.image, task, facts)
    except (ValueError, OSError) as error:
        facts = facts._replace(image_error=str(error))
    except MemoryError:
        facts = facts._replace(image_error=_too_large(pair.image))
    try:
        return _mask(pair.mask, task, facts, places)
    except (ValueError, OSError) as error:
        return facts._replace(mask_error=str(error))
    except MemoryError:
        return facts._replace(mask_error=_too_large(pair.mask))


def _too_large(path: Path) -> str:
    return f"{path}: there is not enough memory to decode it; take fewer processes with --workers"


def _shape(array: np.ndarray) -> Shape:
    return int(array.shape[0]), int(array.shape[1])


# ---------------------------------------------------------------- images


def _image(path: Path, task: Task, facts: PairStats) -> PairStats:
    decoded = decode_file(path, still=True)
    image = decoded.image(task.channels)
    facts = facts._replace(image=decoded.header, shape=_shape(image))
    if task.copies:
        facts = facts._replace(digest=_digest(path), print=fingerprint(image))
    if task.statistics:
        facts = facts._replace(colours=_colours(image, task.size))
    return facts


def _digest(path: Path) -> bytes:
    """A digest of the file's size, middle and end."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (a third of the time)
        size = os.fstat(file.fileno()).st_size
        blocks = [b"%d " % size]
        for place in (size // 2, size - _BLOCK):
            file.seek(max(place, 0))
            blocks.append(file.read(_BLOCK))
    return hashlib.blake2b(b"".join(blocks), digest_size=16).digest()


def _colours(image: np.ndarray, size: Tuple[int, int]) -> bytes:
    seen = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    mean, deviation = (item.ravel() for item in cv2.meanStdDev(seen))
    pixels = size[0] * size[1]
    sums = mean * pixels / 255
    squares = (deviation**2 + mean**2) * pixels / 255**2
    return np.concatenate([sums, squares]).tobytes()


# ---------------------------------------------------------------- masks


def _mask(path: Path, task: Task, facts: PairStats, places: Places) -> PairStats:
    decoded = decode_file(path, still=True)
    mask = decoded.mask()
    values, counts = _counted(mask)
    if task.statistics:
        _add_places(mask, values, places)
    found = Values(
        values.astype("<u2").tobytes(), counts.astype("<u4").tobytes(), mask.dtype == np.uint16
    )
    return facts._replace(mask=decoded.header, mask_shape=_shape(mask), values=found)


def _counted(mask: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Values of a mask and their numbers of pixels.

    Of 16-bit masks with more than 256 values those between the least and the greatest possible
    are rounded to steps of 257, the 255 levels of 8 bits.
    """
    if mask.dtype == np.uint16:
        counts = np.bincount(mask.ravel(), minlength=65536)
        values = np.flatnonzero(counts)
        if len(values) > 256:
            rounded = np.clip((values + 128) // 257, 1, 254) * 257
            rounded[values == 0], rounded[values == 65535] = 0, 65535
            counts = np.bincount(rounded, counts[values], 65536)
            values = np.flatnonzero(counts)
        return values, counts[values]
    # Nothing but 0 and one other value is what most masks have, and is quick to see.
    others, total = cv2.countNonZero(mask), int(cv2.sumElems(mask)[0])
    highest = next((top for top in (0, 1, 255) if total == others * top), None)
    if highest is None:
        highest = int(mask.max())
    if total == others * highest:
        both = np.array([[0, mask.size - others], [highest, others]])
        present = both[both[:, 1] > 0]
        return present[:, 0], present[:, 1]
    counts = cv2.calcHist([mask], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    values = np.flatnonzero(counts)
    return values, counts[values]


def _add_places(mask: np.ndarray, values: np.ndarray, places: Places) -> None:
    size = (_SAMPLED, _SAMPLED)
    sampled = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    if len(values) > _MOST_CLASSES:
        shares = sampled if mask.dtype == np.uint8 else (sampled // 257).astype(np.uint8)
        _add(places, SOFT, shares)
        return
    for value in values:
        shares = np.where(sampled == value, 255, 0).astype(np.uint8)
        _add(places, (int(value), mask.dtype == np.uint16), shares)


def _add(places: Places, value: Tuple[int, bool], shares: np.ndarray) -> None:
    small = cv2.resize(shares, (PLACES, PLACES), interpolation=cv2.INTER_AREA)
    if value not in places:
        places[value] = np.zeros((PLACES, PLACES), np.int64)
    places[value] += small
