"""Which images are for training, validation and testing: the same on every machine."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from dataclasses import dataclass, replace
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

PARTS = ("train", "val", "test")

# More strata follow the area more closely, but move more images when some are added.
_MOST_STRATA = 5
_LEAST_UNITS = 10


class SplitError(ValueError):
    """Images cannot be divided as asked."""


@dataclass(frozen=True)
class Item:
    """What the split needs to know of an image."""

    name: str  # differs from all others
    share: float  # of its pixels that are foreground, 0 to 1
    classes: int = 1  # that it shows beside the background
    group: str = ""  # images of one group stay together; empty: alone
    split: str = ""  # the part that it has to be in; empty: any


class _Unit(NamedTuple):
    items: Tuple[Item, ...]
    digest: bytes
    share: float
    classes: int
    split: str


def split(
    items: Iterable[Item], val_share: float, test_share: float = 0.0, seed: int = 0
) -> Dict[str, List[str]]:
    """Divide images into parts: sorted names for each of ``PARTS``.

    Images that stay together (a group, or one image alone) are a unit. Units are put in one order
    by a hash of their names and the seed. Strata (no foreground; quantiles of the foreground's
    share among images with as many classes) are spread evenly over that order, so that any piece of
    it is a fair sample. Validation takes the first units, testing the next, training the rest;
    groups that would miss a part's size are passed over.

    Asking for a testing part changes nothing in validation. Adding a tenth of new images moves some
    old ones to another part, those whose place is where a part ends: 2 of 100, 3 of 300, 15 of
    5000.

    ``val_share`` and ``test_share`` are of all images, below 1 together; sizes are as near to these
    as groups allow, and at least one image where a share is not 0.
    """
    items = sorted(items, key=lambda item: item.name)
    check_shares(val_share, test_share)
    shares = {"val": val_share, "test": test_share}
    if not items:
        raise SplitError("there are no images to divide")
    units = _units(items, seed)
    parts = {part: [unit for unit in units if unit.split == part] for part in PARTS}
    free = _ordered([unit for unit in units if not unit.split])
    asked = [part for part in ("val", "test") if shares[part] > 0]
    if free:
        _check_enough(free, items, [part for part in ("train", *asked) if not parts[part]])
    for place, part in enumerate(asked if free else []):
        later = sum(not parts[other] for other in ("train", *asked[place + 1 :]))
        size = math.floor(shares[part] * len(items) + 0.5) - _size(parts[part])
        taken = _take(free, size, least=0 if parts[part] else 1, most=len(free) - later)
        parts[part] += [free[index] for index in taken]
        free = [unit for index, unit in enumerate(free) if index not in taken]
    parts["train"] += free
    return {
        part: sorted(item.name for unit in members for item in unit.items)
        for part, members in parts.items()
    }


def folds(
    items: Iterable[Item], count: int, test_share: float = 0.0, seed: int = 0
) -> Tuple[List[List[str]], List[str]]:
    """Divide images into ``count`` folds, of which each is validated on once, and a testing part.

    Each fold is a fair sample as validation is in `split`, with groups kept together; sizes are as
    equal as groups allow. Images that have to be in training or validation are in some fold.
    Without a testing part the first fold is what `split` takes for that share of validation.

    Returns:
        Sorted names of each fold, and of the testing part.
    """
    by_name = {item.name: item for item in items}
    pooled = [
        replace(item, split="train") if item.split == "val" else item for item in by_name.values()
    ]
    parts = split(pooled, 0, test_share, seed)
    rest = [replace(by_name[name], split="") for name in parts["train"]]  # in their names' order
    free = _ordered(_units(rest, seed))
    if len(free) < count:
        groups = " groups" if any(item.group for item in rest) else ""
        raise SplitError(
            f"folds: {len(free)}{groups or ' images'} cannot be divided into {count}; ask for fewer"
        )
    found: List[List[_Unit]] = []
    for left in range(count, 0, -1):
        size = math.floor(_size(free) / left + 0.5)
        taken = _take(free, size, least=1, most=len(free) - left + 1)
        found.append([free[index] for index in taken] if left > 1 else free)
        free = [unit for index, unit in enumerate(free) if index not in taken]
    names = [sorted(item.name for unit in units for item in unit.items) for units in found]
    return names, parts["test"]


def check_shares(val_share: float, test_share: float) -> None:
    """Refuse shares for validation and testing that leave nothing to train on."""
    for part, share in (("val", val_share), ("test", test_share)):
        if not 0 <= share < 1:
            raise SplitError(f"{part}_share: expected 0 or more and less than 1, got {share}")
    if val_share + test_share >= 1:
        raise SplitError(
            f"val_share and test_share: {val_share} + {test_share} leaves nothing to train on; "
            "lower them"
        )


def _check_enough(free: Sequence[_Unit], items: Sequence[Item], empty: Sequence[str]) -> None:
    if len(free) < len(empty):
        groups = f" in {len(free)} groups" if any(item.group for item in items) else ""
        raise SplitError(
            f"{len(items)} images{groups} cannot be divided into {', '.join(empty)}: at least "
            f"{len(empty)} are needed; add images, choose smaller groups, or ask for fewer parts "
            "(a share of 0)"
        )


def _units(items: Sequence[Item], seed: int) -> List[_Unit]:
    members: Dict[Tuple[str, str], List[Item]] = {}
    for item in items:
        # A group may have the name of an image that is not in it.
        key = ("group", item.group) if item.group else ("image", item.name)
        members.setdefault(key, []).append(item)
    return [_unit(kind, name, found, seed) for (kind, name), found in members.items()]


def _unit(kind: str, name: str, items: Sequence[Item], seed: int) -> _Unit:
    own = sorted({item.split for item in items} - {""})
    if len(own) > 1:
        raise SplitError(
            f"group {name}: its images have to stay together, but the source has them in "
            f"{' and '.join(own)}; divide anew with --resplit, or choose other groups"
        )
    # Some operating systems hand out letters and their accents apart.
    text = f"{seed}\0{kind}\0{unicodedata.normalize('NFC', name)}"
    return _Unit(
        tuple(items),
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(),
        math.fsum(item.share for item in items) / len(items),
        max(item.classes for item in items),
        own[0] if own else "",
    )


def _ordered(units: Sequence[_Unit]) -> List[_Unit]:
    """Put units in an order of which every piece has its share of each stratum."""
    places: Dict[bytes, float] = {}
    for stratum in _strata(units):
        before, total = 0.0, _size(stratum)
        for unit in sorted(stratum, key=lambda unit: unit.digest):
            # Anywhere in the room of its size, so that small strata are not always last.
            within = int.from_bytes(unit.digest[-6:], "big") / 2**48
            places[unit.digest] = (before + within * len(unit.items)) / total
            before += len(unit.items)
    return sorted(units, key=lambda unit: (places[unit.digest], unit.digest))


def _strata(units: Sequence[_Unit]) -> Iterator[List[_Unit]]:
    """Units without foreground, and quantiles of its share among those of as many classes."""
    alike: Dict[int, List[_Unit]] = {}
    for unit in units:
        alike.setdefault(unit.classes if unit.share > 0 else 0, []).append(unit)
    for classes, same in alike.items():
        same.sort(key=lambda unit: (unit.share, unit.digest))
        count = max(1, min(_MOST_STRATA, len(same) // _LEAST_UNITS)) if classes else 1
        ends = [len(same) * k // count for k in range(count + 1)]
        yield from (same[start:end] for start, end in zip(ends, ends[1:]))


def _size(units: Sequence[_Unit]) -> int:
    return sum(len(unit.items) for unit in units)


def _take(units: Sequence[_Unit], size: int, least: int, most: int) -> Set[int]:
    """Indices of units that together are as near to ``size`` as any, early ones first.

    ``least`` and ``most`` say how many units, ``least`` 0 or 1.
    """
    if (size < 1 and not least) or most < 1:
        return set()
    sizes = [len(unit.items) for unit in units]
    size = max(size, 1)
    # Any sum above twice the size is farther off than none at all, or than the smallest unit.
    limit = max(2 * size, min(sizes))
    sums = _Sums(sizes, limit)
    for total in sorted(range(least, limit + 1), key=lambda total: (abs(total - size), total)):
        taken = sums.earliest(total)
        if taken is not None and least <= len(taken) <= most:
            return taken
    raise AssertionError("the smallest unit alone is a sum")


class _Sums:
    """Which sums the last ones of some sizes can have.

    Sizes above 1 are remembered as one bit for each sum; ones fill any gap up to their number.
    """

    def __init__(self, sizes: Sequence[int], limit: int) -> None:
        self._sizes = sizes
        bits = [1]
        for size in reversed(sizes):
            if size > 1:
                # Sizes beyond the limit are in no sum; shifting by them would only take memory.
                more = bits[-1] << size & ((1 << (limit + 1)) - 1) if size <= limit else 0
                bits.append(bits[-1] | more)
        self._bits = bits[::-1]

    def _possible(self, total: int, group: int, ones: int) -> bool:
        low = max(0, total - ones)
        return total >= 0 and self._bits[group] >> low & ((1 << (total - low + 1)) - 1) != 0

    def earliest(self, total: int) -> Optional[Set[int]]:
        """Indices of the earliest sizes with this sum; None if there are none."""
        group, ones = 0, self._sizes.count(1)
        if not self._possible(total, group, ones):
            return None
        taken = set()
        for index, size in enumerate(self._sizes):
            group, ones = (group, ones - 1) if size == 1 else (group + 1, ones)
            if self._possible(total - size, group, ones):
                taken.add(index)
                total -= size
        return taken
