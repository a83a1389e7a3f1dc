"""E-measure of saliency maps: do map and mask leave their own means at the same pixels?"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import CurveMetric, Curves
from paddleseg_u2net.metrics.scores import Score, register

_EPS = float(np.finfo(np.float64).eps)


@register(
    Score(
        "maxE",
        "saliency",
        "max over thresholds of E, mean first",
        source="Fan et al. 2018",
        attribute="max_e",
        also_called=("e",),
    ),
    Score(
        "meanE",
        "saliency",
        "E, mean over thresholds",
        source="Fan et al. 2018",
        attribute="mean_e",
        also_called=("e",),
    ),
    Score(
        "adpE",
        "saliency",
        "E at twice the map's mean",
        source="Fan et al. 2018",
        attribute="adaptive_e",
        also_called=("e",),
    ),
    order=50,
    divisor="e_divisor",
    stretch="stretch",
)
class EMeasure(CurveMetric):
    """Enhanced-alignment measure over 256 thresholds and at the adaptive threshold.

    With a and b, what is left of the binarised map and of the mask without their means, the
    alignment is 2 a b / (a^2 + b^2); E is the sum over pixels of (1 + alignment)^2 / 4, divided.
    Source: Fan et al. 2018, "Enhanced-alignment Measure for Binary Foreground Map Evaluation",
    IJCAI, sec. 3, which divides by the N pixels. The authors' MATLAB code and PySODMetrics 1.6.2,
    where most numbers in print come from, divide by N - 1 (``n-1``): a perfect map has N / (N - 1).
    """

    def __init__(self, divisor: str = "n-1", stretch: str = "none") -> None:
        self.divisor = divisor
        super().__init__(stretch)

    def _zeros(self) -> dict[str, np.ndarray]:
        images = np.zeros(1, np.int64)
        return {"e": np.zeros(LEVELS), "adaptive_e": np.zeros(1), "images": images}

    def terms(self, pair: MapMaskPair) -> dict[str, np.ndarray | float]:
        """Return what one image adds to the sums, by name."""
        counts = pair.statistics(self.stretch)
        # From level 255 down, how many pixels are at or above each level; the adaptive one last.
        adaptive_hits = counts.adaptive_true_positives
        hits = np.append(counts.true_positives, adaptive_hits)
        false = np.append(counts.false_positives, counts.adaptive_positives - adaptive_hits)
        pixels = pair.valid_pixels
        e = _enhanced_sum(hits, false, pair.foreground_pixels, pixels)
        e = e / {"n": pixels, "n-1": max(pixels - 1, 1)}[self.divisor]
        return {"e": e[:-1], "adaptive_e": float(e[-1])}

    def compute(self) -> SimpleNamespace:
        """Return ``max_e``, ``mean_e`` and ``adaptive_e``, NaN without any image, and curves.

        ``e_curve``, float64 (256,), is the mean over images of E by ``thresholds``, 255 down to 0:
        pixels of at least this level are positive.
        """
        e = self._mean("e")
        return SimpleNamespace(
            max_e=float(e.max()),
            mean_e=float(e.mean()),
            adaptive_e=float(self._mean("adaptive_e")[0]),
            thresholds=np.arange(LEVELS - 1, -1, -1),
            e_curve=e,
        )

    def curves(self) -> Curves:
        """Return ``E``: thresholds 0..1 and the mean score at each."""
        scores = self.compute()
        return {"E": (scores.thresholds[::-1] / 255, scores.e_curve[::-1])}


def _enhanced_sum(hits: np.ndarray, false: np.ndarray, area: int, pixels: int) -> np.ndarray:
    """Return the sum of the enhanced alignment matrix of N binarised maps.

    ``hits`` and ``false`` (N,) are their positive pixels on the object, of ``area``, and off it.
    """
    positives = hits + false
    if area == 0:
        return pixels - positives
    if area == pixels:
        return positives
    # The matrix has one value for each of the four ways in which map and mask meet: positive or
    # not, then on the object or not, then by binarised map.
    counts = np.array([[hits, false], [area - hits, pixels - area - false]])
    a = np.stack([pixels - positives, -positives])[:, np.newaxis] / pixels
    b = np.array([pixels - area, -area])[:, np.newaxis] / pixels
    alignment = 2 * a * b / (a * a + b * b + _EPS)
    return (counts * (alignment + 1) ** 2).sum(axis=(0, 1)) / 4
