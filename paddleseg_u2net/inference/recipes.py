"""Named ways from a picture to the network's input and from its map back to the picture's size.

Results of one network differ between these more than between many networks, so each has a name:

``paddleseg``
    PaddleSeg's: resize 8-bit values, divide by 255; probabilities are resized and left as they are.
``official``
    The authors' test script: resize without anti-aliasing in floating point, divide by the
    picture's own maximum; the map is stretched to [0, 1], cut to 8 bits, then resized.
``zoo``
    Of vendors' model zoos: OpenCV's ``INTER_AREA``, divide by 255; the map is stretched to [0, 1].
"""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Tuple

import cv2
import numpy as np
from PIL import Image

Size = Tuple[int, int]  # width, height
Shape = Tuple[int, ...]  # height, width


class Recipe(NamedTuple):
    """``resize``: uint8 (H, W, C) and (width, height) -> values in [0, 255], uint8 or float32.
    ``by_maximum``: they are divided by their maximum, otherwise by 255. ``restore``: probabilities
    (K, h, w) and (H, W) -> float32 (K, H, W). ``stretches``: that maps are stretched to [0, 1].
    """

    resize: Callable[[np.ndarray, Size], np.ndarray]
    by_maximum: bool
    restore: Callable[[np.ndarray, Shape], np.ndarray]
    stretches: bool


def resize_planes(planes: np.ndarray, shape: Shape) -> np.ndarray:
    """(K, h, w) -> (K, H, W), bilinear as ``F.interpolate`` without ``align_corners``."""
    if planes.shape[1:] == tuple(shape):
        return planes
    size = (shape[1], shape[0])
    resized = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes]
    return np.stack(resized)


def stretch(probability: np.ndarray) -> np.ndarray:
    """Each plane of (K, h, w) to the whole of [0, 1]; a constant one stays as it is."""
    low = probability.min((1, 2), keepdims=True)
    extent = probability.max((1, 2), keepdims=True) - low
    constant = extent == 0
    return np.where(constant, probability, (probability - low) / np.where(constant, 1, extent))


def _linear(image: np.ndarray, size: Size) -> np.ndarray:
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def _area(image: np.ndarray, size: Size) -> np.ndarray:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _fading(image: np.ndarray, size: Size) -> np.ndarray:
    """As scikit-image's ``resize(mode="constant", anti_aliasing=False)``, which the authors use:
    around the picture all is black, so that the border of an enlarged one fades, down to the
    picture's darkest value at most.
    """
    resized = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    resized = resized.reshape(size[1], size[0], -1)
    for axis, (old, new) in enumerate(zip(image.shape, resized.shape[:2])):
        at = (np.arange(new) + 0.5) * (old / new) - 0.5
        inside = np.minimum(1 + np.minimum(at, 0), 1 - np.maximum(at - (old - 1), 0))
        if inside.min() < 1:
            resized *= inside.astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return np.maximum(resized, float(image.min()))


def _restore_plain(probability: np.ndarray, shape: Shape) -> np.ndarray:
    return resize_planes(probability, shape)


def _restore_stretched(probability: np.ndarray, shape: Shape) -> np.ndarray:
    return resize_planes(stretch(probability).astype(np.float32), shape)


def _restore_published(probability: np.ndarray, shape: Shape) -> np.ndarray:
    grey = (stretch(probability) * 255).astype(np.uint8)
    size = (shape[1], shape[0])
    planes = [Image.fromarray(plane).resize(size, Image.BILINEAR) for plane in grey]
    return np.stack([np.asarray(plane) for plane in planes]).astype(np.float32) / 255


RECIPES: Dict[str, Recipe] = {
    "paddleseg": Recipe(_linear, False, _restore_plain, stretches=False),
    "official": Recipe(_fading, True, _restore_published, stretches=True),
    "zoo": Recipe(_area, False, _restore_stretched, stretches=True),
}
