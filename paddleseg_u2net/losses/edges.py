"""Edges between the classes of a label."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from paddleseg_u2net.losses.pixels import label_map

_RADIUS = 2


def class_edges(label: Tensor, ignore_index: int) -> Tensor:
    """1 where a pixel of another class is at most two pixels away, else 0; what is ignored stays
    that and makes no edge, nor does the frame of the image. int64 (N, H, W).
    """
    label = label_map(label).astype("int64")
    height, width = label.shape[1:]
    around = F.pad(label.unsqueeze(1), [_RADIUS] * 4, value=ignore_index).squeeze(1)
    valid, found = label != ignore_index, paddle.zeros(label.shape, dtype="bool")
    for dy in range(-_RADIUS, _RADIUS + 1):
        for dx in range(-_RADIUS, _RADIUS + 1):
            if 0 < dy * dy + dx * dx <= _RADIUS * _RADIUS:
                y, x = _RADIUS + dy, _RADIUS + dx
                other = around[:, y : y + height, x : x + width]
                found = found | ((other != label) & (other != ignore_index))
    return paddle.where(valid, found.astype("int64"), label)
