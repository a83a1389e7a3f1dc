"""S-measure of saliency maps: does the map have the structure of the mask?"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import MeanMetric
from paddleseg_u2net.metrics.scores import Score, register

_EPS = float(np.finfo(np.float64).eps)


class _Moments(NamedTuple):
    """Moments of the map on some pixels."""

    pixels: int
    mean: float
    squares: float  # the sum of (value - mean)^2; exactly 0 where all values are equal, only there


@register(
    Score(
        "S",
        "saliency",
        "S-measure, alpha 0.5",
        "structure of map and mask: object and region scores",
        "Fan et al. 2017",
    ),
    order=40,
    stretch="stretch",
)
class SMeasure(MeanMetric):
    """Structure measure: half an object score and half a region score, mean over images.

    The object score compares mean and spread of the map on the object and off it; the region score
    is the SSIM of the four quadrants around the object's centre. Source: Fan et al. 2017,
    "Structure-measure", ICCV, sec. 3, with lambda = 0.5. As in PySODMetrics 1.6.2 and the authors'
    code, but a quadrant without a pixel weighs nothing (theirs say NaN), and "constant" means equal
    values (both ask for a variance of exactly 0, which rounding denies to some constants).
    """

    def score(self, pair: MapMaskPair) -> float:
        area, pixels = pair.foreground_pixels, pair.valid_pixels
        if area in (0, pixels):  # the mean of the map, or what it lacks to 1
            return 1 - pair.statistics(self.stretch).mean_absolute_error
        quadrants = _quadrants(pair, self.stretch)
        of_map = _joined([inside for _, inside in quadrants])
        off_map = _joined([outside for outside, _ in quadrants])
        share = area / pixels
        of_object = share * _similarity(of_map) + (1 - share) * _similarity(
            off_map._replace(mean=1 - off_map.mean)
        )
        of_regions = sum(
            (outside.pixels + inside.pixels) / pixels * _ssim(outside, inside)
            for outside, inside in quadrants
        )
        return max(0.0, 0.5 * of_object + 0.5 * of_regions)


def _quadrants(pair: MapMaskPair, stretch: str) -> list[tuple[_Moments, ...]]:
    """Return moments off and on the object, for the four quadrants around the object's centre."""
    row, column = _centre(pair.mask)
    windows = [
        (rows, columns)
        for rows in (slice(None, row + 1), slice(row + 1, None))
        for columns in (slice(None, column + 1), slice(column + 1, None))
    ]
    parts = pair.background, pair.mask
    if pair.prediction.dtype != np.uint8:
        values = pair.values(stretch)
        return [tuple(_of_floats(values[w], part[w]) for part in parts) for w in windows]
    worth, levels = pair.values_of_levels(stretch), pair.prediction
    zero, step = float(worth[0]), float(worth[-1] - worth[0]) / (LEVELS - 1)
    return [tuple(_of_bytes(levels[w], part[w], zero, step) for part in parts) for w in windows]


def _of_floats(values: np.ndarray, where: np.ndarray) -> _Moments:
    """Return the moments of the values that are in ``where``, bool."""
    some = values[where]
    # Less one of them, so that equal values leave nothing to round.
    first = float(some[0]) if some.size else 0.0
    some -= first
    return _moments(some.size, float(some.sum()), float(some @ some), first, 1.0)


def _of_bytes(levels: np.ndarray, where: np.ndarray, zero: float, step: float) -> _Moments:
    """Return the same of zero + step x levels, uint8, summed in whole numbers."""
    some = levels * where.view(np.uint8)
    pixels = int(np.count_nonzero(where))
    total = round(cv2.sumElems(some)[0]) if pixels else 0
    # Rounded, since OpenCV may square a root.
    squares = round(cv2.norm(some, cv2.NORM_L2SQR)) if pixels else 0
    return _moments(pixels, total, squares, zero, step)


def _moments(pixels: int, total: float, squares: float, zero: float, step: float) -> _Moments:
    """Return the moments of zero + step x, given the sums of x and of x^2 over the pixels."""
    if not pixels:
        return _Moments(0, 0.0, 0.0)
    spread = max((pixels * squares - total * total) / pixels, 0.0)
    return _Moments(pixels, zero + step * total / pixels, step * step * spread)


def _joined(parts: list[_Moments]) -> _Moments:
    """Return the moments of all parts together, which have a pixel."""
    pixels = sum(part.pixels for part in parts)
    mean = sum(part.pixels * part.mean for part in parts) / pixels
    squares = sum(part.squares + part.pixels * (part.mean - mean) ** 2 for part in parts)
    return _Moments(pixels, mean, squares)


def _similarity(values: _Moments) -> float:
    """Return how near the values are to one common 1: 2 m / (m^2 + 1 + s)."""
    deviation = (values.squares / max(values.pixels - 1, 1)) ** 0.5
    return 2 * values.mean / (values.mean**2 + 1 + deviation + _EPS)


def _centre(mask: np.ndarray) -> tuple[int, int]:
    """Return row and column of the pixel nearest to the centre of the object."""
    nearest = []
    for axis in (1, 0):
        sums = cv2.reduce(mask.view(np.uint8), axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
        # Python rounds halves to even, as NumPy does.
        nearest.append(round(float(sums @ np.arange(float(sums.size))) / float(sums.sum())))
    return nearest[0], nearest[1]


def _ssim(outside: _Moments, inside: _Moments) -> float:
    """Return the structural similarity of a map and its mask in one window."""
    pixels = outside.pixels + inside.pixels
    if not (outside.pixels and inside.pixels):
        return float(outside.squares + inside.squares == 0)
    x, y = _joined([outside, inside]), inside.pixels / pixels
    # Sums over N - 1: the factor would cancel, were it not for the authors' epsilon below.
    covariance = inside.pixels * (inside.mean - x.mean) / (pixels - 1)
    variances = (x.squares + inside.pixels * (1 - y)) / (pixels - 1)
    return 4 * x.mean * y * covariance / ((x.mean**2 + y * y) * variances + _EPS)
