"""Which maps are frames of one video, and which frame comes before which."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Dict, List, Sequence, Tuple

from paddleseg_u2net.datasets.pairing import PairingError
from paddleseg_u2net.evaluation.pairing import MapFiles
from paddleseg_u2net.text import short_list


def in_clips(items: Sequence[MapFiles]) -> List[MapFiles]:
    """Return the items, in their order, each with the frame before it in its clip, if it has one.

    Frames of one clip have names equal but for the number at their end, by which they are ordered;
    so the files of a folder are one clip as a rule. Where a number is missing (of 1, 2, 4, or of 0,
    5, 15), the frame behind the gap has none before it. A name without a number, a number twice or
    clips of one frame each are a PairingError.
    """
    before: Dict[str, MapFiles] = {}
    gaps = set()
    for clip, frames in groupby(sorted(map(_placed, items), key=lambda f: f[:2]), lambda f: f[0]):
        pairs = _neighbours(list(frames), clip)
        step = min((number - last for last, number, _, _ in pairs), default=0)
        for last, number, previous, item in pairs:
            if number - last == step:
                before[item.name] = previous
            else:
                gaps.add(item.name)
    if not before:
        raise PairingError(
            f"expected clips of several frames, whose names differ in the number at their end "
            f"alone, got {short_list(item.name for item in items)}"
        )
    return [
        item._replace(before=before.get(item.name), behind_gap=item.name in gaps) for item in items
    ]


def count_clips(items: Sequence[MapFiles]) -> int:
    """Return how many clips the items of `in_clips` are of."""
    return sum(item.before is None and not item.behind_gap for item in items)


def _placed(item: MapFiles) -> Tuple[str, int, MapFiles]:
    """Return the clip's name, the frame's number, and the item."""
    found = re.fullmatch(r"(.*?)([0-9]+)", item.name, re.DOTALL)
    if not found:
        raise PairingError(
            f"{item.map}: expected a frame's number at the end of the name, as in 00001.png, to "
            "score it after the frame before it; rename it, or leave the scores of videos out"
        )
    return found[1], int(found[2]), item


def _neighbours(
    frames: Sequence[Tuple[str, int, MapFiles]], clip: str
) -> List[Tuple[int, int, MapFiles, MapFiles]]:
    """Return each frame's number and item beside those of the one before it."""
    pairs = []
    for (_, last, previous), (_, number, item) in zip(frames, frames[1:]):
        if last == number:
            raise PairingError(
                f"{previous.map} and {item.map}: both are frame {number} of the clip "
                f"{clip or 'in this folder'}; remove one"
            )
        pairs.append((last, number, previous, item))
    return pairs
