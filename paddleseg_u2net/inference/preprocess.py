"""What the network sees of an image, and how its maps come back to the image's size.

The same in training, validation, prediction and export. Results of one network differ between these
ways more than between many networks, so each has a name:

``paddleseg``
    PaddleSeg's: resize 8-bit values, divide by 255; probabilities are resized and left as they are.
``official``
    The authors' test script: resize without anti-aliasing in floating point, divide by the
    picture's own maximum; the map is normalised to [0, 1], cut to 8 bits, then resized.
``zoo``
    Of vendors' model zoos: OpenCV's ``INTER_AREA``, divide by 255; the map is normalised to [0, 1].
"""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
from PIL import Image

from paddleseg_u2net.inference.fitting import Fitting

Size = Tuple[int, int]  # width, height
Shape = Tuple[int, ...]  # height, width

# The values of 8 bits in [0, 1].
_IN_UNIT = np.arange(256, dtype=np.float32) / 255
# A picture is large that is so many times as high as the network's input; rows of it at a time.
_LARGE, _ROWS = 3, 32


class Preset(NamedTuple):
    """``resize``: uint8 (H, W, C) and (width, height) -> values in [0, 255], uint8 or float32.
    ``by_maximum``: they are divided by their maximum, otherwise by 255. ``restore``: probabilities
    (K, h, w) and (H, W) -> float32 (K, H, W). ``normalises``: maps are min-max normalised.
    ``grey``: where all that ``restore`` gives is of 8 bits, the same as uint8 (K, H, W).
    """

    resize: Callable[[np.ndarray, Size], np.ndarray]
    by_maximum: bool
    restore: Callable[[np.ndarray, Shape], np.ndarray]
    normalises: bool
    grey: Optional[Callable[[np.ndarray, Shape], np.ndarray]] = None


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


def _fading(image: np.ndarray, size: Size) -> np.ndarray:
    """As scikit-image's ``resize(mode="constant", anti_aliasing=False)``, which the authors use:
    around the picture all is black, so that the border of an enlarged one fades, down to the
    picture's darkest value at most.
    """
    linear = _linear_of_few if len(image) > _LARGE * size[1] else _linear_in_float
    resized = linear(image, size)
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


def _linear_in_float(image: np.ndarray, size: Size) -> np.ndarray:
    return cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)


def _linear_of_few(image: np.ndarray, size: Size) -> np.ndarray:
    """The same (to the last bit, but for some of the last column but one), first across, then down:
    of those rows alone that are looked at, since the floats of a large picture take longer than
    their sums.
    """
    width, height = size
    at = (np.arange(height) + 0.5) * (len(image) / height) - 0.5
    # OpenCV's places have a rounding error.
    above = np.floor(at[:, None] + (-0.01, 0.01)).astype(int)
    rows = np.unique(np.clip((above, above + 1), 0, len(image) - 1))
    narrow = np.zeros((len(image), width, image.shape[2]), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        across = _linear_in_float(image[part], (width, len(part)))
        narrow[part] = across.reshape(len(part), width, -1)
    return cv2.resize(narrow, size, interpolation=cv2.INTER_LINEAR)


def _restore_normalised(probability: np.ndarray, shape: Shape) -> np.ndarray:
    return resize_planes(minmax_normalise(probability).astype(np.float32), shape)


def _grey_published(probability: np.ndarray, shape: Shape) -> np.ndarray:
    grey = (minmax_normalise(probability) * 255).astype(np.uint8)
    size = (shape[1], shape[0])
    return np.stack([Image.fromarray(plane).resize(size, Image.BILINEAR) for plane in grey])


def _restore_published(probability: np.ndarray, shape: Shape) -> np.ndarray:
    restored = np.empty((len(probability), *shape), np.float32)
    for plane, target in zip(_grey_published(probability, shape), restored):
        cv2.LUT(plane, _IN_UNIT, target)
    return restored


_linear = partial(cv2.resize, interpolation=cv2.INTER_LINEAR)
_area = partial(cv2.resize, interpolation=cv2.INTER_AREA)

PRESETS: Dict[str, Preset] = {
    "paddleseg": Preset(_linear, False, resize_planes, normalises=False),
    "official": Preset(_fading, True, _restore_published, True, _grey_published),
    "zoo": Preset(_area, False, _restore_normalised, normalises=True),
}


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

RESTORES = ("probability", "logits")

_LONGEST_SIDE = 2**15 - 2
"""OpenCV's resizing counts pixels of a side in 16 bits."""


class Preprocess:
    """Resize, divide into [0, 1], then (x - mean) / std.

    Args:
        type: how it is resized and what it is divided by; a name of ``PRESETS``, which also says
            how maps come back to the picture's size.
        size: (width, height) that the network sees; None: the picture's own.
        mean, std: per channel, of values in [0, 1]; ImageNet's for RGB, 0.5 for others if None.
        channels: 1, 3 or 4.
        fit: in place of ``size``, steps that the image goes through, see
            ``paddleseg_u2net.inference.fitting``; under sliding windows, too.
        restore: what is resized on the way back, one of ``RESTORES``. PaddleSeg resizes logits.

    Raises:
        ValueError: there is no such type, or a value of which no input can be made.
    """

    def __init__(
        self,
        size: Optional[Sequence[int]] = None,
        mean: Optional[Sequence[float]] = None,
        std: Optional[Sequence[float]] = None,
        channels: int = 3,
        type: str = "paddleseg",
        fit: Optional[Sequence[Mapping[str, Any]]] = None,
        restore: str = "probability",
    ) -> None:
        if type not in PRESETS:
            raise ValueError(f"preprocess.type: there is no {type!r}; known: {', '.join(PRESETS)}")
        self.type, self.preset = type, PRESETS[type]
        self.fit, self.restores = Fitting(fit or ()), restore
        _check_fitting(self.fit, size, type, restore)
        self.mean = tuple(mean or (IMAGENET_MEAN if channels == 3 else (0.5,) * channels))
        self.std = tuple(std or (IMAGENET_STD if channels == 3 else (0.5,) * channels))
        sides = list(size or [])
        fits = (
            all(isinstance(side, Integral) and 1 <= side <= _LONGEST_SIDE for side in sides)
            and len(sides) in (0, 2)
            and len(self.mean) == len(self.std) == channels
            and all(isinstance(value, Real) for value in (*self.mean, *self.std))
            and min(self.std) > 0
        )
        if fits:
            with np.errstate(all="ignore"):
                self._table_255 = self._table(255)
        if not fits or not np.isfinite(self._table_255).all():
            raise ValueError(
                f"preprocess: expected a size [width, height] of 1 to {_LONGEST_SIDE} and, as mean "
                f"and std, {channels} numbers each (one per input channel) that give finite ones, "
                f"std above 0; got size {size}, mean {list(self.mean)}, std {list(self.std)}"
            )
        self.size = (sides[0], sides[1]) if sides else None

    @property
    def size_in_words(self) -> str:
        """What ``size`` says, for logs."""
        return "x".join(map(str, self.size)) if self.size else "the picture's own size"

    def __str__(self) -> str:
        size = str(self.fit) if self.fit else self.size_in_words
        return f"preprocess {self.type} at {size}, mean {self.mean}, std {self.std}"

    def __call__(self, image: np.ndarray, resize: bool = True) -> np.ndarray:
        """uint8 (H, W, C) -> float32 (C, h, w), h and w those of ``size`` or ``fit``.

        With ``resize=False`` the picture keeps its size. A black picture has a maximum of 1.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != len(self.mean):
            raise ValueError(
                f"expected a uint8 image (H, W, {len(self.mean)}), got {image.dtype} {image.shape}"
            )
        if resize and self.fit:
            image = self.fit(image, self.preset.resize)
        elif resize and self.size and (image.shape[1], image.shape[0]) != self.size:
            image = self.preset.resize(image, self.size)
            image = image.reshape(*image.shape[:2], -1)  # cv2 drops a single channel
        white = float(image.max()) or 1.0 if self.preset.by_maximum else 255.0
        planes = np.empty((len(self.mean), *image.shape[:2]), np.float32)
        if image.dtype == np.uint8:
            table = self._table_255 if white == 255 else self._table(white)
            for values, results, target in zip(cv2.split(image), table, planes):
                cv2.LUT(values, results, target)
            return planes
        scale = (1 / (white * np.asarray(self.std))).astype(np.float32)
        shift = (np.asarray(self.mean) / np.asarray(self.std)).astype(np.float32)
        # Plane by plane and in place: temporary arrays take longer than the sums.
        for number, target in enumerate(planes):
            np.multiply(image[..., number], scale[number], out=target)
            target -= shift[number]
        return planes

    def restore(self, planes: np.ndarray, shape: Shape) -> np.ndarray:
        """Planes (K, h, w) that the network made of a picture (H, W) -> float32 (K, H, W)."""
        if self.fit:
            return self.fit.restore(planes, (shape[1], shape[0]), resize_planes)
        return self.preset.restore(planes, shape)

    def grey(self, planes: np.ndarray, shape: Shape) -> Optional[np.ndarray]:
        """What `restore` gives as uint8 (K, H, W), 255 for 1; None where that loses something."""
        return self.preset.grey(planes, shape) if self.preset.grey and not self.fit else None

    def _table(self, white: float) -> np.ndarray:
        """The results of all 256 values of 8 bits, float32 (C, 256), each rounded once."""
        grey = np.arange(256, dtype=np.float64)[:, None] / white
        table = (grey - np.asarray(self.mean)) / np.asarray(self.std)
        return np.ascontiguousarray(table.T, np.float32)


def _check_fitting(fit: Fitting, size: Any, type: str, restore: str) -> None:
    """Refuse what does not go together."""
    if restore not in RESTORES:
        raise ValueError(
            f"preprocess.restore: expected one of {', '.join(RESTORES)}, got {restore!r}"
        )
    if PRESETS[type] is not PRESETS["paddleseg"] and (fit or restore != "probability"):
        key = "fit" if fit else "restore"
        raise ValueError(
            f"preprocess.{key}: it goes with type paddleseg only; with {type} delete it"
        )
    if fit and size:
        raise ValueError("preprocess.fit: size says how large already; keep one of the two")
