"""Connectivity error of mattes: parts that float free of the object weigh more."""

from __future__ import annotations

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.matting.errors import PER_PIXEL
from paddleseg_u2net.metrics.metric import MatteMetric
from paddleseg_u2net.metrics.scores import Score, register

_STEPS = 10  # thresholds 0.1, 0.2 .. 1
_FORGIVEN = 0.15


@register(
    Score(
        "Conn",
        "matting",
        "connectivity error / 1000",
        "steps of 0.1, differences from 0.15; grows with the image's size",
        "Rhemann et al. 2009",
        higher_is_better=False,
        also_called=("connectivity", "connectivityerror", "connectivityloss"),
    ),
    order=30,
)
class ConnectivityError(MatteMetric):
    """Sum over pixels of how differently matte and alpha hang together with the object, / 1000.

    At each threshold t the object is the largest of the regions, joined by four neighbours, in
    which both are at least t. With l the last threshold up to which a pixel belongs to it, the
    connectedness of a value a is 1 - (a - l), or 1 where that is less than 0.15 off. Source:
    Rhemann et al. 2009, sec. 5, without the weight lambda, as in the code that everybody's numbers
    come from (Xu et al. 2017, "Deep Image Matting"). Of regions of one size the first, line by
    line, is taken.
    """

    def score(self, pair: MapMaskPair) -> float:
        matte, alpha = pair.values(), pair.alpha
        joined = _joined(matte, alpha)
        return float(abs(_apart(matte - joined) - _apart(alpha - joined)).sum()) / PER_PIXEL


def _apart(difference: np.ndarray) -> np.ndarray:
    return np.where(difference >= _FORGIVEN, difference, 0.0)


def _joined(matte: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return l of every pixel, float64 (H, W)."""
    both = np.minimum(matte, alpha)
    level = np.zeros(both.shape)
    here = np.ones(both.shape, np.bool_)
    for step in range(1, _STEPS + 1):
        # One division, correctly rounded, as of 8-bit maps: 153 / 255 is exactly 6 / 10.
        here &= _largest_region(both >= step / _STEPS)
        if not here.any():
            break
        level[here] = step / _STEPS
    return level


def _largest_region(inside: np.ndarray) -> np.ndarray:
    """Return the largest region, bool (H, W), of pixels joined by four neighbours."""
    # OpenCV 4.5.5's own choice of an algorithm ends the process where sides alone join.
    count, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        inside.view(np.uint8), 4, cv2.CV_32S, cv2.CCL_WU
    )
    if count == 1:
        return inside  # nothing is
    areas = stats[1:, cv2.CC_STAT_AREA]
    (largest,) = np.nonzero(areas == areas.max())
    numbers = largest + 1
    if len(numbers) > 1:  # numbers need not be in the order of the first pixels
        numbers = labels.ravel()[np.isin(labels.ravel(), numbers)][:1]
    return labels == numbers[0]
