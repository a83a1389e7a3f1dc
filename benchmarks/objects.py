"""Photographs with an object, and the same object made harder to find."""

from pathlib import Path
from typing import Callable, Dict, Iterator, Tuple

import cv2
import emptiness
import numpy as np

from paddleseg_u2net.io.images import read_image, read_mask

SHARED = Path(__file__).resolve().parents[2] / "shared"
SETS = {"ecssd_300": "ground_truth_mask", "person_290": "masks"}
# What small objects are laid on.
_GROUNDS = (
    "plain colour",
    "linear gradient",
    "paper",
    "wood",
    "clouds",
    "grass",
    "fabric",
    "vignette",
    "tiles",
)

# Image, mask, chance, another image -> image
Variant = Callable[[np.ndarray, np.ndarray, np.random.Generator, np.ndarray], np.ndarray]
VARIANTS: Dict[str, Variant] = {}
"""By name, each makes an object harder to find."""


def photographs() -> Iterator[Tuple[str, Path, Path]]:
    """The name of the set, the image and its mask."""
    for name, masks in SETS.items():
        for path in sorted((SHARED / "data" / name / "images").glob("*.jpg")):
            yield name, path, SHARED / "data" / name / masks / f"{path.stem}.png"


def read_pair(image: Path, mask: Path) -> Tuple[np.ndarray, np.ndarray]:
    """A photograph and its mask at the same size; some of the masks are smaller."""
    picture, found = read_image(image), read_mask(mask)
    size = picture.shape[1], picture.shape[0]
    return picture, cv2.resize(found, size, interpolation=cv2.INTER_NEAREST)


def variant(make: Variant) -> Variant:
    VARIANTS[make.__doc__ or ""] = make
    return make


def _scaled(picture: np.ndarray, scale: float) -> np.ndarray:
    width, height = (max(1, round(scale * side)) for side in picture.shape[1::-1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _box(mask: np.ndarray) -> Tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero((mask > 127).any(axis)) for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def _laid(picture: np.ndarray, mask: np.ndarray, rng, share: float) -> np.ndarray:
    """The object as a share of a drawn background."""
    top, bottom, left, right = _box(mask)
    cut, alpha = picture[top:bottom, left:right], mask[top:bottom, left:right]
    ground = emptiness.draw(_GROUNDS[rng.integers(len(_GROUNDS))], int(rng.integers(1000)))
    scale = np.sqrt(share * ground[..., 0].size / max((alpha > 127).sum(), 1))
    scale = min(scale, *(0.9 * a / b for a, b in zip(ground.shape, alpha.shape)))
    cut, alpha = _scaled(cut, scale), _scaled(alpha, scale)[..., None] / 255
    y, x = (int(rng.uniform(0.1, 0.9) * (a - b)) for a, b in zip(ground.shape, cut.shape[:2]))
    place = ground[y : y + cut.shape[0], x : x + cut.shape[1]]
    place[:] = place * (1 - alpha) + cut * alpha
    return ground


@variant
def _filling(picture, mask, rng, other):
    """fills the picture"""
    top, bottom, left, right = _box(mask)
    down, across = int(0.08 * (bottom - top)), int(0.08 * (right - left))
    return picture[top + down : bottom - down, left + across : right - across]


@variant
def _tiny(picture, mask, rng, other):
    """1 % of a drawn picture"""
    return _laid(picture, mask, rng, 0.01)


@variant
def _small(picture, mask, rng, other):
    """4 % of a drawn picture"""
    return _laid(picture, mask, rng, 0.04)


@variant
def _pale(picture, mask, rng, other):
    """a quarter of the contrast"""
    return (picture.mean() + 0.25 * (picture - picture.mean())).astype(np.uint8)


@variant
def _dark(picture, mask, rng, other):
    """an eighth of the light, with noise"""
    return np.clip(picture * 0.12 + rng.normal(0, 2.5, picture.shape), 0, 255).astype(np.uint8)


@variant
def _two(picture, mask, rng, other):
    """two photographs side by side"""
    height = min(len(picture), len(other))
    pair = (
        cv2.resize(a, (round(a.shape[1] * height / len(a)), height), interpolation=cv2.INTER_AREA)
        for a in (picture, other)
    )
    return np.hstack(list(pair))


@variant
def _grey(picture, mask, rng, other):
    """grey"""
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)


@variant
def _thumbnail(picture, mask, rng, other):
    """96 pixels long"""
    return _scaled(picture, 96 / max(picture.shape))


@variant
def _defocused(picture, mask, rng, other):
    """out of focus"""
    return cv2.GaussianBlur(picture, (0, 0), max(picture.shape) / 120)
