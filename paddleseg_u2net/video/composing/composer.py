"""Frames with their opacity to the frames of the finished video, quickly."""

from __future__ import annotations

from typing import Callable, Iterator, Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net.removal.composing import over
from paddleseg_u2net.removal.crop import Size
from paddleseg_u2net.video.composing.backgrounds import Backdrop, middle, placed
from paddleseg_u2net.video.types import Matte

ONLY = ("foreground", "matte")
"""What is kept of a video: the foreground, or its opacity in grey."""

# Rows that are worked on at a time, of those columns only in which pixels are mixed.
_ROWS = 32

Colours = Callable[[Matte], np.ndarray]
"""From a frame with its opacity to the foreground's own colours, uint8 (H, W, 3)."""


class Composer:
    """The finished frames of a video, one after the other.

    Args:
        size: of the finished video. Frames stand in its middle, and must not be larger.
        only: see `ONLY`.
        backdrop: what stands behind the foreground; None: nothing, it is transparent.
        colours: gives the foreground's own colours; None: the frame's are taken.

    Attributes:
        kind: of its pictures: ``rgb``, uint8 (H, W, 3); ``rgba``, (H, W, 4), not multiplied by
            opacity, and 0 where nothing is seen; or ``grey``, (H, W).
    """

    def __init__(
        self,
        size: Size,
        only: str = ONLY[0],
        backdrop: Optional[Backdrop] = None,
        colours: Optional[Colours] = None,
    ) -> None:
        if only not in ONLY:
            raise ValueError(f"only: expected one of {', '.join(ONLY)}, got {only!r}")
        if only == "matte" and backdrop is not None:
            raise ValueError("background: a matte has none")
        self._size, self._backdrop, self._colours = size, backdrop, colours
        opaque = backdrop is not None and backdrop.opaque
        self.kind = "grey" if only == "matte" else "rgb" if opaque else "rgba"

    def __call__(self, matte: Matte) -> np.ndarray:
        """The finished frame; the array is the caller's."""
        picture, alpha = matte.frame.picture, matte.alpha
        if self.kind == "grey":
            return placed(alpha, self._size)
        colours = self._colours(matte) if self._colours else picture
        if self._backdrop is None:
            return placed(_cut_out(colours, alpha), self._size)
        behind = self._backdrop.at(matte.frame.time, picture, alpha)
        if not self._backdrop.opaque:
            return over(placed(_cut_out(colours, alpha), self._size), behind)
        result = behind.copy()
        rows, columns = middle((alpha.shape[1], alpha.shape[0]), self._size)
        lay(colours, alpha, result[rows, columns])
        return result


def lay(colours: np.ndarray, alpha: np.ndarray, onto: np.ndarray) -> None:
    """Lay colours of an opacity onto opaque ones, in place.

    Values are mixed as they are stored, and rounded to the nearest, as `removal.composing.over`
    does it for single pictures; benchmarks/video_composing.py has both.

    Args:
        colours: uint8 (H, W, 3).
        alpha: uint8 (H, W).
        onto: uint8 (H, W, 3); may be a part of a larger picture.
    """
    cv2.copyTo(colours, cv2.compare(alpha, 255, cv2.CMP_EQ), onto)
    for part in mixed_parts(alpha):
        onto[part] = _mixed(colours[part], alpha[part], onto[part])


def mixed_parts(alpha: np.ndarray) -> Iterator[Tuple[slice, slice]]:
    """Yield rows and columns of an opacity, uint8 (H, W), in which all mixed pixels lie.

    They are so few rows at a time that the processor's quick memory holds them.
    """
    mixed = cv2.inRange(alpha, 1, 254)
    for top in range(0, len(alpha), _ROWS):
        rows = slice(top, top + _ROWS)
        columns = np.flatnonzero(cv2.reduce(mixed[rows], 0, cv2.REDUCE_MAX))
        if len(columns):
            yield rows, slice(int(columns[0]), int(columns[-1]) + 1)


def _mixed(front: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    share = cv2.merge([alpha, alpha, alpha])
    sums = cv2.multiply(front, share, dtype=cv2.CV_16U)
    sums = cv2.add(sums, cv2.multiply(behind, cv2.bitwise_not(share), dtype=cv2.CV_16U))
    return cv2.convertScaleAbs(sums, alpha=1 / 255)


def _cut_out(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours and opacity as RGBA; colours that nobody sees are 0."""
    return cv2.merge([*cv2.split(cv2.copyTo(colours, alpha)), alpha])
