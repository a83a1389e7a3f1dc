"""What the values in mask files mean: inferred by a rule, checked for every file.

Encoding  values in the file                                    label
--------  ----------------------------------------------------  -----------------------------------
index     class numbers (and ``ignore_index``)                  the number
binary    0 and 255 (16 bit: 65535)                             0 and 1
soft      0 .. 255 (16 bit: 0 .. 65535), one class only         value / 255 (65535), kept as float
instance  numbers of objects, one class only                    1 where it is not 0
from_1    class numbers from 1 on, 0 (and ``ignore_index``)     the number - 1, 0 is ignored
{v: c}    exactly the values v                                  c

*instance* and *from_1* are never inferred; the first is proposed by messages, see `seem_instances`.
"""

from __future__ import annotations

from collections import Counter
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

from paddleseg_u2net.io.images import read_mask
from paddleseg_u2net.text import short_values

MaskEncoding = Union[str, Mapping[int, int]]
MASK_ENCODINGS = ("index", "binary", "soft", "instance", "from_1")
IGNORE = 255
# Class numbers in the wild stay below this; a soft edge has values above it.
HIGHEST_LIKELY_CLASS = 32
INSTANCES = (
    "in every mask the values run from 1 on without a gap, and how far differs, so they seem to "
    "number objects (instances)"
)

_SAMPLED = 64
_MOST_CLASSES_OF = {"soft": 1, "instance": 2}
# Share of the images with the same number of objects, where there are two at most.
_USUAL = 0.75

Item = TypeVar("Item")


class MaskError(ValueError):
    """A mask cannot be used; the message names the file or the key, and the repair."""

    def __init__(self, message: str, file: Optional[Path] = None) -> None:
        super().__init__(message)
        self.file = file


def infer_mask_encoding(
    values: AbstractSet[int], num_classes: Optional[int] = None, ignore_index: int = IGNORE
) -> str:
    """Tell what the values of masks mean; empty if they fit no encoding.

    With one class (foreground or not): values within {0, 1} are ``index``, within {0, 255} (16 bit:
    65535) ``binary``; with values between, of which one is above 32, and a 255 among them,
    ``soft``. With more, the background among them: class numbers and ``ignore_index`` are
    ``index``; nothing but 0 and 255 is ``binary`` if there are two. With an unknown number, None:
    as for one class, else class numbers up to 33 without a gap and ``ignore_index`` are ``index``.
    """
    single = _of_one_class(values)
    if num_classes == 1 or (single and num_classes is None):
        return single
    if num_classes == 2 and single == "binary":
        return single
    if num_classes is None:
        numbers = set(values) - {ignore_index}
        fits = len(numbers) <= 33 and numbers | {0} == {*range(len(numbers | {0}))}
    else:
        known = {*range(num_classes), ignore_index}
        fits = values <= known and values != {0, ignore_index}
    return "index" if fits else ""


def _of_one_class(values: AbstractSet[int]) -> str:
    top = 255 if max(values, default=0) <= 255 else 65535
    between = values - {0, top}
    if values <= {0, 1}:
        return "index"
    if not between:
        return "binary"
    return "soft" if top in values and max(between) > HIGHEST_LIKELY_CLASS else ""


def infer_from_masks(
    masks: Sequence[Tuple[Path, AbstractSet[int]]], num_classes: int, ignore_index: int
) -> str:
    """As `infer_mask_encoding`, of files (at least one) and the values that each holds.

    If they fit no encoding, the MaskError names a file that is the reason.
    """
    found: Set[int] = set().union(*(values for _, values in masks))
    encoding = infer_mask_encoding(found, num_classes, ignore_index)
    if encoding:
        return encoding
    strange = found - {*range(max(num_classes, 2)), ignore_index}
    worst = max(strange or found - {0, 255, 65535} or found)
    files = [path for path, values in masks if worst in values]
    offer = _propose_classes(worst, num_classes) if strange else ""
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
        f"num_classes {num_classes}: {worst} is in {len(files)} of {len(masks)} masks looked at; "
        f"{repair}",
        files[0],
    )


def seem_instances(masks: Iterable[AbstractSet[int]]) -> bool:
    """Tell numbers of objects from class numbers by the values that each mask holds.

    Objects are counted from 1 in every image, so no mask has a gap below its highest number, and
    how many there are differs from image to image; where there are two at most, in a quarter of
    the images or more, or a stray 2 among masks of one class would do. Classes that need not be in
    every image leave gaps, unless each appears only where the ones before it do.
    """
    counts: Counter[int] = Counter()
    for values in masks:
        numbers = set(values) - {0, IGNORE}
        if numbers != {*range(1, len(numbers) + 1)}:
            return False
        counts[len(numbers)] += bool(numbers)
    counts = +counts  # without those of empty masks
    usual = max(counts.values(), default=0)
    return len(counts) > 1 and (max(counts) > 2 or usual <= _USUAL * sum(counts.values()))


def distinct_values(path: Path) -> Set[int]:
    """Return the values in a mask file."""
    return set(np.unique(read_mask(path)).tolist())


def sample_masks(
    masks: Sequence[Item], values_of: Callable[[Item], Set[int]]
) -> List[Tuple[Item, Set[int]]]:
    """Return the masks by which the encoding of all is inferred, with their values.

    They are up to 64, evenly spread; if these are all black, also the first one that is not.
    """
    evenly = masks[:: max(1, len(masks) // _SAMPLED)][:_SAMPLED]
    found = [(mask, values_of(mask)) for mask in evenly]
    if all(values <= {0} for _, values in found):
        rest = ((mask, values_of(mask)) for mask in masks)
        found += islice(((mask, values) for mask, values in rest if values - {0}), 1)
    return found


def check_mask_encoding(
    encoding: object, num_classes: int, where: str, ignore_index: int = IGNORE
) -> None:
    """Raise MaskError if ``encoding`` is not one that a user may give."""
    classes = {*range(max(num_classes, 2)), ignore_index}
    if isinstance(encoding, Mapping):
        numbers = all(isinstance(n, int) and n >= 0 for pair in encoding.items() for n in pair)
        if encoding and numbers and set(encoding.values()) <= classes:
            return
    elif encoding == "auto" or (
        encoding in MASK_ENCODINGS and num_classes <= _MOST_CLASSES_OF.get(str(encoding), 255)
    ):
        return
    raise MaskError(
        f"{where}: expected auto, index, binary, soft (one class only), instance (one or two), "
        f"from_1, or a table of values to classes ({short_values(classes)}) such as "
        f"{{0: 0, 255: 1}}, got {encoding!r}"
    )


def label_table(
    encoding: MaskEncoding, num_classes: int, ignore_index: int, top: int
) -> np.ndarray:
    """Return the label of each value from 0 to ``top``, float32, below 0 where it has none."""
    if encoding == "soft":
        return np.arange(top + 1, dtype=np.float32) / np.float32(top)
    if encoding == "instance":
        return (np.arange(top + 1) > 0).astype(np.float32)
    if isinstance(encoding, Mapping):
        table = dict(encoding)
    elif encoding == "binary":
        table = {0: 0, top: 1}
    elif encoding == "from_1":
        table = {0: ignore_index, ignore_index: ignore_index}
        table.update({number + 1: number for number in range(max(num_classes, 2))})
    else:
        table = {value: value for value in [*range(max(num_classes, 2)), ignore_index]}
    if max(table.values()) > 255:
        raise MaskError(f"ignore_index: expected a number from 0 to 255, got {ignore_index}")
    labels = np.full(top + 1, -1, np.float32)
    for value, label in table.items():
        if value <= top:
            labels[value] = label
    return labels


def decode(
    raw: np.ndarray, encoding: MaskEncoding, num_classes: int, ignore_index: int, path: Path
) -> np.ndarray:
    """Return the labels of a mask as stored, uint8 or uint16 (H, W).

    These are float32 (H, W) with the foreground's probability in [0, 1] for one class, else uint8
    (H, W) with class numbers; ``ignore_index`` stays in both.
    """
    table = label_table(encoding, num_classes, ignore_index, int(np.iinfo(raw.dtype).max))
    labels = cv2.LUT(raw, table) if raw.dtype == np.uint8 else table[raw]
    if labels.min(initial=0) < 0:
        known, strange = np.flatnonzero(table >= 0), np.unique(raw[labels < 0]).tolist()
        offer = _propose_classes(strange[-1], num_classes) if encoding == "index" else ""
        name = encoding if isinstance(encoding, str) else "mask_values"
        raise MaskError(
            f"{path}: expected the values {short_values(known)} ({name} masks, num_classes "
            f"{num_classes}), got also {short_values(strange)} in {int((labels < 0).sum())} "
            f"pixels; {offer}correct the mask, or the key mask_values",
            path,
        )
    return labels if num_classes == 1 else labels.astype(np.uint8)


def _propose_classes(value: int, num_classes: int) -> str:
    if value > max(HIGHEST_LIKELY_CLASS, 2 * num_classes) or value > 253:
        return ""
    return f"set num_classes: {value + 1} if {value} is a class, "
