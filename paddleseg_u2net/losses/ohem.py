"""Cross-entropies over the hardest pixels, and over those near edges."""

from __future__ import annotations

from typing import Sequence

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddleseg_u2net.losses.cross_entropy import pixel_cross_entropy
from paddleseg_u2net.losses.pixels import class_numbers, exact, mean


class MendedOhemCrossEntropyLoss(nn.Layer):
    """The cross-entropy over hard pixels, as PaddleSeg's ``OhemCrossEntropyLoss`` (online hard
    example mining): those whose class has a probability up to ``thresh``, or up to that of the
    ``min_kept``-th hardest where this is greater.

    Args:
        thresh: a probability.
        min_kept: the fewest pixels of a batch that are kept; where no more count, all are, and of 0
            nothing is mined, as there.
        ignore_index: a label that is ignored.
        paddleseg_2_8: as there, keep what is below the threshold: one pixel less than ``min_kept``.
    """

    name_in_yaml = "OhemCrossEntropyLoss"

    def __init__(
        self,
        thresh: float = 0.7,
        min_kept: int = 10000,
        ignore_index: int = 255,
        paddleseg_2_8: bool = False,
    ) -> None:
        super().__init__()
        self.thresh, self.min_kept, self.ignore_index = thresh, int(min_kept), ignore_index
        self.paddleseg_2_8 = paddleseg_2_8

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logit = exact(logit)
        index, valid = class_numbers(label, logit.shape[1], self.ignore_index, self.name_in_yaml)
        return self._mined(logit, index, valid)

    def _mined(self, logit: Tensor, index: Tensor, valid: Tensor) -> Tensor:
        kept = self._hard(logit.detach(), index, valid)
        return mean(pixel_cross_entropy(logit, index), kept.astype(logit.dtype))

    def _hard(self, logit: Tensor, index: Tensor, valid: Tensor) -> Tensor:
        if not 0 < self.min_kept < int(valid.sum()):
            return valid
        of_class = paddle.take_along_axis(F.softmax(logit, axis=1), index.unsqueeze(1), 1)
        of_class = of_class.squeeze(1)
        ordered = paddle.sort(paddle.masked_select(of_class, valid))
        threshold = max(self.thresh, float(ordered[self.min_kept - 1]))
        below = of_class < threshold if self.paddleseg_2_8 else of_class <= threshold
        return valid & below


class MendedOhemEdgeAttentionLoss(MendedOhemCrossEntropyLoss):
    """As OhemCrossEntropyLoss, of pixels whose edge probability is above ``edge_threshold``:
    PaddleSeg's ``OhemEdgeAttentionLoss`` (Li et al. 2020, DecoupledSegNet).

    Args:
        edge_threshold: a probability.
        thresh, min_kept, ignore_index, paddleseg_2_8: those of OhemCrossEntropyLoss.
    """

    name_in_yaml = "OhemEdgeAttentionLoss"

    def __init__(
        self,
        edge_threshold: float = 0.8,
        thresh: float = 0.7,
        min_kept: int = 5000,
        ignore_index: int = 255,
        paddleseg_2_8: bool = False,
    ) -> None:
        super().__init__(thresh, min_kept, ignore_index, paddleseg_2_8)
        self.edge_threshold = edge_threshold

    def forward(self, logits: Sequence[Tensor], label: Tensor) -> Tensor:
        """(logits (N, C, H, W), probabilities of edges (N, 1, H, W)), a label -> a scalar."""
        logit, edges = exact(logits[0]), exact(logits[1])
        index, valid = class_numbers(label, logit.shape[1], self.ignore_index, self.name_in_yaml)
        return self._mined(logit, index, valid & (edges[:, 0] > self.edge_threshold))
