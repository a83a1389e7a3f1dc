"""Small data sets for tests: pictures with texture, each seed another one, and masks."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image


def texture(seed, shape=(60, 80)):
    """A picture with details at several scales, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((*shape, 3))
    for cells, strength in ((5, 90), (12, 60), (20, 30)):
        coarse = rng.uniform(-1, 1, (cells, cells, 3))
        picture += strength * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + picture, 0, 255).astype(np.uint8)


def blob(seed=0, shape=(60, 80), top=255):
    """A rectangle of ``top`` on 0."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    row, column = rng.integers(2, shape[0] // 2), rng.integers(2, shape[1] // 2)
    mask[row : row + shape[0] // 3, column : column + shape[1] // 3] = top
    return mask


def saved(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = array if isinstance(array, Image.Image) else Image.fromarray(array)
    picture.save(path, **options)
    return path


def add(root, name, image=None, mask=None, seed=None, suffix=".png"):
    """One pair below ``root``: images/NAME, masks/NAME.png."""
    seed = sum(map(ord, name)) * 7919 + len(name) if seed is None else seed
    saved(root / "images" / f"{name}{suffix}", texture(seed) if image is None else image)
    saved(root / "masks" / f"{name}.png", blob(seed) if mask is None else mask)
    return root
