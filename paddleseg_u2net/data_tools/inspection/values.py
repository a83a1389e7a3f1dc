"""What the values of masks mean, by the rules that training reads them with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.inspection.scan import Values
from paddleseg_u2net.datasets.mask_encoding import (
    MaskEncoding,
    MaskError,
    decode,
    infer_from_masks,
    infer_mask_encoding,
    sample_masks,
)

# How the meaning of masks is told to the commands: a repair in messages.
SAYING = "--num_classes or --mask_values (of a configuration with --opts)"
# JPEG leaves values this near to those that were saved.
_NEAR = 32


class Content(NamedTuple):
    """What a mask holds.

    Attributes:
        pixels: Share of each class among the pixels that count; of one class background and
            foreground, as probabilities. Empty if no pixel counts.
        ignored: Share of the pixels that count nowhere.
        strange: Values that mean nothing, ascending.
        strange_share: Share of the pixels that have them.
        soft: Share of pixels between background and foreground (one class only).
        near: Share of the values between that are within 32 of the lowest or highest possible.
        highest: The greatest label, of one class the highest probability of foreground.
    """

    pixels: Dict[int, float]
    ignored: float
    strange: List[int]
    strange_share: float
    soft: float
    near: float
    highest: float

    @property
    def foreground(self) -> float:
        """Share of the pixels that count and are not background; 0 if none counts."""
        return sum(share for label, share in sorted(self.pixels.items()) if label)


class Reader:
    """Reads the values of masks as labels.

    Args:
        coding: See ``paddleseg_u2net.datasets.mask_encoding``.
        num_classes: 1 or more.
        ignore_index: A label that counts nowhere.
    """

    def __init__(self, coding: MaskEncoding, num_classes: int, ignore_index: int) -> None:
        self.coding, self.num_classes, self.ignore_index = coding, num_classes, ignore_index
        self._known: Dict[Tuple[int, bool], Optional[float]] = {}

    def label(self, value: int, sixteen_bit: bool) -> Optional[float]:
        """The label of a value; None if it has none."""
        key = (value, sixteen_bit)
        if key not in self._known:
            raw = np.array([[value]], np.uint16 if sixteen_bit else np.uint8)
            classes, ignored = self.num_classes, self.ignore_index
            try:
                self._known[key] = float(decode(raw, self.coding, classes, ignored, Path())[0, 0])
            except MaskError:
                self._known[key] = None
        return self._known[key]

    def content(self, found: Values) -> Content:
        """What a mask with these values holds."""
        values, counts = (array.tolist() for array in found.arrays())
        labels = [self.label(value, found.sixteen_bit) for value in values]
        total = sum(counts)
        shares = [count / total for count in counts]
        pixels: Dict[int, float] = {}
        ignored = strange = 0.0
        for label, share in zip(labels, shares):
            if label is None:
                strange += share
            elif label == self.ignore_index and self.coding != "soft":
                ignored += share
            elif self.num_classes > 1:
                pixels[int(label)] = pixels.get(int(label), 0.0) + share
            else:
                for key, part in ((0, 1 - label), (1, label)):
                    if part:
                        pixels[key] = pixels.get(key, 0.0) + share * part
        counted = sum(pixels.values())
        between, near = _between(values, shares, 65535 if found.sixteen_bit else 255)
        return Content(
            {label: share / counted for label, share in sorted(pixels.items())},
            ignored,
            [value for value, label in zip(values, labels) if label is None],
            strange,
            between if self.coding in ("soft", "binary") else 0.0,
            near,
            max((label for label in labels if label is not None), default=0.0),
        )


def _between(values: List[int], shares: List[float], top: int) -> Tuple[float, float]:
    """Share of pixels that are neither 0 nor top; which part of them is near to one of them."""
    margin = _NEAR * (257 if top == 65535 else 1)
    between = near = 0.0
    for value, share in zip(values, shares):
        if 0 < value < top:
            between += share
            if value <= margin or value >= top - margin:
                near += share
    return between, near / between if between else 0.0


def coding_of(
    masks: Sequence[Tuple[Path, Values]], num_classes: int, ignore_index: int
) -> Tuple[Optional[str], Optional[MaskError]]:
    """The coding that training recognises in the masks of a part.

    Where training would give up, the coding of most of the masks is taken.

    Returns:
        The coding, None where the masks have none; the complaint if they are ambiguous, else None.
    """
    looked_at = [
        (path, held) for (path, _), held in sample_masks(masks, lambda mask: mask[1].distinct)
    ]
    try:
        return infer_from_masks(looked_at, num_classes, ignore_index), None
    except MaskError as error:
        return _of_most(masks, num_classes, ignore_index), error


def _of_most(
    masks: Sequence[Tuple[Path, Values]], num_classes: int, ignore_index: int
) -> Optional[str]:
    votes: Counter = Counter()
    for _, found in masks:
        if found.distinct != {0}:
            votes[infer_mask_encoding(found.distinct, num_classes, ignore_index)] += 1
    coding = max(sorted(votes), key=lambda name: votes[name], default="")
    return coding if coding and votes[coding] * 2 > sum(votes.values()) else None
