"""How wide the rim of an object is, from how steeply the map falls there."""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

# The outline lies between these shares.
_OUTLINE = (0.3, 0.7)
# Widths are means over squares of so many of the map's pixels.
_MEAN = 7
# A map falls from 1 to 0 over 2 to 3 of its pixels where the object's edge is sharp.
_SHARP = 3.0
_FLAT = 1e-4


def rim(share: np.ndarray, pixel: float) -> Tuple[np.ndarray, np.ndarray]:
    """The outline's pixels, bool (H, W), and over how many pixels of the map it falls there.

    What is more than a sharp edge's `_SHARP` is told, float32 (H, W): 0 at sharp edges, large at
    hair. Off the outline it means nothing.

    Args:
        share: float32 (H, W), 0 to 1.
        pixel: how many pixels are one of the network's map.
    """
    across, down = (cv2.Sobel(share, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    outline = (share > _OUTLINE[0]) & (share < _OUTLINE[1])
    steep = cv2.magnitude(across, down) * np.float32(pixel)
    side = round(_MEAN * pixel) | 1
    weight = cv2.blur(outline.astype(np.float32), (side, side))
    steep = cv2.blur(np.where(outline, steep, 0), (side, side))
    width = weight / np.maximum(steep, _FLAT)
    return outline, np.where(outline, np.maximum(width - _SHARP, 0), 0)


def within(seeds: np.ndarray, distance: float) -> np.ndarray:
    """What is at most so far from one of the seeds, bool (H, W)."""
    if not seeds.any():
        return seeds
    return cv2.distanceTransform((~seeds).view(np.uint8), cv2.DIST_L2, 5) <= distance
