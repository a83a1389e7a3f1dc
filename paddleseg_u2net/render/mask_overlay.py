"""Masks drawn over images: coloured areas with outlines, stripes over ignored pixels."""

from __future__ import annotations

import colorsys
from typing import Dict, Sequence, Tuple

import cv2
import numpy as np

Color = Tuple[int, int, int]

# Colours that are rare in photographs and stay apart for colour-blind readers. Source for the
# hues: Okabe and Ito 2008, "Color Universal Design".
_COLORS = (
    (0, 200, 255),
    (255, 140, 0),
    (240, 60, 200),
    (0, 190, 120),
    (255, 235, 60),
    (70, 90, 255),
)
_GOLDEN = (5**0.5 - 1) / 2  # multiples of it divide a circle evenly
_STRENGTH = 0.42  # of a class's colour over the image
STRIPE = 8  # pixels from one stripe over ignored pixels to the next


def class_colors(count: int) -> np.ndarray:
    """Return a colour for each class number below ``count``, uint8 (count, 3) in RGB.

    The first, the background, is drawn nowhere. Beyond six, hues are far from those before them.
    """
    colors = [(0, 0, 0), *_COLORS]
    for number in range(len(colors), count):
        red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.75, 1.0)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return np.array(colors[: max(count, 1)], np.uint8)


def fitted(image: np.ndarray, size: int) -> np.ndarray:
    """Return an image, uint8 (H, W) or (H, W, 1 to 4 channels), as uint8 (h, w, 3).

    The longer side becomes ``size``. Small images are enlarged as squares, so that their pixels
    can be seen; a fourth channel is left out.
    """
    scale = size / max(image.shape[:2])
    image = _resized(image, [max(1, round(side * scale)) for side in image.shape[:2]])
    image = image.reshape(*image.shape[:2], -1)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3].copy()


def masked(
    image: np.ndarray, label: np.ndarray, size: int, colors: np.ndarray, ignore_index: int
) -> np.ndarray:
    """Return an image with its mask drawn over it, uint8 (h, w, 3), the longer side ``size``.

    Of ``label`` (H, W) floats are the probability of class 1, 0 to 1, integers are class numbers
    with a row of ``colors`` each; ``ignore_index`` is drawn as grey stripes.
    """
    drawn = fitted(image, size).astype(np.float32)
    ignored = _resized((label == ignore_index).astype(np.float32), drawn.shape)
    covers = _covers(label, drawn.shape, ignore_index)
    for number, cover in covers.items():
        share = (_STRENGTH * cover)[..., None]
        drawn += share * (colors[number].astype(np.float32) - drawn)
    # What is ignored has grey stripes, light and dark.
    stripes = np.indices(ignored.shape).sum(axis=0) % STRIPE < STRIPE // 2
    tone = np.where(stripes, 70.0, 215.0)
    drawn += (0.75 * ignored * (tone - drawn.transpose(2, 0, 1))).transpose(1, 2, 0)
    # What is thinner than a pixel here is outlined all the same; faint soft maps are not.
    hard = label.dtype.kind != "f" or not ((label > 0) & (label < 1)).any()
    insides = {
        number: cover >= (max(min(0.5, float(cover.max()) / 2), 1e-3) if hard else 0.5)
        for number, cover in covers.items()
    }
    _draw_outlines(drawn, insides, colors, max(1, round(size / 192)))
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def _resized(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    smaller = shape[0] < array.shape[0] or shape[1] < array.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return cv2.resize(np.ascontiguousarray(array), (shape[1], shape[0]), interpolation=how)


def _covers(label: np.ndarray, shape: Tuple[int, ...], ignore_index: int) -> Dict[int, np.ndarray]:
    """Return for each class but the background how much of each shown pixel it covers."""
    if label.dtype.kind == "f":
        # Written so that what augmentation may bring beside the labels, even NaN, can be drawn.
        sure = np.where(label == ignore_index, 0, np.nan_to_num(label)).astype(np.float32)
        return {1: np.clip(_resized(sure, shape), 0, 1)} if sure.any() else {}
    numbers = [int(n) for n in np.unique(label) if n not in (0, ignore_index)]
    return {n: _resized((label == n).astype(np.float32), shape) for n in numbers}


def _draw_outlines(
    drawn: np.ndarray, insides: Dict[int, np.ndarray], colors: np.ndarray, width: int
) -> None:
    """Draw a line of its colour within each region and a dark one around, over ``drawn``."""
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    wholes = {number: inside.astype(np.uint8) for number, inside in insides.items()}
    for whole in wholes.values():
        around = cv2.dilate(whole, kernel) > whole
        drawn[around] = 0.25 * drawn[around]
    for number, whole in wholes.items():
        drawn[cv2.erode(whole, kernel) < whole] = colors[number]
