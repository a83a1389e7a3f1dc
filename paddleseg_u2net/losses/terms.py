"""The terms of U²-Net's loss (Qin et al. 2020, sec. 3.3, eq. 1).

Shapes: logits (N, C, H, W); label (N, H, W) or (N, 1, H, W). With C = 1 the label is the
foreground's probability, hard or soft, in [0, 1]; with C >= 2 it is the class index. Pixels whose
label is ``ignore_index`` are ignored. Losses are float32 scalars.
"""

from __future__ import annotations

from typing import Tuple

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from paddleseg_u2net.losses.pixels import label_map, one_hot, probabilities


def cross_entropy(logits: Tensor, label: Tensor, ignore_index: int = 255) -> Tensor:
    """Cross-entropy of U²-Net's paper, eq. 2, from logits, with the mean over the pixels that are
    not ignored in place of the sum. 0 if all are ignored.
    """
    label = label_map(label)
    valid = label != ignore_index
    if logits.shape[1] == 1:
        target = paddle.where(valid, label.astype("float32"), paddle.zeros(label.shape))
        loss = F.binary_cross_entropy_with_logits(logits[:, 0], target, reduction="none")
        loss = loss * valid.astype("float32")
    else:
        index = label.astype("int64")
        loss = F.cross_entropy(
            logits, index.unsqueeze(1), axis=1, ignore_index=ignore_index, reduction="none"
        )
    return loss.sum() / valid.astype("float32").sum().clip(min=1.0)


def iou_loss(logits: Tensor, label: Tensor, ignore_index: int = 255) -> Tensor:
    """1 - intersection / union of probabilities, mean over images and classes; BASNet (Qin et al.
    2019, "BASNet: Boundary-aware salient object detection", eq. 6). 0 where both are empty.
    """
    probability, target = _maps(logits, label, ignore_index)
    intersection = (probability * target).sum([2, 3])
    union = (probability + target).sum([2, 3]) - intersection
    return (1.0 - (intersection + 1e-6) / (union + 1e-6)).mean()


def ssim_loss(logits: Tensor, label: Tensor, ignore_index: int = 255) -> Tensor:
    """1 - mean SSIM of probability and mask with an 11x11 Gaussian window of sigma 1.5; BASNet,
    eq. 4, after Wang et al. 2004 (C1 = 0.01^2, C2 = 0.03^2). Beyond the border both maps are zero.
    """
    probability, target = _maps(logits, label, ignore_index)
    window = _gaussian(11, 1.5)

    def blur(x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return F.conv2d(x.reshape([n * c, 1, h, w]), window, padding=5).reshape([n, c, h, w])

    mean_p, mean_t = blur(probability), blur(target)
    variance_p = blur(probability * probability) - mean_p * mean_p
    variance_t = blur(target * target) - mean_t * mean_t
    covariance = blur(probability * target) - mean_p * mean_t
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_p * mean_t + c1) * (2 * covariance + c2)) / (
        (mean_p * mean_p + mean_t * mean_t + c1) * (variance_p + variance_t + c2)
    )
    return 1.0 - similarity.mean()


def _maps(logits: Tensor, label: Tensor, ignore_index: int) -> Tuple[Tensor, Tensor]:
    """Probabilities and targets, both float32 (N, C, H, W); equal (0) where a pixel is ignored."""
    label = label_map(label)
    valid = (label != ignore_index).astype("float32").unsqueeze(1)
    classes = logits.shape[1]
    if classes == 1:
        target = label.astype("float32").unsqueeze(1)
    else:
        target = one_hot(label.astype("int64").clip(0, classes - 1), classes)
    return probabilities(logits) * valid, target * valid


def _gaussian(size: int, sigma: float) -> Tensor:
    """A normalised Gaussian window (1, 1, size, size), float32."""
    x = paddle.arange(size, dtype="float32") - size // 2
    line = paddle.exp(-(x * x) / (2 * sigma * sigma))
    line = line / line.sum()
    return (line.unsqueeze(0) * line.unsqueeze(1)).reshape([1, 1, size, size])
