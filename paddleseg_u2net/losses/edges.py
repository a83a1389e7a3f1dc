"""Edges between the classes of a label."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from paddleseg_u2net.losses.pixels import label_map


def class_edges(label: Tensor, ignore_index: int = 255, radius: int = 2) -> Tensor:
    """1 where a pixel of another class is within ``radius`` pixels, else 0; what is ignored stays
    that and makes no edge, nor does the frame of the image. int64 (N, H, W).
    """
    label = label_map(label).astype("int64")
    height, width = label.shape[1:]
    around = F.pad(label.unsqueeze(1), [radius] * 4, value=ignore_index).squeeze(1)
    valid, found = label != ignore_index, paddle.zeros(label.shape, dtype="bool")
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if 0 < dy * dy + dx * dx <= radius * radius:
                y, x = radius + dy, radius + dx
                other = around[:, y : y + height, x : x + width]
                found = found | ((other != label) & (other != ignore_index))
    return paddle.where(valid, found.astype("int64"), label)
