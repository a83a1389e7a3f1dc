"""Specks away, pinholes filled: what is too small to be an object, or a hole in one."""

from __future__ import annotations

import math
from typing import Tuple

import cv2
import numpy as np

from paddleseg_u2net.removal.crop import OBJECT, SEEN
from paddleseg_u2net.render.overlay import strips

# The share that is kept where none is told.
CLEAN = 0.05
# A hole is filled below this part of the least object's area: an arm's gap is no pinhole.
_HOLE = 0.02


def cleaned(alpha: np.ndarray, share: float) -> np.ndarray:
    """Return an opacity without its small objects and the smallest holes in the others.

    An object is what is joined, corners too, by more than 5 % of opacity; its area is the number of
    its pixels that are at least half opaque. It is kept whole, soft edges and all, if it has at
    least ``share`` of the largest one's area; otherwise it goes, with what lies nearest to it. A
    hole is what is less than half opaque inside an object, joined by sides; it is filled to the
    level of its rim if it is smaller than 1/50 of the least object that is kept.

    Args:
        alpha: uint8 (H, W).
        share: 0 to 1; 0 drops nothing but what has no opaque pixel, 1 leaves the largest.
    """
    labels, areas = _objects(alpha)
    if not areas.any():
        return alpha
    dropped = areas < max(share * areas.max(), 1)
    dropped[0] = False
    result = alpha.copy()
    if dropped.any():
        result[dropped[_nearest(labels)]] = 0
    return _filled(result, share * _HOLE * areas.max())


def _objects(alpha: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Which object each pixel is of, int32 (H, W), 0 for none, and their areas, the 0 one's too."""
    count, labels = cv2.connectedComponents((alpha > SEEN).view(np.uint8), connectivity=8)
    areas = np.zeros(count, np.int64)
    for rows in strips(alpha.shape):
        areas += np.bincount(labels[rows][alpha[rows] > OBJECT], minlength=count)
    return labels, areas


def _nearest(labels: np.ndarray) -> np.ndarray:
    """The object that each pixel is nearest to, int32 (H, W)."""
    outside = (labels == 0).view(np.uint8)
    _, places = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5)
    table = np.zeros(int(places.max()) + 1, np.int32)
    for rows in strips(labels.shape):
        inside = labels[rows] > 0
        table[places[rows][inside]] = labels[rows][inside]
    return table[places]


def _filled(alpha: np.ndarray, limit: float) -> np.ndarray:
    """Without the holes that have fewer pixels than ``limit``."""
    few = (alpha <= OBJECT).view(np.uint8)
    # OpenCV 4.5.5's own choice of an algorithm ends the process where sides alone join.
    _, labels, boxes, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        few, 4, cv2.CV_32S, cv2.CCL_WU
    )
    result = alpha.copy()
    for number, (left, top, width, height, area) in enumerate(boxes[1:].tolist(), 1):
        ends_inside = left + width < alpha.shape[1] and top + height < alpha.shape[0]
        if area >= limit or not (left and top and ends_inside):
            continue
        # The dip is wider than the part of it that is less than half opaque.
        reach = 1 + math.isqrt(area)
        height, width = height + 2 * reach, width + 2 * reach
        dip = (
            slice(max(0, top - reach), top - reach + height),
            slice(max(0, left - reach), left - reach + width),
        )
        closed = _closed(alpha, dip, np.ones((height, width), np.uint8))
        own = (labels[dip] == number) | (alpha[dip] > OBJECT)
        np.copyto(result[dip], np.maximum(result[dip], closed), where=own)
    return result


def _closed(alpha: np.ndarray, place: Tuple[slice, slice], kernel: np.ndarray) -> np.ndarray:
    """The grey closing of a part, as that of the whole has it."""
    around = tuple(
        slice(max(0, part.start - size), part.stop + size)
        for part, size in zip(place, kernel.shape)
    )
    inner = tuple(
        slice(part.start - wide.start, part.stop - wide.start) for part, wide in zip(place, around)
    )
    return cv2.morphologyEx(alpha[around], cv2.MORPH_CLOSE, kernel)[inner]
