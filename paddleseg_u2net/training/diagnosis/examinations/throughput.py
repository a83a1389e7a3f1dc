"""How fast training goes, and how much of that is reading."""

from __future__ import annotations

import time

import numpy as np

from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import LIKELY, NOTE, Finding
from paddleseg_u2net.training.diagnosis.fitting import take_step
from paddleseg_u2net.training.diagnosis.subject import Subject
from paddleseg_u2net.training.loader import Schedule, train_loader

_STEPS, _SHARE = 6, 0.06
_MUCH = 0.3


def _run(subject: Subject) -> Result:
    """Steps of training at its own size and batch, the first of which does not count; where there
    is no time for them, reading alone, beside what the smaller steps of the others took.
    """
    size = min(subject.config.batch_size, len(subject.dataset))
    schedule = Schedule(len(subject.dataset), size, subject.seed, 0, _STEPS)
    loader = train_loader(subject.dataset, subject.preprocess, schedule, subject.num_workers)
    expected = _expected(subject, size)
    is_short = 2 * expected > _SHARE * subject.seconds
    model, optimizer = subject.network(), subject.optimizer(1e-6)
    reading, computing = [], []
    for _ in subject.steps("reading and training", _STEPS, _SHARE, least=2):
        started = time.perf_counter()
        batch = next(loader)
        read = time.perf_counter()
        if not is_short:
            take_step(subject, model, optimizer, batch)
        reading.append(read - started)
        computing.append(expected if is_short else time.perf_counter() - read)
    read, computed = float(np.mean(reading[1:])), float(np.mean(computing[1:]))
    share, speed = read / (read + computed), size / (read + computed)
    result = Result(
        f"{'About ' if is_short else ''}{speed:.2f} images/s in steps of {size}; {share:.0%} of "
        f"the time is reading, by {subject.num_workers or 'no'} workers.",
        measured={"images_per_second": speed, "reading": share, "computed": not is_short},
    )
    if share > _MUCH:
        result.findings.append(
            Finding(
                "reading_is_slow",
                NOTE,
                LIKELY,
                f"{share:.0%} of a step is spent on waiting for images: add --num_workers, or keep "
                "decoded images on disk.",
                "train_dataset:\n  cache: 10G",
            )
        )
    return result


def _expected(subject: Subject, size: int) -> float:
    """The seconds of a step, by its pixels and those of the step that gradients were taken of."""
    known = subject.known.get("seconds_of_a_step", 0.0)
    target = subject.samples[0].target
    return known * size * target.size / (subject.batch_size * np.prod(subject.shape))


register(Examination("throughput", "images per second, and the share of reading", 80, _run))
