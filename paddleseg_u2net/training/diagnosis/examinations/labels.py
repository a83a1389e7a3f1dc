"""Labels behind training's transforms: which classes there are, how much of each, and of what form.

Limits were set between good data sets and spoilt ones. Measured on 40 to 48 pairs each, foreground
of all pixels / of the outermost ones / of the middle quarter: optic disc .031 / .000 / .12, person
.28 / .09 / .57, ECSSD .23 / .03 / .57, our drawings .15 / .02 / .34. Inverted, the second figure is
.91 or more.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

import cv2
import numpy as np

from paddleseg_u2net.losses.kinds import name_of
from paddleseg_u2net.text import short_list
from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import (
    CERTAIN,
    ERROR,
    LIKELY,
    LOOK,
    NOTE,
    WARNING,
    Finding,
)
from paddleseg_u2net.training.diagnosis.samples import Sample
from paddleseg_u2net.training.diagnosis.sheet import label_sheet
from paddleseg_u2net.training.diagnosis.subject import Subject

# Half of the optic disc's share, with which training needs no help.
_LITTLE = 0.015
_BORDER = 0.5
# Of a class's pixels in a sample: those with a lower and a higher class two pixels away at most.
_HALO = 0.9


def shares(label: np.ndarray, classes: int, ignore_index: int) -> np.ndarray:
    """The share of each class of the pixels of ``label`` (H, W) that count, then that of ignored
    ones of all: float64 (max(classes, 2) + 1,). Soft masks count by their shares.
    """
    valid = label != ignore_index
    values, total = label[valid], max(1, int(valid.sum()))
    if classes == 1:
        foreground = float(values.sum(dtype=np.float64)) / total
        found = [1 - foreground if valid.any() else 0.0, foreground]
    else:
        found = (np.bincount(values.astype(np.int64), minlength=classes)[:classes] / total).tolist()
    return np.array([*found, 1 - valid.mean()])


def _run(subject: Subject) -> Result:
    samples, classes, ignored = subject.samples, subject.num_classes, subject.ignore_index
    seen = np.array([shares(sample.target, classes, ignored) for sample in samples])
    read = np.array([shares(sample.label, classes, ignored) for sample in samples])
    mean = seen.mean(0)
    subject.known["shares"] = mean[:-1] / max(mean[:-1].sum(), 1e-12)
    names = subject.dataset.classes or [f"class {n}" for n in range(classes)]
    if classes <= 2 and not subject.dataset.classes:
        names = ["background", "foreground"]
    told = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, mean[:-1]))
    result = Result(
        f"{len(samples)} of {len(subject.dataset)} pairs: {told}; ignored {mean[-1]:.1%}.",
        measured={
            "pairs": len(samples),
            "classes": dict(zip(map(str, names), mean[:-1].tolist())),
            "ignored": float(mean[-1]),
        },
        pictures={"labels.png": label_sheet(subject)},
    )
    classes_seen = _of_classes(subject, mean)
    result.findings += classes_seen or [*_of_amount(seen, read, subject), *_inverted(subject)]
    result.findings += [*_interpolated(subject), *_never_seen(mean, names, subject)]
    return result


def _of_classes(subject: Subject, mean: np.ndarray) -> List[Finding]:
    """Nothing to be learned: no pixel counts, or all are of one class."""
    present = np.flatnonzero(mean[:-1] > 0)
    if len(present) > 1:
        return []
    stored = set().union(*(sample.stored for sample in subject.samples))
    values = f"the files hold the values {short_list(sorted(stored), 8)}" if stored else ""
    ignored = subject.ignore_index
    if mean[-1] > 0 and ignored in stored:
        how = getattr(subject.dataset, "mask_encoding", "index")
        return [
            Finding(
                "masks_ignored",
                ERROR,
                CERTAIN,
                f"Of the masks only one class is left, and {mean[-1]:.1%} of the pixels are "
                f"ignored: {values}, they are read as {how}, and {ignored} means ignored there. "
                "Training learns to answer the same everywhere.",
                "train_dataset:\n  mask_values: binary   # 0 background, 255 foreground\n"
                "val_dataset:\n  mask_values: binary",
            )
        ]
    if not len(present):
        text = "Every pixel of every label is ignored: there is nothing to learn."
        return [Finding("all_ignored", ERROR, CERTAIN, text)]
    pairs = len(subject.samples)
    sure = pairs == len(subject.dataset)
    what = "all pairs" if sure else f"the {pairs} pairs that were looked at"
    repair = "train_dataset:\n  mask_values: {0: 0, VALUE: 1}   # the values in your files"
    return [
        Finding(
            "one_class",
            ERROR,
            CERTAIN if sure else LIKELY,
            f"The labels of {what} are class {present[0]} everywhere ({values}). There is nothing "
            "to tell apart: look at the masks, and at mask_values if the files hold more.",
            repair if len(stored) > 1 else "",
        )
    ]


def _of_amount(seen: np.ndarray, read: np.ndarray, subject: Subject) -> Iterator[Finding]:
    if subject.num_classes > 2:
        return
    foreground = float(seen[:, 1].mean())
    if foreground < _LITTLE:
        is_even, lines = _balance(subject.criterion)
        yield Finding(
            "little_foreground",
            NOTE if is_even else WARNING,
            LOOK if is_even else LIKELY,
            f"Only {foreground:.2%} of the pixels are foreground: a map that is black everywhere "
            f"is right in {1 - foreground:.1%} of them, "
            + (
                "which the loss counts little; crops closer to the objects would help still."
                if is_even
                else "and the loss is nearly content with it. Add a term of overlap, weight the "
                "classes, or crop closer to the objects."
            ),
            "" if is_even else lines,
        )
    lost = float(((seen[:, 1] == 0) & (read[:, 1] > 0)).mean())
    if lost > 0.5:
        yield Finding(
            "objects_cropped_away",
            WARNING,
            LIKELY,
            f"In {lost:.0%} of the samples the transforms leave nothing of the object. Crop less, "
            "or resize to a smaller size before the crop.",
        )


# Losses whose classes weigh alike, or that take the hardest pixels.
_EVEN = ("Dice", "Lovasz", "Focal", "Mixed", "Ohem", "Bootstrapped", "RMI", "Connectivity")
_WEIGHTED = ("CrossEntropyLoss", "BCELoss")


def _balance(criterion: Any) -> Tuple[bool, str]:
    """Whether the loss evens the classes out already; else the lines that make it."""
    if type(criterion).__name__ == "DeepSupervisionLoss":
        lines = "loss:\n  types:\n    - type: DeepSupervisionLoss\n      iou: 1.0"
        return criterion.iou > 0, lines
    loss = criterion.loss[0] if isinstance(criterion.loss, list) else criterion.loss
    name = name_of(loss)
    even = getattr(loss, "weight", None) is not None or any(part in name for part in _EVEN)
    lines = f"loss:\n  types:\n    - type: {name}\n      weight: auto"
    return even, lines if name in _WEIGHTED else ""


def _inverted(subject: Subject) -> Iterator[Finding]:
    if subject.num_classes > 2:
        return
    borders, middles = [], []
    for sample in subject.samples:
        label = np.where(sample.label == subject.ignore_index, 0, sample.label)
        height, width = label.shape
        sides = label[0], label[-1], label[:, 0], label[:, -1]
        borders.append(float(np.concatenate(sides).mean()))
        quarter = label[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
        middles.append(float(quarter.mean()))
    border, middle = float(np.mean(borders)), float(np.mean(middles))
    if border < _BORDER or border < middle + 0.1:
        return
    yield Finding(
        "masks_inverted",
        WARNING,
        LIKELY,
        f"{border:.0%} of the images' outermost pixels are foreground, {middle:.0%} of their "
        "middle: in data sets of objects it is the other way round. The masks are probably "
        "inverted, unless you mean the surroundings (sky, road, water): look at labels.png.",
        "train_dataset:\n  mask_values: {0: 1, 255: 0}   # the same for val_dataset",
    )


def _interpolated(subject: Subject) -> Iterator[Finding]:
    by_transforms = [sample for sample in subject.samples if _new_values(sample, subject)]
    if by_transforms:
        new = sorted(set().union(*(_new_values(s, subject) for s in by_transforms)))
        shown = short_list([f"{value:.3g}" for value in new], 6)
        yield Finding(
            "labels_interpolated",
            ERROR if subject.num_classes > 1 else WARNING,
            CERTAIN,
            f"In {len(by_transforms)} of {len(subject.samples)} samples the transforms make labels "
            f"that the mask does not have ({shown}): one of train_dataset.transforms resizes or "
            "turns masks with interpolation. It has to take the nearest neighbour for masks.",
        )
        return
    halos = _halos(subject)
    if halos:
        named = short_list([f"class {number} in {count}" for number, count in halos.items()])
        yield Finding(
            "labels_interpolated",
            WARNING,
            LIKELY,
            "Some classes appear only as thin lines between a lower and a higher one "
            f"({named} samples): this is what resizing class numbers with interpolation leaves. "
            "Make the masks anew with the nearest neighbour.",
        )
    soft = _soft_edges(subject)
    if soft:
        yield Finding(
            "labels_interpolated",
            NOTE,
            LOOK,
            f"{soft:.1%} of the masks' pixels are between background and foreground, nearly all "
            "of them on edges: the masks were resized or smoothed with interpolation, and are read "
            "as soft. If their edges are meant to be hard, take the originals.",
            "train_dataset:\n  mask_values: soft   # if soft edges are what you want",
        )


def _new_values(sample: Sample, subject: Subject) -> set:
    values = set(np.unique(sample.target).tolist())
    if len(sample.values) > 16:  # soft masks, whose values may be turned into others
        return set()
    return values - sample.values - {subject.ignore_index}


def _halos(subject: Subject) -> Dict[int, int]:
    """The classes that in at least half of the samples that have them are lines between others."""
    counts: Dict[int, List[int]] = {}
    kernel = np.ones((5, 5), np.uint8)
    for sample in subject.samples if subject.num_classes > 2 else ():
        label = sample.target
        valid = label != subject.ignore_index
        for number in np.unique(label[valid]).astype(int).tolist():
            own = label == number
            near = [
                cv2.dilate((valid & side).astype(np.uint8), kernel) > 0
                for side in (label < number, label > number)
            ]
            has = counts.setdefault(number, [0, 0])
            has[0] += 1
            has[1] += bool((near[0] & near[1])[own].mean() >= _HALO)
    return {number: lines for number, (has, lines) in counts.items() if 2 * lines > has}


def _soft_edges(subject: Subject) -> float:
    """The share of soft pixels, where nobody asked for soft masks and nearly all are on edges."""
    asked: Any = subject.config.dataset_settings("train").mask_values
    if subject.num_classes > 1 or asked == "soft":
        return 0.0
    soft = edges = pixels = 0
    for sample in subject.samples:
        between = (sample.label > 0) & (sample.label < 1)
        hard = (sample.label >= 0.5).astype(np.uint8)
        kernel = np.ones((9, 9), np.uint8)
        edge = cv2.dilate(hard, kernel) > cv2.erode(hard, kernel)
        soft, edges = soft + int(between.sum()), edges + int((between & edge).sum())
        pixels += between.size
    return soft / pixels if soft > 0.001 * pixels and edges > 0.8 * soft else 0.0


def _never_seen(mean: np.ndarray, names: Any, subject: Subject) -> Iterator[Finding]:
    missing = [str(name) for name, share in zip(names, mean[:-1]) if share == 0]
    if subject.num_classes > 2 and missing and len(missing) < subject.num_classes - 1:
        yield Finding(
            "classes_never_seen",
            NOTE,
            LOOK,
            f"{short_list(missing, 6)}: in none of the {len(subject.samples)} pairs that were "
            "looked at. A class that training never sees is never found.",
        )


register(Examination("labels", "labels and class balance as training sees them", 10, _run))
