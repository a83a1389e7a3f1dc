"""An opacity with hard edges: each pixel is the foreground's or it is not."""

from __future__ import annotations

import cv2
import numpy as np

# Standard deviation of the blur that rounds the outline, in pixels, and where it is cut off.
_SIGMA, _RADIUS = 2.0, 8
# From here on a pixel is the foreground's.
_LEAST = 127


def hardened(alpha: np.ndarray) -> np.ndarray:
    """Return an opacity of nothing but 0 and 255, with a smooth outline.

    What is thinner than three pixels goes, and corners are rounded: a grey opening by a cross, a
    Gaussian blur of 2 pixels, cut at 127; as ``post_process_mask`` of rembg.

    Args:
        alpha: uint8 (H, W).

    Source: `post_process` in rembg 2.0.86, `bg.py`.
    """
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    opened = cv2.morphologyEx(alpha, cv2.MORPH_OPEN, cross).astype(np.float32)
    size = (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    blurred = cv2.GaussianBlur(opened, size, _SIGMA, borderType=cv2.BORDER_REFLECT)
    return (blurred >= _LEAST).astype(np.uint8) * np.uint8(255)
