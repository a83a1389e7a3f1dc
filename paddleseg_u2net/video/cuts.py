"""Whether a new scene begins between two frames."""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

# Mean difference in grey levels of what the motion explains, and the share of pixels that it
# explains, at a cut.
_RESIDUAL, _EXPLAINED = 14.0, 0.35
# Distance of the frames' histograms, 0 to 1.
_HISTOGRAM = 0.2


# Mean grey levels from which on two frames differ in light, and how much they may in contrast.
_LIGHT, _CONTRAST = 8.0, 2.0


def relit(grey: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A canvas in another one's light, as after a flash or in a fade; the same where it is alike.

    uint8 (h, w) both, and the result.
    """
    (mean, spread), (wanted, whole) = (_light(each) for each in (grey, like))
    if abs(mean - wanted) < _LIGHT:
        return grey
    gain = min(_CONTRAST, max(1 / _CONTRAST, (whole + 1) / (spread + 1)))
    return cv2.convertScaleAbs(np.maximum(gain * (grey - np.float32(mean)) + wanted, 0))


def _light(grey: np.ndarray) -> Tuple[float, float]:
    mean, spread = cv2.meanStdDev(grey)
    return float(mean[0, 0]), float(spread[0, 0])


def is_cut(before: np.ndarray, grey: np.ndarray, moved: np.ndarray, confidence: np.ndarray) -> bool:
    """Whether two frames show different scenes.

    Args:
        before, grey: the canvases of the two frames, uint8 (h, w).
        moved: the first, brought to the second along the motion.
        confidence: of that motion, float32 (h, w), 0 to 1.
    """
    residual = float(cv2.absdiff(grey, relit(moved, grey)).mean())
    explained = float(confidence.mean())
    if residual > 2 * _RESIDUAL and explained < _EXPLAINED:
        return True
    return residual > _RESIDUAL and explained < _EXPLAINED and _distance(before, grey) > _HISTOGRAM


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of the differences of the histograms of 32 grey levels, 0 to 1."""
    histograms = [np.bincount((grey >> 3).ravel(), minlength=32) for grey in (one, other)]
    return float(np.abs(histograms[0] - histograms[1]).sum() / (2 * one.size))
