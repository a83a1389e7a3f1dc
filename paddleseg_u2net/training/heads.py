"""A network's outputs in training, whatever it gives them as, for the loss of each head."""

from __future__ import annotations

from typing import Any, List

import paddle
import paddle.nn.functional as F
from paddle import Tensor


def heads_of(outputs: Any, label: Tensor) -> List[Any]:
    """The heads of ``outputs``: logits (N, C, h, w), at the label's (N, H, W) height and width.

    A network gives a list or tuple of heads, or one tensor. What has not the first one's channels,
    such as the edges, codes and points of some of PaddleSeg's networks, is its loss's as it is.
    """
    heads = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    channels, size = heads[0].shape[1], label.shape[-2:]

    def is_smaller(head: Any) -> bool:
        maps = isinstance(head, paddle.Tensor) and head.ndim == 4 and head.shape[1] == channels
        return maps and head.shape[2:] != size

    return [
        F.interpolate(head, size=size, mode="bilinear") if is_smaller(head) else head
        for head in heads
    ]
