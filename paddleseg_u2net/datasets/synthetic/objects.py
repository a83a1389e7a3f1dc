"""Objects: their surface, relief and cast shadow."""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

from paddleseg_u2net.datasets.synthetic.fields import (
    Size,
    blurred,
    contrasting,
    grid,
    mixed,
    octaves,
    planes,
    step,
)


def _surface(rng: np.random.Generator, size: Size, color: np.ndarray, scale: float) -> np.ndarray:
    """Return an object's own look (3, H, W): mottled, striped, spotted or plain.

    `scale` is how large (H, W) is beside the picture: what is on it keeps its size.
    """
    mottled = octaves(rng, size, 10 * scale, 4, 0.8)
    surface = planes(color) + rng.uniform(0.03, 0.08) * mottled
    kind = rng.integers(4)
    if kind == 0:
        return surface
    second = contrasting(rng, color, rng.uniform(0.1, 0.35))
    x, y = (side * scale * shape / max(size) for side, shape in zip(grid(size), size[::-1]))
    angle, often = rng.uniform(0, np.pi), rng.uniform(15, 40)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if kind == 1:
        field = np.sin(often * (u + 0.05 * octaves(rng, size, 4 * scale)))
    elif kind == 2:
        field = np.sin(often * u) * np.sin(often * v) - 0.2
    else:
        field = octaves(rng, size, rng.uniform(5, 14) * scale, 2, 0.5)
    surface += planes(second - color) * step(field, rng.uniform(0.3, 1.5))
    return surface


def _relief(coverage: np.ndarray, light: float, side: int) -> np.ndarray:
    """Return (H, W), -1 to 1: bright on the side of an object that faces the light.

    `side` is the picture's shorter side, which says how wide the rounding is.
    """
    height = blurred(coverage, 0.05 * side)
    down, right = np.gradient(height)
    # Light comes from `light`, and the surface falls away towards it.
    lit = right * (-0.12 * side * np.cos(light)) + down * (-0.12 * side * np.sin(light))
    return np.clip(lit, -1, 1, out=lit)


def _window(coverage: np.ndarray, margin: int) -> Tuple[slice, slice]:
    """Return the rows and columns around what `coverage` (H, W) covers."""
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def draw_object(
    rng: np.random.Generator,
    picture: np.ndarray,
    coverage: np.ndarray,
    light: float,
    shadow: float,
) -> None:
    """Paint an object and its cast shadow into `picture` (3, H, W).

    `coverage` (H, W) in [0, 1] is the share of each pixel; `light` is the direction that the
    light comes from, and `shadow` how much of it the object keeps off.
    """
    side, longer = min(coverage.shape), max(coverage.shape)
    rows, columns = _window(coverage, side // 6)  # as far as a shadow falls
    picture, coverage = picture[:, rows, columns], coverage[rows, columns]
    size = coverage.shape[0], coverage.shape[1]
    around = (picture * coverage).sum(axis=(1, 2)) / coverage.sum()
    color = contrasting(rng, around, rng.uniform(0.25, 0.58))
    surface = _surface(rng, size, color, max(size) / longer)
    surface *= 1 + rng.uniform(0.2, 0.6) * _relief(coverage, light, side)

    far = rng.uniform(0.02, 0.06) * side
    move = np.array([[1, 0, -far * np.cos(light)], [0, 1, -far * np.sin(light)]])
    cast = cv2.warpAffine(coverage, move, size[::-1], borderMode=cv2.BORDER_REPLICATE)
    picture *= 1 - shadow * blurred(cast, rng.uniform(0.01, 0.04) * side)
    picture[:] = mixed(picture, surface, coverage)
