"""Images that a data set has more than once: in one part, or in two parts, where scores lie."""

from __future__ import annotations

import filecmp
from typing import Dict, Iterator, List, NamedTuple, Sequence

from paddleseg_u2net.data_tools.inspection.findings import Finding
from paddleseg_u2net.data_tools.inspection.fingerprints import Fingerprint, similar
from paddleseg_u2net.data_tools.inspection.inputs import Part
from paddleseg_u2net.data_tools.inspection.scan import PairStats
from paddleseg_u2net.datasets.pairing import Pair


class _Picture(NamedTuple):
    part: str
    pair: Pair
    digest: bytes
    fingerprint: Fingerprint


def find(parts: Sequence[Part], stats: Sequence[Sequence[PairStats]], bits: int) -> List[Finding]:
    """Find equal files, and images whose fingerprints differ in ``bits`` at most and look the same.

    Of two parts the earlier one's pair is dropped: what a model is scored on should stay as it is.
    """
    pictures: List[_Picture] = []
    starts = []
    for part, of_part in zip(parts, stats):
        starts.append(len(pictures))
        pictures += [
            _Picture(part.name, pair, one.digest, one.fingerprint)
            for pair, one in zip(part.pairs, of_part)
            if one.fingerprint
        ]
    same = _first_equal(pictures)
    return [*_equal(pictures, same), *_similar(pictures, same, starts, bits)]


def _first_equal(pictures: Sequence[_Picture]) -> List[int]:
    """For each picture the number of the first whose file is equal."""
    by_digest: Dict[bytes, List[int]] = {}
    result = []
    for number, picture in enumerate(pictures):
        firsts = by_digest.setdefault(picture.digest, [])
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
    groups: Dict[int, List[int]] = {}
    for number, first in enumerate(same):
        groups.setdefault(first, []).append(number)
    for numbers in groups.values():
        first_of: Dict[str, int] = {}
        for number in numbers:
            first = first_of.setdefault(pictures[number].part, number)
            if first != number:
                text = "is the same file as {}; delete one of the two, and the mask with it"
                yield _finding("copy", pictures[number], pictures[first], text)
        for number in numbers:
            part = pictures[number].part
            later = [n for name, n in first_of.items() if n > number and name != part]
            if later:
                other = pictures[later[0]]
                text = f"is the same file as {{}} in {other.part}; keep it in one part only"
                yield _finding("leak", pictures[number], other, text)


def _similar(
    pictures: Sequence[_Picture], same: Sequence[int], starts: List[int], bits: int
) -> Iterator[Finding]:
    prints = [picture.fingerprint for picture in pictures]
    for first, second, differing, mirrored in similar(prints, starts, bits):
        if same[first] == same[second]:
            continue
        one, other = pictures[first], pictures[second]
        how = f"looks like {{}}{', mirrored' if mirrored else ''} ({differing} of 64 bits differ)"
        if one.part == other.part:
            text = f"{how}; keep both on one side of a split"
            yield _finding("near", other, one, text)._replace(drop=())
        else:
            text = f"{how} in {other.part}; keep such images in one part only"
            yield _finding("similar", one, other, text)


def _finding(kind: str, one: _Picture, other: _Picture, text: str) -> Finding:
    """A finding about ``one``, which is dropped; {} in the text becomes the other."""
    files = (str(one.pair.image), str(other.pair.image))
    message = f"{files[0]} {text.replace('{}', files[1])}"
    return Finding(kind, one.part, files, message, ((one.part, one.pair.name),))
