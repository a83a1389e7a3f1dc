"""AUC of saliency maps: do fixated pixels have larger values than other pixels?"""

from __future__ import annotations

from typing import Optional

import numpy as np

from paddleseg_u2net.metrics.fixation.fixation_pair import FixationMetric, FixationPair
from paddleseg_u2net.metrics.scores import Score, register


def roc_area(
    positives: np.ndarray, negatives: np.ndarray, weights: Optional[np.ndarray] = None
) -> float:
    """Return the area under the ROC curve: the chance that a positive exceeds a negative.

    A tie counts one half, which is what the trapezoid rule gives.

    Args:
        positives: (N,), one or more; whole numbers, 0 and more: see `dense_rank`.
        negatives: (M,), one or more, the same.
        weights: float64 (M,), how often each negative counts, of a sum above 0; None: once.
    """
    levels = 1 + max(int(positives.max()), int(negatives.max()))
    hits = np.bincount(positives, minlength=levels)
    misses = np.bincount(negatives, weights, minlength=levels)
    upto = np.cumsum(misses)
    return float(hits @ (2 * upto - misses)) / (2 * positives.size * float(upto[-1]))


@register(
    Score(
        "AUC_Judd",
        "fixation",
        "ROC area, against all other pixels",
        "ties count one half",
        "Judd et al. 2012",
        needs="points",
    ),
    order=10,
)
class AucJudd(FixationMetric):
    """Area under the ROC curve of fixated against other pixels, mean over images.

    Higher is better, in [0, 1]; 0.5 is chance, and what a constant map gets. Only the order of the
    map's values matters. Source: Judd et al. 2012, "A Benchmark of Computational Models of Saliency
    to Predict Human Fixations", MIT-CSAIL-TR-2012-001; Bylinskii et al. 2019, "What do different
    evaluation metrics tell us about saliency models?", TPAMI.

    MIT's MATLAB code adds random numbers to the map so that no two values are equal. Here nothing
    is random: a tie counts one half, which is the mean over such random numbers. MIT's code also
    has thresholds at the fixated values only and draws straight lines between them, so its curve
    lies above the real one by at most 1 / (2 N) for N points. pysaliency and the Tuebingen
    benchmark draw the real curve, as here.

    Corner cases: a point that is there twice counts twice (MIT: once; see `Fixations.distinct`). No
    points, or no negatives since every pixel was fixated: undefined. So is a 1x1 image.

    Args:
        negatives: "unfixated" takes the pixels without a fixation, as MIT's code; "all" takes all
            pixels, fixated ones too, as pysaliency's uniform nonfixations.
    """

    def __init__(self, negatives: str = "unfixated") -> None:
        if negatives not in ("unfixated", "all"):
            raise ValueError(f"expected negatives to be unfixated or all, got {negatives!r}")
        self.negatives = negatives
        super().__init__()

    def score(self, pair: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        positives = pair.at_points(pair.ranks)
        if self.negatives == "all":
            negatives = pair.at_valid(pair.ranks)
        else:
            negatives = pair.ranks[pair.unfixated]
        if not positives.size or not negatives.size:
            return float("nan")
        return roc_area(positives, negatives)


class _SteppedAuc(FixationMetric):
    """AUC whose thresholds may lie at even steps of the min-max normalised map."""

    def __init__(self, step: Optional[float]) -> None:
        if step is not None and not 0.004 <= step <= 1:
            raise ValueError(f"expected a step of the thresholds in [0.004, 1], got {step}")
        self.step = step
        super().__init__()

    def _levels(self, pair: FixationPair) -> np.ndarray:
        """Return the map (H, W) as whole numbers that differ where a threshold lies between."""
        if pair.constant:
            return np.zeros(pair.shape, np.uint8)
        if self.step is None:
            return pair.ranks
        return _steps(pair.prediction, pair.range, self.step)


def _steps(values: np.ndarray, low_high: tuple[float, float], step: float) -> np.ndarray:
    """Return as uint8 how many thresholds above 0 a value reaches, low 0 and high 1 / step."""
    if values.dtype == np.uint8:
        return _steps(np.arange(256.0), low_high, step)[values]
    low, high = low_high
    # One after the other, as the product of a tiny range and the step would be 0.
    normalised = (values.astype(np.float64) - low) / (high - low) / step
    # A value that rounding has put a little below a threshold still reaches it. Ignored pixels, and
    # levels that no pixel has, may lie outside.
    return np.clip(np.floor(normalised + 1e-9), 0, 255).astype(np.uint8)


@register(
    Score(
        "AUC_Borji",
        "fixation",
        "ROC area, against random pixels",
        "in steps of 0.1; the exact expectation, nothing is drawn",
        "Borji et al. 2013",
        needs="points",
    ),
    order=20,
)
class AucBorji(_SteppedAuc):
    """Area under the ROC curve of fixated against random pixels, mean over images.

    Higher is better, in [0, 1]; 0.5 is chance, and what a constant map gets. The map is min-max
    normalised, and the thresholds are 0, 0.1, 0.2 and so on. Source: Borji et al. 2013,
    "Quantitative Analysis of Human-Model Agreement in Visual Saliency Modeling", TIP; Bylinskii et
    al. 2019, TPAMI.

    MIT's MATLAB code draws as many random pixels of the whole image as there are points, takes
    the area, and averages over 100 draws. The area is linear in the false positive rates, and the
    expected rate at a threshold is the share of all pixels that reach it. So the mean over all
    draws is the area against all pixels. That is what is returned: nothing is random, no seed is
    needed, and MIT's numbers scatter around it.

    Corner cases: a point that is there twice counts twice (MIT: once; see `Fixations.distinct`). No
    points: undefined. A value on a threshold, to rounding, reaches it.

    Args:
        step: Distance of the thresholds, in [0.004, 1].
    """

    def __init__(self, step: float = 0.1) -> None:
        if step is None:
            raise ValueError('expected a step, got None; that is AucJudd(negatives="all")')
        super().__init__(step)

    def score(self, pair: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        levels = self._levels(pair)
        positives = pair.at_points(levels)
        if not positives.size:
            return float("nan")
        return roc_area(positives, pair.at_valid(levels))


@register(
    Score(
        "sAUC",
        "fixation",
        "ROC area, against other images' points",
        "the fixations of the other images of the set",
        "Tatler et al. 2005, Zhang et al. 2008",
        needs="points",
    ),
    order=30,
)
class ShuffledAuc(_SteppedAuc):
    """Area under the ROC curve of fixations on this against those on other images, mean.

    Higher is better, in [0, 1]; 0.5 is chance, and what a constant map gets, and about what a blob
    in the middle gets, since the fixations on other images are there too. Source: Tatler et al.
    2005, "Visual correlates of fixation selection", Vision Research; Zhang et al. 2008, "SUN", J.
    of Vision; Bylinskii et al. 2019, TPAMI.

    MIT's MATLAB code averages over 100 random choices among the pixels that were fixated in other
    images, each equally likely, with thresholds 0.1 apart. As with `AucBorji`, the mean over all
    choices is the area against all of them. With ``step=0.1`` and weights of 0 and 1 that is
    returned; MIT's numbers scatter around it. The default, without steps and with a pixel as often
    as it was fixated, is that of pysaliency and the Tuebingen benchmark.

    Corner cases: no points, or no weights of other images (none given, or 0 everywhere):
    undefined.

    Args:
        step: Distance of the thresholds on the min-max normalised map, in [0.004, 1]; None has one
            at every value.
    """

    needs_other_images = True

    def __init__(self, step: Optional[float] = None) -> None:
        super().__init__(step)

    def score(self, pair: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        points = pair.fixations.points
        if pair.others is None or points is None or not len(points):
            return float("nan")
        there = np.flatnonzero(pair.others)
        if not there.size:
            return float("nan")
        levels = self._levels(pair)
        weights = pair.others.ravel()[there]
        return roc_area(pair.at_points(levels), levels.ravel()[there], weights)
