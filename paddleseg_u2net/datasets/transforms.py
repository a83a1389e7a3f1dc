"""Augmentation for training. PaddleSeg's transforms work here too, on 8-bit images."""

from __future__ import annotations

import random
from typing import Any, Dict, Sequence


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
