"""AUC of saliency maps: do fixated pixels have larger values than other pixels?

Nothing is drawn: ties count one half, and random negatives are averaged over all draws.
"""

from __future__ import annotations

from typing import Optional

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import FixationMetric
from paddleseg_u2net.metrics.scores import Score, register

_STEP = 0.1


def _roc_area(
    positives: np.ndarray, negatives: np.ndarray, weights: Optional[np.ndarray] = None
) -> float:
    """Return the chance that a positive (N,) exceeds a negative (M,), all whole numbers from 0.

    A tie counts one half, a negative as often as ``weights`` (M,) say.
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
    )
)
class AucJudd(FixationMetric):
    """Area under the ROC curve of fixated against unfixated pixels, mean over images.

    Only the order of the map's values matters. Source: Judd et al. 2012, MIT-CSAIL-TR-2012-001;
    Bylinskii et al. 2019, TPAMI. MIT's code has thresholds at the fixated values only, so its curve
    lies above the real one, which pysaliency has too, by at most 1 / (2 N) for N points.
    """

    def score(self, pair: MapMaskPair) -> float:
        positives, points = pair.at_points(pair.ranks), pair.fixations.points
        others = np.ones(pair.shape, bool) if pair.valid is None else pair.valid.copy()
        if points is not None:
            others[points[:, 0], points[:, 1]] = False
        negatives = pair.ranks[others]
        if not positives.size or not negatives.size:
            return float("nan")
        return _roc_area(positives, negatives)


@register(
    Score(
        "AUC_Borji",
        "fixation",
        "ROC area, against random pixels",
        "in steps of 0.1; the exact expectation, nothing is drawn",
        "Borji et al. 2013",
        needs="points",
    )
)
class AucBorji(FixationMetric):
    """Area under the ROC curve of fixated against random pixels, mean over images.

    The thresholds are 0, 0.1, 0.2 and so on of the min-max normalised map; a value on a threshold,
    to rounding, reaches it. Source: Borji et al. 2013, "Quantitative Analysis of Human-Model
    Agreement in Visual Saliency Modeling", TIP; Bylinskii et al. 2019, TPAMI. The mean over all
    draws of random pixels is the area against all pixels, since the area is linear in their rates.
    """

    def score(self, pair: MapMaskPair) -> float:
        levels = np.zeros(pair.shape, np.uint8)
        if not pair.constant:
            levels = _steps(pair.prediction, pair.range)
        positives = pair.at_points(levels)
        if not positives.size:
            return float("nan")
        return _roc_area(positives, pair.at_valid(levels))


def _steps(values: np.ndarray, low_high: tuple[float, float]) -> np.ndarray:
    """Return as uint8 how many thresholds above 0 a value reaches."""
    if values.dtype == np.uint8:
        return _steps(np.arange(256.0), low_high)[values]
    low, high = low_high
    # One after the other, as the product of a tiny range and the step would be 0.
    normalised = (values.astype(np.float64) - low) / (high - low) / _STEP
    # A value that rounding has put a little below a threshold still reaches it. Ignored pixels, and
    # levels that no pixel has, may lie outside.
    return np.clip(np.floor(normalised + 1e-9), 0, 255).astype(np.uint8)


@register(
    Score(
        "sAUC",
        "fixation",
        "ROC area, against other images' points",
        "the fixations of the other images of the set",
        "Tatler et al. 2005, Zhang et al. 2008",
        needs="points",
    )
)
class ShuffledAuc(FixationMetric):
    """Area under the ROC curve of fixations on this against those on other images, mean.

    A blob in the middle gets about 0.5, since the fixations on other images are there too. Source:
    Tatler et al. 2005, "Visual correlates of fixation selection", Vision Research; Zhang et al.
    2008, "SUN", J. of Vision. A pixel counts as often as it was fixated, and every value is a
    threshold, as in pysaliency and the Tuebingen benchmark; MIT's code has steps and counts once.
    """

    needs_other_images = True

    def score(self, pair: MapMaskPair) -> float:
        positives = pair.at_points(pair.ranks)
        if pair.others is None or not positives.size:
            return float("nan")
        there = np.flatnonzero(pair.others)
        if not there.size:
            return float("nan")
        weights = pair.others.ravel()[there]
        return _roc_area(positives, pair.ranks.ravel()[there], weights)
