"""Weighted F-measure of saliency maps: errors count by where they are."""

from __future__ import annotations

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair, bounding_box
from paddleseg_u2net.metrics.metric import MeanMetric
from paddleseg_u2net.metrics.scores import Score, register

_EPS = float(np.finfo(np.float64).eps)
_RADIUS = 3  # of the 7 x 7 Gaussian
_GAUSSIAN = np.exp(-(np.arange(-_RADIUS, _RADIUS + 1) ** 2) / (2 * 5.0**2))
_GAUSSIAN /= _GAUSSIAN.sum()

# A pixel that the window of an object pixel covers has the object within this squared distance,
# hence its nearest object pixel at most this far, be it outside of the window: (4, 0), (4, 1).
_FAR = 2 * _RADIUS**2
_REACH = int(_FAR**0.5)

# The way from a pixel to an object pixel as one number: the less, the nearer, then the more to the
# left. Whether it leads up or down is not in it.
_COLUMNS = 2 * _REACH + 1
_STEPS_EACH_WAY = range(-_REACH, _REACH + 1)


def _key(row: int, column: int) -> int:
    """Return the key of so many rows and columns; at most 170 within the squared distance _FAR."""
    return _COLUMNS * (row**2 + column**2) + column + _REACH


@register(
    Score(
        "wF",
        "saliency",
        "weighted F",
        "beta 1; errors count by where they are",
        "Margolin et al. 2014",
    ),
    order=30,
    beta2="weighted_beta2",
    stretch="stretch",
)
class WeightedFMeasure(MeanMetric):
    """F-measure of a map that is not binarised, with errors weighted by place, mean over images.

    On the object, an error counts less where the neighbourhood is right (7 x 7 Gaussian of sigma 5;
    what is off the object has the error of the nearest object pixel). Off it, an error weighs 1 at
    the rim and 2 far away, halfway at 5 pixels. Source: Margolin et al. 2014, "How to Evaluate
    Foreground Maps?", CVPR. Of several nearest object pixels that in the leftmost column counts,
    then the uppermost, as in SciPy, so the scores are PySODMetrics 1.6.2's to about 1e-6.
    """

    def __init__(self, beta2: float = 1.0, stretch: str = "none") -> None:
        self.beta2 = beta2
        super().__init__(stretch)

    def score(self, pair: MapMaskPair) -> float:
        area = pair.foreground_pixels
        if not area:
            return 0.0
        values, mask = pair.narrow_values(self.stretch), pair.mask
        found = area - _missed(values, mask)
        recall = found / area
        precision = found / (found + _false_positives(values, mask) + _EPS)
        below = self.beta2 * precision + recall + _EPS
        return (1 + self.beta2) * precision * recall / below


def _false_positives(values: np.ndarray, mask: np.ndarray) -> float:
    """Return the sum of the map off the object, weighted by the distance to the object."""
    wrong = values > 0
    # Beyond the box of what is wrong and what it may be near to, no distance is asked for.
    part = bounding_box(wrong | mask)
    at = np.flatnonzero(wrong[part] & ~mask[part])
    off = (~mask[part]).view(np.uint8)
    distance = cv2.distanceTransform(off, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).ravel()[at]
    # The last bit that OpenCV gives changes with the place of the array in memory.
    distance = np.sqrt(np.rint(distance * distance))
    weight = 2 - np.exp(distance * np.float32(np.log(0.5) / 5))
    return float((values[part].ravel()[at] * weight).sum(dtype=np.float64))


def _missed(values: np.ndarray, mask: np.ndarray) -> float:
    """Return the sum of the errors on the object, each at most that of its neighbourhood."""
    # The windows of the object's pixels end within the box; beyond it nothing is needed.
    part = bounding_box(mask, _REACH)
    mask = mask[part]
    error = (1 - values[part]) * mask
    spread = _spread(error, mask)
    blurred = cv2.sepFilter2D(spread, -1, _GAUSSIAN, _GAUSSIAN, borderType=cv2.BORDER_CONSTANT)
    blurred *= mask
    return cv2.sumElems(cv2.min(error, blurred))[0]


def _spread(error: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the error with that of the nearest object pixel at every pixel near the object."""
    # A frame of background, so that no step leads around a corner into another row.
    frame = (_REACH,) * 4 + (cv2.BORDER_CONSTANT,)
    framed = cv2.copyMakeBorder(error, *frame)
    inside = cv2.copyMakeBorder(mask.view(np.uint8), *frame).view(np.bool_).ravel()
    line = framed.shape[1]
    keys = _keys(inside, line)
    is_near = cv2.inRange(keys[np.newaxis], _COLUMNS, _COLUMNS * (_FAR + 1) - 1)
    near = np.flatnonzero(is_near.view(np.bool_))
    keys, near = keys[near], near + _REACH * (line + 1)

    row, column = _STEPS[:, keys]
    up, down = near + (column - row * line), near + (column + row * line)
    flat = framed.ravel()
    flat[near] = flat[np.where(inside[up], up, down)]
    height, width = error.shape
    return framed[_REACH : _REACH + height, _REACH : _REACH + width]


def _keys(inside: np.ndarray, line: int) -> np.ndarray:
    """Return the least key from every pixel to the object, exact up to _FAR, 255 without any.

    ``inside`` are rows of a framed mask one after the other, bool (N,), each of ``line``; the
    keys, uint8, lack the first and last _REACH rows and columns.
    """
    off = (~inside).view(np.uint8)
    off *= 255
    # First the nearest one in the column, then the best of the columns around. OpenCV's sums stay
    # at 255. Everything is done in few arrays, as fresh memory costs more than the sums.
    vertical = off[_REACH * line : -_REACH * line].copy()
    _lower(vertical, off, {(row + _REACH) * line: _COLUMNS * row**2 for row in _STEPS_EACH_WAY})
    best = np.full(vertical.size - 2 * _REACH, 255, np.uint8)
    _lower(best, vertical, {column + _REACH: _key(0, column) for column in _STEPS_EACH_WAY})
    return best


def _lower(best: np.ndarray, array: np.ndarray, costs: dict[int, int]) -> None:
    """Lower ``best`` to the least of ``array`` moved so far at such a cost, at most 255."""
    moved = np.empty_like(best)
    for start, cost in costs.items():
        # As one row: OpenCV takes a column of four for another scalar.
        cv2.add(array[np.newaxis, start : start + best.size], cost, moved[np.newaxis])
        np.minimum(best, moved, out=best)


def _steps_by_key() -> np.ndarray:
    """Return int (2, 256): how many rows and which columns a key stands for."""
    steps = np.zeros((2, 256), np.intp)
    for row in range(_REACH + 1):
        for column in _STEPS_EACH_WAY:
            if row**2 + column**2 <= _FAR:
                steps[:, _key(row, column)] = row, column
    return steps


_STEPS = _steps_by_key()
