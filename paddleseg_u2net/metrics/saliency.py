"""MAE and F-measure of saliency maps, the two scores that every paper of the field reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import CurveMetric, Curves, MeanMetric
from paddleseg_u2net.metrics.scores import Score, register

F_NAMES = ("f", "fm", "fmeasure", "fbeta", "fscore")
"""What any F-measure is called, so that none can be told by it."""


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
    """Mean absolute error: mean over pixels of abs(map - mask), then mean over images.

    Lower is better, in [0, 1]. An empty mask is no special case: the error is then the mean of the
    map. Source: Perazzi et al. 2012, "Saliency Filters: Contrast Based Filtering for Salient
    Region Detection", sec. 4; Qin et al. 2020, "U²-Net: Going Deeper with Nested U-Structure for
    Salient Object Detection", sec. 4.3, eq. 4.
    """

    def score(self, pair: MapMaskPair) -> float:
        """Return the error of one image."""
        return pair.statistics(self.stretch).mean_absolute_error


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


@register(
    Score(
        "maxF",
        "saliency",
        "max over thresholds of F, mean first",
        "beta² 0.3, 256 thresholds",
        "Achanta et al. 2009",
        "max_f",
        also_called=(*("fmax", "maxfm", "fmmax", "maxfmeasure", "fbetamax", "maxfbeta"), *F_NAMES),
    ),
    Score(
        "maxF_paper",
        "saliency",
        "max over thresholds of F(mean precision, mean recall)",
        "the U²-Net paper's maximum",
        "Qin et al. 2020, eq. 3",
        "max_f_of_mean_pr",
        also_called=F_NAMES,
    ),
    Score(
        "meanF",
        "saliency",
        "F, mean over thresholds",
        source="Achanta et al. 2009",
        attribute="mean_f",
        also_called=(*("fmean", "meanfm", "fmmean", "meanfmeasure", "fbetamean", "avgf"), *F_NAMES),
    ),
    Score(
        "adpF",
        "saliency",
        "F at twice the map's mean",
        source="Achanta et al. 2009",
        attribute="adaptive_f",
        also_called=(*("fadp", "adpfm", "fmadp", "adaptivef", "adpfmeasure", "fbetaadp"), *F_NAMES),
    ),
    order=20,
    beta2="beta2",
    stretch="stretch",
)
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
    - A constant map is not changed by ``stretch="minmax"``.

    Args:
        beta2: Weight of precision, beta squared, > 0.
        stretch: How to normalise each map first; see `normalise.normalise`.
    """

    def __init__(self, beta2: float = 0.3, stretch: str = "none") -> None:
        if not beta2 > 0:
            raise ValueError(f"expected beta2 > 0, got {beta2}")
        self.beta2 = beta2
        super().__init__(stretch)

    def _zeros(self) -> dict[str, np.ndarray]:
        curves = {name: np.zeros(LEVELS) for name in ("precision", "recall", "f", "found")}
        return {**curves, "adaptive_f": np.zeros(1), "images": np.zeros(1, np.int64)}

    def terms(self, pair: MapMaskPair) -> dict[str, np.ndarray | float]:
        """Return what one image adds to the sums, by name."""
        counts = pair.statistics(self.stretch)
        positives = counts.true_positives + counts.false_positives
        # Where a denominator is 0 so is its numerator; 1 makes the ratio 0.
        in_mask = max(int(counts.true_positives[-1]), 1)
        precision = counts.true_positives / np.maximum(positives, 1)
        recall = counts.true_positives / in_mask

        hits = counts.adaptive_true_positives
        adaptive = self._f(
            np.array(hits / max(counts.adaptive_positives, 1)), np.array(hits / in_mask)
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

    def curves(self) -> Curves:
        """Return ``PR`` and ``F``.

        ``PR`` is the mean recall, and the mean precision of the images in which something is found,
        at the thresholds where that is any image, since without it there is no precision. ``F`` is
        thresholds 0..1 and the mean score at each.
        """
        f = self.compute()
        seen = f.found_curve != 0  # also where there is no image at all, which is NaN
        precision = f.precision_curve[seen] / f.found_curve[seen]
        return {
            "PR": (f.recall_curve[seen], precision),
            "F": (f.thresholds[::-1] / 255, f.f_curve[::-1]),
        }
