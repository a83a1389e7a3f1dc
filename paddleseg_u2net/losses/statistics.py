"""Losses of how neighbouring pixels belong together."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import cv2
import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddleseg.models.losses import RMILoss

from paddleseg_u2net.losses.pixels import class_numbers, exact, one_hot


class MendedRMILoss(RMILoss):
    """PaddleSeg's: a lower bound of the mutual information of regions, negated (Zhao et al. 2019),
    any number, without the cross-entropy of that paper.

    Args:
        num_classes: as many as the network has, which is the default.
        arguments: those of PaddleSeg's, ``rmi_radius`` and the like.
    """

    def __init__(
        self,
        num_classes: Optional[int] = None,
        rmi_radius: int = 3,
        rmi_pool_way: int = 0,
        rmi_pool_size: int = 3,
        rmi_pool_stride: int = 3,
        loss_weight_lambda: float = 0.5,
        ignore_index: int = 255,
    ) -> None:
        if rmi_radius not in range(1, 11):
            raise ValueError(f"RMILoss: rmi_radius: expected 1 to 10, got {rmi_radius!r}")
        if rmi_pool_way not in range(3):
            raise ValueError(
                "RMILoss: rmi_pool_way: expected 0 (maximum), 1 (mean) or 2 (interpolation), got "
                f"{rmi_pool_way!r}"
            )
        if rmi_pool_size != rmi_pool_stride:
            raise ValueError(
                f"RMILoss: rmi_pool_stride: expected rmi_pool_size, {rmi_pool_size}, got "
                f"{rmi_pool_stride}"
            )
        super().__init__(
            num_classes,
            rmi_radius,
            rmi_pool_way,
            rmi_pool_size,
            rmi_pool_stride,
            loss_weight_lambda,
            ignore_index,
        )
        self._told = num_classes

    def forward(self, logits_4D: Tensor, labels_4D: Tensor, do_rmi: bool = True) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logits = exact(logits_4D).astype("float32")
        self.num_classes = logits.shape[1]
        if self._told not in (None, self.num_classes):
            raise ValueError(
                f"RMILoss: num_classes: expected {self.num_classes}, the number of channels, got "
                f"{self._told}; leave it out"
            )
        index, valid = class_numbers(labels_4D, self.num_classes, self.ignore_index, "RMILoss")
        counts = valid.astype("float32").unsqueeze(1)
        probability = F.sigmoid(logits) * counts + 1e-6
        return self.rmi_lower_bound(one_hot(index, self.num_classes) * counts, probability)


class MendedSemanticConnectivityLoss(nn.Layer):
    """1 - connectivity (Chu et al. 2022, "PP-HumanSeg: connectivity-aware portrait segmentation"),
    for PaddleSeg's ``SemanticConnectivityLoss``, which has no gradient and gets only class 1 right.
    Components are those of the most probable class; each pixel of them counts by its probability,
    so that the loss can be learned from. Mean over an image's classes, then images.

    Of a class: the mean over its components in the label, and those of the prediction that touch
    none, of the mean IoU with the components of the prediction that touch it. Where a class is not
    predicted: 1 + its share of the image that is missed.

    Args:
        ignore_index: a label that is ignored.
        max_pred_num_conn: where a class falls into more than twice as many parts as in the label,
            so many are looked at, the ground among them, as there.
        use_argmax: true; class numbers instead of logits have no gradient.
    """

    def __init__(
        self, ignore_index: int = 255, max_pred_num_conn: int = 10, use_argmax: bool = True
    ) -> None:
        super().__init__()
        if not use_argmax:
            raise ValueError(
                "SemanticConnectivityLoss: use_argmax: class numbers have no gradient; delete it"
            )
        self.ignore_index, self.max_pred_num_conn = ignore_index, int(max_pred_num_conn)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, C, H, W) and a label (N, H, W) -> a scalar."""
        logits = exact(logits)
        index, valid = class_numbers(
            labels, logits.shape[1], self.ignore_index, "SemanticConnectivityLoss"
        )
        probability = F.softmax(logits, axis=1)
        counted, truth = valid.numpy(), index.numpy()
        predicted = logits.detach().argmax(1).numpy()
        total = logits.sum() * 0.0
        for image in range(len(truth)):
            classes = np.unique(truth[image][counted[image]])
            for number in classes:
                mine = (truth[image] == number) & counted[image]
                found = (predicted[image] == number) & counted[image]
                loss = self._of_class(probability[image, int(number)], found, mine)
                total = total + loss / (len(classes) * len(truth))
        return total

    def _of_class(self, probability: Tensor, found: np.ndarray, mine: np.ndarray) -> Tensor:
        """Of probabilities (H, W), where the class is most probable, and where it is true."""
        parts, components = _components(found)
        wanted, true = _components(mine)
        if parts == 1:
            missed = paddle.to_tensor(mine).astype(probability.dtype) * (1 - probability)
            return 1 + missed.mean()
        if parts > 2 * wanted:
            parts = min(parts, self.max_pred_num_conn)
            components = np.where(components < parts, components, 0)
        masses = _each(components, parts, probability) * probability.flatten().unsqueeze(0)
        areas = _each(true, wanted, probability)
        overlap = paddle.matmul(masses, areas, transpose_y=True)  # (predicted, true)
        union = masses.sum(1, keepdim=True) + areas.sum(1).unsqueeze(0) - overlap
        touching = (overlap.detach() > 0).astype(overlap.dtype)
        of_true = (overlap / union * touching).sum(0) / touching.sum(0).clip(min=1.0)
        lone = int((touching.sum(1) == 0).sum())
        return 1 - of_true.sum() / (wanted - 1 + lone)


def _components(mask: np.ndarray) -> Tuple[int, Any]:
    """The number of connected components, the ground included, and which one each pixel is of."""
    return cv2.connectedComponents(mask.astype(np.uint8))


def _each(components: np.ndarray, count: int, like: Tensor) -> Tensor:
    """(count - 1, pixels), 1 where a pixel is of a component; the ground is left out."""
    numbers = np.arange(1, count).reshape(-1, 1)
    return paddle.to_tensor(components.reshape(1, -1) == numbers).astype(like.dtype)
