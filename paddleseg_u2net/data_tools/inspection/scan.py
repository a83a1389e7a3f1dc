"""Every image and mask of a data set is decoded once; `check` and `statistics` build on that.

Of each pair a small `PairStats` is kept, in the order of the pairs, so that the result is the same
for any number of processes.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import cv2
import numpy as np

from paddleseg_u2net.data_tools.inspection.near_duplicates import Fingerprint, fingerprint
from paddleseg_u2net.datasets.pairing import Pair
from paddleseg_u2net.io.images import Header, decode_file, memory_named
from paddleseg_u2net.parallel import in_chunks, parallel_map

Shape = Tuple[int, int]  # height, width

# Pairs that a process takes at a time: few enough that all end at nearly the same time, enough that
# sending costs nothing beside decoding.
CHUNK = 16
PLACES = 64  # rows and columns of the map of places
_SAMPLED = 4 * PLACES
# Masks of more values than these are soft; their places are added up as shares of the top value.
_MOST_CLASSES = 64
_EXACT = 2**24  # pixels that OpenCV's float32 counts of a value are exact to
SOFT = (-1, False)  # stands for the values of such masks in `Places`
# By value and whether the mask has 16 bits: int64 (64, 64), how much of each place of the image
# holds the value, 255 for all of it, added up over masks.
Places = Dict[Tuple[int, bool], np.ndarray]


@dataclass(frozen=True)
class ScanOptions:
    """What is looked at."""

    channels: int = 3  # that images are read with: 1, 3 or 4
    size: Tuple[int, int] = (320, 320)  # width and height that the network sees, for the colours
    duplicates: bool = True  # make fingerprints
    statistics: bool = False  # add up colours and places


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
    """What one pair is like; errors say why a file cannot be read, shapes are upright."""

    image_error: str = ""
    mask_error: str = ""
    image: Header = Header()
    mask: Header = Header()
    shape: Optional[Shape] = None
    mask_shape: Optional[Shape] = None
    values: Optional[Values] = None
    fingerprint: Optional[Fingerprint] = None
    # Sum and sum of squares per channel of the image at the network's size, divided by 255, as
    # float64; each has the same number of pixels.
    colours: bytes = b""


@dataclass
class Scanned:
    """What some pairs are like, in their order."""

    stats: List[PairStats] = field(default_factory=list)
    places: Places = field(default_factory=dict)


def scan(
    pairs: Sequence[Pair],
    options: ScanOptions,
    workers: int = 0,
    progress: Callable[[int], object] = lambda pairs: None,
) -> Scanned:
    """Decode all pairs in some processes, 0: in this one; the result is the same."""
    result = Scanned()
    work = partial(_scan_some, options=options)
    with closing(parallel_map(work, in_chunks(pairs, CHUNK), workers)) as answers:
        for some in answers:
            result.stats += some.stats
            for value, added in some.places.items():
                result.places[value] = result.places.get(value, 0) + added
            progress(len(some.stats))
    return result


def _scan_some(pairs: Sequence[Pair], options: ScanOptions) -> Scanned:
    result = Scanned()
    for pair in pairs:
        stats = PairStats()
        for path, read, error in (
            (pair.image, _image, "image_error"),
            (pair.mask, partial(_mask, places=result.places), "mask_error"),
        ):
            try:
                with memory_named(path):
                    stats = read(path, options, stats)
            except (ValueError, OSError) as reason:
                told: Dict[str, Any] = {error: str(reason)}
                stats = stats._replace(**told)
        result.stats.append(stats)
    return result


def _shape(array: np.ndarray) -> Shape:
    return int(array.shape[0]), int(array.shape[1])


def _image(path: Path, options: ScanOptions, stats: PairStats) -> PairStats:
    decoded = decode_file(path, still=True)
    image = decoded.image(options.channels)
    stats = stats._replace(image=decoded.header._replace(profile=None), shape=_shape(image))
    if options.duplicates:
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
        stats = stats._replace(fingerprint=fingerprint(image, digest))
    if options.statistics:
        stats = stats._replace(colours=_colours(image, options.size))
    return stats


def _colours(image: np.ndarray, size: Tuple[int, int]) -> bytes:
    seen = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    mean, deviation = (item.ravel() for item in cv2.meanStdDev(seen))
    pixels = size[0] * size[1]
    sums = mean * pixels / 255
    squares = (deviation**2 + mean**2) * pixels / 255**2
    return np.concatenate([sums, squares]).tobytes()


def _mask(path: Path, options: ScanOptions, stats: PairStats, places: Places) -> PairStats:
    decoded = decode_file(path, still=True)
    mask = decoded.mask()
    deep = mask.dtype == np.uint16
    counts = _counted_deep(mask) if deep else _counted(mask)
    values = np.flatnonzero(counts)
    if options.statistics:
        sampled = cv2.resize(mask, (_SAMPLED, _SAMPLED), interpolation=cv2.INTER_NEAREST)
        if len(values) > _MOST_CLASSES:
            _add(places, SOFT, (sampled // 257).astype(np.uint8) if deep else sampled)
        else:
            for value in values.tolist():
                _add(places, (value, deep), np.where(sampled == value, 255, 0).astype(np.uint8))
    found = Values(values.astype("<u2").tobytes(), counts[values].astype("<u4").tobytes(), deep)
    return stats._replace(
        mask=decoded.header._replace(profile=None), mask_shape=_shape(mask), values=found
    )


def _counted(mask: np.ndarray) -> np.ndarray:
    """Numbers of pixels (256,) of the values of an 8-bit mask."""
    counts = np.zeros(256, np.int64)
    rows = max(1, _EXACT // mask.shape[1])
    for start in range(0, len(mask), rows):
        part = cv2.calcHist([mask[start : start + rows]], [0], None, [256], [0, 256])
        counts += part.ravel().astype(np.int64)
    return counts


def _counted_deep(mask: np.ndarray) -> np.ndarray:
    """The same (65536,) of a 16-bit mask; of more than 256 values in steps of 257.

    The least and the greatest possible value are not rounded.
    """
    counts = np.bincount(mask.ravel(), minlength=65536)
    values = np.flatnonzero(counts)
    if len(values) > 256:
        rounded = np.clip((values + 128) // 257, 1, 254) * 257
        rounded[values == 0], rounded[values == 65535] = 0, 65535
        counts = np.bincount(rounded, counts[values], 65536)
    return counts


def _add(places: Places, value: Tuple[int, bool], shares: np.ndarray) -> None:
    small = cv2.resize(shares, (PLACES, PLACES), interpolation=cv2.INTER_AREA).astype(np.int64)
    places[value] = places.get(value, 0) + small
