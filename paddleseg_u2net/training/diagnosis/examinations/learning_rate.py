"""The learning rate: a range test (Smith 2017, "Cyclical learning rates for training neural
networks", sec. 3.3), and a few steps at the configuration's own rate.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

import numpy as np

from paddleseg_u2net.render import charts
from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import ERROR, LIKELY, LOOK, WARNING, Finding
from paddleseg_u2net.training.diagnosis.fitting import few_batches, losses_at, take_step
from paddleseg_u2net.training.diagnosis.subject import Subject

_STEPS, _LEAST_STEPS, _SHARE = 44, 24, 0.2
_LOWEST, _HIGHEST = 1e-5, 3.0
_SMOOTH = 0.6  # of the average before, in each step
_RISEN = 0.25  # of its fall, again, where the rate is too high
_WORSE = 2.0  # times the first loss: where the test ends
_TRIED = 12  # steps at the configured rate, and at the proposed one
_SCHEDULE = 20_000  # steps of a schedule that are looked at


def _run(subject: Subject) -> Result:
    rates, losses = _range_test(subject)
    smooth = smoothed(losses)
    proposal, end = proposed(rates, smooth)
    subject.known["rate"] = proposal
    own = _configured(subject)
    at_own = losses_at(subject, own, subject.steps("configured rate", _TRIED, 0.06, least=8))
    at_proposal = losses_at(subject, proposal, subject.steps("proposed rate", len(at_own), 1.0))
    falls = [_fall(subject, at_own), _fall(subject, at_proposal)]
    result = Result(
        f"Proposed {proposal:.1e}, too high from about {end:.1e}; configured "
        f"{own:.1e}. In {len(at_own)} steps the loss went from {at_own[0]:.3g} to "
        f"{at_own[-1]:.3g} at the configured rate, to {at_proposal[-1]:.3g} at the proposed one.",
        measured={
            "configured": own,
            "proposed": proposal,
            "too_high_from": end,
            "rates": rates.tolist(),
            "losses": losses.tolist(),
            "fall_at_configured": falls[0],
            "fall_at_proposed": falls[1],
        },
        pictures={"learning_rate.png": _plot(rates, losses, smooth, own, proposal)},
    )
    result.findings += _judged(subject, own, proposal, end, falls)
    return result


def _configured(subject: Subject) -> float:
    """The highest rate of the schedule."""
    schedule = subject.config.lr_schedule()
    if not hasattr(schedule, "step"):
        return float(schedule)
    rates = [float(schedule())]
    steps = min(subject.config.iters, _SCHEDULE)
    if type(schedule).__name__ != "ReduceOnPlateau":
        for _ in range(steps - 1):
            schedule.step()
            rates.append(float(schedule()))
    return max(rates)


def _range_test(subject: Subject) -> Tuple[np.ndarray, np.ndarray]:
    """Rates that grow from step to step, and the losses there, to the point where they explode."""
    model, batches = subject.network(), few_batches(subject)
    optimizer, losses = subject.optimizer(_LOWEST), []
    rates = np.geomspace(_LOWEST, _HIGHEST, _count(subject))
    for number in subject.steps("range test", len(rates), 1.0):
        optimizer.set_lr(float(rates[number]))
        losses.append(take_step(subject, model, optimizer, next(batches))[0])
        if not np.isfinite(losses[-1]) or losses[-1] > _WORSE * losses[0]:
            break
    return rates[: len(losses)], np.array(losses)


def _count(subject: Subject) -> int:
    """The steps for which there is time, by what one took in the examination of gradients."""
    seconds = subject.known.get("seconds_of_a_step", 0.0)
    fitting = int(_SHARE * subject.seconds / seconds) if seconds else _STEPS
    return min(_STEPS, max(_LEAST_STEPS, fitting))


def smoothed(losses: np.ndarray) -> np.ndarray:
    """Exponential averages without the bias of their beginning; the last one may be no number."""
    total, found = 0.0, []
    for number, loss in enumerate(losses, start=1):
        total = _SMOOTH * total + (1 - _SMOOTH) * loss
        found.append(total / (1 - _SMOOTH**number))
    return np.array(found)


def proposed(rates: np.ndarray, smooth: np.ndarray) -> Tuple[float, float]:
    """A rate to train with, and the one from which it is too high: a third of the rate with the
    lowest loss, and that where the loss has risen by a quarter of its fall again.
    """
    known = np.where(np.isfinite(smooth), smooth, np.inf)
    best = int(known.argmin())
    fall = known[0] - known[best]
    behind = np.flatnonzero(known[best:] > known[best] + _RISEN * max(fall, 0.1 * abs(known[0])))
    end = rates[best + behind[0]] if len(behind) else rates[-1]
    return float(rates[best] / 3), float(end)


def _fall(subject: Subject, losses: List[float]) -> float:
    """The share of the first loss that is gone in the end; negative where it grew."""
    if not np.isfinite(losses[-1]) or losses[0] <= 0:
        return float("-inf")
    return 1 - float(np.median(losses[-3:])) / losses[0]


def _judged(
    subject: Subject, own: float, proposal: float, end: float, falls: List[float]
) -> Iterator[Finding]:
    at_own, at_proposal = falls
    repair = f"lr_scheduler:\n  learning_rate: {proposal:.1e}"
    if own > end and at_own < 0.5 * at_proposal:
        yield Finding(
            "rate_too_high",
            ERROR if at_own <= 0 else WARNING,
            LIKELY,
            f"The learning rate goes up to {own:.1e}; from {end:.1e} on the loss rises. In the "
            f"first steps it {_told(at_own)} at {own:.1e}, and {_told(at_proposal)} at "
            f"{proposal:.1e}.",
            repair,
        )
    elif own < proposal / 20 and at_own < 0.5 * at_proposal and not subject.pretrained:
        yield Finding(
            "rate_too_low",
            WARNING,
            LIKELY,
            f"The learning rate is at most {own:.1e}, {proposal / own:.0f} times below what the "
            f"network bears. In the first steps the loss {_told(at_own)}, and {_told(at_proposal)} "
            f"at {proposal:.1e}.",
            repair,
        )
    elif at_proposal <= 0.02 and at_own <= 0.02 and not subject.pretrained:
        yield Finding(
            "loss_does_not_fall",
            WARNING,
            LOOK,
            "The loss falls at no rate of the range test: what is wrong is something else than the "
            "rate.",
        )


def _told(fall: float) -> str:
    if fall <= 0:
        return "rises" if np.isfinite(fall) else "becomes infinite"
    return f"falls by {fall:.0%}"


def _plot(
    rates: np.ndarray, losses: np.ndarray, smooth: np.ndarray, own: float, proposal: float
) -> bytes:
    low, high = float(np.nanmin(losses)), float(smooth[0])
    room = 0.1 * max(high - low, 1e-3)
    limits = (low - room, high + 4 * room)
    ends = np.array(limits)
    panel = charts.Panel(
        "Learning rate range test",
        "learning rate",
        "loss",
        [
            ("loss of a batch", rates, losses),
            ("smoothed", rates, smooth),
            (f"configured: {own:.1e}", np.array([own, own]), ends),
            (f"proposed: {proposal:.1e}", np.array([proposal, proposal]), ends),
        ],
        x_limits=(min(_LOWEST, own) / 1.5, max(_HIGHEST, own) * 1.5),
        y_limits=limits,
    )
    figure = charts.draw([panel], (6.4, 4.0))
    figure.axes[0].set_xscale("log")
    return charts.as_png(figure, 110)


register(Examination("learning_rate", "the learning rate, by a range test", 60, _run))
