"""Losses of what an image has, and of embeddings: heads that only some networks give."""

from __future__ import annotations

from typing import Mapping

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddleseg.models.losses import PixelContrastCrossEntropyLoss

from paddleseg_u2net.losses.pixels import (
    binary_cross_entropy,
    class_numbers,
    exact,
    label_map,
    mean,
    one_hot,
)


class MendedSECrossEntropyLoss(nn.Layer):
    """The binary cross-entropy of which classes an image has, as PaddleSeg's ``SECrossEntropyLoss``
    (Zhang et al. 2018, "Context encoding for semantic segmentation"): the mean over classes and the
    images of which pixels count.

    Args:
        ignore_index: a label that is ignored.
    """

    def __init__(self, ignore_index: int = 255) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """Logits (N, C) or (N, C, 1, 1) and a label (N, H, W) -> a scalar."""
        logit = exact(logit).flatten(1)
        classes = logit.shape[1]
        index, valid = class_numbers(label, classes, self.ignore_index, "SECrossEntropyLoss")
        counts = valid.astype(logit.dtype).unsqueeze(1)
        there = (one_hot(index, classes, logit.dtype) * counts).max([2, 3])
        some = counts.max([2, 3]).expand_as(there)
        return mean(binary_cross_entropy(logit, there), some)


class MendedPixelContrastCrossEntropyLoss(PixelContrastCrossEntropyLoss):
    """PaddleSeg's (Wang et al. 2021, "Exploring cross-image pixel contrast for semantic
    segmentation"); 0 where no class has more than ``max_views`` pixels, of which that divides by 0.
    """

    def forward(self, preds: Mapping[str, Tensor], label: Tensor) -> Tensor:
        """``seg`` (N, C, h, w) and ``embed`` (N, D, h, w), and a label (N, H, W) -> a scalar."""
        seg, embedding = exact(preds["seg"]), exact(preds["embed"])
        class_numbers(label, seg.shape[1], self.ignore_index, "PixelContrastCrossEntropyLoss")
        label = label_map(label).astype("int64")
        size = embedding.shape[2:]
        small = F.interpolate(label.unsqueeze(1).astype("float32"), size, mode="nearest")
        pixels = [(small == number).sum([1, 2, 3]).max() for number in range(seg.shape[1])]
        if int(paddle.stack(pixels).max()) <= self.max_views:
            return embedding.sum() * 0.0
        return super().forward({"seg": seg, "embed": embedding}, label)
