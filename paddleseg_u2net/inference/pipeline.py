"""A network and all that stands around it: pre-processing, flips and scales, windows, restoring."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import List, Optional, Tuple, Union

import numpy as np

from paddleseg_u2net.inference.backends.backend import Network, output_type_of
from paddleseg_u2net.inference.preprocess import Preprocess, minmax_normalise, resize_planes
from paddleseg_u2net.inference.upsampling import guided

UPSAMPLINGS = ("bilinear", "guided")
# Between the last float32 below 1 and 1: logits stay within +-17.
_LEAST = np.float32(2**-24)


@dataclass(frozen=True)
class Augment:
    """Test-time augmentation: logits are averaged over scales times flips, as in PaddleSeg."""

    scales: Tuple[float, ...] = (1.0,)
    flip_horizontal: bool = False
    flip_vertical: bool = False

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < scale < math.inf for scale in self.scales):
            raise ValueError(f"scales: expected one or more numbers above 0, got {self.scales}")

    def flips(self) -> List[Tuple[int, ...]]:
        """Axes of (N, C, H, W) to turn round, one tuple for each variant."""
        across = [(), (3,)] if self.flip_horizontal else [()]
        down = [(), (2,)] if self.flip_vertical else [()]
        return [(*a, *b) for a, b in itertools.product(across, down)]


@dataclass(frozen=True)
class Window:
    """Sliding windows of ``crop_size`` every ``stride`` pixels, both (width, height).

    The picture keeps its own size then, and logits are averaged where windows overlap.
    """

    crop_size: Tuple[int, int]
    stride: Tuple[int, int]

    def __post_init__(self) -> None:
        if min(*self.crop_size, *self.stride) < 1:
            raise ValueError(
                f"crop_size and stride: expected 1 or more, got {self.crop_size}, {self.stride}"
            )
        if any(s > c for s, c in zip(self.stride, self.crop_size)):
            raise ValueError(
                f"stride: expected at most crop_size {self.crop_size}, got {self.stride}; "
                "larger strides leave pixels without a prediction"
            )

    def boxes(self, height: int, width: int) -> List[Tuple[slice, slice]]:
        """(rows, columns) of every window; the last ones end at the border."""
        rows = _spans(height, self.crop_size[1], self.stride[1])
        columns = _spans(width, self.crop_size[0], self.stride[0])
        return list(itertools.product(rows, columns))


def _spans(length: int, crop: int, stride: int) -> List[slice]:
    last = max(length - crop, 0)
    starts = [*range(0, last, stride), last]
    return [slice(start, min(start + crop, length)) for start in starts]


class Pipeline:
    """Probability maps of pictures.

    Args:
        network: makes a batch's logits, or what its attribute ``output_type`` says; see
            `OUTPUT_TYPES`.
            Probabilities of a network are used as they are where nothing is averaged; otherwise
            they are turned back into logits.
        preprocess: what the network sees.
        augment: test-time augmentation, or None.
        window: sliding windows, or None.
        upsampling: how maps come to the picture's size, one of `UPSAMPLINGS`: as the
            preprocessing's type says, or along the picture's edges.

    Raises:
        ValueError: the network gives class numbers, which cannot be averaged.
    """

    def __init__(
        self,
        network: Network,
        preprocess: Preprocess,
        augment: Optional[Augment] = None,
        window: Optional[Window] = None,
        upsampling: str = "bilinear",
    ) -> None:
        if upsampling not in UPSAMPLINGS:
            raise ValueError(
                f"upsampling: expected one of {', '.join(UPSAMPLINGS)}, got {upsampling!r}"
            )
        self.network, self.preprocess = network, preprocess
        self.augment, self.window = augment or Augment(), window
        self.upsampling, self.output_type = upsampling, output_type_of(network)
        self._averages = window is not None or self.augment != Augment()
        if self.output_type == "argmax" and self._averages:
            raise ValueError(
                "--aug_eval, --is_slide: they average logits, but this model gives class numbers; "
                "leave them out, or export it again with --output_op probability"
            )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, C) -> probabilities float32 (K, H, W) at the picture's own size.

        K = 1: the foreground's; K >= 2: of each class, summing to 1. See ``restore``.
        """
        return self.restore(self.probabilities(self.prepare(image)[None])[0], image)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, C) -> the network's input, float32 (C, h, w)."""
        return self.preprocess(image, resize=self.window is None or bool(self.preprocess.fit))

    def probabilities(self, batch: np.ndarray) -> np.ndarray:
        """Inputs (N, C, h, w) -> probabilities float32 (N, K, h, w); of class numbers, 0 and 1."""
        if not self._averages:
            return self._activated(self.network(np.ascontiguousarray(batch)))
        height, width = batch.shape[2:]
        total: Optional[np.ndarray] = None
        variants = list(itertools.product(self.augment.scales, self.augment.flips()))
        for scale, flip in variants:
            size = tuple(max(1, int(side * scale + 0.5)) for side in (height, width))
            logits = np.flip(self._logits(np.flip(resized(batch, size), flip)), flip)
            logits = resized(logits, (height, width))
            total = logits if total is None else total + logits
        assert total is not None
        return activate(total / np.float32(len(variants)))

    def _activated(self, found: np.ndarray) -> np.ndarray:
        """Probabilities from what the network gives."""
        if self.output_type == "argmax":
            return _one_hot(found, getattr(self.network, "num_classes", None) or 1)
        return found if self.output_type == "probability" else activate(found)

    def _as_logits(self, batch: np.ndarray) -> np.ndarray:
        found = self.network(np.ascontiguousarray(batch))
        return logits_of(found) if self.output_type == "probability" else found

    def _logits(self, batch: np.ndarray) -> np.ndarray:
        if self.window is None:
            return self._as_logits(batch)
        height, width = batch.shape[2:]
        total: Optional[np.ndarray] = None
        count = np.zeros((height, width), np.float32)
        for rows, columns in self.window.boxes(height, width):
            logits = self._as_logits(batch[:, :, rows, columns])
            if total is None:
                total = np.zeros((*logits.shape[:2], height, width), np.float32)
            total[:, :, rows, columns] += logits
            count[rows, columns] += 1
        assert total is not None
        return total / count

    def restore(
        self, probability: np.ndarray, picture: Union[np.ndarray, Tuple[int, ...]]
    ) -> np.ndarray:
        """Probabilities (K, h, w) -> float32 (K, H, W) at the size of ``picture``, uint8 (H, W, C),
        whose edges guided upsampling follows; for bilinear upsampling its (H, W) will do. Where the
        preprocessing's type normalises maps, they are no probabilities any more.
        """
        shape = picture.shape[:2] if isinstance(picture, np.ndarray) else tuple(picture)
        preprocess = self.preprocess
        padded = preprocess.fit and not preprocess.fit.resizes
        if self.upsampling == "bilinear" or padded or probability.shape[1:] == shape:
            if preprocess.restores == "probability" or self.output_type == "argmax":
                return preprocess.restore(probability, shape)
            logits = preprocess.restore(_unclipped(probability), shape)
            return activate(logits[None])[0]
        if not isinstance(picture, np.ndarray):
            raise TypeError(f"guided upsampling: expected an image (H, W, C), got {picture!r}")
        probability = preprocess.fit.unpadded(probability, (shape[1], shape[0]))
        if preprocess.preset.normalises:
            probability = minmax_normalise(probability).astype(np.float32)
        return guided(probability, picture)

    def grey(self, probability: np.ndarray, shape: Tuple[int, ...]) -> Optional[np.ndarray]:
        """What `restore` gives for an image (H, W), times 255, as uint8 (K, H, W), where that loses
        nothing, and in a third of the time; None elsewhere.
        """
        bilinear = self.upsampling == "bilinear" or probability.shape[1:] == shape
        return self.preprocess.grey(probability, shape) if bilinear else None


def classes_of(probability: np.ndarray) -> np.ndarray:
    """Probabilities (K, H, W) -> class numbers uint8 (H, W); K = 1: foreground from 0.5 upwards."""
    if probability.shape[0] == 1:
        return (probability[0] >= 0.5).astype(np.uint8)
    return probability.argmax(0).astype(np.uint8)


def resized(batch: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    """(N, C, h, w) -> (N, C, H, W), as ``resize_planes``."""
    planes = resize_planes(batch.reshape(-1, *batch.shape[2:]), shape)
    return planes.reshape(*batch.shape[:2], *shape)


def activate(logits: np.ndarray) -> np.ndarray:
    """Sigmoid of one channel, softmax of more."""
    if logits.shape[1] == 1:
        # exp of a negative number only: no overflow at any logit
        small = np.exp(-np.abs(logits))
        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)
    exponential = np.exp(logits - logits.max(1, keepdims=True))
    return (exponential / exponential.sum(1, keepdims=True)).astype(np.float32)


def logits_of(probability: np.ndarray) -> np.ndarray:
    """Probabilities (N, K, h, w) -> logits that `activate` turns back into them, to 2**-24."""
    if probability.shape[1] == 1:
        clipped = np.clip(probability, _LEAST, 1 - _LEAST)
        return (np.log(clipped) - np.log1p(-clipped)).astype(np.float32)
    return np.log(np.maximum(probability, _LEAST)).astype(np.float32)


def _unclipped(probability: np.ndarray) -> np.ndarray:
    """As `logits_of`, (K, h, w); of several classes as far apart as float32 can tell."""
    if len(probability) == 1:
        return logits_of(probability[None])[0]
    return np.log(np.maximum(probability, np.finfo(np.float32).tiny))


def _one_hot(classes: np.ndarray, num_classes: int) -> np.ndarray:
    """Class numbers (N, h, w) -> float32 (N, K, h, w); of one class, the foreground's plane."""
    numbers = np.arange(num_classes) if num_classes > 1 else np.ones(1)
    return (classes[:, None] == numbers.reshape(1, -1, 1, 1)).astype(np.float32)
