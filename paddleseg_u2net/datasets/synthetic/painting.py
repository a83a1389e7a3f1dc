"""What is painted: surfaces, patterns and patches behind the objects, and the objects on them."""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

from paddleseg_u2net.datasets.synthetic.fields import (
    Size,
    blurred,
    contrasting,
    grid,
    hue,
    mixed,
    muted_color,
    octaves,
    planes,
    step,
)
from paddleseg_u2net.datasets.synthetic.outlines import blob, filled, placed, shrunk


def draw_background(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Return what is behind the objects: (3, H, W), about 0 to 1."""
    picture = _ground(rng, size)
    if rng.random() < 0.7:
        picture = _with_horizon(rng, size, picture)
    if rng.random() < 0.35:
        _add_pattern(rng, size, picture)
    _add_distractors(rng, size, picture)
    x, y = grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.35) * (x * np.cos(angle) + y * np.sin(angle))
    light = light - rng.uniform(0, 0.25) * (x**2 + y**2)
    picture *= light
    # Out of focus, more or less: sharpness is one of the things that tell an object.
    picture = blurred(picture, rng.uniform(0.005, 0.02) * min(size))
    return np.clip(picture, 0, 1)


def _ground(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Return a surface (3, H, W): one colour that varies along two directions of colour."""
    stretch = rng.choice([1.0, 1.0, 3.0])
    falloff = rng.uniform(0.35, 0.65)
    lightness = octaves(rng, size, rng.uniform(2, 6), 4, falloff, stretch)
    tint = octaves(rng, size, rng.uniform(2, 4), 3, 0.5)
    along = np.ones(3) + 0.5 * hue(rng)
    color = muted_color(rng)
    surface = planes(rng.uniform(0.02, 0.09) * along) * lightness
    surface += planes(rng.uniform(0.03, 0.1) * hue(rng)) * tint
    surface += planes(color)
    return surface


def _with_horizon(rng: np.random.Generator, size: Size, picture: np.ndarray) -> np.ndarray:
    x, y = grid(size)
    angle = rng.choice([0.0, 0.0, 0.0, np.pi / 2]) + rng.normal(0, 0.12)
    line = y * np.cos(angle) + x * np.sin(angle) - rng.uniform(-0.6, 0.6)
    rough = rng.uniform(0, 0.12) * octaves(rng, size, 4, 3, 0.5)
    return mixed(picture, _ground(rng, size), step(line + rough, rng.uniform(0.05, 0.4)))


def _add_pattern(rng: np.random.Generator, size: Size, picture: np.ndarray) -> None:
    """Draw boards, tiles or waves: faint lines that repeat."""
    x, y = grid(size)
    angle = rng.uniform(0, np.pi)
    wobble = rng.uniform(0, 0.06) * octaves(rng, size, 3)
    u = x * np.cos(angle) + y * np.sin(angle) + wobble
    v = y * np.cos(angle) - x * np.sin(angle) + wobble
    often = rng.uniform(4, 16)
    wave = np.sin(often * u + rng.uniform(0, 6))
    if rng.random() < 0.4:
        wave = np.maximum(wave, np.sin(often * rng.uniform(0.6, 1.6) * v))
    sharp = rng.uniform(0.3, 2.0)
    tone = rng.uniform(0.03, 0.1) * (np.ones(3) + 0.5 * hue(rng)) * rng.choice([-1, 1])
    picture += planes(tone) * step(wave - rng.uniform(-0.3, 0.8), sharp)


def _add_distractors(rng: np.random.Generator, size: Size, picture: np.ndarray) -> None:
    x, y = grid(size)
    for _ in range(rng.integers(0, 5)):
        if rng.random() < 0.6:
            coverage = shrunk(filled(placed(rng, blob(rng), size, 0.01, 0.15), size))
            coverage = blurred(coverage, rng.uniform(0.01, 0.06) * min(size))
        else:
            angle = rng.uniform(0, np.pi)
            across = x * np.cos(angle) + y * np.sin(angle) - rng.uniform(-0.9, 0.9)
            width = rng.uniform(0.03, 0.2)
            coverage = step(width - np.abs(across), rng.uniform(0.05, 0.2))
        tone = rng.uniform(0.04, 0.13) * (rng.choice([-1, 1]) * np.ones(3) + 0.8 * hue(rng))
        picture += planes(tone) * coverage


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
