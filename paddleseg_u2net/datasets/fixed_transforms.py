"""The beginning of a list of transforms that does the same to a pair every time.

What draws a random number, changes itself, or is not known here ends the beginning: a
transform is only counted as fixed when its source was read and found so.
"""

from __future__ import annotations

import json
from typing import Any, List, Optional, Sequence

_MODULE = "paddleseg.transforms.transforms"
# ResizeByShort is missing on purpose: it may draw its size, and a large picture changes it.
_FIXED = ("LimitLong", "Padding", "PaddingByAspectRatio", "Resize", "ResizeByLong")


def fixed_beginning(transforms: Sequence[Any]) -> List[str]:
    """Name the first transforms that are fixed, each with its settings, in order.

    Equal texts mean equal work. The texts end at the first transform that is not one of
    PaddleSeg's own `Resize` (of one interpolation), `ResizeByLong`, `LimitLong`, `Padding` and
    `PaddingByAspectRatio`; a subclass is not one of them.
    """
    found: List[str] = []
    for transform in transforms:
        name = _name(transform)
        if name is None:
            break
        found.append(name)
    return found


def one_size(transforms: Sequence[Any]) -> bool:
    """Whether the first transform, a fixed one, gives pictures of all sizes the same size."""
    return (
        bool(transforms)
        and type(transforms[0]).__name__ == "Resize"
        and not transforms[0].keep_ratio
    )


def _name(transform: Any) -> Optional[str]:
    kind = type(transform)
    if kind.__module__ != _MODULE or kind.__qualname__ not in _FIXED:
        return None
    settings = vars(transform)
    if settings.get("interp") == "RANDOM":
        return None
    try:
        return f"{kind.__qualname__} {json.dumps(settings, sort_keys=True)}"
    except (TypeError, ValueError):  # a setting that may be anything, even a random one
        return None
