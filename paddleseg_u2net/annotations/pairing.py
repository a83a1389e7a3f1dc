"""Which mask belongs to which image, by their names in two folders."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from paddleseg_u2net.annotations.image_index import folded
from paddleseg_u2net.annotations.mask_files import some
from paddleseg_u2net.annotations.record import AnnotationError
from paddleseg_u2net.images import IMAGE_SUFFIXES, files_below

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
            folder, stem = folded(folder), folded(stem)
        before, after = around
        if not (stem.startswith(before) and stem.endswith(after)):
            return None
        inner = stem[len(before) : len(stem) - len(after)]
        return (folder, inner) if inner and len(stem) >= len(before) + len(after) else None

    def text(self) -> str:
        if self.full_name:
            return "masks are named as images with their suffix (x.jpg.png)"
        said = [
            f"with {what} named {before}x{after}"
            for what, (before, after) in (("masks", self.mask), ("images", self.image))
            if before or after
        ]
        said += ["in any letter case and form of accents"] if self.any_case else []
        return "paired " + ", ".join(said)


def pair(images: Path, masks: Path, allow_missing: bool = False) -> Pairing:
    """Pair the files of two folders by name, in the ways that `folders.read` tells.

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
            "files, or leave them out with --allow_missing"
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
    lower = [(folded(folder), folded(stem)) for folder, stem in images]
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
    folder, stem = map(folded, mask) if any_case else mask
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
