"""Bodies without holes: translucency far from an object's outline is the network's doubt."""

from __future__ import annotations

import cv2
import numpy as np

from paddleseg_u2net.removal.alpha.rim import rim
from paddleseg_u2net.render.overlay import strips

# The longer side of what is looked at; maps have no more detail.
_SIDE = 700
# How deep translucency may lie below the outline, in pixels of the map: at a sharp edge, more for
# each pixel that the map falls more slowly, and at most; then it is closed over the next two.
_LEAST, _MORE, _MOST, _SOFT = 3.0, 1.0, 12.0, 2.0
# A hole in which the map is nowhere below this is no hole.
_HOLE = 0.25
# An object with so large a translucent part, below this opacity, is glass, or no object.
_GLASS, _OPAQUE = 0.4, 0.9


def solidified(alpha: np.ndarray, pixel: float) -> np.ndarray:
    """Return an opacity whose bodies are opaque inside.

    What lies deep in an object, where the map is more than half sure or has a hole that is nowhere
    less than a quarter opaque, becomes opaque. Rims stay, and are the wider the more slowly the map
    falls there, as it does at hair. An object that is mostly translucent stays as it is: glass.

    Args:
        alpha: the map, uint8 (H, W).
        pixel: how many of its pixels are one of the network's map.
    """
    height, width = alpha.shape
    factor = min(1.0, _SIDE / max(alpha.shape))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) if factor < 1 else alpha
    lift = _lift(small.astype(np.float32) / 255, max(1.0, pixel * factor))
    if not lift.any():
        return alpha
    lift = np.rint(lift * 255).astype(np.uint8)
    lift = cv2.resize(lift, (width, height), interpolation=cv2.INTER_LINEAR)
    result = np.empty_like(alpha)
    for rows in strips(alpha.shape):
        lacking = (255 - alpha[rows]).astype(np.uint16) * lift[rows]
        result[rows] = alpha[rows] + ((lacking + 127) // 255).astype(np.uint8)
    return result


def _lift(share: np.ndarray, pixel: float) -> np.ndarray:
    """Which part of its translucency each pixel loses, float32 (H, W), 0 to 1."""
    inside = _inside(share)
    outline, slower = rim(share, pixel)
    outline &= ~cv2.erode(inside.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    lift = _beyond(cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, 5) / pixel, _LEAST)
    reach = np.minimum(_LEAST + _MORE * slower, _MOST)
    for distance in np.arange(_LEAST + 1, _MOST + 0.5):
        seeds = (outline & (reach >= distance)).view(np.uint8)
        if seeds.any():
            apart = cv2.distanceTransform(1 - seeds, cv2.DIST_L2, 5) / pixel
            lift = np.minimum(lift, _beyond(apart, float(distance)))
    count, labels = cv2.connectedComponents(inside.view(np.uint8), connectivity=8)
    areas = np.bincount(labels.ravel(), minlength=count)
    clear = np.bincount(labels[(share < _OPAQUE) & (lift > 0)], minlength=count)
    solid = clear <= _GLASS * areas
    return np.where(solid[labels], lift, 0)


def _beyond(distance: np.ndarray, reach: float) -> np.ndarray:
    return np.clip((distance - reach) / _SOFT, 0, 1)


def _inside(share: np.ndarray) -> np.ndarray:
    """What is of an object, with the shallow holes in it."""
    outside = share < 0.5
    # OpenCV 4.5.5's own choice of an algorithm ends the process where sides alone join.
    count, labels = cv2.connectedComponentsWithAlgorithm(
        outside.view(np.uint8), 4, cv2.CV_32S, cv2.CCL_WU
    )
    shallow = np.ones(count, bool)
    shallow[labels[share < _HOLE]] = False
    return ~outside | shallow[labels]
