"""Which masks belong to which image, by their names in two folders or in one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import (
    AbstractSet,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from paddleseg_u2net.data_tools.formats import one_folder
from paddleseg_u2net.data_tools.formats.image_index import folded
from paddleseg_u2net.data_tools.formats.import_stats import count_images
from paddleseg_u2net.data_tools.formats.mask_files import some
from paddleseg_u2net.data_tools.formats.sample import AnnotationError
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, files_below

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

_SHOWN = 3
_NUMBER = re.compile(r"[ _.-]*(?:\d+|\(\d+\))$")

# The folder below the top, and the name without suffix.
Key = Tuple[str, str]
_Match = Dict[Key, Tuple[Key, ...]]


class Pair(NamedTuple):
    """An image, its masks, the image's path without suffix, and the split that its folder says."""

    image: Path
    masks: Tuple[Path, ...]
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
    numbered: bool = False  # masks of one image, with numbers behind what stands after its name
    by_folder: bool = False  # masks of one image, in a folder of its name

    def mask_key(self, key: Key) -> Optional[Key]:
        if self.full_name:
            stem, _, suffix = key[1].rpartition(".")
            return (key[0], stem) if stem and f".{suffix}".lower() in IMAGE_SUFFIXES else None
        if self.by_folder:
            folder, _, stem = key[0].rpartition("/")
            return (folder, stem) if stem else None
        return self._key((key[0], _unnumbered(key[1])) if self.numbered else key, self.mask)

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
        if self.by_folder:
            return "masks are in folders of their images' names (x/1.png)"
        said = [
            f"with {what} named {before}x{after}"
            for what, (before, after) in (("masks", self.mask), ("images", self.image))
            if before or after
        ]
        said += ["of which an image may have several, with numbers"] if self.numbered else []
        said += ["in any letter case and form of accents"] if self.any_case else []
        return "paired " + ", ".join(said)


def pair(images: Path, masks: Path, allow_missing: bool = False) -> Pairing:
    """Pair the files of two folders by name, in the ways that `folders.read` tells.

    Raises:
        AnnotationError: a folder is missing or empty, two files have the same name, or a file
            has no partner (unless ``allow_missing``, if there is any pair).
    """
    images, masks = Path(images), Path(masks)
    image_files, mask_files = _sides(images, masks)
    rule, matched = _best(list(image_files), list(mask_files))
    remarks = [] if rule == _Rule() else [rule.text()]
    without = [image_files[key] for key in image_files if key not in matched]
    used = set(chain.from_iterable(matched.values()))
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
        Pair(
            image_files[key],
            tuple(mask_files[mask] for mask in matched[key]),
            "/".join(filter(None, key)),
            splits(key),
        )
        for key in sorted(matched)
    ]
    return Pairing(pairs, remarks + _several(pairs) + said)


def _several(pairs: List[Pair]) -> List[str]:
    merged = [pair for pair in pairs if len(pair.masks) > 1]
    if not merged:
        return []
    names = " and ".join(path.name for path in merged[0].masks[:_SHOWN])
    return [
        f"{count_images(len(merged))} with several masks, which are merged, such as "
        f"{merged[0].image.name} with {names}" + (" ..." if len(merged[0].masks) > _SHOWN else "")
    ]


def _sides(images: Path, masks: Path) -> Tuple[Dict[Key, Path], Dict[Key, Path]]:
    """The images and the masks by their keys."""
    if images.resolve() != masks.resolve():
        return (
            _by_key(images, _listed(images, IMAGE_SUFFIXES, "images", besides=masks)),
            _by_key(masks, _listed(masks, IMAGE_SUFFIXES, "masks", besides=images)),
        )
    files = _listed(images, IMAGE_SUFFIXES, "images and masks", besides=None)
    told = []
    for of_images, of_masks in one_folder.sides(files):
        try:
            keyed = _by_key(images, of_images), _by_key(images, of_masks)
        except AnnotationError:
            continue
        _, matched = _best(*map(list, keyed))
        told.append((len(matched) / max(map(len, keyed)), keyed))
    best, keyed = max(told, key=lambda item: item[0], default=(0.0, ({}, {})))
    if not best:
        raise AnnotationError(
            f"{images}: images and masks are in one folder and cannot be told apart, neither by "
            "suffix (x.jpg and x.png) nor by name (x.png and x_mask.png); move the masks to a "
            "folder of their own"
        )
    return keyed


def _listed(
    folder: Path, suffixes: AbstractSet[str], what: str, besides: Optional[Path]
) -> List[Path]:
    if not folder.is_dir():
        raise AnnotationError(f"{folder}: expected a folder of {what}; there is none")
    found: List[Path] = []
    others: Counter[str] = Counter()
    below = besides.resolve() if besides else None
    if below and folder.resolve() not in below.parents:
        below = None
    for path in files_below(folder):
        if below and below in path.resolve().parents:
            continue
        if path.suffix.lower() in suffixes:
            found.append(path)
        else:
            others[path.suffix.lower()] += 1
    if not found:
        there = ", ".join(f"{n} of {s or 'no suffix'}" for s, n in others.most_common(5))
        raise AnnotationError(
            f"{folder}: expected {what} ({' '.join(sorted(suffixes))}), found "
            f"{'files ' + there if there else 'no files'}; check the path"
        )
    return found


def _by_key(folder: Path, files: Sequence[Path]) -> Dict[Key, Path]:
    found: Dict[Key, Path] = {}
    for path in files:
        place = path.relative_to(folder)
        key = ("" if place.parent == Path() else place.parent.as_posix(), place.stem)
        if key in found:
            raise AnnotationError(
                f"{folder}: {found[key].name} and {path.name} have the same name but for the "
                "suffix; rename or remove one"
            )
        found[key] = path
    return found


def _best(images: List[Key], masks: List[Key]) -> Tuple[_Rule, _Match]:
    """The rule that pairs most, the plainest of those, and image -> masks by it."""
    best, most = _Rule(), _match(_Rule(), images, masks)
    for rule in _rules(images, masks):
        if _paired(most) == (len(images), len(masks)):
            break
        matched = _match(rule, images, masks)
        if _paired(matched) > _paired(most):
            best, most = rule, matched
    return best, most


def _paired(matched: _Match) -> Tuple[int, int]:
    return len(matched), sum(map(len, matched.values()))


def _match(rule: _Rule, images: List[Key], masks: List[Key]) -> _Match:
    """Image -> masks. What fits more than one way does not fit."""
    sides: List[Dict[Key, List[Key]]] = [defaultdict(list), defaultdict(list)]
    for side, keys, convert in zip(sides, (images, masks), (rule.image_key, rule.mask_key)):
        for key in keys:
            shared = convert(key)
            if shared is not None:
                side[shared].append(key)
    of_images, of_masks = sides
    several = rule.numbered or rule.by_folder
    return {
        of_images[shared][0]: tuple(sorted(found))
        for shared, found in of_masks.items()
        if len(of_images.get(shared, ())) == 1 and (len(found) == 1 or several)
    }


def _rules(images: List[Key], masks: List[Key]) -> Iterator[_Rule]:
    """Ways to pair, the plainest first."""
    yield _Rule(any_case=True)
    yield _Rule(full_name=True)
    yield _Rule(by_folder=True)
    lower = [(folded(folder), folded(stem)) for folder, stem in images]
    for names, any_case in ((set(images), False), (set(lower), True)):
        spread = masks[:: max(1, len(masks) // 3)][:3]
        affixes = Counter(chain.from_iterable(_around(m, names, any_case) for m in spread))
        # The shortest first: of `x_1_mask`, `_mask` rather than `_1_mask`.
        likely = sorted(affixes.items(), key=lambda a: (-a[1], len("".join(a[0]))))
        for around, _ in likely:
            yield _Rule(mask=around, any_case=any_case)
        for before, after in dict.fromkeys((b, _unnumbered(a)) for (b, a), _ in likely):
            if after:
                yield _Rule(mask=(before, after), any_case=any_case, numbered=True)
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


def _unnumbered(stem: str) -> str:
    """Without a number behind it: ``x_mask`` for x_mask_1, x_mask1 and x_mask (1)."""
    return _NUMBER.sub("", stem)


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
