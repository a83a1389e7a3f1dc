"""What the values of masks mean where there is one class beside the background."""

from __future__ import annotations

from typing import AbstractSet

# Class numbers in the wild stay below this; a soft edge has values above it.
_HIGHEST_LIKELY_CLASS = 32


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
    return "soft" if top in found and max(between) > _HIGHEST_LIKELY_CLASS else ""
