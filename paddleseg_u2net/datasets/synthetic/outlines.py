"""Outlines of objects, around (0, 0) and of any scale, then placed and filled."""

from __future__ import annotations

from typing import Callable, List, Tuple

import cv2
import numpy as np

from paddleseg_u2net.datasets.synthetic.fields import Size, resized

_SUPERSAMPLING = 4
_SHIFT = 4  # fractional bits of the vertices that OpenCV fills polygons from
_AREA = (0.03, 0.45)  # of the picture, in all objects together

# Closed contours (N, 2) as x, y, each with whether it fills (True) or cuts a hole.
Outline = List[Tuple[np.ndarray, bool]]


def _turn(count: int = 96) -> np.ndarray:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)


def blob(rng: np.random.Generator) -> Outline:
    """Return a smooth closed outline from a few random Fourier terms."""
    angle = _turn()
    radius = np.ones_like(angle)
    strength = rng.uniform(0.1, 0.45)
    for term in range(2, 7):
        radius += strength / term * rng.normal() * np.cos(term * angle + rng.uniform(0, 6.3))
    radius = np.maximum(radius, 0.3)
    flat = rng.uniform(0.55, 1.0)
    return [(np.stack([radius * np.cos(angle), flat * radius * np.sin(angle)], 1), True)]


def _ellipse(rng: np.random.Generator) -> Outline:
    angle = _turn()
    power = rng.choice([1.0, 1.0, 0.6])
    x, y = np.cos(angle), np.sin(angle)
    x, y = np.sign(x) * np.abs(x) ** power, np.sign(y) * np.abs(y) ** power
    return [(np.stack([x, rng.uniform(0.4, 1.0) * y], 1), True)]


def _polygon(rng: np.random.Generator) -> Outline:
    count = int(rng.integers(3, 9))
    angle = _turn(count) + rng.uniform(-0.3, 0.3, count) * 2 * np.pi / count
    radius = rng.uniform(0.6, 1.2, count)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    for _ in range(rng.integers(0, 3)):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.8 * points + 0.2 * following, 0.2 * points + 0.8 * following], 1)
        points = cut.reshape(-1, 2)
    return [(points, True)]


def _ring(rng: np.random.Generator) -> Outline:
    outer = (blob if rng.random() < 0.5 else _ellipse)(rng)[0][0]
    inner = outer * rng.uniform(0.35, 0.65) + rng.uniform(-0.08, 0.08, 2)
    return [(outer, True), (inner, False)]


def _limb(rng: np.random.Generator, slimness: float) -> np.ndarray:
    """Return a bent, long contour (N, 2) of length 2 around (0, 0)."""
    t = np.linspace(-1, 1, 40)
    bend = rng.uniform(-0.5, 0.5) * t**2 + rng.uniform(-0.15, 0.15) * np.sin(3 * t)
    swell = 1 + rng.uniform(-0.5, 0.5) * t + rng.uniform(-0.3, 0.3) * np.cos(4 * t)
    half = slimness * swell * np.maximum(1 - t**6, 0) ** 0.5
    return np.stack([np.r_[t, t[::-1]], np.r_[bend + half, (bend - half)[::-1]]], 1)


def _long(rng: np.random.Generator) -> Outline:
    return [(_limb(rng, rng.uniform(0.12, 0.3)), True)]


def _creature(rng: np.random.Generator) -> Outline:
    """Return a blob with thin limbs: what a saliency network finds hardest to outline."""
    outline = blob(rng)
    for _ in range(rng.integers(2, 6)):
        limb = _limb(rng, rng.uniform(0.07, 0.16)) * rng.uniform(0.45, 0.8)
        outline.append((_rotated(limb + np.array([1.0, 0.0]), rng.uniform(0, 6.3)), True))
    return outline


_OUTLINES: Tuple[Callable[[np.random.Generator], Outline], ...] = (
    blob,
    blob,
    _ellipse,
    _polygon,
    _ring,
    _long,
    _creature,
)


def _rotated(points: np.ndarray, angle: float) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x - s * y, s * x + c * y], 1)


def _contour_area(points: np.ndarray) -> float:
    x, y = points[:, 0], points[:, 1]
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def placed(
    rng: np.random.Generator,
    outline: Outline,
    size: Size,
    smallest: float,
    largest: float,
) -> Outline:
    """Return `outline` turned, scaled and moved into the picture, in pixels.

    Its area is drawn between the two shares of the picture, small ones more often.
    """
    height, width = size
    share = smallest * (largest / smallest) ** rng.random()
    area = sum(_contour_area(points) * (1 if fills else -1) for points, fills in outline)
    scale = np.sqrt(share * height * width / max(area, 1e-3))
    angle = rng.uniform(0, 2 * np.pi)
    centre = np.array([width, height]) * rng.uniform(0.2, 0.8, 2)
    return [(_rotated(points * scale, angle) + centre, fills) for points, fills in outline]


def filled(outline: Outline, size: Size) -> np.ndarray:
    """Return uint8 (4 H, 4 W), 255 inside `outline` (pixels) and 0 outside."""
    canvas = np.zeros((size[0] * _SUPERSAMPLING, size[1] * _SUPERSAMPLING), np.uint8)
    for points, fills in outline:
        # OpenCV counts from pixel centres, an outline from the picture's corner: half a pixel.
        fine = (points * _SUPERSAMPLING - 0.5) * 2**_SHIFT
        vertices = np.rint(fine).astype(np.int32)
        cv2.fillPoly(canvas, [vertices], 255 if fills else 0, lineType=cv2.LINE_8, shift=_SHIFT)
    return canvas


def shrunk(canvas: np.ndarray) -> np.ndarray:
    """Return float64 (H, W) in [0, 1]: the share of each pixel that `canvas` (4 H, 4 W) covers."""
    height, width = canvas.shape
    size = height // _SUPERSAMPLING, width // _SUPERSAMPLING
    return resized(canvas, size, cv2.INTER_AREA).astype(np.float64) / 255


def draw_outlines(rng: np.random.Generator, size: Size) -> List[np.ndarray]:
    """Return one or two objects as uint8 (4 H, 4 W), whose union has an allowed area."""
    count = 2 if rng.random() < 0.35 else 1
    # A margin: the mask thresholds the shares of the pixels and so differs a little in area.
    smallest, largest = _AREA[0] * 1.15, _AREA[1] * 0.95
    found: List[np.ndarray] = []
    for _ in range(20):
        outline = _OUTLINES[rng.integers(len(_OUTLINES))](rng)
        canvas = filled(placed(rng, outline, size, smallest, largest / count), size)
        visible = np.count_nonzero(canvas) / canvas.size
        # Most of an object is inside the picture.
        if not smallest <= visible <= largest / count:
            continue
        found.append(canvas)
        if len(found) == count:
            break
    if not found:  # not seen in practice; a drawing without an object must not come out
        middle = np.array([size[1], size[0]]) / 2
        found.append(filled([(_ellipse(rng)[0][0] * middle * 0.6 + middle, True)], size))
    return found
