"""Warp error: does a matte move as the video does? No ground truth is needed."""

from __future__ import annotations

import math

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.matting.errors import PER_PIXEL
from paddleseg_u2net.metrics.metric import MeanOfImages
from paddleseg_u2net.metrics.scores import Score, register

_LEAST_SIDE = 16  # pixels, of what OpenCV's flow is asked for


@register(
    Score(
        "Warp",
        "video",
        "warp error x 1000",
        "mean squared difference of a matte and the one before, moved by the video's optical flow, "
        "where that is sure; needs no mask; mean over pairs of frames",
        "Lai et al. 2018",
        higher_is_better=False,
        needs="images",
        also_called=("warperror", "warpingerror", "ewarp"),
    ),
    order=20,
)
class WarpError(MeanOfImages):
    """1000 times the mean over seen pixels of (m_t - m_t-1 moved to t)^2, mean over pairs.

    The map of the frame before is moved by the optical flow of the images (OpenCV's DIS, Kroeger
    et al. 2016, preset medium, of grey values), read between pixels bilinearly. A pixel is seen if
    it comes from inside of the frame and the flow there leads back to it, by Sundaram et al. 2010:
    abs(f + b)^2 <= 0.01 (abs(f)^2 + abs(b)^2) + 0.5. Source: Lai et al. 2018, "Learning Blind Video
    Temporal Consistency", ECCV, sec. 4, whose flow is a network's and whose code also leaves out
    where the flow changes, which would be the outline of the object. The first frame of a clip, and
    one of which nothing is seen, has no score.

    Mistakes of the flow count, and a map that never changes is perfect: it compares methods on the
    same frames, and says nothing of what is right.
    """

    follows_frames = reads_alpha = True

    def score(self, pair: MapMaskPair) -> float:
        if pair.grey is None:
            raise ValueError("Warp: expected the image of each frame beside its map, got none")
        if pair.before is None:
            return math.nan
        assert pair.before.grey is not None  # each was asked for the same
        moved, seen = _moved(pair, pair.before)
        if not seen.any():
            return math.nan
        error = (pair.values() - moved)[seen]
        return PER_PIXEL * float(error @ error) / error.size


def _moved(now: MapMaskPair, before: MapMaskPair) -> tuple[np.ndarray, np.ndarray]:
    """Return the map of the frame before, moved to this one, and where that is sure."""
    assert now.grey is not None and before.grey is not None
    back, forth = _flow(now.grey, before.grey), _flow(before.grey, now.grey)
    height, width = now.shape
    column, row = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    column, row = column + back[..., 0], row + back[..., 1]
    seen = (column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1)
    there = cv2.remap(forth, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    off, length = _squared(back + there), _squared(back) + _squared(there)
    seen &= off <= 0.01 * length + 0.5
    moved = cv2.remap(
        before.values(), column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if now.valid is not None:
        seen &= now.valid
    if before.valid is not None:
        ignored = (~before.valid).astype(np.float32)
        seen &= cv2.remap(ignored, column, row, cv2.INTER_LINEAR) == 0
    return moved, seen


def _flow(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return float32 (H, W, 2): by how many columns and rows what is at a pixel moves."""
    height, width = start.shape
    more = [max(0, _LEAST_SIDE - side) for side in (height, width)]
    if any(more):
        start, end = (
            cv2.copyMakeBorder(grey, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE)
            for grey in (start, end)
        )
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(start, end, None)
    return flow[:height, :width]


def _squared(flow: np.ndarray) -> np.ndarray:
    return np.einsum("hwc,hwc->hw", flow, flow)
