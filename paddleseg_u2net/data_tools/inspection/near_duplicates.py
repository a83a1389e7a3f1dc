"""Images that a data set has more than once: in one part, or in two parts, where scores lie."""

from __future__ import annotations

import filecmp
from typing import Dict, Iterator, List, NamedTuple, Sequence

from paddleseg_u2net.data_tools.inspection.findings import Finding
from paddleseg_u2net.data_tools.inspection.fingerprints import similar
from paddleseg_u2net.data_tools.inspection.parts import Part
from paddleseg_u2net.data_tools.inspection.scan import PairStats
from paddleseg_u2net.datasets.pairing import Pair


class _Picture(NamedTuple):
    part: str
    pair: Pair
    facts: PairStats


def find(parts: Sequence[Part], facts: Sequence[Sequence[PairStats]], bits: int) -> List[Finding]:
    """Equal files, and images whose fingerprints differ in ``bits`` at most and look the same.

    Of two parts the earlier one's pair is dropped: what a model is scored on should stay as it is.
    """
    pictures: List[_Picture] = []
    starts = []
    for part, about in zip(parts, facts):
        starts.append(len(pictures))
        pictures += [
            _Picture(part.name, pair, fact) for pair, fact in zip(part.pairs, about) if fact.print
        ]
    same = _groups(pictures)
    return [*_equal(pictures, same), *_similar(pictures, same, starts, bits)]


def _groups(pictures: Sequence[_Picture]) -> List[int]:
    """For each picture the number of the first whose file is equal."""
    by_digest: Dict[bytes, List[int]] = {}
    result = []
    for number, picture in enumerate(pictures):
        firsts = by_digest.setdefault(picture.facts.digest, [])
        equal = (first for first in firsts if _same_bytes(pictures[first].pair, picture.pair))
        first = next(equal, number)
        if first == number:
            firsts.append(number)
        result.append(first)
    return result


def _same_bytes(one: Pair, other: Pair) -> bool:
    try:
        return one.image == other.image or filecmp.cmp(one.image, other.image, shallow=False)
    except OSError:  # one of them has vanished since
        return False


def _equal(pictures: Sequence[_Picture], same: Sequence[int]) -> Iterator[Finding]:
    members: Dict[int, List[int]] = {}
    for number, first in enumerate(same):
        members.setdefault(first, []).append(number)
    for numbers in members.values():
        first_of: Dict[str, int] = {}
        for number in numbers:
            part = pictures[number].part
            if part in first_of:
                text = "is the same file as {}; delete one of the two, and the mask with it"
                yield _finding("copy", pictures[number], pictures[first_of[part]], text)
            first_of.setdefault(part, number)
        for number in numbers:
            later = [other for part, other in first_of.items() if other > number]
            later = [other for other in later if pictures[other].part != pictures[number].part]
            if later:
                other = pictures[later[0]]
                text = f"is the same file as {{}} in {other.part}; keep it in one part only"
                yield _finding("leak", pictures[number], other, text)


def _similar(
    pictures: Sequence[_Picture], same: Sequence[int], starts: List[int], bits: int
) -> Iterator[Finding]:
    prints = [picture.facts.print for picture in pictures if picture.facts.print]
    for first, second, differing, mirrored in similar(prints, starts, bits):
        if same[first] == same[second]:
            continue
        one, other = pictures[first], pictures[second]
        how = f"looks like {{}}{', mirrored' if mirrored else ''} ({differing} of 64 bits differ)"
        if one.part == other.part:
            text = f"{how}; keep both on one side of a split"
            finding = _finding("near", other, one, text)
            yield finding._replace(drop=())
        else:
            how += f" in {other.part}"
            yield _finding("similar", one, other, f"{how}; keep such images in one part only")


def _finding(kind: str, one: _Picture, other: _Picture, text: str) -> Finding:
    """A finding about ``one``, which is dropped; {} in the text becomes the other."""
    return Finding(
        kind,
        one.part,
        (str(one.pair.image), str(other.pair.image)),
        f"{one.pair.image} {text.replace('{}', str(other.pair.image))}",
        ((one.part, one.pair.name),),
    )
