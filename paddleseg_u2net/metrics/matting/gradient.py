"""Gradient error of mattes: are edges as soft or as hard as the true ones?"""

from __future__ import annotations

import math

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.matting.errors import PER_PIXEL
from paddleseg_u2net.metrics.metric import MatteMetric
from paddleseg_u2net.metrics.scores import Score, register

_SIGMA = 1.4
# Where the Gaussian falls below 0.01, rounded up.
_RADIUS = math.ceil(_SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _SIGMA * 0.01)))
_AT = np.arange(-_RADIUS, _RADIUS + 1.0)
_SMOOTH = np.exp(-(_AT**2) / (2 * _SIGMA**2))
_SLOPE = _AT * _SMOOTH
# Each of length 1, so that their product, the filter in two dimensions, is, too.
_SMOOTH /= np.sqrt(_SMOOTH @ _SMOOTH)
_SLOPE /= np.sqrt(_SLOPE @ _SLOPE)


@register(
    Score(
        "Grad",
        "matting",
        "gradient error / 1000",
        "Gaussian derivatives of sigma 1.4; grows with the image's size",
        "Rhemann et al. 2009",
        higher_is_better=False,
        also_called=("gradient", "gradienterror", "gradientloss"),
    ),
    order=20,
)
class GradientError(MatteMetric):
    """Sum over pixels of (abs(grad matte) - abs(grad alpha))^2, divided by 1000, mean over images.

    Source: Rhemann et al. 2009, sec. 5. Filter and border as in the code that everybody's numbers
    come from (Xu et al. 2017, "Deep Image Matting"): 9 x 9 first derivatives of a Gaussian of sigma
    1.4, each of length 1 as a vector, pixels of the border repeated. That code stretches matte and
    alpha by their own minimum and maximum first; here nothing is stretched, since that makes an
    object of the noise in an empty frame. Where both reach 0 and 1 it is the same.
    """

    def score(self, pair: MapMaskPair) -> float:
        difference = _steepness(pair.values()) - _steepness(pair.alpha)
        return float((pair.at_valid(difference) ** 2).sum()) / PER_PIXEL


def _steepness(values: np.ndarray) -> np.ndarray:
    """Return the length of the gradient of float64 (H, W)."""
    along, across = (
        cv2.sepFilter2D(values, -1, row, column, borderType=cv2.BORDER_REPLICATE)
        for row, column in ((_SLOPE, _SMOOTH), (_SMOOTH, _SLOPE))
    )
    return np.sqrt(along * along + across * across)
