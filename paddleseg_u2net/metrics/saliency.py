"""MAE and F-measure of saliency maps, the two scores that every paper of the field reports."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import CurveMetric, Curves, MeanMetric
from paddleseg_u2net.metrics.scores import Score, register


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
        """Return the error of one image."""
        return pair.statistics(self.stretch).mean_absolute_error


@register(
    Score(
        "maxF",
        "saliency",
        "max over thresholds of F, mean first",
        "beta² 0.3, 256 thresholds",
        "Achanta et al. 2009",
        "max_f",
        also_called=("f",),
    ),
    Score(
        "maxF_paper",
        "saliency",
        "max over thresholds of F(mean precision, mean recall)",
        "the U²-Net paper's maximum",
        "Qin et al. 2020, eq. 3",
        "max_f_of_mean_pr",
        also_called=("f",),
    ),
    Score(
        "meanF",
        "saliency",
        "F, mean over thresholds",
        source="Achanta et al. 2009",
        attribute="mean_f",
        also_called=("f",),
    ),
    Score(
        "adpF",
        "saliency",
        "F at twice the map's mean",
        source="Achanta et al. 2009",
        attribute="adaptive_f",
        also_called=("f",),
    ),
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

    def compute(self) -> SimpleNamespace:
        """Return the scores, NaN without any image, and the curves that they are read off.

        Curves are float64 (256,), means over images by ``thresholds``, 255 down to 0: pixels of at
        least this level are positive. ``found_curve`` is the share of the images that have one.
        """
        precision, recall, f = self._mean("precision"), self._mean("recall"), self._mean("f")
        return SimpleNamespace(
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
