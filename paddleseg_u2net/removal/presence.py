"""Whether there is an object in a picture at all, from the network's map of it.

A map of an object changes sharply, along an outline; a map of nothing fades, here and there. Two
numbers say so, of the map at 80x80: how sharply it changes where it changes, and how much it
changes in all. They know nothing of where that is, of the picture, and of the network but its map.
"""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

PRESENT = 0.5
"""Where an object is as likely as none, among as many pictures of each."""

# So coarse that outlines of a small picture, enlarged for the network, are as sharp as others.
_SIDE = 80
# `python benchmarks/presence.py --fit` prints these.
_SHARPNESS, _LENGTH, _CONSTANT = 18.5, 0.75, -6.16


def presence(probability: np.ndarray) -> float:
    """How sure it is that the picture shows an object, 0 to 1.

    Args:
        probability: (K, h, w), of `Pipeline.probabilities`. A map that was stretched to go from 0
            to 1, as those of `Pipeline.restore` may be, shows an object in everything.

    Returns:
        Of pictures half of which show an object, the share of those like this one that do, where
        probabilities are as those of U²-NetP; of others it is a score. NaN counts as background.
    """
    sharpness, length = outline(probability)
    exponent = _SHARPNESS * sharpness + _LENGTH * length + _CONSTANT
    return float(1 / (1 + np.exp(-exponent)))


def doubts(score: float, least: float) -> Tuple[str, ...]:
    """What the user should be told of a presence, where less than ``least`` is refused."""
    if score < least:
        return (f"it shows no object: its presence is below {least:g}, so nothing is kept",)
    if score < PRESENT:
        return (f"it may show no object: its presence is below {PRESENT:g}",)
    return ()


def outline(probability: np.ndarray) -> Tuple[float, float]:
    """What the presence is told of: the sharpness of a map's changes, and their length.

    The length is the map's total variation: 1 for an outline as long as the picture's side, from 0
    to 1 all at once; then its logarithm, as the twentieth part tells less than the first. The
    sharpness is the mean slope, each pixel weighted by its own.
    """
    plane = probability[0] if len(probability) == 1 else 1 - probability[0]
    plane = np.nan_to_num(plane.astype(np.float32, copy=False), nan=float(len(probability) > 1))
    small = cv2.resize(np.clip(plane, 0, 1), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    across, down = (cv2.Sobel(small, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    slope = cv2.magnitude(across, down)
    total = float(slope.sum())
    sharpness = float((slope * slope).sum()) / (total + 1)
    return sharpness, float(np.log1p(10 * total / _SIDE))
