"""Transforms of PaddleSeg's that do something else in 2.8.0 than they say, as they are meant.

They take the arguments of the transforms that they stand for, and draw from ``random`` and
``np.random``, which are seeded for each image.
"""

from __future__ import annotations

import random
from typing import Any, Dict, List, Optional, Sequence, Union

import cv2
import numpy as np

Data = Dict[str, Any]


class CategoryPaddingCrop:
    """Cut the same random window out of image and mask, in which no class has almost all pixels.

    ``RandomPaddingCrop`` with ``category_max_ratio``, which puts the mask into the image in
    PaddleSeg 2.8.0. What is smaller than the window is padded on the right and below before.

    Args:
        crop_size: (width, height) in pixels.
        im_padding_value, label_padding_value: what image and mask are padded with.
        category_max_ratio: windows are drawn until the largest class has less than this share of
            the pixels that are not ignored, and there are two classes or more.
        ignore_index: the label of ignored pixels.
        loop_times: windows that are drawn at most; the last of them is taken then.
    """

    def __init__(
        self,
        crop_size: Sequence[int] = (512, 512),
        im_padding_value: float = 127.5,
        label_padding_value: int = 255,
        category_max_ratio: float = 1.0,
        ignore_index: int = 255,
        loop_times: int = 10,
    ) -> None:
        if not 0 < category_max_ratio <= 1 or loop_times < 1:
            raise ValueError(
                "expected a category_max_ratio above 0, at most 1, and loop_times of 1 or more, "
                f"got {category_max_ratio} and {loop_times}"
            )
        self.width, self.height = (int(side) for side in crop_size)
        self.im_padding_value, self.label_padding_value = im_padding_value, label_padding_value
        self.category_max_ratio = category_max_ratio
        self.ignore_index, self.loop_times = ignore_index, loop_times

    def __call__(self, data: Data) -> Data:
        """``data['img']`` (H, W, C) and each ``data[key]`` (H, W) of ``data['gt_fields']``."""
        fields = [key for key in data.get("gt_fields", ()) if key in data]
        height, width = data["img"].shape[:2]
        border = 0, max(self.height - height, 0), 0, max(self.width - width, 0)
        if any(border):
            data["img"] = _bordered(data["img"], border, self.im_padding_value)
            for key in fields:
                data[key] = _bordered(data[key], border, self.label_padding_value)
        window = self._window(data["label"] if "label" in fields else None, data["img"].shape)
        for key in ("img", *fields):
            data[key] = data[key][window]
        return data

    def _window(self, label: Optional[np.ndarray], shape: Sequence[int]) -> Any:
        for _ in range(self.loop_times):
            top = np.random.randint(0, shape[0] - self.height + 1)
            left = np.random.randint(0, shape[1] - self.width + 1)
            window = slice(top, top + self.height), slice(left, left + self.width)
            if label is None or self.category_max_ratio >= 1 or self._is_mixed(label[window]):
                break
        return window

    def _is_mixed(self, label: np.ndarray) -> bool:
        classes, counts = np.unique(label, return_counts=True)
        counts = counts[classes != self.ignore_index]
        return len(counts) > 1 and counts.max() / counts.sum() < self.category_max_ratio


def _bordered(array: np.ndarray, border: Sequence[int], value: float) -> np.ndarray:
    kind = cv2.BORDER_CONSTANT
    padded = cv2.copyMakeBorder(np.ascontiguousarray(array), *border, kind, value=[value] * 4)
    return padded.reshape(*padded.shape[:2], *array.shape[2:])


class RandomResizeByShort:
    """Make the shorter side one of several lengths, drawn for each image.

    ``ResizeByShort`` with a list, which PaddleSeg 2.8.0 draws from once for all images.

    Args:
        short_size: a length in pixels, or several.
        max_size: a longer side would be longer than this: it becomes this, or a little less.
    """

    def __init__(self, short_size: Union[int, Sequence[int]], max_size: float = 1e10) -> None:
        self.short_sizes = [short_size] if isinstance(short_size, int) else list(short_size)
        self.max_size = max_size
        if not self.short_sizes or min(self.short_sizes) < 1:
            raise ValueError(f"short_size: expected numbers of 1 or more, got {short_size}")

    def __call__(self, data: Data) -> Data:
        """``data['img']`` (H, W, C) and each ``data[key]`` (H, W) of ``data['gt_fields']``."""
        height, width = data["img"].shape[:2]
        short = random.choice(self.short_sizes)
        if short / min(height, width) * max(height, width) > self.max_size:
            short = int(self.max_size / max(height, width) * min(height, width))
        scale = short / min(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        data.setdefault("trans_info", []).append(("resize", (height, width)))
        return _resized(data, size, cv2.INTER_LINEAR)


class CentrePaddingResize:
    """Pad the shorter side at both ends to a square, then resize that.

    ``ScalePadding``, which resizes masks by cubic interpolation in PaddleSeg 2.8.0, so that other
    classes appear between two; here masks are resized by their nearest pixels.

    Args:
        target_size: (width, height) in pixels.
        im_padding_value, label_padding_value: what image and mask are padded with.
    """

    def __init__(
        self,
        target_size: Sequence[int] = (512, 512),
        im_padding_value: float = 127.5,
        label_padding_value: int = 255,
    ) -> None:
        self.target_size = int(target_size[0]), int(target_size[1])
        self.im_padding_value, self.label_padding_value = im_padding_value, label_padding_value

    def __call__(self, data: Data) -> Data:
        """``data['img']`` (H, W, C) and each ``data[key]`` (H, W) of ``data['gt_fields']``."""
        height, width = data["img"].shape[:2]
        above, before = max(width - height, 0) // 2, max(height - width, 0) // 2
        side = max(height, width)
        border = above, side - height - above, before, side - width - before
        # whole numbers are cut as PaddleSeg's are
        data["img"] = _bordered(data["img"], border, int(self.im_padding_value))
        for key in data.get("gt_fields", ()):
            data[key] = _bordered(data[key], border, self.label_padding_value)
        return _resized(data, self.target_size, cv2.INTER_CUBIC)


def _resized(data: Data, size: Sequence[int], interpolation: int) -> Data:
    image = data["img"]
    data["img"] = cv2.resize(image, size, interpolation=interpolation)
    if image.ndim == 3:
        data["img"] = data["img"].reshape(size[1], size[0], -1)
    for key in data.get("gt_fields", ()):
        data[key] = cv2.resize(data[key], size, interpolation=cv2.INTER_NEAREST)
    return data


_RADII: List[int] = [3, 5, 5, 7, 7, 9, 9]
"""As PaddleSeg draws them: from 3 to 9, an even number is the next odd one."""


class ProbableBlur:
    """Blur an image with a probability, by a window of 3 to 9 pixels.

    ``RandomBlur``, which blurs with the probability 1 / int(1 / prob) in PaddleSeg 2.8.0: always,
    where ``prob`` is above 0.5; ``prob: 1.0`` does that here.

    Args:
        prob: the probability.
        blur_type: gaussian, median or blur (a box); random takes one of them for each image, with
            the probabilities 0.3, 0.3 and 0.4.
    """

    def __init__(self, prob: float = 0.1, blur_type: str = "gaussian") -> None:
        self.prob, self.blur_type = prob, blur_type

    def __call__(self, data: Data) -> Data:
        """``data['img']`` (H, W, C), of values from 0 to 255."""
        if random.random() >= self.prob:
            return data
        side, kind = random.choice(_RADII), self.blur_type
        if kind == "random":
            draw = random.random()
            kind = "gaussian" if draw < 0.3 else "median" if draw < 0.6 else "blur"
        image = np.asarray(data["img"], np.uint8)
        if kind == "median":
            blurred = cv2.medianBlur(image, side)
        elif kind == "blur":
            blurred = cv2.blur(image, (side, side))
        else:
            blurred = cv2.GaussianBlur(image, (side, side), 0)
        data["img"] = blurred.reshape(image.shape)
        return data


class ShiftingAffine:
    """Turn, scale and shift image and mask at random, onto a canvas of one size.

    ``RandomAffine``, whose ``translation_offset`` moves the centre of the turn in PaddleSeg 2.8.0
    and not the image, and which makes whole numbers of soft masks.

    Args:
        size: (width, height) of the canvas; at scale 1 the mean of the image's sides fits it.
        translation_offset: the image's centre moves by as many pixels at most, each way.
        max_rotation: degrees at most, each way.
        min_scale_factor, max_scale_factor: bounds of the scale.
        im_padding_value, label_padding_value: of the canvas around the image.
    """

    def __init__(
        self,
        size: Sequence[int] = (224, 224),
        translation_offset: float = 0,
        max_rotation: float = 15,
        min_scale_factor: float = 0.75,
        max_scale_factor: float = 1.25,
        im_padding_value: float = 128,
        label_padding_value: int = 255,
    ) -> None:
        self.size = int(size[0]), int(size[1])
        self.translation_offset, self.max_rotation = translation_offset, max_rotation
        self.scales = min_scale_factor, max_scale_factor
        self.im_padding_value, self.label_padding_value = im_padding_value, label_padding_value

    def __call__(self, data: Data) -> Data:
        """``data['img']`` (H, W, C) and each ``data[key]`` (H, W) of ``data['gt_fields']``."""
        height, width = data["img"].shape[:2]
        shift = [random.uniform(-1, 1) * self.translation_offset for _ in range(2)]
        angle = random.uniform(-1, 1) * self.max_rotation
        fits = (self.size[0] / width + self.size[1] / height) / 2
        centre = (width - 1) / 2, (height - 1) / 2
        matrix = cv2.getRotationMatrix2D(centre, angle, random.uniform(*self.scales) * fits)
        for axis in range(2):
            matrix[axis, 2] += (self.size[axis] - 1) / 2 + shift[axis] - centre[axis]
        data["img"] = self._warped(data["img"], matrix, cv2.INTER_LINEAR, self.im_padding_value)
        for key in data.get("gt_fields", ()):
            nearest, value = cv2.INTER_NEAREST, self.label_padding_value
            data[key] = self._warped(data[key], matrix, nearest, value)
        return data

    def _warped(
        self, array: np.ndarray, matrix: np.ndarray, interpolation: int, value: float
    ) -> np.ndarray:
        kind = cv2.BORDER_CONSTANT
        warped = cv2.warpAffine(
            array, matrix, self.size, flags=interpolation, borderMode=kind, borderValue=[value] * 4
        )
        return warped.reshape(*warped.shape[:2], *array.shape[2:])


MENDED = (
    CategoryPaddingCrop,
    CentrePaddingResize,
    ProbableBlur,
    RandomResizeByShort,
    ShiftingAffine,
)
