"""Ten pairs learned by heart, the strongest test of all parts together: the configuration's
network, loss and preprocessing, without augmentation, at the rate that the range test proposes.
"""

from __future__ import annotations

import time
from typing import Any, List, Tuple

import numpy as np
import paddle

from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import ERROR, LIKELY, LOOK, NOTE, WARNING, Finding
from paddleseg_u2net.training.diagnosis.fitting import answered, overlap, take_step
from paddleseg_u2net.training.diagnosis.subject import Batch, Subject

_PAIRS, _GOAL = 10, 0.95
_STEPS, _LEAST_STEPS, _SHARE = 200, 20, 0.5
_WARM_UP = 5
_OF_ADAM = 3e-3  # U2NetP comes to .92 in 60 steps with each of .001, .004 and .01
_HOPELESS = 0.5  # IoU
_ENOUGH = 40  # steps, after which the shipped configurations are beyond .85
_GAP = 0.2  # of IoU, between normalising by the batch and by what was kept


def _run(subject: Subject) -> Result:
    batch, names = _ten(subject)
    labels = batch[1].numpy()
    model, rate = subject.network(), _rate(subject)
    optimizer = paddle.optimizer.Adam(rate, parameters=_learning(model))
    started, reached, losses = time.monotonic(), [], []
    for step in subject.steps("overfitting", _STEPS, _SHARE, least=_LEAST_STEPS):
        optimizer.set_lr(rate * _factor(step, time.monotonic() - started, subject))
        loss, heads = take_step(subject, model, optimizer, batch)
        losses.append(loss)
        reached.append(overlap(answered(heads[0]), labels, subject.ignore_index))
        if reached[-1] >= _GOAL or not np.isfinite(loss):
            break
    model.eval()
    with paddle.no_grad():
        output = subject.heads(model, batch)[0]
    evaluated = overlap(answered(output), labels, subject.ignore_index)
    best, steps = max(reached), len(reached)
    height, width = batch[0].shape[2:]
    result = Result(
        f"{len(names)} pairs at {width} x {height} overfitted to an IoU of {best:.3f} in {steps} "
        f"steps of Adam at {rate:.1e} (goal {_GOAL}), {evaluated:.3f} with BatchNorm's running "
        "statistics.",
        measured={
            "pairs": names,
            "size": [width, height],
            "rate": rate,
            "steps": steps,
            "iou": best,
            "iou_in_evaluation": evaluated,
            "losses": losses,
        },
    )
    if best < _GOAL:
        result.findings.append(_missed(best, reached, losses))
    elif evaluated < best - _GAP:
        result.findings.append(
            Finding(
                "statistics_lag",
                NOTE,
                LOOK,
                f"With the statistics of the batch the IoU is {best:.3f}, with BatchNorm's running "
                f"ones {evaluated:.3f}: after {steps} steps these lag behind, which a longer run "
                "makes up for. If validation stays far below training, look here.",
            )
        )
    return result


def _ten(subject: Subject) -> Tuple[Batch, List[str]]:
    """Pairs of all samples, those with the most classes first."""

    def classes(number: int) -> int:
        values = subject.samples[number].label
        return -len(np.unique(np.rint(values[values != subject.ignore_index])))

    chosen = sorted(range(len(subject.samples)), key=classes)[:_PAIRS]
    samples = [subject.samples[number] for number in sorted(chosen)]
    batch = subject.batch([(sample.fixed, sample.label) for sample in samples], subject.shape)
    return batch, [sample.name for sample in samples]


def _rate(subject: Subject) -> float:
    """The proposed one, where that was found with an optimizer of Adam's kind."""
    kind = type(subject.optimizer(_OF_ADAM)).__name__
    return subject.known.get("rate", _OF_ADAM) if kind.startswith("Adam") else _OF_ADAM


def _learning(model: Any) -> List[Any]:
    return [parameter for parameter in model.parameters() if not parameter.stop_gradient]


def _factor(step: int, passed: float, subject: Subject) -> float:
    """Of the rate: up over the first steps, then down to a tenth with the time or the steps."""
    done = max(step / _STEPS, passed / (_SHARE * subject.seconds))
    return min(1.0, (step + 1) / _WARM_UP) * (1 - 0.9 * min(1.0, done))


def _missed(best: float, reached: List[float], losses: List[float]) -> Finding:
    steps = len(reached)
    rising = np.mean(reached[-5:]) > np.mean(reached[-15:-10]) + 0.01 if steps > 15 else True
    fallen = 1 - losses[-1] / losses[0] if losses[0] > 0 else 0.0
    text = (
        f"Ten pairs without augmentation were to be learned by heart (IoU {_GOAL}); in {steps} "
        f"steps the network came to {best:.3f}, its loss fell by {fallen:.0%}"
    )
    if best < _HOPELESS and not rising and steps >= _ENOUGH:
        return Finding(
            "cannot_overfit",
            ERROR,
            LIKELY,
            f"{text}, and it does not rise any more. What cannot be learned by heart cannot be "
            "learned: look at the other findings, the labels, the loss, the network.",
        )
    if best < 0.8 and not rising and steps >= _ENOUGH:
        return Finding(
            "overfits_badly",
            WARNING,
            LOOK,
            f"{text}, and it hardly rises any more: look at labels.png for labels that contradict "
            "each other.",
        )
    return Finding(
        "overfit_not_finished",
        NOTE,
        LOOK,
        f"{text}; it was still rising. More time tells: --diagnose MINUTES.",
    )


register(Examination("overfit", "ten pairs learned by heart", 70, _run))
