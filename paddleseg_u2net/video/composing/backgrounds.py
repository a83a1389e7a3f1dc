"""What stands behind a foreground that moves: a colour, a picture, its own background, blurred."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import List, Tuple

import cv2
import numpy as np

from paddleseg_u2net.removal.backgrounds import Background, Blur, filled
from paddleseg_u2net.removal.crop import Frame, Size

# Standard deviation, to twice this, that is left of a blur where it is worked on: a picture is made
# smaller first.
_WORKED_ON = 2.0
# A pixel of more opacity than this has no part in the background that is blurred.
_SEEN = 12


class Backdrop:
    """What stands behind the frames of a video; ``opaque``: nothing shines through it."""

    opaque = True

    def at(self, time: Fraction, picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """What stands behind a frame.

        Args:
            time: of the frame, in seconds; not before that of the frame before.
            picture: uint8 (h, w, 3), the frame.
            alpha: uint8 (h, w), its foreground's opacity.

        Returns:
            uint8 (H, W, 3), of the finished video's size, or (H, W, 4) if it is not opaque. Other
            frames may get the same array: it is to be read only.
        """
        raise NotImplementedError

    def notes(self) -> List[str]:
        """What was repaired in it."""
        return []

    def close(self) -> None:
        """Close what it reads."""


class Still(Backdrop):
    """A colour, or a picture that covers the frames.

    Args:
        background: a `Plain` or a `Scene`.
        size: of the finished video.
    """

    def __init__(self, background: Background, size: Size) -> None:
        nothing = np.zeros((1, 1, 3), np.uint8)
        shown = Frame((0, 0, *size), size)
        found = background.in_profile(None).behind(shown, nothing, nothing[..., 0])
        if found is None:
            raise ValueError(f"background: expected a colour or a picture, got {background}")
        self.opaque = background.opaque
        whole = np.broadcast_to(found, (size[1], size[0], found.shape[2]))
        self._picture = np.ascontiguousarray(whole)

    def at(self, time: Fraction, picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """See `Backdrop.at`."""
        return self._picture


class OutOfFocus(Backdrop):
    """The frame's own background, blurred; what the foreground hides is filled in from around it.

    As `removal.Blur`, but worked on so small that it takes a few milliseconds.

    Args:
        blur: how much.
        size: of the finished video; beside frames of another shape it is a mirror of them.
    """

    def __init__(self, blur: Blur, size: Size) -> None:
        self._blur, self._size = blur, size

    def at(self, time: Fraction, picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """See `Backdrop.at`."""
        height, width = alpha.shape
        radius = self._blur.pixels(max(alpha.shape))
        free = cv2.compare(alpha, _SEEN, cv2.CMP_LE)
        shown, halvings = cv2.copyTo(picture, free), 0
        while radius / 2**halvings >= 2 * _WORKED_ON and min(free.shape) > 1:
            shown, free = _halved(shown), _halved(free)
            halvings += 1
        planes = np.dstack([shown, free]).astype(np.float32) / 255
        # The means over pixels that made it smaller have blurred it already.
        sigma = math.sqrt((radius / 2**halvings) ** 2 - (1 - 0.25**halvings) / 12)
        colours = filled(planes, sigma)
        eight = cv2.resize(cv2.convertScaleAbs(colours, alpha=255), (width, height))
        return placed(eight, self._size, cv2.BORDER_REFLECT)


def _halved(picture: np.ndarray) -> np.ndarray:
    """Means of four pixels, for which OpenCV is quicker than for others."""
    size = max(1, picture.shape[1] // 2), max(1, picture.shape[0] // 2)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def placed(picture: np.ndarray, size: Size, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
    """A picture in the middle of one of a size, with a border of OpenCV's around it."""
    own = picture.shape[1], picture.shape[0]
    if own == size:
        return picture
    rows, columns = middle(own, size)
    around = rows.start, size[1] - rows.stop, columns.start, size[0] - columns.stop
    return cv2.copyMakeBorder(picture, *around, border)


def middle(inner: Size, size: Size) -> Tuple[slice, slice]:
    """The rows and columns that a picture of a size has in the middle of a larger one."""
    left, top = ((whole - own) // 2 for own, whole in zip(inner, size))
    return slice(top, top + inner[1]), slice(left, left + inner[0])
