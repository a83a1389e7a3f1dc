"""Named ways from a picture to the network's input and from its map back to the picture's size.

Results of one network differ between these more than between many networks, so each has a name:

``paddleseg``
    PaddleSeg's: resize 8-bit values, divide by 255; probabilities are resized and left as they are.
``official``
    The authors' test script: resize without anti-aliasing in floating point, divide by the
    picture's own maximum; the map is normalised to [0, 1], cut to 8 bits, then resized.
``zoo``
    Of vendors' model zoos: OpenCV's ``INTER_AREA``, divide by 255; the map is normalised to [0, 1].
"""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Tuple

import cv2
import numpy as np
from PIL import Image

Size = Tuple[int, int]  # width, height
Shape = Tuple[int, ...]  # height, width

# The values of 8 bits in [0, 1].
_IN_UNIT = np.arange(256, dtype=np.float32) / 255


class Preset(NamedTuple):
    """``resize``: uint8 (H, W, C) and (width, height) -> values in [0, 255], uint8 or float32.
    ``by_maximum``: they are divided by their maximum, otherwise by 255. ``restore``: probabilities
    (K, h, w) and (H, W) -> float32 (K, H, W). ``normalises``: maps are min-max normalised.
    """

    resize: Callable[[np.ndarray, Size], np.ndarray]
    by_maximum: bool
    restore: Callable[[np.ndarray, Shape], np.ndarray]
    normalises: bool


def resize_planes(planes: np.ndarray, shape: Shape) -> np.ndarray:
    """(K, h, w) -> (K, H, W), bilinear as ``F.interpolate`` without ``align_corners``."""
    if planes.shape[1:] == tuple(shape):
        return planes
    size = (shape[1], shape[0])
    resized = np.empty((len(planes), *shape), planes.dtype)
    for plane, target in zip(planes, resized):
        cv2.resize(plane, size, target, interpolation=cv2.INTER_LINEAR)
    return resized


def minmax_normalise(probability: np.ndarray) -> np.ndarray:
    """Stretch each plane of (K, h, w) to the whole of [0, 1]; a constant one stays as it is."""
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
    resized = cv2.resize(_in_float(image, size[1]), size, interpolation=cv2.INTER_LINEAR)
    resized = resized.reshape(size[1], size[0], -1)
    for axis, (old, new) in enumerate(zip(image.shape, resized.shape[:2])):
        at = (np.arange(new) + 0.5) * (old / new) - 0.5
        inside = np.minimum(1 + np.minimum(at, 0), 1 - np.maximum(at - (old - 1), 0))
        border = np.flatnonzero(inside < 1)
        weights = inside[border].astype(np.float32)
        if axis == 0:
            resized[border] *= weights[:, None, None]
        else:
            resized[:, border] *= weights[:, None]
    return np.maximum(resized, float(image.min()), out=resized)


def _in_float(image: np.ndarray, height: int) -> np.ndarray:
    """The picture in float32, with those rows only that a resize to ``height`` looks at.

    A large picture would take four times its memory otherwise; rows that nobody touches take none.
    """
    if len(image) < 8 * height:
        return image.astype(np.float32)
    first = np.floor((np.arange(height) + 0.5) * (len(image) / height) - 0.5).astype(int)
    rows = np.unique((first[:, None] + np.arange(-1, 3)).clip(0, len(image) - 1))
    values = np.zeros(image.shape, np.float32)
    values[rows] = image[rows]
    return values


def _restore_plain(probability: np.ndarray, shape: Shape) -> np.ndarray:
    return resize_planes(probability, shape)


def _restore_normalised(probability: np.ndarray, shape: Shape) -> np.ndarray:
    return resize_planes(minmax_normalise(probability).astype(np.float32), shape)


def _restore_published(probability: np.ndarray, shape: Shape) -> np.ndarray:
    grey = (minmax_normalise(probability) * 255).astype(np.uint8)
    size = (shape[1], shape[0])
    restored = np.empty((len(grey), *shape), np.float32)
    for plane, target in zip(grey, restored):
        resized = Image.fromarray(plane).resize(size, Image.BILINEAR)
        cv2.LUT(np.asarray(resized), _IN_UNIT, target)
    return restored


PRESETS: Dict[str, Preset] = {
    "paddleseg": Preset(_linear, False, _restore_plain, normalises=False),
    "official": Preset(_fading, True, _restore_published, normalises=True),
    "zoo": Preset(_area, False, _restore_normalised, normalises=True),
}
