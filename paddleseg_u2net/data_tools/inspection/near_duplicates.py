"""Images that a data set has more than once: equal files, and images that look nearly the same."""

from __future__ import annotations

from itertools import islice
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from paddleseg_u2net.data_tools.inspection.findings import Finding
from paddleseg_u2net.data_tools.inspection.inputs import Part
from paddleseg_u2net.datasets.pairing import Pair

# The picture is sampled at this size; both others are whole fractions of it.
_SAMPLED, _TRANSFORMED, SMALL = 64, 32, 16
# Of one coefficient per bit: rows and columns of the 64 lowest frequencies but the mean.
_ROWS, _COLUMNS = (
    np.array(list(axis))
    for axis in zip(*[(v, u) for v in range(8) for u in range(8) if u or v], (0, 8))
)
_BITS = 64
_BLOCK = 512
# Images of nearly the same hash that are looked at for one image.
_LOOKED_AT = 8
# Correlation of details. Of 181 pairs of different retinas in optic_disc_seg whose hashes differ in
# 16 bits or fewer the highest is 0.92; photographs that were saved again at JPEG quality 20 or at a
# quarter of their size are above 0.92, nearly all above 0.95.
_LEAST_CORRELATION = 0.94
# Standard deviation of details, in levels of 255, below which they are noise.
_LEAST_DETAIL = 0.5


class Fingerprint(NamedTuple):
    """What images are compared by: the digest of the file, a hash, and a small grey image."""

    digest: bytes
    hash: bytes  # 64 bits
    small: bytes  # uint8 (16, 16)


class _Image(NamedTuple):
    part: str
    pair: Pair
    print: Fingerprint


def fingerprint(image: np.ndarray, digest: bytes = b"") -> Fingerprint:
    """The fingerprint of an image, uint8 (H, W, 1, 3 or 4).

    The hash has a bit for each of 64 low frequencies of a 32x32 grey image: whether its coefficient
    is above zero. Source: Zauner 2010, "Implementation and benchmarking of perceptual image hash
    functions".
    """
    grey = cv2.resize(image, (_SAMPLED, _SAMPLED), interpolation=cv2.INTER_LINEAR)
    if grey.ndim == 3:
        grey = cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY if grey.shape[2] == 3 else cv2.COLOR_RGBA2GRAY)
    half = cv2.resize(grey, (_TRANSFORMED, _TRANSFORMED), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(half.astype(np.float32))
    small = cv2.resize(grey, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    return Fingerprint(digest, np.packbits(waves[_ROWS, _COLUMNS] > 0).tobytes(), small.tobytes())


def find(
    parts: Sequence[Part], prints: Sequence[Sequence[Optional[Fingerprint]]], bits: int
) -> List[Finding]:
    """Find equal files, and images whose fingerprints differ in ``bits`` at most and look the same.

    Of two parts the earlier one's pair is dropped: what a model is scored on should stay as it is.
    """
    images: List[_Image] = []
    starts = []
    for part, of_part in zip(parts, prints):
        starts.append(len(images))
        images += [_Image(part.name, pair, one) for pair, one in zip(part.pairs, of_part) if one]
    return [*_equal(images), *_similar(images, starts, bits)]


def _equal(images: Sequence[_Image]) -> Iterator[Finding]:
    groups: Dict[bytes, List[_Image]] = {}
    for image in images:
        groups.setdefault(image.print.digest, []).append(image)
    for group in groups.values():
        first_of: Dict[str, _Image] = {}
        for image in group:
            first = first_of.setdefault(image.part, image)
            if first is not image:
                text = "is the same file as {}; delete one of the two, and the mask with it"
                yield _finding("copy", image, first, text)
        order = list(first_of)
        for image in group:
            later = order[order.index(image.part) + 1 :]
            if later:
                text = f"is the same file as {{}} in {later[0]}; keep it in one part only"
                yield _finding("leak", image, first_of[later[0]], text)


def _similar(images: Sequence[_Image], starts: List[int], bits: int) -> Iterator[Finding]:
    for first, second, differing in similar([image.print for image in images], starts, bits):
        one, other = images[first], images[second]
        if one.print.digest == other.print.digest:
            continue
        how = f"looks like {{}} ({differing} of 64 bits differ)"
        if one.part == other.part:
            text = f"{how}; keep both on one side of a split"
            yield _finding("near", other, one, text)._replace(drop=())
        else:
            text = f"{how} in {other.part}; keep such images in one part only"
            yield _finding("similar", one, other, text)


def _finding(kind: str, one: _Image, other: _Image, text: str) -> Finding:
    """A finding about ``one``, which is dropped; {} in the text becomes the other."""
    files = (str(one.pair.image), str(other.pair.image))
    message = f"{files[0]} {text.replace('{}', files[1])}"
    return Finding(kind, one.part, files, message, ((one.part, one.pair.name),))


def similar(
    prints: Sequence[Fingerprint], starts: List[int], bits: int
) -> Iterator[Tuple[int, int, int]]:
    """Yield the numbers of two images that are nearly the same, and the bits that differ.

    Each is told as the second of earlier ones: of its own part the nearest one only, since a series
    of shots shall not be told in squares; of every earlier part each of the eight of the nearest
    hashes, for all of them give it away. ``starts``: the first number of each part.
    """
    packed = np.frombuffer(b"".join(item.hash for item in prints), np.uint8).reshape(-1, 8)
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    small = np.frombuffer(b"".join(item.small for item in prints), np.uint8)
    small = small.reshape(-1, SMALL, SMALL)
    for top in range(0, len(prints), _BLOCK):
        block = signs[top : top + _BLOCK]
        for start, end in zip(starts, [*starts[1:], len(prints)]):
            # The scalar product of two rows of 1 and -1 is 64 - 2 * (bits that differ).
            near = (_BITS - block @ signs[start : min(end, top + len(block))].T) / 2
            for row in np.flatnonzero((near <= bits).any(axis=1)):
                second = top + int(row)
                earlier = near[row, : max(second - start, 0)]
                candidates = np.flatnonzero(earlier <= bits)
                ordered = candidates[np.argsort(earlier[candidates], kind="stable")][:_LOOKED_AT]
                found = (
                    (start + int(other), second, int(near[row, other]))
                    for other in ordered
                    if _same(small[start + other], small[second])
                )
                yield from islice(found, 1 if end > second else None)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two small images have the same details, brighter or darker.

    Low frequencies alone call many different images the same: skies, retinas, products on white.
    """
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
