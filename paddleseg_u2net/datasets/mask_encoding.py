"""What the numbers in mask files mean: recognised by a rule, checked for every file.

Coding    values in the file                                    label
--------  ----------------------------------------------------  -----------------------------------
index     class numbers (and ``ignore_index``)                  the number
binary    0 and 255                                             0 and 1
soft      0 .. 255 (16 bit: 0 .. 65535), one class only         value / 255 (65535), kept as float
instance  numbers of objects, one class only                    1 where it is not 0
{v: c}    exactly the values v                                  c

The rule of ``recognise``, with ``num_classes: 1``: values within {0, 1} are *index*, within
{0, 255} *binary*; with values in between, of which one is above 32, and a 255 among them, *soft*.
With 2 classes or more: class numbers and ``ignore_index`` are *index*; nothing but 0 and 255 is
*binary* if there are 2 classes. Anything else is ambiguous and an error; *instance* is never
recognised, but an error and a check name it where `seem_instances`.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import (
    AbstractSet,
    Callable,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import cv2
import numpy as np

from paddleseg_u2net.data_tools.formats.one_class import (
    HIGHEST_LIKELY_CLASS,
    INSTANCES,
    of_one_class,
    seem_instances,
)
from paddleseg_u2net.text import short_values

Coding = Union[str, Mapping[int, int]]
CODINGS = ("index", "binary", "soft", "instance")
_LOOKED_AT = 64
_MOST = {"soft": 1, "instance": 2}  # classes

Item = TypeVar("Item")


class MaskError(ValueError):
    """A mask cannot be used; the message names the file or the key, and the repair.

    Attributes:
        file: The mask, where it is known.
    """

    def __init__(self, message: str, file: Optional[Path] = None) -> None:
        super().__init__(message)
        self.file = file


def spread(items: Sequence[Item]) -> Sequence[Item]:
    """Up to 64, evenly spread: those that are looked at to recognise the coding of all."""
    return items[:: max(1, len(items) // _LOOKED_AT)][:_LOOKED_AT]


def telling(
    masks: Sequence[Item], values: Callable[[Item], Set[int]]
) -> List[Tuple[Item, Set[int]]]:
    """The masks by which the coding of all is recognised, with their values.

    They are those of `spread`; if these are all black, the first one that is not is looked for.
    """
    found = [(mask, values(mask)) for mask in spread(masks)]
    if all(held <= {0} for _, held in found):
        rest = ((mask, values(mask)) for mask in masks)
        found += islice(((mask, held) for mask, held in rest if held - {0}), 1)
    return found


def recognise(values: Iterable[int], num_classes: int, ignore_index: int) -> str:
    """The coding of masks that hold ``values``, by the rule above; empty if it is ambiguous."""
    found: Set[int] = set(values)
    single = of_one_class(found) if num_classes <= 2 else ""
    if num_classes == 1 or single == "binary":
        return single
    fits = found <= {*range(num_classes), ignore_index} and found != {0, ignore_index}
    return "index" if fits else ""


def recognise_all(
    masks: Sequence[Tuple[Path, AbstractSet[int]]], num_classes: int, ignore_index: int
) -> str:
    """The coding of masks, by the rule above.

    Args:
        masks: Files, at least one, and the values that each holds.
        num_classes: 1 or more.
        ignore_index: A label that counts nowhere.

    Raises:
        MaskError: the values fit none or more than one coding; a file that is the reason is named.
    """
    found: Set[int] = set().union(*(values for _, values in masks))
    coding = recognise(found, num_classes, ignore_index)
    if coding:
        return coding
    strange = found - {*range(max(num_classes, 2)), ignore_index}
    worst = max(strange or found - {0, 255, 65535} or found)
    files = [path for path, values in masks if worst in values]
    what = "is no class, and is" if strange else "is"
    offer = _offer(worst, num_classes) if strange else ""
    repair = (
        f"{offer}correct the mask, or say with the key mask_values what the "
        f"values mean: index (class numbers, {ignore_index} = ignore), binary (0 / 255), soft "
        "(0 .. 255 as probability), instance (numbers of objects), or a table such as {0: 0, 38: 1}"
    )
    if seem_instances(values for _, values in masks):
        repair = f"{INSTANCES}: mask_values: instance makes one class of them. If they are "
        repair += f"classes, set num_classes: {worst + 1}"
    raise MaskError(
        f"{files[0]}: cannot tell what the values {short_values(found)} of these masks mean for "
        f"num_classes {num_classes}: {worst} {what} in {len(files)} of {len(masks)} masks looked "
        f"at; {repair}",
        files[0],
    )


def _offer(value: int, num_classes: int) -> str:
    """The number of classes that makes one of a value, if it looks like one."""
    if value > max(HIGHEST_LIKELY_CLASS, 2 * num_classes) or value > 253:
        return ""
    return f"set num_classes: {value + 1} if {value} is a class, "


def check_coding(coding: object, num_classes: int, where: str, ignore_index: int = 255) -> None:
    """Raise MaskError if ``coding`` is not one that a user may give."""
    classes = {*range(max(num_classes, 2)), ignore_index}
    if isinstance(coding, Mapping):
        numbers = all(isinstance(n, int) and n >= 0 for pair in coding.items() for n in pair)
        if coding and numbers and set(coding.values()) <= classes:
            return
    elif coding == "auto" or (coding in CODINGS and num_classes <= _MOST.get(str(coding), 255)):
        return
    raise MaskError(
        f"{where}: expected auto, index, binary, soft (one class only), instance (one or two), or "
        f"a table of values to classes ({short_values(classes)}) such as {{0: 0, 255: 1}}, got "
        f"{coding!r}"
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
    if coding == "instance":
        return (raw > 0).astype(np.float32 if num_classes == 1 else np.uint8)
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
        offer = _offer(int(strange[-1]), num_classes) if coding == "index" else ""
        raise MaskError(
            f"{path}: expected the values {short_values(table)} ({_name(coding)} masks, "
            f"num_classes {num_classes}), got also {short_values(strange)} in "
            f"{int((labels < 0).sum())} pixels; {offer}correct the mask, or the key mask_values",
            path,
        )
    return labels if num_classes == 1 else labels.astype(np.uint8)


def _name(coding: Coding) -> str:
    return coding if isinstance(coding, str) else "mask_values"
