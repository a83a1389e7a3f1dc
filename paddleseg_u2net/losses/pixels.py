"""What all losses share: which pixels count, what a label says of them, and means over them.

Shapes: logits (N, C, H, W); label (N, H, W) or (N, 1, H, W). With C = 1 the label is the
foreground's share, hard or soft, in [0, 1]; with C >= 2 it is the class number. A label is never
changed.
"""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

import paddle
import paddle.nn.functional as F
from paddle import Tensor


def exact(logits: Tensor) -> Tensor:
    """Half precision ends before the exponentials: float32, or float64 as it comes."""
    wide = logits.dtype in (paddle.float32, paddle.float64)
    return logits if wide else logits.astype("float32")


def label_map(label: Tensor) -> Tensor:
    """(N, H, W), of a dtype that can be compared with any ``ignore_index``."""
    label = (label[:, 0] if label.ndim == 4 else label).detach()
    if label.dtype in (paddle.float32, paddle.float64, paddle.int64):
        return label
    return label.astype("float32" if label.is_floating_point() else "int64")


def class_numbers(
    label: Tensor, classes: int, ignore_index: int, loss: str
) -> Tuple[Tensor, Tensor]:
    """Class numbers, int64 (N, H, W), 0 where a pixel is ignored, and which pixels count, bool.

    Raises:
        ValueError: a label is no class, or no whole number; there is one channel.
    """
    if classes == 1:
        raise ValueError(
            f"{loss}: expected two channels or more, one for each class, got one; take BCELoss"
        )
    label = label_map(label)
    valid = label != ignore_index
    index = label.astype("int64")
    strange = valid & ((index < 0) | (index >= classes))
    if label.is_floating_point():
        strange = strange | (valid & (index.astype(label.dtype) != label))
    if bool(strange.any()):
        values = paddle.unique(paddle.masked_select(label, strange))[:10].tolist()
        raise ValueError(
            f"{loss}: expected labels from 0 to {classes - 1}, or ignore_index, {ignore_index}, "
            f"got {', '.join(f'{value:g}' for value in values)}; take another mask_values or "
            "num_classes"
        )
    return paddle.where(valid, index, paddle.zeros_like(index)), valid


def one_hot(index: Tensor, classes: int, dtype: Any = "float32") -> Tensor:
    """Class numbers (N, H, W) to (N, C, H, W)."""
    return F.one_hot(index, classes).transpose([0, 3, 1, 2]).astype(dtype)


def targets(logits: Tensor, label: Tensor, ignore_index: int, loss: str) -> Tuple[Tensor, Tensor]:
    """What each channel should say, (N, C, H, W), 0 where a pixel is ignored, and which pixels
    count, (N, 1, H, W), 1 or 0; both of the logits' dtype.

    Raises:
        ValueError: a label is no class, or of one channel not in [0, 1].
    """
    classes = logits.shape[1]
    if classes > 1:
        index, valid = class_numbers(label, classes, ignore_index, loss)
        counts = valid.astype(logits.dtype).unsqueeze(1)
        return one_hot(index, classes, logits.dtype) * counts, counts
    label = label_map(label)
    valid = label != ignore_index
    target = paddle.where(valid, label, paddle.zeros_like(label)).astype(logits.dtype)
    if bool(((target < 0) | (target > 1)).any()):
        raise ValueError(
            f"{loss}: expected labels from 0 to 1, or ignore_index, {ignore_index}, for one "
            f"channel, got {float(target.min()):g} to {float(target.max()):g}; take another "
            "mask_values"
        )
    return target.unsqueeze(1), valid.astype(logits.dtype).unsqueeze(1)


def probabilities(logits: Tensor) -> Tensor:
    """The sigmoid of one channel, or the softmax over several."""
    return F.sigmoid(logits) if logits.shape[1] == 1 else F.softmax(logits, axis=1)


def binary_cross_entropy(logits: Tensor, target: Tensor, pos_weight: Any = 1.0) -> Tensor:
    """Of each element, from logits; what is positive weighs ``pos_weight``, soft labels as well."""
    return pos_weight * target * F.softplus(-logits) + (1 - target) * F.softplus(logits)


def mean(values: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean, a scalar: 0 where all weights are."""
    return divided((values * weights).sum(), weights.sum())


def divided(total: Tensor, by: Tensor) -> Tensor:
    """A quotient; 0 where nothing counts."""
    return total / paddle.where(by > 0, by, paddle.ones_like(by))


def weights_of_pixels(
    weight: Optional[Sequence[float]], index: Tensor, logits: Tensor, loss: str
) -> Tensor:
    """The weight of each pixel's class, (N, H, W), of the logits' dtype; 1 where none are given."""
    weights = class_weights(weight, logits.shape[1], loss)
    if weights is None:
        return paddle.ones(index.shape, dtype=logits.dtype)
    chosen = paddle.index_select(weights.astype(logits.dtype), index.flatten())
    return chosen.reshape(index.shape)


def class_weights(
    weight: Optional[Sequence[float]], classes: int, loss: str, key: str = "weight"
) -> Optional[Tensor]:
    """A weight for each class, float32 (C,).

    Raises:
        ValueError: there are not as many weights as classes.
    """
    if weight is None:
        return None
    found = paddle.to_tensor(weight, dtype="float32").flatten()
    if found.shape[0] != classes:
        raise ValueError(
            f"{loss}: {key}: expected {classes} numbers, one for each class, got {found.shape[0]}"
        )
    return found
