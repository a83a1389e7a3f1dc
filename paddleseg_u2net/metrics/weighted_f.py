"""Weighted F-measure of saliency maps: errors count by where they are."""

from __future__ import annotations

import cv2
import numpy as np

from .metric import MeanMetric
from .picture import Picture

_EPS = float(np.finfo(np.float64).eps)
_RADIUS = 3  # of the 7 x 7 Gaussian
_GAUSSIAN = np.exp(-(np.arange(-_RADIUS, _RADIUS + 1) ** 2) / (2 * 5.0**2))
_GAUSSIAN /= _GAUSSIAN.sum()

# A pixel that the window of an object pixel covers has the object within this squared distance,
# hence its nearest object pixel at most this far, be it outside of the window: (4, 0), (4, 1).
_FAR = 2 * _RADIUS**2
_REACH = int(_FAR**0.5)


class WeightedFMeasure(MeanMetric):
    """F-measure of a map that is not binarised, with errors weighted by place, mean over images.

    Higher is better, in [0, 1]. On the object, an error counts less where the neighbourhood is
    right (7 x 7 Gaussian of sigma 5; what is off the object has the error of the nearest object
    pixel, what is off the picture has none). Off the object, an error weighs 1 at the rim and 2 far
    away, halfway at a distance of 5 pixels. Source: Margolin et al. 2014, "How to Evaluate
    Foreground Maps?", CVPR; F = (1 + beta2) P R / (beta2 P + R) of weighted precision and recall.

    Of several nearest object pixels that in the leftmost column counts, then that in the uppermost
    row. SciPy takes the same, so the scores are PySODMetrics 1.6.2's to about 1e-6.

    Corner cases are PySODMetrics's too: an empty mask scores 0 whatever the map; a full mask and a
    constant map are no special cases.

    Ignored pixels are off the object and have no error.

    Args:
        beta2: Weight of precision, beta squared, > 0.
        stretch: What to do to each map first; see `maps.stretched`.
    """

    def __init__(self, beta2: float = 1.0, stretch: str = "none") -> None:
        if not beta2 > 0:
            raise ValueError(f"expected beta2 > 0, got {beta2}")
        self.beta2 = beta2
        super().__init__(stretch)

    def _settings(self) -> dict[str, object]:
        return {**super()._settings(), "beta2": self.beta2}

    def _score(self, picture: Picture) -> float:
        area = picture.foreground_pixels
        if not area:
            return 0.0
        values = picture.values(self.stretch).astype(np.float32)
        mask, squared = picture.mask, picture.squared_distance
        found = area - _missed(values, mask, squared)
        recall = found / area
        precision = found / (found + _false_positives(values, mask, squared) + _EPS)
        below = self.beta2 * precision + recall + _EPS
        return (1 + self.beta2) * precision * recall / below


def _false_positives(values: np.ndarray, mask: np.ndarray, squared: np.ndarray) -> float:
    """Return the sum of the map off the object, weighted by the distance to the object."""
    weight = 2 - cv2.exp(np.sqrt(squared) * np.float32(np.log(0.5) / 5))
    return float((values * weight * ~mask).sum(dtype=np.float64))


def _missed(values: np.ndarray, mask: np.ndarray, squared: np.ndarray) -> float:
    """Return the sum of the errors on the object, each at most that of its neighbourhood."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    # The windows of the object's pixels end within the box; beyond it nothing is needed.
    box = np.s_[max(y - _REACH, 0) : y + height + _REACH, max(x - _REACH, 0) : x + width + _REACH]
    mask = mask[box]
    error = np.ascontiguousarray((1 - values[box]) * mask)
    spread = _spread(error, mask, squared[box])
    blurred = cv2.sepFilter2D(spread, -1, _GAUSSIAN, _GAUSSIAN, borderType=cv2.BORDER_CONSTANT)
    return float((np.minimum(error, blurred) * mask).sum(dtype=np.float64))


def _spread(error: np.ndarray, mask: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """Return the error with that of the nearest object pixel at every pixel near the object."""
    # A frame of background, so that no offset leads around a corner into another row.
    frame = (_REACH,) * 4 + (cv2.BORDER_CONSTANT,)
    framed = cv2.copyMakeBorder(error, *frame)
    inside = cv2.copyMakeBorder(mask.view(np.uint8), *frame).view(np.bool_).ravel()
    line = framed.shape[1]
    flat = framed.ravel()

    rows, columns = np.nonzero((squared > 0) & (squared <= _FAR))
    place = (rows + _REACH) * line + columns + _REACH
    lengths = squared[rows, columns]
    for length, offsets in _OFFSETS.items():
        here = place[lengths == length]
        nearest = here.copy()
        for column, row in reversed(offsets):  # the one to prefer comes last and stays
            there = here + (row * line + column)
            np.copyto(nearest, there, where=inside[there])
        flat[here] = flat[nearest]
    height, width = error.shape
    return framed[_REACH : _REACH + height, _REACH : _REACH + width]


def _offsets_by_length() -> dict[int, list[tuple[int, int]]]:
    """Return (column, row) steps by their squared length up to _FAR, left before right."""
    steps = range(-_REACH, _REACH + 1)
    offsets: dict[int, list[tuple[int, int]]] = {}
    for column in steps:
        for row in steps:
            length = column**2 + row**2
            if 0 < length <= _FAR:
                offsets.setdefault(length, []).append((column, row))
    return offsets


_OFFSETS = _offsets_by_length()
