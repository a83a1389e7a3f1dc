"""MAE and F-measure of saliency maps, the two scores that every paper of the field reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import Picture
from paddleseg_u2net.metrics.map_statistics import LEVELS
from paddleseg_u2net.metrics.metric import CurveMetric, MeanMetric


class MAE(MeanMetric):
    """Mean absolute error: mean over pixels of abs(map - mask), then mean over images.

    Lower is better, in [0, 1]. An empty mask is no special case: the error is then the mean of the
    map. Source: Perazzi et al. 2012, "Saliency Filters: Contrast Based Filtering for Salient
    Region Detection", sec. 4; Qin et al. 2020, "U²-Net: Going Deeper with Nested U-Structure for
    Salient Object Detection", sec. 4.3, eq. 4.
    """

    def _score(self, picture: Picture) -> float:
        return picture.statistics(self.stretch).mean_absolute_error


@dataclass(frozen=True, eq=False)
class FMeasureScores:
    """What an `FMeasure` says of all images seen; every number in [0, 1], higher is better.

    Attributes:
        max_f: Maximum over thresholds of the mean over images of F.
        max_f_of_mean_pr: Maximum over thresholds of F(mean precision, mean recall), the means over
            images: the U²-Net paper's "max F".
        mean_f: Mean over thresholds of the mean over images of F.
        adaptive_f: Mean over images of F at the image's own threshold, min(2 x mean of map, 1).
        thresholds: int64 (256,), 255 down to 0: pixels of at least this level are positive.
        f_curve: float64 (256,), mean over images of F by threshold.
        precision_curve: The same of precision.
        recall_curve: The same of recall.
        found_curve: float64 (256,), the share of the images that have a positive pixel, and with
            it a precision that is not 0 by definition.
    """

    max_f: float
    max_f_of_mean_pr: float
    mean_f: float
    adaptive_f: float
    thresholds: np.ndarray
    f_curve: np.ndarray
    precision_curve: np.ndarray
    recall_curve: np.ndarray
    found_curve: np.ndarray


class FMeasure(CurveMetric):
    """F-measure over 256 thresholds and at the adaptive threshold.

    F = (1 + beta2) P R / (beta2 P + R), with precision P and recall R of the map binarised at a
    threshold. Source: Achanta et al. 2009, "Frequency-tuned Salient Region Detection" (F with
    beta2 = 0.3, which weighs precision higher, and the adaptive threshold of twice the mean
    saliency); Qin et al. 2020, "U²-Net", sec. 4.3, eq. 3 (precision and recall averaged over the
    data set, then the maximum of F). Both maxima of `FMeasureScores` are called "max F" in print
    and differ by about 0.01: quote the definition with the number.

    Corner cases are PySODMetrics 1.6.2's, so that numbers compare with published ones:

    - Empty mask: recall is undefined and taken as 0, so P = R = F = 0 at every threshold whatever
      the map, an empty one too. An image without an object can only lower the score.
    - No positive pixel at a threshold: P = R = F = 0.
    - Threshold 0 takes the whole image: P is the object's share of the image and R = 1. So does
      the adaptive threshold of an all-zero map, whose mean is 0.
    - A constant map is not stretched by ``stretch="minmax"``.

    Args:
        beta2: Weight of precision, beta squared, > 0.
        stretch: What to do to each map first; see `maps.stretched`.
    """

    def __init__(self, beta2: float = 0.3, stretch: str = "none") -> None:
        if not beta2 > 0:
            raise ValueError(f"expected beta2 > 0, got {beta2}")
        self.beta2 = beta2
        super().__init__(stretch)

    def _settings(self) -> dict[str, object]:
        return {**super()._settings(), "beta2": self.beta2}

    def _zeros(self) -> dict[str, np.ndarray]:
        return {
            "precision": np.zeros(LEVELS),
            "recall": np.zeros(LEVELS),
            "f": np.zeros(LEVELS),
            "found": np.zeros(LEVELS),
            "adaptive_f": np.zeros(1),
            "images": np.zeros(1, np.int64),
        }

    def _of_picture(self, picture: Picture) -> dict[str, np.ndarray | float]:
        statistics = picture.statistics(self.stretch)
        # From level 255 down: how many pixels are at or above each level.
        true_positives = np.cumsum(statistics.foreground_histogram[::-1])
        positives = true_positives + np.cumsum(statistics.background_histogram[::-1])
        # Where a denominator is 0 so is its numerator; 1 makes the ratio 0.
        in_mask = max(int(true_positives[-1]), 1)
        precision = true_positives / np.maximum(positives, 1)
        recall = true_positives / in_mask

        hits = statistics.adaptive_true_positives
        adaptive = self._f(
            np.array(hits / max(statistics.adaptive_positives, 1)), np.array(hits / in_mask)
        )
        return {
            "precision": precision,
            "recall": recall,
            "f": self._f(precision, recall),
            "found": (positives > 0).astype(np.float64),
            "adaptive_f": float(adaptive),
        }

    def _f(self, precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
        numerator = (1 + self.beta2) * precision * recall
        return numerator / np.where(numerator == 0, 1, self.beta2 * precision + recall)

    def compute(self) -> FMeasureScores:
        """Return the scores of the images so far, NaN without any."""
        precision, recall, f = self._mean("precision"), self._mean("recall"), self._mean("f")
        return FMeasureScores(
            max_f=float(f.max()),
            max_f_of_mean_pr=float(self._f(precision, recall).max()),
            mean_f=float(f.mean()),
            adaptive_f=float(self._mean("adaptive_f")[0]),
            thresholds=np.arange(LEVELS - 1, -1, -1),
            f_curve=f,
            precision_curve=precision,
            recall_curve=recall,
            found_curve=self._mean("found"),
        )
