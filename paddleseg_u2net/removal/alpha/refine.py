"""What the options ask of an opacity, in its order."""

from __future__ import annotations

from typing import List, Tuple

import numpy as np

from paddleseg_u2net.removal.alpha.clean import cleaned
from paddleseg_u2net.removal.alpha.hard import hardened
from paddleseg_u2net.removal.options import Options


def refined(
    picture: np.ndarray, alpha: np.ndarray, options: Options
) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """The opacity that the options ask for, and what the user should be told of it.

    Args:
        picture: uint8 (H, W, 3) or (H, W, 4).
        alpha: the map at the picture's size, uint8 (H, W).
        options: its ``hard`` and ``clean`` count.
    """
    notes: List[str] = []
    if options.hard:
        alpha = hardened(alpha)
    if options.clean is not None:
        alpha = cleaned(alpha, options.clean)
    return alpha, tuple(notes)
