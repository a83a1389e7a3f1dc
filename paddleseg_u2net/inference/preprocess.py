"""What the network sees of a picture: the same in training, validation, prediction and export."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import cv2
import numpy as np

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Preprocess:
    """Bilinear resize without anti-aliasing, then (x / 255 - mean) / std.

    Args:
        size: (width, height) that the network sees; None: the picture's own.
        mean, std: per channel, of values in [0, 1]; ImageNet's for RGB, 0.5 for others if None.
        channels: 1, 3 or 4.

    Raises:
        ValueError: mean or std have another length than ``channels``.
    """

    def __init__(
        self,
        size: Optional[Sequence[int]] = None,
        mean: Optional[Sequence[float]] = None,
        std: Optional[Sequence[float]] = None,
        channels: int = 3,
    ) -> None:
        self.size: Optional[Tuple[int, int]] = (int(size[0]), int(size[1])) if size else None
        self.mean = tuple(mean or (IMAGENET_MEAN if channels == 3 else (0.5,) * channels))
        self.std = tuple(std or (IMAGENET_STD if channels == 3 else (0.5,) * channels))
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise ValueError(
                    f"preprocess.{key}: expected {channels} numbers, one per input channel, "
                    f"got {len(values)}"
                )
        # 8 bits have 256 values: each channel's result is a table, rounded once.
        grey = np.arange(256, dtype=np.float64)[:, None] / 255
        table = (grey - np.asarray(self.mean)) / np.asarray(self.std)
        self._table = table.astype(np.float32)[None]

    def __call__(self, image: np.ndarray, resize: bool = True) -> np.ndarray:
        """uint8 (H, W, C) -> float32 (C, h, w), h and w those of ``size``.

        With ``resize=False`` the picture keeps its size.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != len(self.mean):
            raise ValueError(
                f"expected a uint8 image (H, W, {len(self.mean)}), got {image.dtype} {image.shape}"
            )
        if resize and self.size and (image.shape[1], image.shape[0]) != self.size:
            image = cv2.resize(image, self.size, interpolation=cv2.INTER_LINEAR)
            image = image.reshape(*image.shape[:2], -1)  # cv2 drops a single channel
        planes = [
            cv2.LUT(np.ascontiguousarray(image[..., channel]), self._table[..., channel])
            for channel in range(image.shape[2])
        ]
        return np.stack(planes)
