"""The foreground's own colours at outlines, steady over time and fast.

A pixel of an outline shows a mixture, I = a F + (1 - a) B. What F and B are near it is known, at a
small size, from where only one of them is seen, in this frame and, along the motion, in those
before. So a rim that moves over another background does not change its colour with it.
"""

from __future__ import annotations

from typing import Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net.video.composing.composer import mixed_parts
from paddleseg_u2net.video.flow import Motion, grid
from paddleseg_u2net.video.types import Matte

# The longer side at which colours are known, and how far they are carried outwards: first from the
# nearest pixels, where there are none from farther ones.
_SIDE, _RADII = 160, (1, 4, 16)
_FARTHER = np.float32(1e-3)
# Opacity from which on a pixel shows the foreground alone, and to which the background.
_SURE, _NONE = 0.98, 0.02
# How much of what earlier frames told is kept.
_KEPT = np.float32(0.75)


class Colours:
    """The foreground's colours of one video's mattes, in order.

    Source: M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, whose means of
    both colours are taken from sure pixels here, of several frames.
    """

    def __init__(self) -> None:
        self._known: Optional[np.ndarray] = None

    def __call__(self, matte: Matte) -> np.ndarray:
        """uint8 (H, W, 3): the frame, with the foreground's own colours where pixels are mixed.

        Where only one side was ever seen, it is the frame.
        """
        picture, alpha = matte.frame.picture, matte.alpha
        known = self._learned(picture, alpha, matte.motion)
        if known[..., 3].any() and known[..., 7].any():
            return _unmixed(picture, alpha, _spread(known[..., :4]), _spread(known[..., 4:]))
        return picture.copy()

    def _learned(
        self, picture: np.ndarray, alpha: np.ndarray, motion: Optional[Motion]
    ) -> np.ndarray:
        """Sums of the sure colours and how many they are, float32 (h, w, 8), of both sides."""
        height, width = alpha.shape
        scale = min(1.0, _SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        share = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) / np.float32(255)
        sides = [(share >= _SURE).astype(np.float32), (share <= _NONE).astype(np.float32)]
        now = np.concatenate(
            [part for side in sides for part in (small * side[..., None], side[..., None])], 2
        )
        if self._known is not None and motion is not None:
            now += _carried(self._known, motion, size)
        self._known = now
        return now


def _carried(known: np.ndarray, motion: Motion, size: Tuple[int, int]) -> np.ndarray:
    """What was known, where it is now, as far as the motion is sure."""
    flow = cv2.resize(motion.flow, size, interpolation=cv2.INTER_AREA)
    rows, columns = motion.confidence.shape
    flow *= np.array([size[0] / columns, size[1] / rows], np.float32)
    sure = cv2.resize(motion.confidence, size, interpolation=cv2.INTER_AREA)
    places = flow + grid(size[1], size[0])
    sides = [
        cv2.remap(side, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for side in (known[..., :4], known[..., 4:])
    ]
    return np.concatenate(sides, 2) * (_KEPT * sure)[..., None]


def _spread(known: np.ndarray) -> np.ndarray:
    """Sums and numbers (h, w, 4) -> colours everywhere, float32 (h, w, 3), 0 to 255."""
    total, weight = None, np.float32(1)
    for radius in _RADII:
        part = cv2.blur(known, (2 * radius + 1, 2 * radius + 1)) * weight
        total = part if total is None else total + part
        weight *= _FARTHER
    everywhere = known.reshape(-1, 4).mean(0) * weight
    total = total + everywhere
    return total[..., :3] / np.maximum(total[..., 3:], np.float32(1e-30))


def _unmixed(
    picture: np.ndarray, alpha: np.ndarray, own: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """The frame with the foreground's colours where it is mixed; they explain the mixture.

    In whole numbers, and only where there are mixed pixels: with F and B of a small size, the
    mixture lacks e = I - B - a (F - B), and what is found is F + a e.
    """
    size = alpha.shape[1], alpha.shape[0]
    back = cv2.resize(cv2.convertScaleAbs(other), size)
    apart = np.rint(own - other).astype(np.int16)
    apart = cv2.resize(apart, size)
    result = picture.copy()
    for part in mixed_parts(alpha):
        share = alpha[part].astype(np.int16)
        share = cv2.merge([share, share, share])
        lacking = cv2.subtract(picture[part], back[part], dtype=cv2.CV_16S)
        lacking -= cv2.multiply(share, apart[part], scale=1 / 255)
        found = cv2.multiply(share, lacking, scale=1 / 255)
        found += apart[part]
        mixed = cv2.inRange(alpha[part], 1, 254)
        cv2.copyTo(cv2.add(back[part], found, dtype=cv2.CV_8U), mixed, result[part])
    return result
