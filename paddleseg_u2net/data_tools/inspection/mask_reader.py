"""What the values of masks mean, by the rules that training reads them with."""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.inspection.inputs import Part, Settings
from paddleseg_u2net.data_tools.inspection.scan import PairStats, Values
from paddleseg_u2net.datasets.mask_encoding import (
    MaskEncoding,
    MaskError,
    infer_from_masks,
    infer_mask_encoding,
    label_table,
    sample_masks,
)

# How the meaning of masks is told to the commands: a repair in messages.
SAYING = "--num_classes or --mask_values (of a configuration with --opts)"


class Content(NamedTuple):
    """What a mask holds, in shares of 1."""

    # Of each class among the pixels that are not ignored; of one class background and foreground,
    # as probabilities. Empty if all are ignored.
    pixels: Dict[int, float]
    ignored: float
    strange: List[int]  # values that mean nothing, ascending
    strange_share: float
    soft: float  # between background and foreground (one class only)
    highest: float  # the greatest label, of one class the highest probability of foreground

    @property
    def foreground(self) -> float:
        """Share of the pixels that are not ignored and not background; 0 if all are ignored."""
        return sum(share for label, share in sorted(self.pixels.items()) if label)


def content_of(found: Values, encoding: MaskEncoding, settings: Settings) -> Content:
    """What a mask with these values holds; see ``datasets.mask_encoding``."""
    values, counts = found.arrays()
    total = int(counts.sum())
    top = 65535 if found.sixteen_bit else 255
    labels = label_table(encoding, settings.num_classes, settings.ignore_index, top)[values]
    pixels: Dict[int, float] = {}
    strange: List[int] = []
    ignored = strange_share = between = highest = 0.0
    for value, count, label in zip(values.tolist(), counts.tolist(), labels.tolist()):
        share = count / total
        between += share if 0 < value < top else 0.0
        highest = max(highest, label)
        if label < 0:
            strange.append(value)
            strange_share += share
        elif label == settings.ignore_index and encoding != "soft":
            ignored += share
        elif settings.num_classes > 1:
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
        between if encoding in ("soft", "binary") else 0.0,
        highest,
    )


def encoding_of(
    part: Part, stats: Sequence[PairStats], settings: Settings
) -> Tuple[Optional[MaskEncoding], Optional[MaskError]]:
    """A part's encoding: what is said, else as training infers it, else that of most masks.

    It is None where there are no masks, or where they have none; then with the complaint.
    """
    masks = [(pair.mask, one.values) for pair, one in zip(part.pairs, stats) if one.values]
    if not masks or part.mask_values != "auto":
        return part.mask_values if masks else None, None
    known = settings.num_classes, settings.ignore_index
    some = sample_masks(masks, lambda mask: mask[1].distinct)
    try:
        return infer_from_masks([(path, held) for (path, _), held in some], *known), None
    except MaskError as error:
        values = [found.distinct for _, found in masks if found.distinct != {0}]
        votes = Counter(infer_mask_encoding(found, *known) for found in values)
        most = max(sorted(votes), key=lambda name: votes[name], default="")
        return most if most and votes[most] * 2 > len(values) else None, error
