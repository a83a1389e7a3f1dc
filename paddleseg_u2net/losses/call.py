"""How a loss is called: with a label that it can take, to a scalar."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import paddle
from paddle import Tensor

from paddleseg_u2net.losses.kinds import FORMS, Kind, kind_of, losses_for, name_of
from paddleseg_u2net.losses.pixels import class_numbers, exact


class HeadError(ValueError):
    """A loss was given a head that it is not for."""


def exact_head(head: Any) -> Any:
    """A head, or what it consists of, in full precision."""
    if isinstance(head, dict):
        return {key: exact_head(value) for key, value in head.items()}
    if isinstance(head, (list, tuple)):
        return [exact_head(value) for value in head]
    floats = isinstance(head, Tensor) and head.is_floating_point()
    return exact(head) if floats else head


def call_loss(loss: Any, head: Any, label: Tensor) -> Tensor:
    """The loss of a head, a scalar. What is not in the table of losses gets the label as it is.

    Raises:
        HeadError: the loss does not take such a head.
        ValueError: it does not take such a label; or it gave no scalar.
    """
    kind = kind_of(loss)
    if kind is not None:
        _check_head(name_of(loss), kind, head, label)
        label = _label_for(loss, label, kind.soft)
        if name_of(loss) == "MultiClassFocalLoss":  # PaddleSeg's own, which does not look
            class_numbers(label, head.shape[1], loss.ignore_index, name_of(loss))
    return scalar(loss, loss(head, label))


def scalar(loss: Any, value: Any) -> Tensor:
    """What a loss has returned, as a scalar; a list of them is summed, as PaddleSeg does."""
    if isinstance(value, (list, tuple)):
        return paddle.add_n([scalar(loss, item) for item in value])
    if not isinstance(value, Tensor) or value.size != 1:
        got = f"shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        advice = "; take reduction: mean" if hasattr(loss, "reduction") else ""
        raise ValueError(f"{name_of(loss)}: expected one number for each head, got {got}{advice}")
    return value.reshape([])


def _label_for(loss: Any, label: Tensor, soft: bool) -> Tensor:
    if not label.is_floating_point():
        return label.astype("int64")
    if soft:
        return label
    whole = label.astype("int64")
    if bool((whole.astype(label.dtype) != label).any()):
        raise ValueError(
            f"{name_of(loss)}: expected class numbers, got a soft mask (grey values are shares of "
            "the foreground); take a loss for soft masks, such as BCELoss, DiceLoss or "
            "DeepSupervisionLoss, or masks of two values"
        )
    return whole


def _check_head(name: str, kind: Kind, head: Any, label: Tensor) -> None:
    forms: Tuple[str, ...]
    if isinstance(head, dict):
        form, forms = "a dictionary", ("embedding",)
    elif isinstance(head, list):
        form, forms = f"{len(head)} tensors", ("pair", "points") if len(head) == 2 else ()
    elif head.ndim == 2 or list(head.shape[2:]) == [1, 1]:
        form, forms = f"the shape {list(head.shape)}", ("vector",)
    else:
        form, forms = f"the shape {list(head.shape)}", ("map", "edges")
    channels = head.shape[1] if "map" in forms else None
    if name != "MixedLoss" and kind.form not in forms:
        raise HeadError(
            f"{name}: this loss is of {FORMS[kind.form]}, but a head has {form}"
            + _instead(forms, channels)
        )
    if channels is None:
        return
    if why := kind.refuses(channels):
        raise HeadError(f"{name}: {why}, but a head has {channels}{_instead(forms, channels)}")
    size, expected = list(head.shape[2:]), list(label.shape[-2:])
    if size != expected and not kind.any_size:
        raise HeadError(
            f"{name}: expected a head of the label's size, {expected} (height, width), got {size}; "
            "the network has to resize its heads"
        )


def _instead(forms: Tuple[str, ...], channels: Optional[int]) -> str:
    """Losses for such a head, to be offered."""
    names = losses_for(forms, channels)
    more = ", ..." if len(names) > 3 else ""
    return f"; losses of such a head: {', '.join(names[:3])}{more}" if names else ""
