"""A network and all that stands around it: pre-processing, flips and scales, windows, restoring."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

import numpy as np

from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.inference.recipes import resize_planes

# float32 (N, C, H, W) -> float32 logits (N, K, H, W)
Network = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Augment:
    """Test-time augmentation: logits are averaged over scales times flips, as in PaddleSeg."""

    scales: Tuple[float, ...] = (1.0,)
    flip_horizontal: bool = False
    flip_vertical: bool = False

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


class Predictor:
    """Probability maps of pictures.

    Args:
        network: logits of a batch.
        preprocess: what the network sees.
        augment: test-time augmentation, or None.
        window: sliding windows, or None.
    """

    def __init__(
        self,
        network: Network,
        preprocess: Preprocess,
        augment: Optional[Augment] = None,
        window: Optional[Window] = None,
    ) -> None:
        self.network, self.preprocess = network, preprocess
        self.augment, self.window = augment or Augment(), window

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, C) -> probabilities float32 (K, H, W) at the picture's own size.

        K = 1: the foreground's; K >= 2: of each class, summing to 1. See ``restore``.
        """
        return self.restore(self.probabilities(self.prepare(image)[None])[0], image.shape[:2])

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, C) -> the network's input, float32 (C, h, w)."""
        return self.preprocess(image, resize=self.window is None)

    def probabilities(self, batch: np.ndarray) -> np.ndarray:
        """Inputs (N, C, h, w) -> probabilities float32 (N, K, h, w)."""
        height, width = batch.shape[2:]
        total: Optional[np.ndarray] = None
        variants = list(itertools.product(self.augment.scales, self.augment.flips()))
        for scale, flip in variants:
            size = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
            logits = np.flip(self._logits(np.flip(_resized(batch, size), flip)), flip)
            logits = _resized(logits, (height, width))
            total = logits if total is None else total + logits
        assert total is not None
        return activate(total / np.float32(len(variants)))

    def _logits(self, batch: np.ndarray) -> np.ndarray:
        batch = np.ascontiguousarray(batch)
        if self.window is None:
            return self.network(batch)
        height, width = batch.shape[2:]
        total: Optional[np.ndarray] = None
        count = np.zeros((height, width), np.float32)
        for rows, columns in self.window.boxes(height, width):
            logits = self.network(np.ascontiguousarray(batch[:, :, rows, columns]))
            if total is None:
                total = np.zeros((*logits.shape[:2], height, width), np.float32)
            total[:, :, rows, columns] += logits
            count[rows, columns] += 1
        assert total is not None
        return total / count

    def restore(self, probability: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
        """Probabilities (K, h, w) -> float32 (K, H, W) of ``shape`` (H, W).

        Where the preprocessing's type stretches maps, they are no probabilities any more.
        """
        return self.preprocess.recipe.restore(probability, shape)


def classes_of(probability: np.ndarray) -> np.ndarray:
    """Probabilities (K, H, W) -> class numbers uint8 (H, W); K = 1: foreground from 0.5 upwards."""
    if probability.shape[0] == 1:
        return (probability[0] >= 0.5).astype(np.uint8)
    return probability.argmax(0).astype(np.uint8)


def _resized(batch: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
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
