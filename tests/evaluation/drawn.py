"""Small maps, masks and fixations, others for each seed."""

from __future__ import annotations

import numpy as np
from PIL import Image

from paddleseg_u2net.metrics import Fixations

SHAPE = (10, 14)


def grey(seed, shape=SHAPE):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def blob(seed):
    """A rectangle of 255."""
    rng = np.random.default_rng(seed)
    top, left = rng.integers(1, 4, 2)
    mask = np.zeros(SHAPE, np.uint8)
    mask[top : top + rng.integers(2, 5), left : left + rng.integers(2, 8)] = 255
    return mask


def spots(seed):
    """Five fixated pixels."""
    grid = np.zeros(SHAPE[0] * SHAPE[1], np.uint8)
    grid[np.random.default_rng(seed).choice(grid.size, 5, replace=False)] = 255
    return grid.reshape(SHAPE)


def looked(seed, sigma=None):
    return Fixations.from_points(np.argwhere(spots(seed)), SHAPE, sigma)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(np.asarray(array)).save(path)
    return path
