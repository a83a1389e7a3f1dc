"""What the network gives before it has learned, and what the loss says to that.

The loss of logits that are all zero is what no answer costs, with these labels and this very loss:
ln 2 = .693 for each head under binary cross-entropy, ln C under that of C classes. A fresh network
is near it: 0.9 to 1.6 times that were measured with the shipped configurations.
"""

from __future__ import annotations

from typing import Any, Callable, List, NamedTuple, Sequence

import numpy as np
import paddle

from paddleseg_u2net.losses.pixels import one_hot
from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import CERTAIN, ERROR, LIKELY, WARNING, Finding
from paddleseg_u2net.training.diagnosis.subject import Batch, Subject

_FAR = 3.0  # times what no answer costs
_FLOOR = 0.25  # of what no answer costs, that the right answer may cost
_SURE = 10.0  # a logit of a sure answer
# Times which weights are taken to see whether outputs are bounded.
_GREATER = 30.0


class _Costs(NamedTuple):
    """The loss of different answers."""

    none: float  # zero everywhere
    right: float  # the right answer, in sure logits
    right_as_probability: float  # the right answer, as numbers from 0 to 1
    network: float  # what the network gives


def _run(subject: Subject) -> Result:
    model = subject.network()
    batch = next(subject.batches())
    with paddle.no_grad():
        heads = subject.heads(model, batch)
        costs = _costs(subject, heads, batch[1])
        bounded = _is_bounded(subject, batch)
    maps = [head for head in heads if _is_map(head, subject)]
    height, width = subject.shape
    result = Result(
        f"In batches of {subject.batch_size} at {width} x {height}: first loss "
        f"{costs.network:.4g}; no answer (zero logits) costs {costs.none:.4g}"
        f"{_known_value(subject, len(heads), costs.none)}, the right answer {costs.right:.4g}.",
        measured=costs._asdict(),
    )
    if not np.isfinite(costs.network):
        text = f"The loss of the first batch is {costs.network}."
        result.findings.append(Finding("loss_not_finite", ERROR, CERTAIN, text))
    result.findings += _of_activation(costs, bounded) or _of_costs(costs, subject)
    result.findings += _constant(maps)
    return result


def _costs(subject: Subject, heads: Sequence[Any], labels: Any) -> _Costs:
    def cost(outputs: Sequence[Any]) -> float:
        return float(subject.criterion.parts(outputs, labels)[0])

    def answer(of: Callable[[Any], Any]) -> List[Any]:
        """Heads of class maps replaced; edges and the like stay the network's."""
        return [of(head) if _is_map(head, subject) else head for head in heads]

    probability = _right(labels, subject)
    if subject.num_classes == 1:
        lowest = 1 / (1 + np.exp(_SURE))
        sure = probability.clip(lowest, 1 - lowest)
        logits = paddle.log(sure / (1 - sure))
    else:
        logits = _SURE * (2 * probability - 1)
    return _Costs(
        none=cost(answer(paddle.zeros_like)),
        right=cost(answer(lambda head: logits)),
        right_as_probability=cost(answer(lambda head: probability)),
        network=cost(heads),
    )


def _is_map(head: Any, subject: Subject) -> bool:
    return isinstance(head, paddle.Tensor) and head.shape[1:2] == [subject.num_classes]


def _right(labels: Any, subject: Subject) -> Any:
    """The right answer to ``labels`` (N, H, W) as probabilities (N, C, H, W)."""
    valid = labels != subject.ignore_index
    known = paddle.where(valid, labels, paddle.zeros_like(labels))
    if subject.num_classes == 1:
        return known.astype("float32").unsqueeze(1)
    return one_hot(known, subject.num_classes)


def _is_bounded(subject: Subject, batch: Batch) -> bool:
    """Whether outputs lie in [0, 1] and stay there as weights become greater: logits do not."""
    model = subject.network()
    for _ in range(2):
        heads = [head for head in subject.heads(model, batch) if _is_map(head, subject)]
        outputs = [head.astype("float32").numpy() for head in heads]
        if not all(np.isfinite(o).all() and o.min() >= 0 and o.max() <= 1 for o in outputs):
            return False
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.set_value(parameter * _GREATER)
    return True


def _of_activation(costs: _Costs, bounded: bool) -> List[Finding]:
    """Whether the network's outputs are what the loss takes: logits, or probabilities."""
    # No loss of logits is content with a 0 for the background.
    fits_probability = costs.right_as_probability <= _FLOOR * costs.none
    if bounded and not fits_probability:
        return [
            Finding(
                "sigmoid_twice",
                WARNING,
                CERTAIN,
                "The network's outputs stay between 0 and 1 whatever its weights, and the loss "
                "takes them for logits: a sigmoid (softmax) is applied twice. The loss cannot fall "
                f"below {costs.right_as_probability:.3g} (no answer costs {costs.none:.3g}), and "
                "maps stay between .5 and .73. Take the sigmoid out of the network: it returns "
                "logits here.",
            )
        ]
    if not bounded and fits_probability:
        return [
            Finding(
                "loss_wants_probabilities",
                ERROR,
                CERTAIN,
                "The network returns logits, and the loss takes probabilities: the right answer "
                f"costs {costs.right:.3g} as sure logits, {costs.right_as_probability:.3g} as "
                "numbers from 0 to 1. Take a loss of logits.",
                "loss:\n  types: [{type: DeepSupervisionLoss}]",
            )
        ]
    return []


def _of_costs(costs: _Costs, subject: Subject) -> List[Finding]:
    found = []
    if costs.none > 0 and not costs.right <= _FLOOR * costs.none:
        hopeless = not costs.right < 0.95 * costs.none
        found.append(
            Finding(
                "loss_has_a_floor",
                ERROR if hopeless else WARNING,
                CERTAIN,
                f"The right answer costs {costs.right:.3g}, no answer {costs.none:.3g}: the loss "
                + ("does not reward what is right." if hopeless else "cannot come near 0.")
                + " Judge training by scores, or take another loss.",
            )
        )
    if costs.network > _FAR * costs.none > 0:
        whose = (
            f"with the weights of {', '.join(subject.pretrained.values())} it is sure of what is "
            "wrong"
            if subject.pretrained
            else "its outputs are far too large before it has learned anything"
        )
        found.append(
            Finding(
                "first_loss_too_high",
                WARNING,
                LIKELY,
                f"The network's first loss is {costs.network:.4g}, "
                f"{costs.network / costs.none:.1f} times what no answer costs: {whose}.",
            )
        )
    return found


def _constant(heads: Sequence[Any]) -> List[Finding]:
    flat = [number for number, head in enumerate(heads) if np.ptp(head.numpy()) < 1e-6]
    if not flat:
        return []
    told = ", ".join(map(str, flat))
    return [
        Finding(
            "outputs_constant",
            ERROR if 0 in flat else WARNING,
            LIKELY,
            f"Output {told} of {len(heads)} (0 is the one that is scored) has the same value in "
            "every pixel of every image: a dead layer, or weights that are zero.",
        )
    ]


def _known_value(subject: Subject, heads: int, none: float) -> str:
    """The closed form of what no answer costs, where it is one."""
    each = np.log(max(2, subject.num_classes))
    weights = sum(subject.criterion.weights_of(heads))
    total = float(weights * each)
    name = f"ln {max(2, subject.num_classes)}"
    return f" = {weights:g} x {name}" if abs(none - total) < 1e-3 * total else ""


register(
    Examination("outputs", "the first loss against what no answer and the right one cost", 40, _run)
)
