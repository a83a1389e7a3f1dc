"""Colours of foreground and background where a picture mixes them, from coarse to fine."""

from __future__ import annotations

import math
from typing import Tuple

import cv2
import numpy as np

# What is less and more opaque than this, of 255, shows one of the two alone.
BEHIND, FRONT = 1, 254
# The longer side to begin with, and how much each pixel's own colour counts there: it is taken
# where nothing else is known.
_FIRST, _OWN = 12, 1e-7
# Rounds at sizes up to 64 pixels and at larger ones: the paper's 10, and twice its 2, since all
# pixels take a round at once here.
_ROUNDS_SMALL, _ROUNDS, _SMALL = 10, 4, 64
# How much neighbours are alike everywhere, and how much more where the opacity changes.
_ALIKE, _ALIKE_AT_EDGES = 1e-5, 1.0
_DEPTHS = {255: cv2.CV_8U, 65535: cv2.CV_16U}


def edge_colours(image: np.ndarray, opacity: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The foreground's and the background's colours, as images of the same type.

    A pixel shows I = a F + (1 - a) B. Of all F and B for which that is so those are wanted that
    change least from pixel to pixel, above all where the opacity changes. They are found at a few
    pixels first, then at twice the size, and so on: only edges are looked at there, since what is
    all foreground has its own colour for F, and the B that was found before.

    Args:
        image: uint8 or uint16 (H, W, 3).
        opacity: uint8 (H, W).

    Source: T. Germer, T. Uelwer, S. Conrad, S. Harmeling, "Fast Multi-Level Foreground Estimation",
    ICPR 2020; twice its rounds, since all pixels take one at once here.
    """
    height, width = opacity.shape
    halvings = max(0, math.ceil(math.log2(max(height, width) / _FIRST)))
    colours = np.empty(0, np.float32)
    for step in range(halvings, -1, -1):
        size = max(1, round(width / 2**step)), max(1, round(height / 2**step))
        # Single pixels: means would mix both.
        seen, known = (
            cv2.resize(x, size, interpolation=cv2.INTER_NEAREST) for x in (image, opacity)
        )
        planes = np.stack(cv2.split(seen)).astype(np.float32)
        planes *= np.float32(1 / np.iinfo(image.dtype).max)
        if step == halvings:
            colours = _first(planes, known).reshape(6, size[1], size[0])
        else:
            larger = [cv2.resize(x, size, interpolation=cv2.INTER_NEAREST) for x in colours]
            colours = np.stack(larger)
            _refine(planes, known, colours, _ROUNDS_SMALL if max(size) <= _SMALL else _ROUNDS)
    most = np.iinfo(image.dtype).max
    found = (cv2.merge(list(part)) for part in (colours[:3], colours[3:]))
    own, other = (cv2.multiply(part, (most,) * 4, dtype=_DEPTHS[most]) for part in found)
    return own, other


def _first(planes: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """The minimum of the paper's cost itself, float32 (2, 3, H * W)."""
    count = opacity.size
    every = np.arange(count)
    share, around, alike = _neighbours(opacity, every)
    shares = np.concatenate([np.diag(share), np.diag(1 - share)]).astype(np.float64)
    matrix = shares @ shares.T + _OWN * np.eye(2 * count)
    for near, weight in zip(around, alike):
        for part in (0, count):
            matrix[every + part, every + part] += weight
            matrix[every + part, near + part] -= weight
    image = planes.reshape(3, -1).T
    found = np.linalg.solve(matrix, shares @ image + _OWN * np.concatenate([image, image]))
    return np.clip(found.reshape(2, count, 3).transpose(0, 2, 1), 0, 1).astype(np.float32)


def _unknown(planes: np.ndarray, opacity: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Where both are shown and beside that, as places in rows; elsewhere ``colours`` get the one
    that is shown.
    """
    for part, shown in ((colours[:3], opacity >= FRONT), (colours[3:], opacity <= BEHIND)):
        for plane, target in zip(planes, part):
            cv2.copyTo(plane, shown.view(np.uint8), target)
    mixed = cv2.inRange(opacity, BEHIND + 1, FRONT - 1)
    return np.flatnonzero(cv2.dilate(mixed, np.ones((3, 3), np.uint8)).ravel() & 1)


def _refine(planes: np.ndarray, opacity: np.ndarray, colours: np.ndarray, rounds: int) -> None:
    """The minimum of the paper's cost for each unknown pixel given its neighbours, in place.

    What is made small is the difference of the mixture from the image, and of each colour from the
    four around it.

    Args:
        planes: the image's, (3, H, W).
        opacity: uint8 (H, W).
        colours: (6, H, W), contiguous.
    """
    places = _unknown(planes, opacity, colours)
    if not len(places):
        return
    flat = colours.reshape(6, -1)
    own, around, alike = _neighbours(opacity, places)
    total = alike.sum(0)
    # The inverse of the matrix [[first, cross], [cross, second]] of each pixel.
    first, second, cross = own**2 + total, (1 - own) ** 2 + total, own * (1 - own)
    scale = 1 / (first * second - cross**2)
    first, second, cross = first * scale, second * scale, cross * scale
    image = planes.reshape(3, -1).take(places, 1)
    shown = np.concatenate([own * image, (1 - own) * image])
    found, beside = np.empty_like(shown), np.empty((6, *around.shape), np.float32)
    for _ in range(rounds):
        # `clip` takes no check of the places, which are all there.
        np.take(flat, around, 1, out=beside, mode="clip")
        beside *= alike
        np.sum(beside, 1, out=found)
        found += shown
        part = np.concatenate([found[:3] * second, found[3:] * first])
        part[:3] -= cross * found[3:]
        part[3:] -= cross * found[:3]
        flat[:, places] = np.clip(part, 0, 1, out=part)


def _neighbours(
    opacity: np.ndarray, places: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares (n,) at some places; the places above, below, left and right of them, (4, n), at the
    border the same again; how much each counts.
    """
    height, width = opacity.shape
    row, column = np.divmod(places, width)
    steps = -width * (row > 0), width * (row < height - 1), -1 * (column > 0), column < width - 1
    around = places + np.stack(steps)
    share = opacity.ravel().astype(np.float32) / 255
    own = share.take(places)
    return own, around, _ALIKE + _ALIKE_AT_EDGES * np.abs(own - share.take(around))
