"""A picture and its foreground's opacity to the finished picture: colours, background, frame."""

from __future__ import annotations

from typing import Optional

import numpy as np

from paddleseg_u2net.removal.crop import frame
from paddleseg_u2net.removal.framing import framed
from paddleseg_u2net.removal.options import Options
from paddleseg_u2net.render import cutout
from paddleseg_u2net.render.overlay import strips

_AT_ONCE = 2**16  # pixels, for which processors have quick memory


def composed(
    picture: np.ndarray, alpha: np.ndarray, options: Options, profile: Optional[bytes] = None
) -> np.ndarray:
    """The finished picture, with what is behind it, cut and at its size.

    Args:
        picture: uint8 or uint16, (H, W, 3) or (H, W, 4).
        alpha: the foreground's opacity, uint8 (H, W).
        profile: the ICC profile of the picture's colours, which a background is brought to; None:
            they are sRGB's.

    Returns:
        Of the picture's type: (h, w, 4), not multiplied by opacity; (h, w, 3) on a background that
        is opaque. Of a mask, uint8 (h, w).

    Raises:
        NothingFound: it is to be cropped, and there is no object.
    """
    shown = frame(alpha, options.crop, options.size)
    if options.only == "mask":
        return framed(alpha, shown)
    kept = alpha if options.only == "foreground" else 255 - alpha
    front = framed(cutout(picture, kept), shown)
    behind = options.background.in_profile(profile).behind(shown, picture, alpha)
    return front if behind is None else over(front, behind)


def over(front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Lay a picture over another one.

    Values are mixed as they are stored, as Pillow's ``alpha_composite`` and browsers do it, and
    rounded once.

    Args:
        front: uint8 or uint16 (H, W, 4), not multiplied by opacity.
        behind: of the same type, (H, W, 3), opaque, or (H, W, 4); or of one pixel.

    Returns:
        As many channels as there are behind.
    """
    channels = behind.shape[2]
    behind = np.broadcast_to(behind, (*front.shape[:2], channels))
    result = np.empty((*front.shape[:2], channels), front.dtype)
    laid = _laid_on_opaque if front.dtype == np.uint8 and channels == 3 else _laid
    for rows in strips(front.shape, _AT_ONCE):
        result[rows] = laid(front[rows], behind[rows])
    return result


def _laid_on_opaque(front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """8-bit colours on opaque ones, in whole numbers, which are quicker than floats."""
    share = front[..., 3:].astype(np.uint16)
    sums = np.multiply(front[..., :3], share)
    sums += np.multiply(behind, 255 - share)
    sums += 128
    # Divided by 255 and rounded to the nearest.
    sums += sums >> 8
    sums >>= 8
    return sums


def _laid(front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    most = np.float32(np.iinfo(front.dtype).max)
    share = front[..., 3:].astype(np.float32) / most
    colours, others = (part[..., :3].astype(np.float32) for part in (front, behind))
    if behind.shape[2] == 3:
        return np.rint(others + (colours - others) * share)
    left = behind[..., 3:].astype(np.float32) / most * (1 - share)
    opacity = share + left
    mixed = (colours * share + others * left) / np.maximum(opacity, 1e-12)
    return np.rint(np.concatenate([mixed, opacity * most], 2))
