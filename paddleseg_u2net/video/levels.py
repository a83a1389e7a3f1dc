"""Maps stretched to go from 0 to 1, by extremes that move slowly."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

# Share of the way to a frame's own extremes that is gone with it.
_PACE = 0.1
# The least extent that is stretched to the whole: what the network is unsure of all over stays so.
_LEAST = 0.5


class Levels:
    """Stretch maps as presets do that normalise each, but without the flicker of its extremes.

    Args:
        strength: 0: each map's own extremes, as for single pictures; above: those of the scene.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._extremes: Optional[Tuple[float, float]] = None

    def __call__(self, canvas: np.ndarray, cut: bool = False) -> np.ndarray:
        """float32 (h, w) in [0, 1] -> the same, stretched; a constant one stays as it is."""
        low, high = float(canvas.min()), float(canvas.max())
        if self._extremes is not None and not cut and self.strength > 0:
            low, high = (was + _PACE * (now - was) for was, now in zip(self._extremes, (low, high)))
        self._extremes = low, high
        if self.strength > 0:
            high = max(high, low + _LEAST)
        if high <= low:
            return canvas
        return np.clip((canvas - np.float32(low)) / np.float32(high - low), 0, 1)
