"""Losses of whole regions, and of distances between probabilities and masks."""

from __future__ import annotations

from typing import Optional, Sequence

from paddle import Tensor, nn
from paddleseg.models.losses import LovaszHingeLoss, LovaszSoftmaxLoss

from paddleseg_u2net.losses.pixels import (
    class_numbers,
    class_weights,
    exact,
    label_map,
    mean,
    probabilities,
    targets,
)


class MendedDiceLoss(nn.Layer):
    """1 - (2 x overlap + ``smooth``) / (both areas + ``smooth``), mean over images and classes, as
    PaddleSeg's ``DiceLoss``; of one channel that of the foreground, of soft masks too.

    Args:
        weight: one number for each class (channel), by which its term is multiplied.
        ignore_index: a label that is ignored.
        smooth: in pixels.
    """

    def __init__(
        self,
        weight: Optional[Sequence[float]] = None,
        ignore_index: int = 255,
        smooth: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.ignore_index, self.smooth = weight, ignore_index, float(smooth)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logits = exact(logits)
        target, valid = targets(logits, labels, self.ignore_index, "DiceLoss")
        probability = probabilities(logits) * valid
        overlap = (probability * target).sum([2, 3])
        areas = (probability + target).sum([2, 3])
        loss = 1 - (2 * overlap + self.smooth) / (areas + self.smooth + 1e-8)
        weights = class_weights(self.weight, logits.shape[1], "DiceLoss")
        return (loss if weights is None else loss * weights.astype(loss.dtype)).mean()


class _Distance(nn.Layer):
    """A mean over channels and the pixels that count, of a distance between probabilities and what
    each channel should say.
    """

    name_in_yaml = ""

    def __init__(
        self, reduction: str = "mean", ignore_index: int = 255, paddleseg_2_8: bool = False
    ) -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(
                f"{self.name_in_yaml}: reduction: expected mean, sum or none, got {reduction!r}"
            )
        self.reduction, self.ignore_index = reduction, ignore_index
        self.paddleseg_2_8 = paddleseg_2_8

    def forward(self, input: Tensor, label: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar; without reduction (N, C, H, W)."""
        input = exact(input)
        target, valid = targets(input, label, self.ignore_index, self.name_in_yaml)
        error = self._of((input if self.paddleseg_2_8 else probabilities(input)) - target)
        if self.reduction == "mean":
            return mean(error, valid.expand_as(error))
        return error * valid if self.reduction == "none" else (error * valid).sum()

    def _of(self, difference: Tensor) -> Tensor:
        raise NotImplementedError


class MendedL1Loss(_Distance):
    """The absolute distance between probabilities and mask, for PaddleSeg's ``L1Loss``.

    Args:
        reduction: mean; or sum or none.
        ignore_index: a label that is ignored.
        paddleseg_2_8: the distance of logits, as there: a network that is best then says 0 and 1,
            which are probabilities of .5 and .73.
    """

    name_in_yaml = "L1Loss"

    def _of(self, difference: Tensor) -> Tensor:
        return difference.abs()


class MendedMSELoss(_Distance):
    """The squared distance between probabilities and mask (Brier's score), for PaddleSeg's
    ``MSELoss``; its arguments are those of L1Loss.
    """

    name_in_yaml = "MSELoss"

    def _of(self, difference: Tensor) -> Tensor:
        return difference.square()


class MendedLovaszSoftmaxLoss(LovaszSoftmaxLoss):
    """PaddleSeg's (Berman et al. 2018); 0 where no pixel counts, of which that makes no number."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logits = exact(logits)
        _, valid = class_numbers(labels, logits.shape[1], self.ignore_index, "LovaszSoftmaxLoss")
        if not bool(valid.any()):
            return logits.sum() * 0.0
        return super().forward(logits, label_map(labels).astype("int64"))


class MendedLovaszHingeLoss(LovaszHingeLoss):
    """PaddleSeg's (Berman et al. 2018); of two channels the logit is their difference. 0 where no
    pixel counts.

    Args:
        ignore_index: a label that is ignored.
        paddleseg_2_8: of two channels take log p of the foreground for its logit, as there: what is
            surely and rightly foreground costs 1 then.
    """

    def __init__(self, ignore_index: int = 255, paddleseg_2_8: bool = False) -> None:
        super().__init__(ignore_index)
        self.paddleseg_2_8 = paddleseg_2_8

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, 1 or 2, H, W) and a label (N, H, W) of 0 and 1 -> a scalar."""
        logits, channels = exact(logits), logits.shape[1]
        if channels > 2:
            raise ValueError(
                f"LovaszHingeLoss: expected 1 or 2 channels, got {channels}; take LovaszSoftmaxLoss"
            )
        _, valid = class_numbers(labels, 2, self.ignore_index, "LovaszHingeLoss")
        if not bool(valid.any()):
            return logits.sum() * 0.0
        if channels == 2 and not self.paddleseg_2_8:
            logits = logits[:, 1:] - logits[:, :1]
        return super().forward(logits, label_map(labels).astype("int64"))
