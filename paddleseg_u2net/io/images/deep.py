"""Colours of 16 bits, of which Pillow decodes the high bytes only; OpenCV has all of them."""

from __future__ import annotations

from typing import Any, Optional

import cv2
import numpy as np

_ORDER = {1: [0, 0, 0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # OpenCV's is blue, green, red


def deep_values(content: bytes, high: Any) -> Optional[np.ndarray]:
    """The values of 16-bit colours, uint16 (H, W, 3 or 4), as they are stored.

    ``high`` is the same image, decoded by Pillow to the high bytes; None where OpenCV cannot decode
    it, or to something else.
    """
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    values = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if values is None or values.dtype != np.uint16:
        return None
    values = values.reshape(*values.shape[:2], -1)
    values = values[..., _ORDER[values.shape[2]]]
    expected = np.asarray(high)
    if high.mode == "LA":
        expected = expected[..., [0, 0, 0, 1]]
    values = values[..., : expected.shape[2]]  # OpenCV makes alpha of a transparent colour
    if values.shape != expected.shape:
        return None
    # PNG's high bytes are cut, PNM's are rounded.
    apart = np.abs((values >> 8).astype(np.int16) - expected).max()
    return np.ascontiguousarray(values) if apart <= 1 else None


def sixteen_to_eight_bit(values: np.ndarray) -> np.ndarray:
    """Values 0..65535 as uint8, round(value / 257), which is libpng's `png_set_scale_16`."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
