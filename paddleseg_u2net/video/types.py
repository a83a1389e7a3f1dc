"""What a video gives, frame after frame."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.video.flow import Motion


class Matte(NamedTuple):
    """A frame, and how much of each of its pixels is foreground.

    Args:
        frame: the picture, when it is shown, and its number.
        alpha: uint8 (H, W), the foreground's opacity, of the frame's size, steady over time.
        presence: how sure it is that the frame shows an object, 0 to 1.
        found: whether it was taken for one that does.
        ran: whether the network saw this frame; the maps of others are its neighbours', moved.
        cut: whether a new scene begins with it.
        motion: on the canvas that maps are made steady on, where each of its pixels was in the
            frame before; None at the beginning and at cuts.
    """

    frame: Frame
    alpha: np.ndarray
    presence: float
    found: bool
    ran: bool
    cut: bool
    motion: Optional[Motion] = None
