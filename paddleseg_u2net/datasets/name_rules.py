"""How names of masks differ from names of their images: affixes, numbers, folders, letter case.

Names are `pairing.bare_name`s. Folders must be the same on both sides.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain, takewhile
from pathlib import PurePosixPath
from typing import Collection, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from paddleseg_u2net.io.images import IMAGE_SUFFIXES

_NUMBER = re.compile(r"[ _.-]*(?:\d+|\(\d+\))$")

# What is before and after the common part of a name.
Affixes = Tuple[str, str]
# Image -> its masks.
Matches = Dict[str, Tuple[str, ...]]


def fold_case(name: str) -> str:
    """Make names equal that differ in letter case or in how accents are stored (macOS: apart)."""
    return unicodedata.normalize("NFC", name.casefold())


def without_number(name: str) -> str:
    """Cut a number off the end: ``x_mask`` of x_mask_1, x_mask1 and x_mask (1)."""
    return _NUMBER.sub("", name)


def without_ending(name: str, ending: str) -> Optional[str]:
    """Cut ``ending`` off, in any letter case; None where a name has it not, or nothing else."""
    rest = name[: len(name) - len(ending)]
    fits = name.lower().endswith(ending.lower()) and rest and not rest.endswith("/")
    return rest if fits else None


@dataclass(frozen=True)
class NameRule:
    """How names become keys that images and their masks share.

    ``mask`` and ``image`` are what is before and after the key in their names.
    """

    mask: Affixes = ("", "")
    image: Affixes = ("", "")
    any_case: bool = False  # nor does the form of accents count
    full_name: bool = False  # masks are named as images with their suffix (x.jpg.png)
    numbered: bool = False  # several masks of an image, with numbers at the end (x_mask_1.png)
    by_folder: bool = False  # masks in folders of their images' names (x/1.png)

    def mask_key(self, name: str) -> Optional[str]:
        """Return the key of a mask's name, None if the rule does not fit it."""
        if self.full_name:
            path = PurePosixPath(name)
            return str(path.with_suffix("")) if path.suffix.lower() in IMAGE_SUFFIXES else None
        if self.by_folder:
            return name.rpartition("/")[0] or None
        return self._key(without_number(name) if self.numbered else name, self.mask)

    def image_key(self, name: str) -> Optional[str]:
        """Return the key of an image's name, None if the rule does not fit it."""
        return self._key(name, self.image)

    def _key(self, name: str, affixes: Affixes) -> Optional[str]:
        folder, slash, stem = (fold_case(name) if self.any_case else name).rpartition("/")
        before, after = affixes
        inner = stem[len(before) : len(stem) - len(after)]
        fits = inner and stem == before + inner + after
        return folder + slash + inner if fits else None

    def describe(self) -> str:
        """Say the rule in words, for a remark."""
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

    def match(self, images: Sequence[str], masks: Sequence[str]) -> Matches:
        """Pair names by this rule; what fits more than one way is left out."""
        of_images: Dict[str, List[str]] = defaultdict(list)
        of_masks: Dict[str, List[str]] = defaultdict(list)
        for name in images:
            of_images[self.image_key(name) or ""].append(name)
        for name in masks:
            of_masks[self.mask_key(name) or ""].append(name)
        of_masks.pop("", None)  # the rule does not fit their names
        several = self.numbered or self.by_folder
        return {
            of_images[key][0]: tuple(sorted(found, key=by_folder))
            for key, found in of_masks.items()
            if len(of_images.get(key, ())) == 1 and (len(found) == 1 or several)
        }


def best_rule(images: Sequence[str], masks: Sequence[str]) -> Tuple[NameRule, Matches]:
    """Find the rule that pairs most names, the plainest of those, and its pairs."""
    rule = NameRule()
    matches = rule.match(images, masks)
    for other in _rules(images, masks):
        if _paired(matches) == (len(images), len(masks)):
            break
        found = other.match(images, masks)
        if _paired(found) > _paired(matches):
            rule, matches = other, found
    return rule, matches


def by_folder(name: str) -> Tuple[str, str]:
    """Key to sort names by: the folder, then the rest."""
    folder, _, stem = name.rpartition("/")
    return folder, stem


def _paired(matches: Matches) -> Tuple[int, int]:
    return len(matches), sum(map(len, matches.values()))


def _rules(images: Sequence[str], masks: Sequence[str]) -> Iterator[NameRule]:
    yield NameRule(any_case=True)
    yield NameRule(full_name=True)
    yield NameRule(by_folder=True)
    for any_case in (False, True):
        names = {fold_case(name) if any_case else name for name in images}
        some = masks[:: max(1, len(masks) // 3)][:3]
        counts = Counter(chain.from_iterable(_affixes(mask, names, any_case) for mask in some))
        # The shortest first: of `x_1_mask`, `_mask` rather than `_1_mask`.
        likely = sorted(counts.items(), key=lambda item: (-item[1], _length(item[0])))
        for affixes, _ in likely:
            yield NameRule(mask=affixes, any_case=any_case)
        for before, after in dict.fromkeys((b, without_number(a)) for (b, a), _ in likely):
            if after:
                yield NameRule(mask=(before, after), any_case=any_case, numbered=True)
    image_affixes = _common_affixes(images)
    for mask in _common_affixes(masks):
        for image in image_affixes:
            yield NameRule(mask=mask, image=image)


def _affixes(mask: str, images: Set[str], any_case: bool) -> Set[Affixes]:
    """Return what is before and after an image's name in a mask's name, for all that fit."""
    folder, slash, stem = (fold_case(mask) if any_case else mask).rpartition("/")
    ends = range(len(stem) + 1)
    return {
        (stem[:start], stem[end:])
        for start in ends
        for end in ends[start + 1 :]
        if folder + slash + stem[start:end] in images and end - start < len(stem)
    }


def common_start(texts: Collection[str]) -> str:
    """Return what all texts begin with."""
    first, last = min(texts), max(texts)
    shared = takewhile(lambda letters: letters[0] == letters[1], zip(first, last))
    return "".join(letter for letter, _ in shared)


def _common_affixes(names: Sequence[str]) -> List[Affixes]:
    """Return what all names begin and end with, cut where a number or a word begins."""
    if len(names) < 2:
        return []
    stems = [name.rpartition("/")[2] for name in names]
    before = common_start(stems)
    after = common_start([stem[::-1] for stem in stems])[::-1]
    befores = {before.rstrip("0123456789"), re.sub(r"[A-Za-z0-9]*$", "", before)}
    afters = {after.lstrip("0123456789"), re.sub(r"^[A-Za-z0-9]*", "", after)}
    pairs = {(before, after) for before in befores for after in afters}
    return sorted(pairs, key=_length, reverse=True)


def _length(affixes: Affixes) -> Tuple[int, Affixes]:
    return len("".join(affixes)), affixes
