"""S-measure of saliency maps: does the map have the structure of the mask?"""

from __future__ import annotations

from typing import Optional

import cv2
import numpy as np

from .metric import MeanMetric
from .picture import Picture

_EPS = float(np.finfo(np.float64).eps)


class SMeasure(MeanMetric):
    """Structure measure: alpha x object score + (1 - alpha) x region score, mean over images.

    Higher is better, in [0, 1]. The object score compares mean and spread of the map on the object
    and off it; the region score is the SSIM of the four quadrants around the object's centre.
    Source: Fan et al. 2017, "Structure-measure: A New Way to Evaluate Foreground Maps", ICCV, sec.
    3, with lambda = 0.5.

    Corner cases are PySODMetrics 1.6.2's, which follow the authors' code:

    - Empty mask: 1 - mean of the map. Full mask: mean of the map.
    - A quadrant wholly on or wholly off the object scores 1 where the map is constant in it,
      whatever the constant, and 0 elsewhere. A constant map has no other special case.
    - A negative score is cut to 0.
    - The centre is rounded to a pixel, halves to the even one (MATLAB: up).

    Two differences: a quadrant without a pixel weighs nothing (there PySODMetrics and MATLAB say
    NaN, for instance for an object in the last row only), and "constant" means equal values (there
    both ask for a variance of exactly 0, which rounding denies to some constants).

    Ignored pixels are left out of every sum, the areas of the quadrants included.

    Args:
        alpha: Share of the object score, in [0, 1].
        stretch: What to do to each map first; see `maps.stretched`.
    """

    def __init__(self, alpha: float = 0.5, stretch: str = "none") -> None:
        if not 0 <= alpha <= 1:
            raise ValueError(f"expected alpha in [0, 1], got {alpha}")
        self.alpha = alpha
        super().__init__(stretch)

    def _settings(self) -> dict[str, object]:
        return {**super()._settings(), "alpha": self.alpha}

    def _score(self, picture: Picture) -> float:
        values, mask = picture.values(self.stretch), picture.mask
        inside = values[mask]
        outside = values[picture.background]
        if not inside.size:
            return 1 - float(outside.mean())
        if not outside.size:
            return float(inside.mean())
        share = inside.size / (inside.size + outside.size)
        of_object = share * _similarity(inside) + (1 - share) * _similarity(1 - outside)
        of_regions = _region_score(values, mask, picture.counted)
        return max(0.0, self.alpha * of_object + (1 - self.alpha) * of_regions)


def _similarity(values: np.ndarray) -> float:
    """Return how near the values are to one common 1: 2 m / (m^2 + 1 + s)."""
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + spread + _EPS)


def _region_score(values: np.ndarray, mask: np.ndarray, counted: Optional[np.ndarray]) -> float:
    """Return the mean SSIM of the four quadrants, weighted by their pixels."""
    row, column = _centre(mask)
    score, pixels = 0.0, 0
    for rows in (slice(None, row + 1), slice(row + 1, None)):
        for columns in (slice(None, column + 1), slice(column + 1, None)):
            part, truth = values[rows, columns], mask[rows, columns]
            if counted is not None:
                kept = counted[rows, columns]
                part, truth = part[kept], truth[kept]
            if part.size:
                score += part.size * _ssim(part, truth)
                pixels += part.size
    return score / pixels


def _centre(mask: np.ndarray) -> tuple[int, int]:
    """Return row and column of the pixel nearest to the centre of the object."""
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    area = moments["m00"]
    # Python rounds halves to even, as NumPy does.
    return round(moments["m01"] / area), round(moments["m10"] / area)


def _ssim(values: np.ndarray, mask: np.ndarray) -> float:
    """Return the structural similarity of a map and its mask in one window: any equal shapes."""
    hits = int(np.count_nonzero(mask))
    if hits in (0, mask.size):
        return float(values.min() == values.max())
    x, y = float(values.mean()), hits / mask.size
    deviation = values - x
    # Sums over N - 1: the factor would cancel, were it not for the authors' epsilon below.
    covariance = float((deviation * mask).sum()) / (mask.size - 1)
    variances = (float((deviation * deviation).sum()) + hits * (1 - y)) / (mask.size - 1)
    return 4 * x * y * covariance / ((x * x + y * y) * variances + _EPS)
