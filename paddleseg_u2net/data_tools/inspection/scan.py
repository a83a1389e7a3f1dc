"""Every image and mask of a data set is decoded once; `check` and `statistics` build on that."""

from __future__ import annotations

import hashlib
from contextlib import closing
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


def scan(
    pairs: Sequence[Pair],
    channels: int = 3,
    workers: int = 0,
    progress: Callable[[int], object] = lambda pairs: None,
    colours: Optional[Tuple[int, int]] = None,
) -> List[PairStats]:
    """Decode all pairs, in some processes or, 0, in this one; the result is the same.

    Images are read with 1, 3 or 4 ``channels``. They get fingerprints, or their ``colours`` are
    added up at this width and height.
    """
    stats: List[PairStats] = []
    work = partial(_scan_some, channels=channels, colours=colours)
    with closing(parallel_map(work, in_chunks(pairs, CHUNK), workers)) as answers:
        for some in answers:
            stats += some
            progress(len(some))
    return stats


def _scan_some(
    pairs: Sequence[Pair], channels: int, colours: Optional[Tuple[int, int]]
) -> List[PairStats]:
    result = []
    for pair in pairs:
        stats = PairStats()
        for path, read, error in (
            (pair.image, partial(_image, channels=channels, colours=colours), "image_error"),
            (pair.mask, _mask, "mask_error"),
        ):
            try:
                with memory_named(path):
                    stats = read(path, stats)
            except (ValueError, OSError) as reason:
                told: Dict[str, Any] = {error: str(reason)}
                stats = stats._replace(**told)
        result.append(stats)
    return result


def _shape(array: np.ndarray) -> Shape:
    return int(array.shape[0]), int(array.shape[1])


def _image(
    path: Path, stats: PairStats, channels: int, colours: Optional[Tuple[int, int]]
) -> PairStats:
    decoded = decode_file(path, still=True)
    image = decoded.image(channels)
    stats = stats._replace(image=decoded.header._replace(profile=None), shape=_shape(image))
    if colours:
        return stats._replace(colours=_colours(image, colours))
    digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    return stats._replace(fingerprint=fingerprint(image, digest))


def _colours(image: np.ndarray, size: Tuple[int, int]) -> bytes:
    seen = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    mean, deviation = (item.ravel() for item in cv2.meanStdDev(seen))
    pixels = size[0] * size[1]
    sums = mean * pixels / 255
    squares = (deviation**2 + mean**2) * pixels / 255**2
    return np.concatenate([sums, squares]).tobytes()


def _mask(path: Path, stats: PairStats) -> PairStats:
    decoded = decode_file(path, still=True)
    mask = decoded.mask()
    counts = _counted(mask)
    values = np.flatnonzero(counts)
    if len(values) > 256:
        # In steps of 257; the least and the greatest possible value are not rounded.
        rounded = np.clip((values + 128) // 257, 1, 254) * 257
        rounded[values == 0], rounded[values == 65535] = 0, 65535
        counts = np.bincount(rounded, counts[values])
        values = np.flatnonzero(counts)
    found = values.astype("<u2").tobytes(), counts[values].astype("<u4").tobytes()
    return stats._replace(
        mask=decoded.header._replace(profile=None),
        mask_shape=_shape(mask),
        values=Values(*found, sixteen_bit=mask.dtype == np.uint16),
    )


def _counted(mask: np.ndarray) -> np.ndarray:
    """Numbers of pixels of the values from 0 on."""
    if mask.dtype == np.uint16:
        return np.bincount(mask.ravel())
    # Many times as fast; in pieces, since its float32 counts are exact to 2**24 pixels.
    rows = max(1, 2**24 // mask.shape[1])
    parts = [mask[start : start + rows] for start in range(0, len(mask), rows)]
    counts = [cv2.calcHist([part], [0], None, [256], [0, 256]).ravel() for part in parts]
    return np.sum(counts, axis=0, dtype=np.int64)
