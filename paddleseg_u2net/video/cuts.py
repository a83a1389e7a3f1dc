"""Whether a new scene begins between two frames."""

from __future__ import annotations

import cv2
import numpy as np

# Mean difference in grey levels of what the motion explains, and the share of pixels that it
# explains, at a cut.
_RESIDUAL, _EXPLAINED = 14.0, 0.35
# Distance of the frames' histograms, 0 to 1.
_HISTOGRAM = 0.2


def is_cut(before: np.ndarray, grey: np.ndarray, moved: np.ndarray, confidence: np.ndarray) -> bool:
    """Whether two frames show different scenes.

    Args:
        before, grey: the canvases of the two frames, uint8 (h, w).
        moved: the first, brought to the second along the motion.
        confidence: of that motion, float32 (h, w), 0 to 1.
    """
    residual = float(cv2.absdiff(grey, moved).mean())
    explained = float(confidence.mean())
    if residual > 2 * _RESIDUAL and explained < _EXPLAINED:
        return True
    return residual > _RESIDUAL and explained < _EXPLAINED and _distance(before, grey) > _HISTOGRAM


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of the differences of the histograms of 32 grey levels, 0 to 1."""
    histograms = [np.bincount((grey >> 3).ravel(), minlength=32) for grey in (one, other)]
    return float(np.abs(histograms[0] - histograms[1]).sum() / (2 * one.size))
