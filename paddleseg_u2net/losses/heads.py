"""Losses over all heads of a network: U²-Net's own, and any of PaddleSeg's."""

from __future__ import annotations

from typing import Any, List, Sequence, Tuple, Union

import paddle
from paddle import Tensor, nn

from paddleseg_u2net.losses.call import HeadError, call_loss, exact_head, scalar
from paddleseg_u2net.losses.terms import cross_entropy, iou_loss, ssim_loss

Weights = Union[None, float, Sequence[float]]


class HeadLosses(nn.Layer):
    """Sum over heads of weight times loss; the same label for each head.

    Args:
        loss: logits (N, C, H, W) and a label (N, H, W) -> a scalar; or a list of those, one for
            each head.
        weights: one for each head, the fused map first, or one for all; all 1 if None.
    """

    def __init__(self, loss: Any, weights: Weights = None) -> None:
        super().__init__()
        self.loss = list(loss) if isinstance(loss, (list, tuple)) else loss
        if weights is not None and not isinstance(weights, (int, float)):
            weights = [float(weight) for weight in weights]
        self.weights = weights

    def parts(self, logits: Sequence[Any], label: Tensor) -> Tuple[Tensor, List[Tensor]]:
        """The total, and each head's loss before weighting; float32, whatever the logits are.

        Raises:
            ValueError: there are more or fewer heads than losses or weights.
            HeadError: a loss is not for its head.
        """
        heads = [exact_head(head) for head in logits]
        weights = self.weights_of(len(heads))
        _check_count("coef", "numbers", len(weights), len(heads))
        losses = self.loss if isinstance(self.loss, list) else [self.loss] * len(heads)
        _check_count("types", "losses", len(losses), len(heads))
        parts = []
        for number, (loss, head) in enumerate(zip(losses, heads)):
            if hasattr(loss, "of_heads"):  # it compares them
                parts.append(scalar(loss, loss.of_heads(heads, label)))
                continue
            try:
                parts.append(call_loss(loss, head, label))
            except HeadError as error:
                key = f"loss.types.{number if isinstance(self.loss, list) else 0}"
                raise HeadError(f"{key}: head {number} of {len(heads)}: {error}") from None
        total = paddle.add_n([weight * part for weight, part in zip(weights, parts)])
        return total, parts

    def weights_of(self, heads: int) -> Sequence[float]:
        """The weights, as many as ``heads`` where they are all alike."""
        if self.weights is None or isinstance(self.weights, (int, float)):
            return [1.0 if self.weights is None else float(self.weights)] * heads
        return self.weights

    def forward(self, logits: Any, label: Tensor) -> Tensor:
        """All heads and their label -> the total, a float32 scalar."""
        return self.parts(logits, label)[0]


def _check_count(key: str, things: str, count: int, heads: int) -> None:
    if count != heads:
        raise ValueError(
            f"loss.{key}: expected {heads} {things}, one per head of the model, got {count}; make "
            f"loss.types one loss, or {heads}, and loss.coef one number, or {heads}"
        )


class DeepSupervisionLoss(HeadLosses):
    """U²-Net's: on each head the cross-entropy, plus ``iou`` and ``ssim`` times those terms. With
    both at 1: the hybrid loss of BASNet (Qin et al. 2019, eq. 2).

    Called with a list of logits it returns the total, and called with one tensor that head's loss:
    PaddleSeg's own form ``types: [DeepSupervisionLoss], coef: [1, 1, 1, 1, 1, 1, 1]`` calls it
    for each head and does the weighting itself.

    Args:
        weights: one per head, the fused map first, or one for all; all 1 if None.
        ignore_index: a label that is ignored.
        iou, ssim: weights of the IoU and SSIM terms of each head; 0 leaves them out.
    """

    def __init__(
        self,
        weights: Weights = None,
        ignore_index: int = 255,
        iou: float = 0.0,
        ssim: float = 0.0,
    ) -> None:
        super().__init__(self._head_loss, weights)
        self.ignore_index, self.iou, self.ssim = int(ignore_index), float(iou), float(ssim)

    def _head_loss(self, logits: Tensor, label: Tensor) -> Tensor:
        logits = logits.astype("float32")  # half precision ends before the exponentials
        loss = cross_entropy(logits, label, self.ignore_index)
        if self.iou:
            loss = loss + self.iou * iou_loss(logits, label, self.ignore_index)
        if self.ssim:
            loss = loss + self.ssim * ssim_loss(logits, label, self.ignore_index)
        return loss

    def forward(self, logits: Union[Tensor, Sequence[Tensor]], label: Tensor) -> Tensor:
        """Logits (N, C, H, W), or a list of them, and a label (N, H, W) -> a float32 scalar."""
        if isinstance(logits, (list, tuple)):
            return self.parts(logits, label)[0]
        return self._head_loss(logits, label)
