"""E-measure of saliency maps: do map and mask leave their own means at the same pixels?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paddleseg_u2net.metrics.conventions import DIVISORS
from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import CurveMetric, Curves
from paddleseg_u2net.metrics.scores import Score, register

_EPS = float(np.finfo(np.float64).eps)
_E = ("e", "em", "emeasure", "exi")


@dataclass(frozen=True, eq=False)
class EMeasureScores:
    """What an `EMeasure` says of all images seen; higher is better.

    Attributes:
        max_e: Maximum over thresholds of the mean over images of E.
        mean_e: Mean over thresholds of the mean over images of E.
        adaptive_e: Mean over images of E at the image's own threshold, min(2 x mean of map, 1).
        thresholds: int64 (256,), 255 down to 0: pixels of at least this level are positive.
        e_curve: float64 (256,), mean over images of E by threshold.
    """

    max_e: float
    mean_e: float
    adaptive_e: float
    thresholds: np.ndarray
    e_curve: np.ndarray


@register(
    Score(
        "maxE",
        "saliency",
        "max over thresholds of E, mean first",
        source="Fan et al. 2018",
        attribute="max_e",
        also_called=("emax", "maxem", "emmax", "maxemeasure", *_E),
    ),
    Score(
        "meanE",
        "saliency",
        "E, mean over thresholds",
        source="Fan et al. 2018",
        attribute="mean_e",
        also_called=("emean", "meanem", "emmean", "meanemeasure", "avge", *_E),
    ),
    Score(
        "adpE",
        "saliency",
        "E at twice the map's mean",
        source="Fan et al. 2018",
        attribute="adaptive_e",
        also_called=("eadp", "adpem", "emadp", "adaptivee", "adpemeasure", *_E),
    ),
    order=50,
    divisor="e_divisor",
    stretch="stretch",
)
class EMeasure(CurveMetric):
    """Enhanced-alignment measure over 256 thresholds and at the adaptive threshold.

    The map is binarised. With a and b, what is left of map and mask at a pixel without their means,
    the alignment is 2 a b / (a^2 + b^2), in [-1, 1]; E is the sum over pixels of
    (1 + alignment)^2 / 4, divided. Higher is better, in [0, 1] with the divisor ``n``. Source: Fan
    et al. 2018, "Enhanced-alignment Measure for Binary Foreground Map Evaluation", IJCAI, sec. 3.

    The paper divides by the N pixels. The authors' MATLAB code and PySODMetrics 1.6.2, which most
    numbers in print come from, divide by N - 1: a perfect map then scores N / (N - 1), which is
    1.00001 for a photograph and 2 for two pixels.

    Corner cases are PySODMetrics 1.6.2's, which follow the authors' code:

    - Empty mask: the share of negative pixels. Full mask: the share of positive ones.
    - No positive pixel, or positive pixels only (threshold 0, or the adaptive threshold of an
      all-zero map), and a mask that is neither empty nor full: every alignment is 0, E = 1/4.
    - A constant map is not changed by ``stretch="minmax"``.
    - One pixel: divided by 1, not by N - 1 = 0 (there PySODMetrics says 0 or about 5e15).

    Args:
        divisor: ``n-1`` as published numbers have it, or ``n`` as the paper has it.
        stretch: How to normalise each map first; see `normalise.normalise`.
    """

    def __init__(self, divisor: str = "n-1", stretch: str = "none") -> None:
        if divisor not in DIVISORS:
            raise ValueError(
                f"expected divisor to be one of {', '.join(DIVISORS)}, got {divisor!r}"
            )
        self.divisor = divisor
        super().__init__(stretch)

    def _zeros(self) -> dict[str, np.ndarray]:
        return {
            "e": np.zeros(LEVELS),
            "adaptive_e": np.zeros(1),
            "images": np.zeros(1, np.int64),
        }

    def terms(self, pair: MapMaskPair) -> dict[str, np.ndarray | float]:
        """Return what one image adds to the sums, by name."""
        counts = pair.statistics(self.stretch)
        # From level 255 down, how many pixels are at or above each level; the adaptive one last.
        adaptive_hits = counts.adaptive_true_positives
        hits = np.append(counts.true_positives, adaptive_hits)
        false = np.append(counts.false_positives, counts.adaptive_positives - adaptive_hits)
        pixels = pair.valid_pixels
        e = _enhanced_sum(hits, false, pair.foreground_pixels, pixels)
        e = e / (pixels if self.divisor == "n" else max(pixels - 1, 1))
        return {"e": e[:-1], "adaptive_e": float(e[-1])}

    def compute(self) -> EMeasureScores:
        """Return the scores of the images so far, NaN without any."""
        e = self._mean("e")
        return EMeasureScores(
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
    """Return the sum of the enhanced alignment matrix of one or more binarised maps.

    Args:
        hits: int (N,), positive pixels of each map on the object.
        false: int (N,), positive pixels of each map off the object.
        area: Pixels of the object.
        pixels: All pixels.
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
