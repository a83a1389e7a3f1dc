"""dtSSD: does a matte change from frame to frame as the true one does?"""

from __future__ import annotations

import math

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import MatteMetric
from paddleseg_u2net.metrics.scores import Score, register

_SCALE = 1e2


@register(
    Score(
        "dtSSD",
        "video",
        "root mean squared error of the change x 100",
        "from frame to frame, against the true change; mean over pairs of frames",
        "Erofeev et al. 2015",
        higher_is_better=False,
    ),
    order=10,
)
class ChangeError(MatteMetric):
    """100 sqrt(mean over pixels of ((m_t - m_t-1) - (a_t - a_t-1))^2), mean over pairs of frames.

    m is the matte, a the true alpha; the first frame of a clip has no score. Source: Erofeev et
    al. 2015, "Perceptually Motivated Benchmark for Video Matting", BMVC, sec. 4.1; mean and factor
    as in the code of Lin et al. 2021, "Robust High-Resolution Video Matting", which counts a 0 for
    each first frame. Other code takes the root of the sum, or a trimap's unknown pixels only.
    """

    follows_frames = True

    def score(self, pair: MapMaskPair) -> float:
        if pair.before is None:
            return math.nan
        change = pair.matte_error - pair.before.matte_error
        for valid in (pair.valid, pair.before.valid):
            if valid is not None:
                change = np.where(valid, change, 0)
        pixels = _both_valid(pair, pair.before)
        return _SCALE * math.sqrt(float((change**2).sum()) / pixels) if pixels else math.nan


def _both_valid(one: MapMaskPair, other: MapMaskPair) -> int:
    """Return of how many pixels both frames have a truth."""
    if one.valid is None or other.valid is None:
        return min(one.valid_pixels, other.valid_pixels)
    return int(np.count_nonzero(one.valid & other.valid))
