"""Validation's pairs beside training's: whether they can be read, and hold the same classes."""

from __future__ import annotations

from typing import Iterator, List

import numpy as np

from paddleseg_u2net.config import ConfigError
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.text import short_list
from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.examinations.labels import shares
from paddleseg_u2net.training.diagnosis.finding import (
    CERTAIN,
    ERROR,
    LIKELY,
    LOOK,
    NOTE,
    WARNING,
    Finding,
)
from paddleseg_u2net.training.diagnosis.subject import Subject

_PAIRS = 16
_UNLIKE = 5.0  # times training's share of foreground, or a part of it


def _run(subject: Subject) -> Result:
    try:
        subject.config.dataset_settings("val")
    except ConfigError:
        return Result("There is no val_dataset; --do_eval needs one.")
    try:
        dataset = subject.config.dataset("val")
        order = np.random.default_rng(subject.seed).permutation(len(dataset))[:_PAIRS]
        labels = [dataset.read(int(index))[1] for index in order]
    except (ValueError, OSError) as error:
        text = f"Training with --do_eval stops: {error}"
        severity = ERROR if subject.do_eval else NOTE
        found = Finding("validation_unreadable", severity, CERTAIN, text)
        return Result("It cannot be read.", [found])
    of_each = [shares(label, subject.num_classes, subject.ignore_index) for label in labels]
    mean = np.mean(of_each, axis=0)
    share = float(mean[1:-1].sum())
    result = Result(
        f"{len(labels)} of {len(dataset)} pairs: {share:.1%} of the pixels are not background, "
        f"{mean[-1]:.1%} ignored.",
        measured={"pairs": len(labels), "foreground": share, "ignored": float(mean[-1])},
    )
    result.findings += [*_of_labels(mean, share, subject), *_shared_pairs(dataset, subject)]
    return result


def _of_labels(mean: np.ndarray, share: float, subject: Subject) -> Iterator[Finding]:
    trained = float(np.sum(subject.known["shares"][1:]))
    if not 0 < trained < 1:  # training's own labels are wrong already
        return
    if np.count_nonzero(mean[:-1]) < 2:
        yield Finding(
            "validation_of_one_class",
            WARNING,
            LIKELY,
            f"Validation's labels are of one class ({mean[-1]:.1%} ignored), training's are not: "
            "are mask_values and the masks the same in val_dataset?",
        )
    elif not 1 / _UNLIKE < share / trained < _UNLIKE:
        yield Finding(
            "validation_differs",
            NOTE,
            LOOK,
            f"{share:.1%} of validation's pixels are not background, {trained:.1%} of training's: "
            "are they of one kind, and read in the same way?",
        )


def _shared_pairs(dataset: PairDataset, subject: Subject) -> List[Finding]:
    trained = {pair.image for pair in subject.dataset.pairs}
    shared = [pair.name for pair in dataset.pairs if pair.image in trained]
    if not shared:
        return []
    return [
        Finding(
            "validation_trained_on",
            WARNING,
            CERTAIN,
            f"{len(shared)} of {len(dataset)} validation images are training's too "
            f"({short_list(shared)}): scores on them say nothing. Give val_dataset other pairs, or "
            "val_share in both.",
        )
    ]


register(Examination("validation", "validation's pairs beside training's", 15, _run))
