"""Cross-entropies over classes as PaddleSeg's, with weights, on Paddle 2 and 3."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddleseg_u2net.losses.pixels import (
    class_numbers,
    class_weights,
    divided,
    exact,
    weights_of_pixels,
)


def pixel_cross_entropy(logits: Tensor, index: Tensor) -> Tensor:
    """Of each pixel, (N, H, W); ``index`` holds classes only."""
    return F.cross_entropy(logits, index.unsqueeze(1), axis=1, reduction="none").squeeze(1)


def _channels_first(logits: Tensor, data_format: str) -> Tensor:
    if data_format == "NCHW":
        return exact(logits)
    last = logits.ndim - 1
    return exact(logits).transpose([0, last, *range(1, last)])


class MendedCrossEntropyLoss(nn.Layer):
    """The cross-entropy, as PaddleSeg's ``CrossEntropyLoss``: the mean over pixels that count, of
    which each weighs what its class does.

    Args:
        weight: one number for each class.
        ignore_index: a label that is ignored.
        top_k_percent_pixels: a share, 0 to 1, of the pixels: only those of the greatest losses.
        avg_non_ignore: false divides by all pixels, ignored ones (of weight 1) among them.
        data_format: NCHW or NHWC.
        paddleseg_2_8: ``top_k_percent_pixels`` as there, a share of all pixels, ignored ones (of
            class 0 in the divisor) too.
    """

    def __init__(
        self,
        weight: Optional[Sequence[float]] = None,
        ignore_index: int = 255,
        top_k_percent_pixels: float = 1.0,
        avg_non_ignore: bool = True,
        data_format: str = "NCHW",
        paddleseg_2_8: bool = False,
    ) -> None:
        super().__init__()
        self.weight, self.ignore_index = weight, ignore_index
        self.top_k_percent_pixels, self.avg_non_ignore = top_k_percent_pixels, avg_non_ignore
        self.data_format, self.paddleseg_2_8 = data_format, paddleseg_2_8

    def forward(
        self, logit: Tensor, label: Tensor, semantic_weights: Optional[Tensor] = None
    ) -> Tensor:
        """Logits (N, C, H, W), a label (N, H, W), a weight for each pixel (N, H, W) -> a scalar."""
        logit = _channels_first(logit, self.data_format)
        index, valid = class_numbers(label, logit.shape[1], self.ignore_index, "CrossEntropyLoss")
        loss = pixel_cross_entropy(logit, index)
        weight = weights_of_pixels(self.weight, index, logit, "CrossEntropyLoss")
        return self._mean(loss, weight, valid, semantic_weights)

    def _mean(
        self, loss: Tensor, weight: Tensor, valid: Tensor, semantic_weights: Optional[Tensor]
    ) -> Tensor:
        counts = valid.astype(loss.dtype)
        loss = loss * weight * counts
        if semantic_weights is not None:
            loss = loss * semantic_weights.astype(loss.dtype)
        if self.top_k_percent_pixels < 1:
            return self._mean_of_hardest(loss.flatten(), weight.flatten(), counts.flatten())
        counted = weight * counts
        if not self.avg_non_ignore:
            counted = counted + (1 - counts)
        return divided(loss.sum(), counted.sum())

    def _mean_of_hardest(self, loss: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
        share = self.top_k_percent_pixels
        if self.paddleseg_2_8:
            number, order = int(share * loss.size), loss
        else:  # what is ignored comes last
            number, order = int(share * float(counts.sum())), loss - (1 - counts)
        _, hardest = paddle.topk(order.detach(), max(number, 1))
        chosen = paddle.index_select(loss, hardest)
        return divided(chosen.sum(), paddle.index_select(weight, hardest).sum())


class MendedDistillCrossEntropyLoss(MendedCrossEntropyLoss):
    """The cross-entropy of a student's classes against a teacher's probabilities, as PaddleSeg's
    ``DistillCrossEntropyLoss``; a pixel weighs what its classes do, by the teacher's shares. For
    programs that have two networks.

    Args:
        weight, ignore_index, top_k_percent_pixels, data_format: those of CrossEntropyLoss.
    """

    def __init__(
        self,
        weight: Optional[Sequence[float]] = None,
        ignore_index: int = 255,
        top_k_percent_pixels: float = 1.0,
        data_format: str = "NCHW",
    ) -> None:
        super().__init__(weight, ignore_index, top_k_percent_pixels, data_format=data_format)

    def forward(  # type: ignore[override]
        self,
        student_logit: Tensor,
        teacher_logit: Tensor,
        label: Tensor,
        semantic_weights: Optional[Tensor] = None,
    ) -> Tensor:
        """Two logits (N, C, H, W), a label (N, H, W) that says what is ignored -> a scalar."""
        student = _channels_first(student_logit, self.data_format)
        teacher = F.softmax(_channels_first(teacher_logit, self.data_format), axis=1)
        name, classes = "DistillCrossEntropyLoss", student.shape[1]
        if student.shape != teacher.shape:
            raise ValueError(
                f"{name}: expected logits of one shape, got {list(student.shape)} of the student "
                f"and {list(teacher.shape)} of the teacher"
            )
        _, valid = class_numbers(label, classes, self.ignore_index, name)
        weights = class_weights(self.weight, classes, name)
        shares = teacher
        if weights is not None:
            shares = teacher * weights.astype(teacher.dtype).reshape([1, classes, 1, 1])
        weight = shares.sum(1)
        loss = -(shares * F.log_softmax(student, axis=1)).sum(1) / weight
        return self._mean(loss, weight, valid, semantic_weights)


class MendedBootstrappedCrossEntropyLoss(nn.Layer):
    """The mean of an image's greatest losses, as PaddleSeg's ``BootstrappedCrossEntropyLoss``: of
    those above ``loss_th``, but of ``min_K`` pixels at least; the mean over images.

    Args:
        min_K: number of pixels; of an image with fewer that count, all of those.
        loss_th: what a pixel's loss has to be above.
        weight: one number for each class, by which losses are multiplied.
        ignore_index: a label that is ignored.
        paddleseg_2_8: ignored pixels fill up ``min_K`` with losses of 0, as there.
    """

    def __init__(
        self,
        min_K: int,
        loss_th: float,
        weight: Optional[Sequence[float]] = None,
        ignore_index: int = 255,
        paddleseg_2_8: bool = False,
    ) -> None:
        super().__init__()
        self.least, self.threshold, self.weight = int(min_K), float(loss_th), weight
        self.ignore_index, self.paddleseg_2_8 = ignore_index, paddleseg_2_8

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logit, name = exact(logit), "BootstrappedCrossEntropyLoss"
        index, valid = class_numbers(label, logit.shape[1], self.ignore_index, name)
        counts = valid.astype(logit.dtype).flatten(1)
        weight = weights_of_pixels(self.weight, index, logit, name)
        loss = (pixel_cross_entropy(logit, index) * weight).flatten(1) * counts
        pixels = paddle.full([loss.shape[0], 1], float(loss.shape[1]))
        available = pixels if self.paddleseg_2_8 else counts.sum(1, keepdim=True)
        least = available.clip(max=float(self.least))
        # Losses are sorted: the first `least`, and behind them all that are above the threshold.
        order = paddle.argsort(loss.detach() - (1 - counts), axis=1, descending=True)
        ordered = paddle.take_along_axis(loss, order, 1)
        places = paddle.arange(loss.shape[1], dtype=loss.dtype).unsqueeze(0)
        kept = (places < least) | (ordered.detach() > self.threshold)
        chosen = kept.astype(loss.dtype)
        return (ordered * chosen).sum(1).divide(chosen.sum(1).clip(min=1.0)).mean()


class MendedPointCrossEntropyLoss(nn.Layer):
    """The cross-entropy at points, as PaddleSeg's ``PointCrossEntropyLoss`` (Kirillov et al. 2020,
    "PointRend"); with a ``weight`` a point weighs what its class does.

    Args:
        weight, ignore_index, top_k_percent_pixels: those of CrossEntropyLoss.
        data_format: of no effect, as there.
        align_corners: whether 0 and 1 are the centres of the outermost pixels.
    """

    def __init__(
        self,
        weight: Optional[Sequence[float]] = None,
        ignore_index: int = 255,
        top_k_percent_pixels: float = 1.0,
        data_format: str = "NCHW",
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.loss = MendedCrossEntropyLoss(weight, ignore_index, top_k_percent_pixels)

    def forward(
        self, logits: Sequence[Any], label: Tensor, semantic_weights: Optional[Tensor] = None
    ) -> Tensor:
        """(logits (N, C, P), points (N, P, 2) from 0 to 1), a label (N, H, W) -> a scalar."""
        logit, points = logits
        grid = exact(points).unsqueeze(2) * 2 - 1
        sampled = F.grid_sample(
            label.astype(grid.dtype).unsqueeze(1),
            grid,
            mode="nearest",
            align_corners=self.align_corners,
        )
        at_points = sampled.squeeze(3).astype("int64")  # (N, 1, P)
        return self.loss(logit.unsqueeze(2), at_points, semantic_weights)
