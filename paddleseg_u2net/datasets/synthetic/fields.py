"""Noise, blur, steps and colours: fields (H, W) or (3, H, W) of floats, about 0 to 1."""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

Size = Tuple[int, int]


def grid(size: Size) -> Tuple[np.ndarray, np.ndarray]:
    """Return x (1, W) and y (H, 1), from -1 to 1 over the picture."""
    height, width = size
    return np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]


def resized(field: np.ndarray, size: Size, how: int) -> np.ndarray:
    """Return a field (h, w) at another size."""
    return cv2.resize(field, (size[1], size[0]), interpolation=how)


def octaves(
    rng: np.random.Generator,
    size: Size,
    cells: float,
    count: int = 1,
    falloff: float = 1.0,
    stretch: float = 1.0,
) -> np.ndarray:
    """Return smooth noise (H, W) of about unit variance.

    It is a sum of `count` noises, the first of `cells` bumps along the longer side, each next one
    twice as fine and `falloff` as strong. `stretch` above 1 draws the bumps out sideways.
    """
    longer = max(size)
    total = np.zeros((2, 2))
    weight, power = 1.0, 0.0
    for octave in range(count):
        across = cells * 2**octave / longer
        rows = int(np.clip(round(across * size[0]), 2, size[0]))
        columns = int(np.clip(round(across * size[1] / stretch), 2, size[1]))
        finer = weight * rng.standard_normal((rows, columns))
        # Summed on the coarse grids: only the sum is brought to the full size.
        total = finer + resized(total, (rows, columns), cv2.INTER_CUBIC)
        power += weight**2
        weight *= falloff
    # Between the points of a grid the interpolation evens the noise out: 1.3 makes up for that.
    return resized(total, size, cv2.INTER_CUBIC) * (1.3 / np.sqrt(power))


def blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    """Return `field`, (H, W) or (3, H, W), under a Gaussian blur, a wide one on a coarser grid."""
    if field.ndim == 3:
        return np.stack([blurred(plane, sigma) for plane in field])
    height, width = field.shape
    step = int(sigma / 1.2)
    if step < 2:
        return cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    small = resized(field, (max(height // step, 2), max(width // step, 2)), cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
    # Not linear: Intel's library computes that, where OpenCV has it, with 32 bits.
    return resized(small, (height, width), cv2.INTER_CUBIC)


def mixed(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return `above` over `below`, both (3, H, W), by `share` (H, W) in [0, 1]; `above` changes."""
    above -= below
    above *= share
    above += below
    return above


def step(field: np.ndarray, softness: float) -> np.ndarray:
    """Return 0 to 1 (H, W) where `field` crosses 0, over about `softness`."""
    return np.minimum(np.maximum(field / softness + 0.5, 0), 1)


def hue(rng: np.random.Generator) -> np.ndarray:
    """Return a colour direction (3,) of unit length without brightness."""
    direction = rng.standard_normal(3)
    direction -= direction.mean()
    return direction / (np.sqrt((direction**2).sum()) + 1e-6)


def muted_color(rng: np.random.Generator) -> np.ndarray:
    """Return a muted colour (3,): pictures hold few pure ones."""
    lightness = rng.uniform(0.15, 0.85)
    return np.clip(lightness + rng.uniform(0.0, 0.28) * hue(rng), 0.03, 0.97)


def contrasting(rng: np.random.Generator, color: np.ndarray, contrast: float) -> np.ndarray:
    """Return a colour (3,) about `contrast` away from `color`, in lightness and hue."""
    best, best_error = color, np.inf
    for _ in range(6):  # the edge of the colour cube cuts some directions short: keep the best
        direction = rng.uniform(-1.2, 1.2) * np.ones(3) / np.sqrt(3) + hue(rng)
        direction /= np.sqrt((direction**2).sum())
        candidate = np.clip(color + contrast * direction, 0.03, 0.97)
        error = abs(np.sqrt(((candidate - color) ** 2).sum()) - contrast)
        # Candidates that nothing cut short are equally good but for the last bits of a float,
        # which must not choose between them: processors differ there.
        if error < best_error - 1e-6:
            best, best_error = candidate, error
    return best


def planes(color: np.ndarray) -> np.ndarray:
    """Return a colour (3,) as (3, 1, 1), to be spread over a picture."""
    return color[:, None, None]
