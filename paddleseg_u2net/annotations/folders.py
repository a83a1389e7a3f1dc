"""A folder of images and a folder of masks: which belong together, and what the masks mean."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import numpy as np
from tqdm import tqdm

from paddleseg_u2net.annotations.classes import BACKGROUND, IGNORE
from paddleseg_u2net.annotations.mask_files import (
    AlphaFile,
    BinaryFile,
    IndexFile,
    InstanceFile,
    SoftFile,
    brightness,
    kind,
    opacity,
    some,
)
from paddleseg_u2net.annotations.record import AnnotationError, Collection, MaskSource, Record
from paddleseg_u2net.images import IMAGE_SUFFIXES, ImageError, files_below, read_mask

JPEG = (".jpg", ".jpeg")
MASK_SUFFIXES = IMAGE_SUFFIXES | {".gif", ".pgm", ".pbm"}
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

Values = Union[str, Mapping[int, int]]
# What "auto" may find out; a table of values is the other choice.
VALUES = ("auto", "index", "binary", "soft", "alpha", "instance")
# Class numbers in the wild stay below this; a soft edge has values above it.
_HIGHEST_LIKELY_CLASS = 32
_MOST = 254

Item = TypeVar("Item")
Found = TypeVar("Found")
# The folder below the top, and the name without suffix.
Key = Tuple[str, str]


class Pair(NamedTuple):
    """An image, its mask, the image's path without suffix, and the split that its folder says."""

    image: Path
    mask: Path
    name: str
    split: str


@dataclass
class Pairing:
    """What two folders give.

    Attributes:
        pairs: Sorted by name.
        remarks: How they were paired, and what was left out.
    """

    pairs: List[Pair]
    remarks: List[str] = field(default_factory=list)


def read(
    images: Path,
    masks: Path,
    values: Values = "auto",
    classes: Optional[Sequence[str]] = None,
    allow_missing: bool = False,
) -> Collection:
    """Read a folder of images and one of masks.

    Args:
        images: Searched with its subfolders.
        masks: The same, with subfolders of the same names. Names may have something before or
            after the image's name, the same for all (``x_mask.png``, ``gt_x.png``,
            ``x.jpg.png``), or differ in letter case.
        values: What the masks hold: ``index`` (class numbers, 255 counts nowhere), ``binary``
            (black and white), ``soft`` (probability of one class), ``alpha`` (the opacity of
            cut-outs), ``instance`` (anything but 0 is the object), a table of values to class
            numbers, or ``auto``: every mask is looked at, and `recognise` tells.
        classes: Names of the classes 1, 2 ...; a background may stand before them. None: object,
            or class_1, class_2 ... up to the highest number.
        allow_missing: Leave out images without a mask and masks without an image, with a remark.

    Returns:
        Splits are those of subfolders train, val and test, if all images are in such.

    Raises:
        AnnotationError: a folder is missing or empty, files have no partner, the masks' values
            do not tell their meaning, or there are more or less classes than names.
        ImageError: a mask cannot be read.
    """
    if isinstance(values, str) and values not in VALUES:
        raise AnnotationError(
            f"values: expected {', '.join(VALUES)} or a table of values to class numbers, got "
            f"{values!r}"
        )
    pairing = pair(images, masks, allow_missing)
    paths = [item.mask for item in pairing.pairs]
    names = list(classes) if classes is not None else None
    if names and names[0].strip().lower() in (BACKGROUND, "_background_"):
        names = names[1:]
    if values == "auto":
        seen = _Seen.of(paths)
        values = recognise(seen, len(names) if names else None, masks)
        pairing.remarks.append(f"masks read as {values} ({seen.text()})")
    elif values == "index" and not names:
        seen = _Seen.of(paths)
    else:
        seen = _Seen()
    if any(path.suffix.lower() in JPEG for path in paths):
        pairing.remarks.append(
            "masks are JPEG files, whose values are smeared: as binary they are cut at half"
        )
    titles = _titles(values, names, seen, masks)
    make = _source(values, len(titles))
    records = [Record(p.image, p.name, make(p.mask), p.split) for p in pairing.pairs]
    soft = values in ("soft", "alpha")
    return Collection((BACKGROUND, *titles), records, soft, pairing.remarks)


def _titles(
    values: Values, names: Optional[List[str]], seen: _Seen, where: object
) -> Sequence[str]:
    """The names of the classes 1, 2 ..., as many as the masks need."""
    if not isinstance(values, str):
        wrong = [n for n in chain(values, values.values()) if not 0 <= n <= 65535]
        if wrong or any(_MOST < n < IGNORE or n > IGNORE for n in values.values()) or not values:
            raise AnnotationError(
                f"{where}: expected a table of values (0..65535) to class numbers (0..{_MOST}, "
                f"{IGNORE} counts nowhere), got {dict(values)}"
            )
    if isinstance(values, str) and values != "index":
        needed = 1
    else:
        numbers = seen.values if isinstance(values, str) else set(values.values())
        needed = max([1, *(number for number in numbers if number != IGNORE)])
    if names is None:
        if needed > _MOST:
            raise AnnotationError(
                f"{where}: expected class numbers up to {_MOST}, got {needed}; give a table of "
                "values to class numbers"
            )
        return ["object"] if needed == 1 else [f"class_{n}" for n in range(1, needed + 1)]
    single = isinstance(values, str) and values != "index"
    if len(names) < needed or not names or (single and len(names) != 1):
        raise AnnotationError(
            f"{where}: expected names for {needed} classes beside the background, got "
            f"{len(names)} ({', '.join(names) or 'none'})"
        )
    return names


def _source(values: Values, count: int) -> Callable[[Path], MaskSource]:
    if not isinstance(values, str):
        table = dict(values)
        return lambda path: IndexFile(path, table)
    if values == "index":
        identity = {number: number for number in [*range(count + 1), IGNORE]}
        return lambda path: IndexFile(path, identity)
    makers: Dict[str, Callable[[Path], MaskSource]] = {
        "binary": BinaryFile,
        "soft": SoftFile,
        "alpha": AlphaFile,
        "instance": InstanceFile,
    }
    return makers[values]


# ---------------------------------------------------------------- what masks mean


@dataclass
class _Seen:
    """The values of many masks.

    Attributes:
        values: All of them.
        sets: Each set of values that a file has, with such a file.
        cut_outs: A file with transparency, if there is one.
    """

    values: Set[int] = field(default_factory=set)
    sets: Dict[FrozenSet[int], Path] = field(default_factory=dict)
    cut_outs: List[Path] = field(default_factory=list)

    @classmethod
    def of(cls, paths: Sequence[Path]) -> _Seen:
        seen = cls()
        for path, found in zip(paths, look_at(paths, _values, "masks")):
            if found is None:
                seen.cut_outs.append(path)
            else:
                seen.values |= found
                seen.sets.setdefault(found, path)
        return seen

    def text(self) -> str:
        return f"values {some(sorted(self.values))}" if self.values else "cut-outs"

    def holding(self, value: int) -> Path:
        return next(path for found, path in self.sets.items() if value in found)


def _values(path: Path) -> Optional[FrozenSet[int]]:
    """The values of one mask; None if it is a cut-out, whose alpha is the mask."""
    header = kind(path)
    if header.alpha and opacity(path) is not None:
        return None
    try:
        stored = read_mask(path)
    except ImageError as error:
        if header.mode in ("RGB", "RGBA", "CMYK", "YCbCr", "LAB"):
            raise AnnotationError(f"{error}, or give a table of its colours") from error
        raise
    found = frozenset(np.flatnonzero(np.bincount(stored.reshape(-1))).tolist())
    if (header.mode == "P" and found <= {0, 1}) or header.mode == "1":
        # Of two colours the index does not say which is white.
        looks = frozenset(np.unique(brightness(path)).tolist())
        return looks if looks <= {0, 255} else found
    return found


def recognise(seen: _Seen, count: Optional[int], where: object) -> str:
    """What masks hold, by the rule of training (``datasets.masks``).

    Args:
        seen: The values of all masks.
        count: Classes beside the background; None: not known.
        where: The masks, for messages.

    Returns:
        ``index``, ``binary``, ``soft`` or ``alpha``.

    With one class: within {0, 1} index, within {0, 255} binary; with values in between, of which
    one is above 32, and a 255 among them, soft. Else class numbers and 255, without a gap if
    ``count`` is not known, are index.

    Raises:
        AnnotationError: the values fit none or more than one.
    """
    if seen.cut_outs:
        if not seen.sets:
            return "alpha"
        raise AnnotationError(
            f"{where}: some masks are cut-outs ({seen.cut_outs[0].name}), others are not "
            f"({next(iter(seen.sets.values())).name}); keep one kind in a folder"
        )
    found = seen.values
    top = 255 if max(found, default=0) <= 255 else 65535
    between = found - {0, top}
    if count in (None, 1):
        if found <= {0, 1}:
            return "index"
        if not between:
            return "binary"
        if top in found and max(between) > _HIGHEST_LIKELY_CLASS:
            return "soft"
    numbers = found - {IGNORE}
    if count is None:
        fits = numbers | {0} == {*range(len(numbers | {0}))} and len(numbers) <= 33
    else:
        fits = numbers <= {*range(count + 1)} and found != {0, IGNORE}
    # Files of {0, 1} beside files of {0, 255} are two ways to say one thing, not "ignore".
    if fits and found == {0, 1, IGNORE} and not any({1, IGNORE} <= each for each in seen.sets):
        raise AnnotationError(
            f"{where}: in some masks the object is 1 ({seen.holding(1).name}), in others 255 "
            f"({seen.holding(255).name}); as binary both are the object, as index 255 counts "
            "nowhere: say which"
        )
    if fits:
        return "index"
    strange = max(between or found)
    raise AnnotationError(
        f"{where}: cannot tell what the values {some(sorted(found))} of these masks mean"
        + (f" for {count} classes" if count else "")
        + f" ({strange} is in {seen.holding(strange).name}); say index, binary or soft, name the "
        "classes, or give a table of values such as {0: 0, 38: 1}"
    )


def look_at(items: Sequence[Item], look: Callable[[Item], Found], what: str) -> Iterator[Found]:
    """``look(item)`` for all items in order, several at once, with a bar on a terminal.

    Threads do, as decoding and counting leave the interpreter free.
    """
    with ThreadPoolExecutor() as pool:
        # In portions, for a generator that stops early should not have queued everything.
        portions = (items[start : start + 256] for start in range(0, len(items), 256))
        found = chain.from_iterable(pool.map(look, portion) for portion in portions)
        yield from tqdm(found, total=len(items), desc=f"looking at {what}", disable=None)


# ---------------------------------------------------------------- which belong together


@dataclass(frozen=True)
class _Rule:
    """How names become keys that images and masks share."""

    mask: Tuple[str, str] = ("", "")  # what stands before and after
    image: Tuple[str, str] = ("", "")
    any_case: bool = False
    full_name: bool = False

    def mask_key(self, key: Key) -> Optional[Key]:
        if self.full_name:
            stem, _, suffix = key[1].rpartition(".")
            return (key[0], stem) if stem and f".{suffix}".lower() in IMAGE_SUFFIXES else None
        return self._key(key, self.mask)

    def image_key(self, key: Key) -> Optional[Key]:
        return self._key(key, self.image)

    def _key(self, key: Key, around: Tuple[str, str]) -> Optional[Key]:
        folder, stem = key
        if self.any_case:
            folder, stem = folder.casefold(), stem.casefold()
        before, after = around
        if not (stem.startswith(before) and stem.endswith(after)):
            return None
        inner = stem[len(before) : len(stem) - len(after)]
        return (folder, inner) if inner and len(stem) >= len(before) + len(after) else None

    def text(self) -> str:
        if self.full_name:
            return "masks are named as images with their suffix (x.jpg.png)"
        said = [
            f"{what} named {before}x{after}"
            for what, (before, after) in (("masks", self.mask), ("images", self.image))
            if before or after
        ]
        said += ["in any letter case"] if self.any_case else []
        return "paired with " + ", ".join(said)


def pair(images: Path, masks: Path, allow_missing: bool = False) -> Pairing:
    """Pair the files of two folders by name, in the ways that `read` tells.

    Raises:
        AnnotationError: a folder is missing or empty, two files have the same name, or a file
            has no partner (unless ``allow_missing``, if there is any pair).
    """
    images, masks = Path(images), Path(masks)
    if images.resolve() == masks.resolve():
        raise AnnotationError(
            f"{images}: expected images and masks in two folders; move the masks to another"
        )
    image_files = _by_key(images, IMAGE_SUFFIXES, "images", besides=masks)
    mask_files = _by_key(masks, MASK_SUFFIXES, "masks", besides=images)
    rule, matched = _best(list(image_files), list(mask_files))
    remarks = [] if rule == _Rule() else [rule.text()]
    without = [image_files[key] for key in image_files if key not in matched]
    used = set(matched.values())
    alone = [mask_files[key] for key in mask_files if key not in used]
    problems = [
        f"{len(paths)} {what}: {some([path.name for path in paths], 5)}"
        for paths, what in ((without, "images without a mask"), (alone, "masks without an image"))
        if paths
    ]
    if problems and not (allow_missing and matched):
        raise AnnotationError(
            f"{images} and {masks}: expected a mask for each image, of the same name but for the "
            f"suffix and what all have in common; {'; '.join(problems)}; add or remove those "
            "files, or allow missing ones"
        )
    remarks += [f"left out {problem}" for problem in problems]
    splits, said = _splits(matched)
    pairs = [
        Pair(image_files[key], mask_files[matched[key]], "/".join(filter(None, key)), splits(key))
        for key in sorted(matched)
    ]
    return Pairing(pairs, remarks + said)


def _by_key(folder: Path, suffixes: Iterable[str], what: str, besides: Path) -> Dict[Key, Path]:
    if not folder.is_dir():
        raise AnnotationError(f"{folder}: expected a folder of {what}; there is none")
    found: Dict[Key, Path] = {}
    others: Counter[str] = Counter()
    inner = folder.resolve() in besides.resolve().parents
    for path in files_below(folder):
        if inner and besides.resolve() in path.resolve().parents:
            continue
        if path.suffix.lower() not in suffixes:
            others[path.suffix.lower()] += 1
            continue
        place = path.relative_to(folder)
        key = ("" if place.parent == Path() else place.parent.as_posix(), place.stem)
        if key in found:
            raise AnnotationError(
                f"{folder}: {found[key].name} and {path.name} have the same name but for the "
                "suffix; rename or remove one"
            )
        found[key] = path
    if not found:
        there = ", ".join(f"{n} of {s or 'no suffix'}" for s, n in others.most_common(5))
        raise AnnotationError(
            f"{folder}: expected {what} ({' '.join(sorted(suffixes))}), found "
            f"{'files ' + there if there else 'no files'}; check the path"
        )
    return found


def _best(images: List[Key], masks: List[Key]) -> Tuple[_Rule, Dict[Key, Key]]:
    """The rule that pairs most, the plainest of those, and image -> mask by it."""
    best, most = _Rule(), _match(_Rule(), images, masks)
    for rule in _rules(images, masks):
        if len(most) == len(images) == len(masks):
            break
        matched = _match(rule, images, masks)
        if len(matched) > len(most):
            best, most = rule, matched
    return best, most


def _match(rule: _Rule, images: List[Key], masks: List[Key]) -> Dict[Key, Key]:
    """Image -> mask. What fits more than one way does not fit."""
    sides: List[Dict[Key, List[Key]]] = [defaultdict(list), defaultdict(list)]
    for side, keys, convert in zip(sides, (images, masks), (rule.image_key, rule.mask_key)):
        for key in keys:
            shared = convert(key)
            if shared is not None:
                side[shared].append(key)
    return {
        found[0]: sides[1][shared][0]
        for shared, found in sides[0].items()
        if len(found) == 1 and len(sides[1].get(shared, ())) == 1
    }


def _rules(images: List[Key], masks: List[Key]) -> Iterator[_Rule]:
    """Ways to pair, the plainest first."""
    yield _Rule(any_case=True)
    yield _Rule(full_name=True)
    lower = [(folder.casefold(), stem.casefold()) for folder, stem in images]
    for names, any_case in ((set(images), False), (set(lower), True)):
        spread = masks[:: max(1, len(masks) // 3)][:3]
        affixes = Counter(chain.from_iterable(_around(m, names, any_case) for m in spread))
        # The shortest first: of `x_1_mask`, `_mask` rather than `_1_mask`.
        for around, _ in sorted(affixes.items(), key=lambda a: (-a[1], len("".join(a[0])))):
            yield _Rule(mask=around, any_case=any_case)
    image_frames = _frames([stem for _, stem in images])
    for mask_frame in _frames([stem for _, stem in masks]):
        for image_frame in image_frames:
            yield _Rule(mask=mask_frame, image=image_frame)


def _around(mask: Key, images: Set[Key], any_case: bool) -> Set[Tuple[str, str]]:
    """What stands before and after an image's name in a mask's name, for all that fit."""
    folder, stem = (part.casefold() for part in mask) if any_case else mask
    ends = range(len(stem) + 1)
    return {
        (stem[:start], stem[end:])
        for start in ends
        for end in ends[start + 1 :]
        if (folder, stem[start:end]) in images and end - start < len(stem)
    }


def _frames(stems: List[str]) -> List[Tuple[str, str]]:
    """What all names begin and end with, cut where a number or a word begins."""
    if len(stems) < 2:
        return []
    before = _common_start(stems)
    after = _common_start([stem[::-1] for stem in stems])[::-1]
    befores = {before.rstrip("0123456789"), re.sub(r"[A-Za-z0-9]*$", "", before)}
    afters = {after.lstrip("0123456789"), re.sub(r"^[A-Za-z0-9]*", "", after)}
    return sorted({(b, a) for b in befores for a in afters}, key=lambda f: -len("".join(f)))


def _common_start(texts: List[str]) -> str:
    low, high = min(texts), max(texts)
    differs = (place for place, (a, b) in enumerate(zip(low, high)) if a != b)
    return low[: next(differs, len(low))]


def _splits(matched: Iterable[Key]) -> Tuple[Callable[[Key], str], List[str]]:
    """What tells the split of an image, and a remark if folders do."""
    tops = {folder.split("/")[0].lower() for folder, _ in matched}
    if len(tops) > 1 and tops <= set(SPLITS):
        return (lambda key: SPLITS[key[0].split("/")[0].lower()]), [
            f"split as the folders {', '.join(sorted(tops))} say"
        ]
    return (lambda key: ""), []
