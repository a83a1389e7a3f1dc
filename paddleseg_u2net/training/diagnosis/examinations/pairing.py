"""Whether masks belong to their images: edges of a mask lie on edges of its own image.

Each image's gradients under the edges of its own mask are compared with those under the masks of
the other samples; a mask's rank is the share of the others that fit worse. It is .5 on the average
where pairs are mixed up; measured on 10, 24 and 48 pairs each: optic disc, ECSSD and our drawings
1.00, person .99 and 1.00.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from paddleseg_u2net.text import short_list
from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import CERTAIN, ERROR, LIKELY, WARNING, Finding
from paddleseg_u2net.training.diagnosis.subject import Subject

_SIDE = 128  # pixels: all are compared as squares
_LEAST = 6  # pairs
_MIXED, _SUSPICIOUS = 0.75, 0.92
_TURNS = {
    "mirrored": lambda mask: mask[:, ::-1],
    "upside down": lambda mask: mask[::-1],
    "turned by 180 degrees": lambda mask: mask[::-1, ::-1],
    "turned on its side": lambda mask: mask.T,
}

Pair = Tuple[np.ndarray, np.ndarray]


def _run(subject: Subject) -> Result:
    samples = subject.samples
    exchanged = list(_exchanged(subject))
    if exchanged:
        return Result("The images are masks.", exchanged)
    read = [(sample.image, sample.label) for sample in samples]
    seen = [(sample.seen, sample.target) for sample in samples]
    ranks = _ranks(read, subject.ignore_index)
    if ranks is None:
        return Result("Not enough masks with edges to tell whether they belong to their images.")
    mean = float(np.nanmean(ranks))
    result = Result(
        f"A mask fits its own image better than {mean:.0%} of the other masks do (mixed up: 50%).",
        measured={"rank": mean},
    )
    if mean < _SUSPICIOUS:
        result.findings += _mismatched(ranks, mean, read, subject)
        return result
    behind = _ranks(seen, subject.ignore_index)
    if behind is not None and np.nanmean(behind) < _MIXED:
        result.findings.append(
            Finding(
                "labels_moved",
                ERROR,
                LIKELY,
                "Masks fit their images as they are read, but not behind the transforms (a mask "
                f"fits better than {np.nanmean(behind):.0%} of the others; mixed up: 50%): one of "
                "train_dataset.transforms moves the image without its mask.",
            )
        )
    return result


def _exchanged(subject: Subject) -> Iterator[Finding]:
    """Images of two values beside labels of many: the columns of the list are the wrong way."""
    flat = [len(np.unique(sample.seen)) <= 3 for sample in subject.samples]
    many = [len(sample.stored) > 32 for sample in subject.samples]
    if np.mean(flat) > 0.5 and np.mean(many) > 0.5:
        yield Finding(
            "images_and_masks_exchanged",
            ERROR,
            CERTAIN,
            "The images have two or three values and the masks many: images and masks are the "
            "wrong way round. A list names the image first, then its mask.",
        )


def _mismatched(
    ranks: np.ndarray, mean: float, pairs: Sequence[Pair], subject: Subject
) -> Iterator[Finding]:
    turned = {
        name: _ranks(_turned(pairs, turn), subject.ignore_index) for name, turn in _TURNS.items()
    }
    better = {name: float(np.nanmean(r)) for name, r in turned.items() if r is not None}
    best = max(better, key=lambda name: better[name])
    if better[best] > max(_SUSPICIOUS, mean + 0.1):
        yield Finding(
            "masks_turned",
            ERROR,
            LIKELY,
            f"The masks fit their images when they are {best} ({better[best]:.0%}, as they are "
            f"{mean:.0%}): turn them back.",
        )
        return
    worst = np.argsort(np.where(np.isnan(ranks), 2, ranks))[:4]
    named = short_list([subject.samples[number].name for number in worst], 4)
    some = mean >= _MIXED
    yield Finding(
        "pairs_mismatched",
        WARNING if some else ERROR,
        LIKELY,
        f"Edges of the masks do not lie on edges of their images: a mask fits its own image better "
        f"than only {mean:.0%} of the other masks do (50% where pairs are mixed up, 97% and more "
        f"in good data). {'Some' if some else 'Most'} masks seem to belong to other images, for "
        f"instance those of {named}: look at labels.png and at how files are listed.",
    )


def _turned(pairs: Sequence[Pair], turn: object) -> List[Pair]:
    return [(image, turn(label)) for image, label in pairs]  # type: ignore[operator]


def _ranks(pairs: Sequence[Pair], ignore_index: int) -> Optional[np.ndarray]:
    """The rank of each mask under its image, NaN without edges; None where too few have any."""
    gradients = np.stack([_gradients(image) for image, _ in pairs])
    edges = np.stack([_edges(label, ignore_index) for _, label in pairs])
    has = edges.any((1, 2))
    if has.sum() < _LEAST:
        return None
    flat = edges[has].reshape(int(has.sum()), -1).astype(np.float32)
    under = gradients[has].reshape(len(flat), -1) @ (flat / flat.sum(1, keepdims=True)).T
    # Masks of the middle fit every image, and images of many edges every mask.
    own = under - under.mean(0, keepdims=True) - under.mean(1, keepdims=True)
    ranks = np.full(len(pairs), np.nan)
    ranks[has] = (np.diag(own)[:, None] > own).sum(1) / (len(own) - 1)
    return ranks


def _gradients(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    planes = small.reshape(_SIDE, _SIDE, -1).astype(np.float32)
    total = np.zeros((_SIDE, _SIDE), np.float32)
    for channel in range(planes.shape[2]):
        plane = np.ascontiguousarray(planes[..., channel])
        total += cv2.magnitude(cv2.Sobel(plane, -1, 1, 0), cv2.Sobel(plane, -1, 0, 1))
    return np.log1p(cv2.dilate(total, np.ones((3, 3), np.uint8)))


def _edges(label: np.ndarray, ignore_index: int) -> np.ndarray:
    classes = np.where(label == ignore_index, 0, np.rint(label)).astype(np.uint8)
    small = cv2.resize(classes, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST)
    kernel = np.ones((3, 3), np.uint8)
    return cv2.dilate(small, kernel) > cv2.erode(small, kernel)


register(Examination("pairing", "whether masks belong to their images", 20, _run))
