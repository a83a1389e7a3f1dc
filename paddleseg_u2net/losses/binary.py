"""Losses of each channel by itself, from logits: binary cross-entropy and focal loss."""

from __future__ import annotations

from typing import Any, Sequence, Union

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddleseg_u2net.losses.edges import class_edges
from paddleseg_u2net.losses.pixels import binary_cross_entropy, class_weights, exact, mean, targets

Weight = Union[None, str, float, Sequence[float], Tensor]
_TINY = 1e-6


class MendedBCELoss(nn.Layer):
    """The binary cross-entropy of each channel, as PaddleSeg's ``BCELoss``: of one channel of the
    foreground (soft masks too), of several against their classes.

    Args:
        weight: of elements of the loss: ``dynamic``, by the batch, 2 x the other side's share;
            numbers for the background and the foreground where there is one channel, else for each
            channel; or a tensor that is broadcast to (N, C, H, W).
        pos_weight: by which positive elements weigh more: a number, one for each channel, or
            ``dynamic``, 2 x the share of negative elements of the batch.
        ignore_index: a label that is ignored.
        edge_label: take for the truth the edges between classes, and for the head probabilities of
            edges, as PaddleSeg's GSCNN and DecoupledSegNet give.
        paddleseg_2_8: as there, ``dynamic`` counts ignored pixels among the negative ones, and the
            probabilities of ``edge_label`` are taken for logits.
    """

    def __init__(
        self,
        weight: Weight = None,
        pos_weight: Weight = None,
        ignore_index: int = 255,
        edge_label: bool = False,
        paddleseg_2_8: bool = False,
    ) -> None:
        super().__init__()
        for key, value in (("weight", weight), ("pos_weight", pos_weight)):
            if isinstance(value, str) and value != "dynamic":
                raise ValueError(f"BCELoss: {key}: expected dynamic or numbers, got {value!r}")
        self.weight, self.pos_weight, self.ignore_index = weight, pos_weight, ignore_index
        self.edge_label, self.paddleseg_2_8 = edge_label, paddleseg_2_8

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logit = exact(logit)
        if self.edge_label:
            label = class_edges(label, self.ignore_index)
            logit = logit if self.paddleseg_2_8 else _logit(logit)
        target, valid = targets(logit, label, self.ignore_index, "BCELoss")
        loss = binary_cross_entropy(logit, target, self._pos_weight(target, valid))
        return mean(loss * self._weight(target, valid), valid.expand_as(loss))

    def _negative_share(self, target: Tensor, valid: Tensor) -> Tensor:
        if not self.paddleseg_2_8:
            return mean(1 - target, valid.expand_as(target))
        positive = target.mean()
        if target.shape[1] > 1:  # what is ignored is of class 0
            positive = positive + (1 - valid).mean() / target.shape[1]
        return 1 - positive

    def _pos_weight(self, target: Tensor, valid: Tensor) -> Any:
        weight = self.pos_weight
        if weight is None or isinstance(weight, (int, float)):
            return 1.0 if weight is None else float(weight)
        if isinstance(weight, str):
            return 2 * self._negative_share(target, valid)
        channels = target.shape[1]
        weights = class_weights(weight, channels, "BCELoss", "pos_weight")
        return weights.astype(target.dtype).reshape([1, channels, 1, 1])  # type: ignore[union-attr]

    def _weight(self, target: Tensor, valid: Tensor) -> Any:
        weight, channels = self.weight, target.shape[1]
        if weight is None or isinstance(weight, Tensor):
            return 1.0 if weight is None else weight.astype(target.dtype)
        if isinstance(weight, str):
            negative = self._negative_share(target, valid)
            return 2 * (negative * target + (1 - negative) * (1 - target))
        weights = class_weights(weight, max(channels, 2), "BCELoss")  # type: ignore[arg-type]
        weights = weights.astype(target.dtype)  # type: ignore[union-attr]
        if channels == 1:
            return weights[1] * target + weights[0] * (1 - target)
        return weights.reshape([1, channels, 1, 1])


def _logit(probability: Tensor) -> Tensor:
    low, high = float(probability.min()), float(probability.max())
    if low < 0 or high > 1:
        raise ValueError(
            "BCELoss: edge_label: expected probabilities of edges, as GSCNN and DecoupledSegNet "
            f"give, got {low:g} to {high:g}; paddleseg_2_8: true takes logits"
        )
    probability = probability.clip(_TINY, 1 - _TINY)
    return paddle.log(probability) - paddle.log(1 - probability)


class MendedFocalLoss(nn.Layer):
    """The focal loss of each channel (Lin et al. 2017, eq. 5), as PaddleSeg's ``FocalLoss``, also
    of one channel and soft masks: the mean over elements of the pixels that count.

    Args:
        alpha: weight of positive elements, 1 - ``alpha`` of negative ones; with two channels each
            class is positive in its own.
        gamma: how little easy elements count.
        ignore_index: a label that is ignored.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, ignore_index: int = 255) -> None:
        super().__init__()
        self.alpha, self.gamma, self.ignore_index = float(alpha), float(gamma), ignore_index

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """Logits (N, 1 or 2, H, W) and a label (N, H, W) -> a scalar."""
        logit = exact(logit)
        if logit.shape[1] > 2:
            raise ValueError(
                f"FocalLoss: expected 1 or 2 channels, got {logit.shape[1]}; take "
                "MultiClassFocalLoss"
            )
        target, valid = targets(logit, label, self.ignore_index, "FocalLoss")
        probability = F.sigmoid(logit)
        right = probability * target + (1 - probability) * (1 - target)
        share = self.alpha * target + (1 - self.alpha) * (1 - target)
        loss = share * (1 - right) ** self.gamma * binary_cross_entropy(logit, target)
        return mean(loss, valid.expand_as(loss))
