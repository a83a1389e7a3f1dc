"""What the options ask of an opacity, in its order."""

from __future__ import annotations

from typing import List, Tuple

import numpy as np

from paddleseg_u2net.io.images import eight_bit
from paddleseg_u2net.removal.alpha.band import matted
from paddleseg_u2net.removal.alpha.clean import cleaned
from paddleseg_u2net.removal.alpha.hard import hardened
from paddleseg_u2net.removal.alpha.solid import solidified
from paddleseg_u2net.removal.options import Options


def refined(
    picture: np.ndarray, alpha: np.ndarray, options: Options, pixel: float = 1.0
) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """The opacity that the options ask for, and what the user should be told of it.

    Args:
        picture: uint8 or uint16, (H, W, 3) or (H, W, 4).
        alpha: the map at the picture's size, uint8 (H, W).
        options: its ``hard``, ``clean``, ``solid`` and ``matting`` count, in this order.
        pixel: how many of the picture's pixels are one of the network's map.
    """
    notes: List[str] = []
    if options.hard:
        alpha = hardened(alpha)
    if options.clean is not None:
        alpha = cleaned(alpha, options.clean)
    if options.solid:
        alpha = solidified(alpha, pixel)
    if options.matting == "band":
        colours = eight_bit(picture) if picture.dtype == np.uint16 else picture
        alpha, note = matted(np.ascontiguousarray(colours[..., :3]), alpha, pixel)
        notes += [note] if note else []
    return alpha, tuple(notes)
