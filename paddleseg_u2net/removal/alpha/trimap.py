"""Where an opacity is uncertain, and what is sure around it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from paddleseg_u2net.removal.alpha.rim import rim, within

# Less and more than these shares of the map are sure, a few pixels away. Chosen with the other
# numbers on the part `tune` of `benchmarks/scenes.py`, the sum of errors along edges being least.
_SURE = (0.2, 0.95)
# How far the band reaches from what is unsure, in pixels of the map: at sharp edges, how much more
# for each pixel that the map falls more slowly, and at most.
_LEAST, _MORE, _MOST = 1.5, 8.0, 20.0
# How much what was thought counts, against a window of the image: so little that it decides only
# what colours do not; and from so far away on, or once it was solved at a smaller size, a little.
_TIE, _TIE_MORE, _FAR = 1e-6, 3e-3, 6.0
# No further than this part of how deep the largest object is: a small one would be lost in it.
_PART = 0.5
# Of an opacity that was solved at half the size: what is sure, and pixels around the rest.
_SOLVED = (0.02, 0.98)
_BESIDE = 2


class Trimap(NamedTuple):
    """What is to be found and what is sure.

    Args:
        unknown: bool (H, W), the band.
        values: float32 (H, W), 0 or 1 where it is sure, in the band what was thought so far.
        tie: float32 (H, W), how much that counts.
    """

    unknown: np.ndarray
    values: np.ndarray
    tie: np.ndarray


def of_map(share: np.ndarray, pixel: float) -> Trimap:
    """The band of a network's map, float32 (H, W) of 0 to 1, ``pixel`` times as large as it was.

    Networks draw hair as a cloud: where the map falls slowly the band is wide. They draw so what
    they doubt, too: far from the outline the map counts a little.
    """
    outline, slower = rim(share, pixel)
    unsure = (share > _SURE[0]) & (share < _SURE[1]) | _jumps(share)
    unknown = within(unsure, _LEAST * pixel)
    depth = cv2.distanceTransform((share >= 0.5).view(np.uint8), cv2.DIST_L2, 5).max() / pixel
    reach = np.where(outline, np.minimum(_LEAST + _MORE * slower, min(_MOST, _PART * depth)), 0)
    near = unknown
    for distance in np.arange(_LEAST + 0.5, _MOST + 0.25, 0.5):
        unknown = unknown | within(reach >= distance, float(distance) * pixel)
        near = unknown if distance <= _FAR else near
    return _trimap(unknown, np.where(near, share, np.rint(share)), np.where(near, _TIE, _TIE_MORE))


def of_solved(share: np.ndarray) -> Trimap:
    """The band of an opacity that was solved at a smaller size and enlarged."""
    unsure = (share > _SOLVED[0]) & (share < _SOLVED[1])
    kernel = np.ones((2 * _BESIDE + 1,) * 2, np.uint8)
    unknown = cv2.dilate(unsure.view(np.uint8), kernel).view(bool)
    return _trimap(unknown, share, np.full(share.shape, _TIE_MORE, np.float32))


def _jumps(share: np.ndarray) -> np.ndarray:
    """Where a map that is not smooth goes from foreground to background in one step."""
    inside = (share >= 0.5).view(np.uint8)
    return cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0


def _trimap(unknown: np.ndarray, share: np.ndarray, tie: np.ndarray) -> Trimap:
    sure = (share >= 0.5).astype(np.float32)
    return Trimap(unknown, np.where(unknown, share, sure), tie)
