"""Transforms of a pair: what comes out can be learned from, and depends on nothing before it."""

from __future__ import annotations

import copy
import json
import random
from itertools import takewhile
from typing import Any, Callable, Dict, List, Sequence

import cv2
import numpy as np

Data = Dict[str, Any]
Transform = Callable[[Data], Data]

_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
# Of PaddleSeg's own transforms, those whose masks are wrong or of no use here.
_REFUSED = {
    "ScalePadding": "it resizes masks with cubic interpolation, which makes other classes of their "
    "numbers; take CentrePaddingResize",
    "GenerateInstanceTargets": "it makes the labels of MaskFormer, which nothing here reads; "
    "delete it",
}
# Those of PaddleSeg's own that draw nothing, by their sources. ResizeByShort is missing on purpose:
# it may draw its size, and a large picture changes it.
_FIXED = ("LimitLong", "Padding", "PaddingByAspectRatio", "Resize", "ResizeByLong")


class TransformError(ValueError):
    """A transform cannot be used; the message names it, and the repair."""


class RandomCrop:
    """Cut the same random window out of image and mask, as in U²-Net's training (288 of 320).

    Every position is as likely as any other, the last included. A side that is shorter than the
    crop is an error: resize first.

    Args:
        crop_size: (width, height) in pixels, as in PaddleSeg's transforms.
    """

    def __init__(self, crop_size: Sequence[int]) -> None:
        self.width, self.height = (int(side) for side in crop_size)

    def __call__(self, data: Dict[str, Any]) -> Dict[str, Any]:
        """``data['img']`` (H, W, C) and each ``data[key]`` (H, W) of ``data['gt_fields']``."""
        height, width = data["img"].shape[:2]
        if height < self.height or width < self.width:
            raise ValueError(
                f"RandomCrop: expected an image of at least {self.width}x{self.height} pixels "
                f"(width x height), got {width}x{height}; put a Resize before it"
            )
        top = random.randint(0, height - self.height)
        left = random.randint(0, width - self.width)
        for key in ("img", *data.get("gt_fields", ())):
            data[key] = data[key][top : top + self.height, left : left + self.width]
        return data


def name_of(transform: Any) -> str:
    """The name of a transform's class, or of a function."""
    return getattr(transform, "__name__", type(transform).__name__)


def check_transform(transform: Transform) -> None:
    """Refuse a transform that would spoil pairs silently."""
    stock = type(transform).__module__.startswith("paddleseg.")
    if stock and name_of(transform) in _REFUSED:
        raise TransformError(f"{name_of(transform)}: {_REFUSED[name_of(transform)]}")
    if stock and getattr(transform, "category_max_ratio", 1) < 1:
        raise TransformError(
            f"{name_of(transform)}: with category_max_ratio below 1 PaddleSeg 2.8.0 puts the crop "
            "of the mask in the image's place, or crops the mask alone; take CategoryPaddingCrop"
        )
    copied: Dict[int, Any] = {}
    try:
        copy.deepcopy(transform, copied)
    except Exception as error:
        raise TransformError(
            f"{name_of(transform)}: cannot be copied for each image ({_said(error)}), so that what "
            "it keeps of one would reach the next; make in __call__ what cannot be copied"
        ) from error
    if any(isinstance(part, _GENERATORS) for part in copied.values()):
        raise TransformError(
            f"{name_of(transform)}: it has a random generator of its own, which would draw the "
            "same for each image; draw from random or np.random, which are seeded for each"
        )


def transformed(data: Data, transforms: Sequence[Transform]) -> Data:
    """Apply a copy of each transform in order: some of PaddleSeg's change themselves.

    ``data`` has ``img`` (H, W, C), ``label`` (H, W), ``gt_fields`` and ``trans_info`` as there.
    """
    for transform in transforms:
        before = data
        try:
            data = copy.deepcopy(transform)(dict(data))
            _compare(before, data)
        except Exception as error:
            name, said = name_of(transform), _said(error)
            raise TransformError(said if said.startswith(name) else f"{name}: {said}") from error
    return data


def _compare(before: Data, after: Data) -> None:
    if not isinstance(after, dict):
        raise TransformError(f"expected to get the dictionary back, got {type(after).__name__}")
    image, label, was = after["img"], after["label"], before["label"]
    if _channels(image) != _channels(before["img"]):
        raise TransformError(
            f"made {_channels(image)} channels of an image of {_channels(before['img'])}"
        )
    if "label" not in after.get("gt_fields", ()):
        return
    if label.ndim != 2 or label.shape != image.shape[:2]:
        raise TransformError(f"made an image of shape {image.shape} and a mask of {label.shape}")
    if was.dtype.kind == "f" and label.dtype.kind != "f" and np.any(was % 1):
        raise TransformError("makes whole numbers of the soft mask; leave it out")


def _channels(image: np.ndarray) -> int:
    return 1 if image.ndim == 2 else image.shape[2]


def strange_labels(label: np.ndarray, num_classes: int, ignore_index: int) -> List[float]:
    """Up to ten values of ``label`` that are no class (of one class: not in [0, 1])."""
    known = (label >= 0) & (label <= max(num_classes - 1, 1))
    if num_classes > 1 and label.dtype.kind == "f":
        known &= np.floor(label) == label
    known |= label == ignore_index
    return [] if known.all() else np.unique(label[~known])[:10].tolist()


def _said(error: Exception) -> str:
    """The message on one line, with what Python calls it where that is not clear."""
    text = " ".join(str(error).split())
    plain = isinstance(error, (ValueError, cv2.error))
    return text if plain and text else f"{type(error).__name__}: {text}"


def fixed_beginning(transforms: Sequence[Any]) -> List[str]:
    """Name the first transforms that do the same every time, with their settings, in order."""
    return list(takewhile(bool, map(_fixed, transforms)))


def _fixed(transform: Any) -> str:
    """Empty if it may differ."""
    kind = type(transform)
    if kind.__module__ != "paddleseg.transforms.transforms" or kind.__qualname__ not in _FIXED:
        return ""
    settings = vars(transform)
    if settings.get("interp") == "RANDOM":
        return ""
    try:
        return f"{kind.__qualname__} {json.dumps(settings, sort_keys=True)}"
    except (TypeError, ValueError):  # a setting that may be anything, even a random one
        return ""
