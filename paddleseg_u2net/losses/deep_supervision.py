"""The loss of U²-Net (Qin et al. 2020, sec. 3.3, eq. 1): a weighted sum over all heads."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union

import paddle
from paddle import Tensor, nn

from paddleseg_u2net.losses.terms import cross_entropy, iou_loss, ssim_loss


class HeadLosses(nn.Layer):
    """Sum over heads of weight times loss; the same loss and the same label for each head.

    Args:
        loss: logits (N, C, H, W) and a label (N, H, W) -> a scalar.
        weights: one per head, the fused map first; all 1 if None.
    """

    def __init__(self, loss: Any, weights: Optional[Sequence[float]] = None) -> None:
        super().__init__()
        self.loss = loss
        self.weights = None if weights is None else [float(weight) for weight in weights]

    def parts(self, logits: Sequence[Tensor], label: Tensor) -> Tuple[Tensor, List[Tensor]]:
        """The total, and each head's loss before weighting."""
        weights = [1.0] * len(logits) if self.weights is None else self.weights
        if len(weights) != len(logits):
            raise ValueError(
                f"loss.weights: expected {len(logits)} numbers, one per head of the model, "
                f"got {len(weights)}"
            )
        parts = [self.loss(head, label) for head in logits]
        total = paddle.add_n([weight * part for weight, part in zip(weights, parts)])
        return total, parts


class DeepSupervisionLoss(HeadLosses):
    """U²-Net's: on each head the cross-entropy, plus ``iou`` and ``ssim`` times those terms. With
    both at 1: the hybrid loss of BASNet (Qin et al. 2019, eq. 2).

    Called with a list of logits it returns the total, and called with one tensor that head's loss:
    PaddleSeg's own form ``types: [DeepSupervisionLoss], coef: [1, 1, 1, 1, 1, 1, 1]`` calls it
    for each head and does the weighting itself.

    Args:
        weights: one per head, the fused map first; all 1 if None.
        ignore_index: a label that is ignored.
        iou, ssim: weights of the IoU and SSIM terms of each head; 0 leaves them out.
    """

    def __init__(
        self,
        weights: Optional[Sequence[float]] = None,
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
