"""What the numbers in mask files mean: recognised by a rule, checked for every file.

Coding    values in the file                                    label
--------  ----------------------------------------------------  -----------------------------------
index     class numbers (and ``ignore_index``)                  the number
binary    0 and 255                                             0 and 1
soft      0 .. 255 (16 bit: 0 .. 65535), one class only         value / 255 (65535), kept as float
{v: c}    exactly the values v                                  c

The rule of ``recognise``, with ``num_classes: 1``: values within {0, 1} are *index*, within
{0, 255} *binary*; with values in between, of which one is above 32, and a 255 among them, *soft*.
With 2 classes or more: class numbers and ``ignore_index`` are *index*; nothing but 0 and 255 is
*binary* if there are 2 classes. Anything else is ambiguous and an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Mapping, Sequence, Set, TypeVar, Union

import cv2
import numpy as np

from paddleseg_u2net.annotations.one_class import of_one_class

Coding = Union[str, Mapping[int, int]]
CODINGS = ("index", "binary", "soft")
_LOOKED_AT = 64

Item = TypeVar("Item")


class MaskError(ValueError):
    """A mask cannot be used; the message names the file or the key, and the repair."""


def spread(items: Sequence[Item]) -> Sequence[Item]:
    """Up to 64, evenly spread: those that are looked at to recognise the coding of all."""
    return items[:: max(1, len(items) // _LOOKED_AT)][:_LOOKED_AT]


def recognise(values: Iterable[int], num_classes: int, ignore_index: int, where: str) -> str:
    """The coding of masks that hold ``values``, by the rule above.

    Raises:
        MaskError: the values fit none or more than one coding.
    """
    found: Set[int] = set(values)
    if num_classes == 1:
        single = of_one_class(found)
        if single:
            return single
    else:
        if num_classes == 2 and of_one_class(found) == "binary":
            return "binary"
        if found <= {*range(num_classes), ignore_index} and found != {0, ignore_index}:
            return "index"
    raise MaskError(
        f"{where}: cannot tell what the values {_some(found)} of these masks mean for "
        f"num_classes {num_classes}. Say so with the key mask_values: index (class numbers, "
        f"{ignore_index} = ignore), binary (0 / 255), soft (0 .. 255 as probability), or a table "
        "such as {0: 0, 38: 1}"
    )


def check_coding(coding: object, num_classes: int, where: str, ignore_index: int = 255) -> None:
    """Raise MaskError if ``coding`` is not one that a user may give."""
    classes = {*range(max(num_classes, 2)), ignore_index}
    if isinstance(coding, Mapping):
        numbers = all(isinstance(n, int) and n >= 0 for pair in coding.items() for n in pair)
        if coding and numbers and set(coding.values()) <= classes:
            return
    elif coding == "auto" or (coding in CODINGS and not (coding == "soft" and num_classes > 1)):
        return
    raise MaskError(
        f"{where}: expected auto, index, binary, soft (one class only), or a table of values to "
        f"classes ({_some(classes)}) such as {{0: 0, 255: 1}}, got {coding!r}"
    )


def decode(
    raw: np.ndarray, coding: Coding, num_classes: int, ignore_index: int, path: Path
) -> np.ndarray:
    """Labels of a mask as stored, uint8 or uint16 (H, W).

    Returns:
        float32 (H, W) with the foreground's probability in [0, 1] for one class, else uint8 (H, W)
        with class numbers; ``ignore_index`` stays in both.

    Raises:
        MaskError: the mask has a value that ``coding`` does not know.
    """
    if coding == "soft":
        return raw.astype(np.float32) / np.float32(65535 if raw.dtype == np.uint16 else 255)
    if coding == "binary":
        table = {0: 0, int(np.iinfo(raw.dtype).max): 1}
    elif coding == "index":
        table = {value: value for value in [*range(max(num_classes, 2)), ignore_index]}
    else:
        table = dict(coding)  # type: ignore[arg-type]
    if max(table.values()) > 255:
        raise MaskError(f"ignore_index: expected a number from 0 to 255, got {ignore_index}")
    lookup = np.full(int(np.iinfo(raw.dtype).max) + 1, -1, np.float32)
    for value, label in table.items():
        if value < len(lookup):
            lookup[value] = label
    labels = cv2.LUT(raw, lookup) if raw.dtype == np.uint8 else lookup[raw]
    if labels.min(initial=0) < 0:
        strange = np.unique(raw[labels < 0])
        raise MaskError(
            f"{path}: expected the values {_some(table)} ({_name(coding)} masks, num_classes "
            f"{num_classes}), got also {_some(strange)} in {int((labels < 0).sum())} pixels; "
            "correct the mask, num_classes, or the key mask_values"
        )
    return labels if num_classes == 1 else labels.astype(np.uint8)


def _name(coding: Coding) -> str:
    return coding if isinstance(coding, str) else "mask_values"


def _some(values: Iterable[int]) -> str:
    ordered = sorted(int(value) for value in values)
    return ", ".join(map(str, ordered[:10])) + (
        f" ... {ordered[-1]} ({len(ordered)} values)" if len(ordered) > 10 else ""
    )
