"""Where a prediction is right and where it is wrong, drawn over its image at its own size."""

from __future__ import annotations

from typing import Dict, Tuple

import numpy as np

from paddleseg_u2net.render.mask_overlay import STRIPE
from paddleseg_u2net.render.overlay import strips

RIGHT, HIT, FALSE, MISSED, OTHER, IGNORED = range(6)
"""Kinds of pixels, class 0 being the background: right background, right object, object where there
is none, object that was not found, another object's class, ignored."""

# Colours that stay apart for colour-blind readers. Source: Okabe and Ito 2008, "Color Universal
# Design"; brighter, since half of them is the image.
COLORS: Dict[int, Tuple[int, int, int]] = {
    HIT: (0, 190, 130),
    FALSE: (255, 90, 0),
    MISSED: (30, 120, 255),
    OTHER: (255, 210, 0),
}
MEANINGS = {
    HIT: "right",
    FALSE: "false: there is none",
    MISSED: "missed",
    OTHER: "of another class",
    IGNORED: "ignored",
}
_STRENGTH = 0.6  # of a colour over the image
_DARK, _LIGHT = 70, 215  # stripes of what is ignored


def kinds(predicted: np.ndarray, label: np.ndarray, ignore_index: int) -> np.ndarray:
    """Return the kind of every pixel, uint8 (H, W).

    ``predicted`` and ``label`` are class numbers (H, W), of any integer type.
    """
    right, object_there, object_said = predicted == label, label != 0, predicted != 0
    found = np.select(
        [right & object_there, right, ~object_there, ~object_said],
        [HIT, RIGHT, FALSE, MISSED],
        OTHER,
    ).astype(np.uint8)
    found[label == ignore_index] = IGNORED
    return found


def mistakes(image: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Return the image in grey with the colours of its kinds of pixels, uint8 (H, W, 3) in RGB.

    Args:
        image: uint8 (H, W, C), C = 1, 3 or 4; a fourth channel is left out.
        kind: of `kinds`.
    """
    drawn = np.empty((*kind.shape, 3), np.uint8)
    table = np.zeros((len(MEANINGS) + 1, 3), np.float32)
    for number, color in COLORS.items():
        table[number] = color
    for rows in strips(kind.shape):
        grey = image[rows, :, :3].mean(axis=2, dtype=np.float32)[..., None]
        coloured = (kind[rows] != RIGHT)[..., None] * np.float32(_STRENGTH)
        mixed = grey + coloured * (table[kind[rows]] - grey)
        ignored = kind[rows] == IGNORED
        if ignored.any():
            down, across = np.nonzero(ignored)
            dark = (down + rows.start + across) % STRIPE < STRIPE // 2
            mixed[ignored] = np.where(dark, _DARK, _LIGHT)[:, None]
        drawn[rows] = np.rint(mixed)
    return drawn
