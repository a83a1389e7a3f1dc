"""Losses of the boundaries between classes."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddleseg.models.losses import DualTaskLoss

from paddleseg_u2net.losses.pixels import (
    binary_cross_entropy,
    class_numbers,
    exact,
    label_map,
    mean,
    one_hot,
)


class MendedRelaxBoundaryLoss(nn.Layer):
    """-log of the summed probability of all classes that are near a pixel, for PaddleSeg's
    ``RelaxBoundaryLoss`` (Zhu et al. 2019, "Improving semantic segmentation via video propagation
    and label relaxation"): the mean over an image's pixels, then over images.

    Args:
        border: how many pixels away a class is near, in rows and columns.
        calculate_weights: weigh each pixel by the mean over the classes near it of 1 +
            ``upper_bound`` * (1 - the class's share of the image).
        upper_bound: see there.
        ignore_index: a label that is ignored.
    """

    def __init__(
        self,
        border: int = 1,
        calculate_weights: bool = False,
        upper_bound: float = 1.0,
        ignore_index: int = 255,
    ) -> None:
        super().__init__()
        self.border, self.calculate_weights = int(border), calculate_weights
        self.upper_bound, self.ignore_index = float(upper_bound), ignore_index

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logit = exact(logit)
        index, valid = class_numbers(label, logit.shape[1], self.ignore_index, "RelaxBoundaryLoss")
        counts = valid.astype(logit.dtype).unsqueeze(1)
        near = one_hot(index, logit.shape[1], logit.dtype) * counts
        near = F.max_pool2d(near, 2 * self.border + 1, stride=1, padding=self.border)
        # log of a sum of probabilities, from logits
        far = paddle.full_like(logit, -1e9)
        of_near = paddle.logsumexp(paddle.where(near > 0, logit, far), axis=1, keepdim=True)
        loss = paddle.logsumexp(logit, axis=1, keepdim=True) - of_near
        if self.calculate_weights:
            shares = near.sum([2, 3], keepdim=True)
            shares = shares / shares.sum(1, keepdim=True).clip(min=1.0)
            weights = 1 + self.upper_bound * (1 - shares)
            loss = loss * (near * weights).sum(1, keepdim=True) / near.sum(1, keepdim=True).clip(1)
        total = counts.sum([1, 2, 3])
        return ((loss * counts).sum([1, 2, 3]) / total.clip(min=1.0)).mean()


class MendedDualTaskLoss(DualTaskLoss):
    """PaddleSeg's (Takikawa et al. 2019, GSCNN), whose means here are over pixels that count.

    Args:
        ignore_index: a label that is ignored.
        tau: temperature of the Gumbel softmax.
        paddleseg_2_8: means over all pixels, as there.
    """

    def __init__(
        self, ignore_index: int = 255, tau: float = 0.5, paddleseg_2_8: bool = False
    ) -> None:
        super().__init__(ignore_index, tau)
        self.paddleseg_2_8 = paddleseg_2_8

    def forward(self, logit: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logit = exact(logit).astype("float32")
        index, valid = class_numbers(labels, logit.shape[1], self.ignore_index, "DualTaskLoss")
        counts = valid.astype(logit.dtype).unsqueeze(1)
        own = self.compute_grad_mag(self._gumbel_softmax_sample(logit * counts, self.tau))
        true = self.compute_grad_mag(one_hot(index, logit.shape[1]))
        distance = (own - true).abs() * counts
        total = paddle.zeros([])
        for edges in (own, true):
            there = (edges > 1e-8).astype(logit.dtype)
            weights = there if self.paddleseg_2_8 else there * counts
            total = total + 0.5 * mean(distance, weights)
        return total

    def compute_grad_mag(self, x: Tensor) -> Tensor:
        """The slope of smoothed maps (N, C, H, W), as a share of the steepest one.

        The steepest is gathered: Paddle's gradient of a maximum over a whole tensor takes time by
        the square of its size on a CPU, 10 s for 19 classes at 64x64.
        """
        wide = F.pad(self.conv_tri(x, r=4), [1, 1, 1, 1])
        across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / 2
        down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / 2
        slope = paddle.sqrt(across * across + down * down + 1e-6)
        every = slope.reshape([-1])
        return slope / paddle.gather(every, every.argmax().reshape([1]))


class MendedDetailAggregateLoss(nn.Layer):
    """Binary cross-entropy and Dice of edges (Fan et al. 2021, STDC), for PaddleSeg's
    ``DetailAggregateLoss``: edges are fused with STDC's weights .6, .3 and .1, where that has
    random numbers, and ignored pixels count in neither term.

    Args:
        ignore_index: a label that is ignored.
    """

    def __init__(self, ignore_index: int = 255) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Logits of edges (N, 1, h, w), resized, and a label (N, H, W) -> a scalar."""
        label = label_map(label)
        size = label.shape[1:]
        logits = exact(logits)
        if logits.shape[2:] != size:
            logits = F.interpolate(logits, size, mode="bilinear", align_corners=True)
        target = self._edges(label.astype("float32").unsqueeze(1)).astype(logits.dtype)
        counts = (label != self.ignore_index).astype(logits.dtype).unsqueeze(1)
        cross_entropy = mean(binary_cross_entropy(logits, target), counts)
        probability, target = F.sigmoid(logits) * counts, target * counts
        overlap = (probability * target).sum([1, 2, 3])
        areas = (probability + target).sum([1, 2, 3])
        return cross_entropy + (1 - (2 * overlap + 1) / (areas + 1)).mean()

    def _edges(self, label: Tensor) -> Tensor:
        """Where a label is greater than the mean around it, at each pixel or each second one: at
        each fourth as well STDC computes it, but with .1 it does not exceed its threshold of .1.
        """
        laplacian = paddle.full([1, 1, 3, 3], -1.0)
        laplacian[0, 0, 1, 1] = 8.0
        fine = F.conv2d(label, laplacian, padding=1) > 0.1
        coarse = (F.conv2d(label, laplacian, stride=2, padding=1) > 0.1).astype("float32")
        coarse = F.interpolate(coarse, label.shape[2:], mode="nearest")
        return fine | (coarse > 0)
