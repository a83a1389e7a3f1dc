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
        pixels: Share of each class among the pixels that are not ignored; of one class background
            and foreground, as probabilities. Empty if all are ignored.
        ignored: Share of the ignored pixels.
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
        """Share of the pixels that are not ignored and not background; 0 if all are ignored."""
        return sum(share for label, share in sorted(self.pixels.items()) if label)


class MaskReader:
    """Reads the values of masks as labels.

    Args:
        encoding: See ``datasets.mask_encoding``.
        num_classes: 1 or more.
        ignore_index: The label of ignored pixels.
    """

    def __init__(self, encoding: MaskEncoding, num_classes: int, ignore_index: int) -> None:
        self.encoding, self.num_classes, self.ignore_index = encoding, num_classes, ignore_index
        self._known: Dict[Tuple[int, bool], Optional[float]] = {}

    def label(self, value: int, sixteen_bit: bool) -> Optional[float]:
        """The label of a value; None if it has none."""
        key = (value, sixteen_bit)
        if key not in self._known:
            raw = np.array([[value]], np.uint16 if sixteen_bit else np.uint8)
            try:
                label = decode(raw, self.encoding, self.num_classes, self.ignore_index, Path())
                self._known[key] = float(label[0, 0])
            except MaskError:
                self._known[key] = None
        return self._known[key]

    def is_ignored(self, label: Optional[float]) -> bool:
        """Whether pixels of a label are ignored."""
        return label == self.ignore_index and self.encoding != "soft"

    def content(self, found: Values) -> Content:
        """What a mask with these values holds."""
        values, counts = (array.tolist() for array in found.arrays())
        total = sum(counts)
        top, margin = (65535, _NEAR * 257) if found.sixteen_bit else (255, _NEAR)
        pixels: Dict[int, float] = {}
        strange: List[int] = []
        ignored = strange_share = between = near = highest = 0.0
        for value, count in zip(values, counts):
            label, share = self.label(value, found.sixteen_bit), count / total
            if 0 < value < top:
                between += share
                near += share if value <= margin or value >= top - margin else 0.0
            if label is None:
                strange.append(value)
                strange_share += share
                continue
            highest = max(highest, label)
            if self.is_ignored(label):
                ignored += share
            elif self.num_classes > 1:
                pixels[int(label)] = pixels.get(int(label), 0.0) + share
            else:
                for key, part in ((0, 1 - label), (1, label)):
                    if part:
                        pixels[key] = pixels.get(key, 0.0) + share * part
        counted = sum(pixels.values())
        return Content(
            {label: share / counted for label, share in sorted(pixels.items())},
            ignored,
            strange,
            strange_share,
            between if self.encoding in ("soft", "binary") else 0.0,
            near / between if between else 0.0,
            highest,
        )


def encoding_of(
    masks: Sequence[Tuple[Path, Values]], num_classes: int, ignore_index: int
) -> Tuple[Optional[str], Optional[MaskError]]:
    """Infer the encoding of a part's masks as training does.

    Where training would give up, the encoding of most of the masks is taken.

    Returns:
        The encoding, None where the masks have none; the complaint if they are ambiguous.
    """
    some = sample_masks(masks, lambda mask: mask[1].distinct)
    try:
        files = [(path, held) for (path, _), held in some]
        return infer_from_masks(files, num_classes, ignore_index), None
    except MaskError as error:
        votes = Counter(
            infer_mask_encoding(found.distinct, num_classes, ignore_index)
            for _, found in masks
            if found.distinct != {0}
        )
        most = max(sorted(votes), key=lambda name: votes[name], default="")
        return most if most and votes[most] * 2 > sum(votes.values()) else None, error
