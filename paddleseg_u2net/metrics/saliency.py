"""MAE, F-measure and E-measure of saliency maps: what one count of levels gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import CurveMetric, Curves, MeanMetric
from paddleseg_u2net.metrics.scores import Score, register

_EPS = float(np.finfo(np.float64).eps)


@register(
    Score(
        "MAE",
        "saliency",
        "mean absolute error",
        "mean over images",
        "Perazzi et al. 2012",
        higher_is_better=False,
        also_called=("m", "meanabsoluteerror"),
    ),
    order=10,
    stretch="mae_stretch",
)
class MAE(MeanMetric):
    """Mean over pixels of abs(map - mask), then mean over images.

    Source: Perazzi et al. 2012, "Saliency Filters", sec. 4; Qin et al. 2020, "U²-Net", eq. 4.
    """

    def score(self, pair: MapMaskPair) -> float:
        return pair.statistics(self.stretch).mean_absolute_error


@register(
    Score(
        "maxF",
        "saliency",
        "max over thresholds of F, mean first",
        "beta² 0.3, 256 thresholds",
        "Achanta et al. 2009",
        "max_f",
    ),
    Score(
        "maxF_paper",
        "saliency",
        "max over thresholds of F(mean precision, mean recall)",
        "the U²-Net paper's maximum",
        "Qin et al. 2020, eq. 3",
        "max_f_of_mean_pr",
    ),
    Score("meanF", "saliency", "F, mean over thresholds", "", "Achanta et al. 2009", "mean_f"),
    Score("adpF", "saliency", "F at twice the map's mean", "", "Achanta et al. 2009", "adaptive_f"),
    order=20,
    beta2="beta2",
    stretch="stretch",
)
class FMeasure(CurveMetric):
    """F-measure, (1 + beta2) P R / (beta2 P + R), over 256 thresholds and at the adaptive one.

    Source: Achanta et al. 2009, "Frequency-tuned Salient Region Detection" (beta2 = 0.3, and the
    adaptive threshold of twice the mean saliency, at most 1); Qin et al. 2020, "U²-Net", eq. 3
    (precision and recall averaged over the set, then the maximum of F). Both maxima are called "max
    F" in print and differ by about 0.01: quote the definition with the number. Where a denominator
    is 0 the score is 0, as in PySODMetrics 1.6.2: an image without an object can only lower F.
    """

    def __init__(self, beta2: float = 0.3, stretch: str = "none") -> None:
        self.beta2 = beta2
        super().__init__(stretch)

    def _zeros(self) -> dict[str, np.ndarray]:
        curves = {name: np.zeros(LEVELS) for name in ("precision", "recall", "f", "found")}
        return {**curves, "adaptive_f": np.zeros(1), "images": np.zeros(1, np.int64)}

    def terms(self, pair: MapMaskPair) -> dict[str, np.ndarray | float]:
        counts = pair.statistics(self.stretch)
        # From level 255 down; the adaptive threshold last.
        hits = np.append(counts.true_positives, counts.adaptive_true_positives)
        positives = np.append(
            counts.true_positives + counts.false_positives, counts.adaptive_positives
        )
        # Where a denominator is 0 so is its numerator; 1 makes the ratio 0.
        precision = hits / np.maximum(positives, 1)
        recall = hits / max(pair.foreground_pixels, 1)
        f = self._f(precision, recall)
        curves = {"precision": precision, "recall": recall, "f": f, "found": positives > 0}
        return {**{name: curve[:-1] for name, curve in curves.items()}, "adaptive_f": f[-1]}

    def _f(self, precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
        numerator = (1 + self.beta2) * precision * recall
        return numerator / np.where(numerator == 0, 1, self.beta2 * precision + recall)

    def compute(self) -> SimpleNamespace:
        """Return the scores, NaN without any image, and the curves that they are read off.

        Curves are float64 (256,), means over images at the thresholds 255 down to 0: pixels of at
        least this level are positive. ``found_curve`` is the share of the images that have one.
        """
        precision, recall, f = self._mean("precision"), self._mean("recall"), self._mean("f")
        return SimpleNamespace(
            max_f=float(f.max()),
            max_f_of_mean_pr=float(self._f(precision, recall).max()),
            mean_f=float(f.mean()),
            adaptive_f=float(self._mean("adaptive_f")[0]),
            f_curve=f,
            precision_curve=precision,
            recall_curve=recall,
            found_curve=self._mean("found"),
        )

    def curves(self) -> Curves:
        """Return ``PR`` and ``F``, which is thresholds 0..1 and the mean score at each.

        ``PR`` is the mean recall, and the mean precision of the images in which something is found,
        at the thresholds where that is any image, since without it there is no precision.
        """
        f = self.compute()
        seen = f.found_curve != 0  # also where there is no image at all, which is NaN
        precision = f.precision_curve[seen] / f.found_curve[seen]
        return {
            "PR": (f.recall_curve[seen], precision),
            "F": (np.arange(LEVELS) / 255, f.f_curve[::-1]),
        }


@register(
    Score(
        "maxE", "saliency", "max over thresholds of E, mean first", "", "Fan et al. 2018", "max_e"
    ),
    Score("meanE", "saliency", "E, mean over thresholds", "", "Fan et al. 2018", "mean_e"),
    Score("adpE", "saliency", "E at twice the map's mean", "", "Fan et al. 2018", "adaptive_e"),
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

        ``e_curve``, float64 (256,), is the mean of E at the thresholds 255 down to 0: pixels of at
        least this level are positive.
        """
        e = self._mean("e")
        return SimpleNamespace(
            max_e=float(e.max()),
            mean_e=float(e.mean()),
            adaptive_e=float(self._mean("adaptive_e")[0]),
            e_curve=e,
        )

    def curves(self) -> Curves:
        """Return ``E``: thresholds 0..1 and the mean score at each."""
        return {"E": (np.arange(LEVELS) / 255, self._mean("e")[::-1])}


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
