"""A large picture's opacity, solved a tile at a time, without seams."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Tuple

import numpy as np

from paddleseg_u2net.removal.alpha.closed_form import Unsolvable, solved
from paddleseg_u2net.removal.alpha.trimap import Trimap

# Pixels around a tile that are solved, too: what is thought at the end of a tile is forgotten on
# that way.
OVERLAP = 64
# Unknown pixels that are solved at once take 600 MB at most; no tile is split below this side.
UNKNOWNS, _LEAST = 100_000, 64
Place = Tuple[slice, slice]


class Solution(NamedTuple):
    """Opacity float32 (H, W), the number of tiles that were solved, and of those that kept it."""

    share: np.ndarray
    tiles: int
    kept: int


def solved_in_tiles(
    image: np.ndarray, trimap: Trimap, unknowns: int = UNKNOWNS, overlap: int = OVERLAP
) -> Solution:
    """The opacity in a trimap's band, of an image uint8 (H, W, 3).

    All at once, if it has no more than so many ``unknowns``, otherwise in tiles that have, each
    with what is around it. Of a trimap `of_solved`, tiles of usual sizes differ by less than two
    grey levels from the whole's solution, much smaller ones by up to 3.3. One that cannot be solved
    keeps what was thought.
    """
    unknown, values, tie = trimap
    share, tiles, kept = values.copy(), 0, 0
    whole = slice(0, unknown.shape[0]), slice(0, unknown.shape[1])
    for core, around in _places(unknown, whole, unknowns, overlap):
        tiles += 1
        inside = tuple(
            slice(part.start - wide.start, part.stop - wide.start)
            for part, wide in zip(core, around)
        )
        try:
            band = _closed(unknown[around], around, unknown.shape)
            share[core] = solved(image[around], values[around], band, tie[around])[inside]
        except Unsolvable:
            kept += 1
    return Solution(share, tiles, kept)


def _places(
    unknown: np.ndarray, core: Place, unknowns: int, overlap: int
) -> Iterator[Tuple[Place, Place]]:
    """Tiles of a part with something unknown, and each with what is around it."""
    if not unknown[core].any():
        return
    around = tuple(
        slice(max(0, part.start - overlap), min(part.stop + overlap, side))
        for part, side in zip(core, unknown.shape)
    )
    height, width = (part.stop - part.start for part in core)
    if np.count_nonzero(unknown[around]) <= unknowns or max(height, width) < 2 * _LEAST:
        yield core, (around[0], around[1])
        return
    axis = 0 if height > width else 1
    part = core[axis]
    middle = (part.start + part.stop) // 2
    for half in (slice(part.start, middle), slice(middle, part.stop)):
        yield from _places(
            unknown, (half, core[1]) if axis == 0 else (core[0], half), unknowns, overlap
        )


def _closed(unknown: np.ndarray, around: Place, shape: Tuple[int, ...]) -> np.ndarray:
    """The band without the pixels at an end that is none of the picture's: they count as known.

    Windows do not reach over it, so those pixels would be held by half of theirs.
    """
    band = unknown.copy()
    for axis, (part, side) in enumerate(zip(around, shape)):
        rows = np.moveaxis(band, axis, 0)
        if part.start > 0:
            rows[:2] = False
        if part.stop < side:
            rows[-2:] = False
    return band
