"""What the values of masks mean where there is, or seems to be, one class."""

from __future__ import annotations

from collections import Counter
from typing import AbstractSet, Iterable

# Class numbers in the wild stay below this; a soft edge has values above it.
HIGHEST_LIKELY_CLASS = 32
_IGNORE = 255
# Of the images, that have the same number of objects where there are two at most.
_USUAL = 0.75
# What `seem_instances` finds of values.
INSTANCES = (
    "in every mask the values run from 1 on without a gap, and how far differs, so they seem to "
    "number objects (instances)"
)


def of_one_class(found: AbstractSet[int]) -> str:
    """Tell index, binary and soft masks apart by the values in them.

    Within {0, 1}: ``index``. Within {0, 255} (16 bit: 65535): ``binary``. With values in between,
    of which one is above 32, and a 255 among them: ``soft``. Else nothing, an empty text.
    """
    top = 255 if max(found, default=0) <= 255 else 65535
    between = found - {0, top}
    if found <= {0, 1}:
        return "index"
    if not between:
        return "binary"
    return "soft" if top in found and max(between) > HIGHEST_LIKELY_CLASS else ""


def seem_instances(masks: Iterable[AbstractSet[int]]) -> bool:
    """Tell numbers of objects from class numbers by the values that each mask holds.

    Objects are counted from 1 in every image, so no mask has a gap below its highest number, and
    how many there are differs from image to image; where there are two at most, in a quarter of
    the images or more, or a stray 2 among masks of one class would do. Classes that need not be in
    every image leave gaps, unless each stands only where the ones before it do (as a tumour in its
    organ).
    """
    counts: Counter[int] = Counter()
    for values in masks:
        numbers = set(values) - {0, _IGNORE}
        if numbers != {*range(1, len(numbers) + 1)}:
            return False
        counts[len(numbers)] += bool(numbers)
    counts = +counts  # without those of empty masks
    usual = max(counts.values(), default=0)
    return len(counts) > 1 and (max(counts) > 2 or usual <= _USUAL * sum(counts.values()))
