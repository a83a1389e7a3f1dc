"""Losses made of others, and losses between heads."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import paddle
from paddle import Tensor, nn
from paddleseg.models.losses import KLLoss

from paddleseg_u2net.losses.call import call_loss
from paddleseg_u2net.losses.pixels import exact


class MendedMixedLoss(nn.Layer):
    """A weighted sum of losses, as PaddleSeg's ``MixedLoss``; one number instead of a list.

    Args:
        losses: of one head each.
        coef: a number for each of them.
    """

    def __init__(self, losses: Sequence[Any], coef: Sequence[float]) -> None:
        super().__init__()
        if len(losses) != len(coef):
            raise ValueError(
                f"MixedLoss: coef: expected {len(losses)} numbers, one for each loss, got "
                f"{len(coef)}"
            )
        self.losses, self.coef = nn.LayerList(losses), [float(number) for number in coef]

    def forward(self, logits: Any, labels: Tensor) -> Tensor:
        """A head and a label -> a scalar."""
        parts = [call_loss(loss, logits, labels) for loss in self.losses]
        return paddle.add_n([weight * part for weight, part in zip(self.coef, parts)])


class MendedKLLoss(KLLoss):
    """PaddleSeg's, the Kullback-Leibler divergence of the first head to the second, which is held
    fast; as a loss of heads only pixels count that are not ignored.

    Args:
        ignore_index: a label that is ignored.
        temperature: by which logits are divided.
        paddleseg_2_8: all pixels count, as in PaddleSeg's trainer.
    """

    def __init__(
        self, ignore_index: int = 255, temperature: float = 1, paddleseg_2_8: bool = False
    ) -> None:
        super().__init__(ignore_index, temperature)
        self.paddleseg_2_8 = paddleseg_2_8

    def of_heads(self, heads: Sequence[Tensor], label: Optional[Tensor]) -> Tensor:
        """Heads (N, C, H, W), two or more, and a label (N, H, W) -> a scalar."""
        if len(heads) < 2:
            raise ValueError(f"KLLoss: expected two heads to compare, the model has {len(heads)}")
        first, second = exact(heads[0]), exact(heads[1]).detach()
        if label is not None:
            label = None if self.paddleseg_2_8 else label.astype("int64")
        return self(first, second, label)
