"""Which pictures are nearly the same: a 64-bit hash finds them, a small picture confirms it.

The hash has one bit for each of 64 low frequencies of the discrete cosine transform of a 32x32
grey picture: whether its coefficient is above zero. It keeps its bits when a picture is saved
again, resized or made brighter. A mirrored picture has the same coefficients but for the signs of
those with an odd number of half waves across, so its hash is the same but for these bits.

The idea of hashing low frequencies: Zauner 2010, "Implementation and benchmarking of perceptual
image hash functions". Low frequencies alone call many different pictures the same: skies, dark
ones, retinas, products on white. So the details of small grey pictures, which the hash does not
see, have to correlate too.
"""

from __future__ import annotations

from itertools import islice
from typing import Iterator, List, NamedTuple

import cv2
import numpy as np

# The picture is sampled at this size; both others are whole fractions of it.
_SAMPLED, _TRANSFORMED, SMALL = 64, 32, 16
# Of one coefficient per bit: rows and columns of the 64 lowest frequencies but the mean.
_ROWS, _COLUMNS = (
    np.array(list(axis))
    for axis in zip(*[(v, u) for v in range(8) for u in range(8) if u or v], (0, 8))
)
_MIRRORED = (_COLUMNS % 2).astype(bool)
_BITS = 64
_BLOCK = 512
# Pictures of nearly the same hash that are looked at for one picture.
_LOOKED_AT = 8

# Correlation of details. Of 181 pairs of different retinas in optic_disc_seg whose hashes differ in
# 16 bits or fewer the highest is 0.92; photographs that were saved again at JPEG quality 20 or at a
# quarter of their size are above 0.92, nearly all above 0.95.
_LEAST_CORRELATION = 0.94
# Standard deviation of details, in levels of 255, below which they are noise.
_LEAST_DETAIL = 0.5


class Fingerprint(NamedTuple):
    """What pictures are compared by.

    Attributes:
        hash: 64 bits.
        small: The picture in grey, uint8 (16, 16).
    """

    hash: bytes
    small: bytes


class Similar(NamedTuple):
    """Two pictures that are nearly the same: their numbers, ``first`` < ``second``."""

    first: int
    second: int
    bits: int
    mirrored: bool


def fingerprint(image: np.ndarray) -> Fingerprint:
    """The fingerprint of a picture, uint8 (H, W, 1, 3 or 4)."""
    grey = cv2.resize(image, (_SAMPLED, _SAMPLED), interpolation=cv2.INTER_LINEAR)
    if grey.ndim == 3:
        grey = cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY if grey.shape[2] == 3 else cv2.COLOR_RGBA2GRAY)
    half = cv2.resize(grey, (_TRANSFORMED, _TRANSFORMED), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(half.astype(np.float32))
    small = cv2.resize(grey, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    return Fingerprint(np.packbits(waves[_ROWS, _COLUMNS] > 0).tobytes(), small.tobytes())


def similar(prints: List[Fingerprint], starts: List[int], bits: int) -> Iterator[Similar]:
    """Yield pictures that are nearly the same, each as ``second`` with earlier ones.

    Of its own part that is the nearest one only: a series of shots shall not be told in squares.
    Of every earlier part it is each one, as far as it is among the eight of the nearest hashes,
    for all of them give ``second`` away.

    Args:
        prints: Of all pictures, part after part.
        starts: Number of the first picture of each part, ascending, the first 0.
        bits: That hashes may differ in, 0 to 64.
    """
    packed = np.frombuffer(b"".join(item.hash for item in prints), np.uint8).reshape(-1, 8)
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    small = np.frombuffer(b"".join(item.small for item in prints), np.uint8)
    small = small.reshape(-1, SMALL, SMALL)
    for top in range(0, len(prints), _BLOCK):
        block = signs[top : top + _BLOCK]
        mirrored_block = block * np.where(_MIRRORED, -1, 1)
        for start, end in zip(starts, [*starts[1:], len(prints)]):
            others = signs[start : min(end, top + len(block))].T
            # The scalar product of two rows of 1 and -1 is 64 - 2 * (bits that differ).
            plain, mirrored = (_BITS - block @ others) / 2, (_BITS - mirrored_block @ others) / 2
            near = np.minimum(plain, mirrored).astype(np.float32)
            for row in np.flatnonzero((near <= bits).any(axis=1)):
                second = top + int(row)
                earlier = near[row, : max(second - start, 0)]
                candidates = np.flatnonzero(earlier <= bits)
                ordered = candidates[np.argsort(earlier[candidates], kind="stable")][:_LOOKED_AT]
                found = (
                    Similar(start + int(other), second, int(near[row, other]), turned)
                    for other in ordered
                    for turned in [bool(mirrored[row, other] < plain[row, other])]
                    if same(small[start + other], small[second][:, :: -1 if turned else 1])
                )
                yield from islice(found, 1 if end > second else None)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two small pictures, uint8 (16, 16), have the same details, brighter or darker."""
    a, b = _details(one), _details(other)
    if min(a.std(), b.std()) < _LEAST_DETAIL:
        return False
    return float((a * b).mean()) >= _LEAST_CORRELATION * float(a.std() * b.std())


def _details(small: np.ndarray) -> np.ndarray:
    """What differs from the neighbours, with a mean of 0; a smooth shade has none."""
    grey = small.astype(np.float32)
    # At the border a mean of neighbours would see half of them only.
    details = (grey - cv2.blur(grey, (3, 3)))[1:-1, 1:-1]
    return details - details.mean()
