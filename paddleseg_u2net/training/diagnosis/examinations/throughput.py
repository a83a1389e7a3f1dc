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
    """Steps of training at its own size and batch, the first of which does not count."""
    size = min(subject.config.batch_size, len(subject.dataset))
    schedule = Schedule(len(subject.dataset), size, subject.seed, 0, _STEPS)
    loader = train_loader(subject.dataset, subject.preprocess, schedule, subject.num_workers)
    model = subject.network()
    optimizer = subject.optimizer(1e-6)
    reading, computing = [], []
    for _ in subject.steps("reading and training", _STEPS, _SHARE, least=2):
        started = time.perf_counter()
        batch = next(loader)
        read = time.perf_counter()
        take_step(subject, model, optimizer, batch)
        reading.append(read - started)
        computing.append(time.perf_counter() - read)
    read, computed = float(np.mean(reading[1:])), float(np.mean(computing[1:]))
    share = read / (read + computed)
    result = Result(
        f"{size / (read + computed):.2f} images/s in steps of {size}; {share:.0%} of the time is "
        f"reading, by {subject.num_workers or 'no'} workers.",
        measured={"images_per_second": size / (read + computed), "reading": share},
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


register(Examination("throughput", "images per second, and the share of reading", 80, _run))
