"""Matting in the band around an object's edges, from coarse to fine."""

from __future__ import annotations

import math
from typing import Iterator, Tuple

import cv2
import numpy as np

from paddleseg_u2net.inference.upsampling import guided
from paddleseg_u2net.removal.alpha.tiles import UNKNOWNS, solved_in_tiles
from paddleseg_u2net.removal.alpha.trimap import Trimap, of_map, of_solved
from paddleseg_u2net.render.overlay import strips

# The longer side of the first size, which is solved as a whole: a tile of a wide band would not
# know what its hair hangs on. Smaller where too much is unknown.
_FIRST, _LEAST = 700, 300
# The longer side of the last size that is solved, and so many unknown pixels: half a minute.
_LAST, _AT_MOST = 1600, 500_000

Size = Tuple[int, int]
"""Height and width."""


def matted(image: np.ndarray, alpha: np.ndarray, pixel: float) -> Tuple[np.ndarray, str]:
    """Return the opacity with edges from the image's colours, and what the user should be told.

    What the map is sure of becomes 0 or 255. In the band around it the opacity is solved in closed
    form, at a small size first, then at up to twice that size where it was between 0 and 255, and
    so on: bands stay narrow. Beyond 1600 pixels, or where too much is undecided, the solution's
    windows, which are linear functions of colours, are applied to the image's own pixels.

    Args:
        image: uint8 (H, W, 3).
        alpha: the map, uint8 (H, W).
        pixel: how many of the image's pixels are one of the network's map.
    """
    first, trimap = _first(alpha, pixel)
    found = solved_in_tiles(_reduced(image, first), trimap, trimap.unknown.size)
    tiles, kept = found.tiles, found.kept
    own = alpha.shape[0], alpha.shape[1]
    for size in _further(first, _scaled(own, min(1.0, _LAST / max(own)))):
        share = cv2.resize(found.share, size[::-1], interpolation=cv2.INTER_LINEAR)
        trimap = of_solved(share)
        if np.count_nonzero(trimap.unknown) > _AT_MOST:
            break
        found = solved_in_tiles(_reduced(image, size), trimap)
        tiles, kept = tiles + found.tiles, kept + found.kept
    note = f"matting: {kept} of {tiles} tiles kept the map" if kept else ""
    if found.share.shape != own:
        return _enlarged(found.share, image), note
    return np.rint(found.share * 255).astype(np.uint8), note


def _enlarged(share: np.ndarray, image: np.ndarray) -> np.ndarray:
    """A solution at the image's size, uint8: each window's linear function of its colours."""
    plane = guided(share[None], image)[0]
    result = np.empty(plane.shape, np.uint8)
    for rows in strips(plane.shape):
        result[rows] = np.rint(np.clip(plane[rows], 0, 1) * 255)
    return result


def _first(alpha: np.ndarray, pixel: float) -> Tuple[Size, Trimap]:
    """The size to begin with, and the map's trimap there."""
    longer = max(alpha.shape)
    side = min(longer, _FIRST)
    while True:
        size = _scaled((alpha.shape[0], alpha.shape[1]), side / longer)
        share = _reduced(alpha, size).astype(np.float32) / 255
        trimap = of_map(share, max(1.0, pixel * side / longer))
        if np.count_nonzero(trimap.unknown) <= UNKNOWNS or side <= _LEAST:
            return size, trimap
        side = max(_LEAST, side * 3 // 4)


def _further(size: Size, last: Size) -> Iterator[Size]:
    """Sizes up to the last one, evenly, each at most twice the one before."""
    factor = max(last) / max(size)
    steps = math.ceil(math.log2(factor) - 1e-9)
    for step in range(1, steps):
        yield _scaled(last, factor ** (step / steps - 1))
    if steps > 0:
        yield last


def _scaled(size: Size, factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _reduced(plane: np.ndarray, size: Size) -> np.ndarray:
    if plane.shape[:2] == size:
        return plane
    return cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA)
