"""Maps at the size of their frames, with outlines where the frames have them.

The same as `inference.upsampling.guided`, for many frames a second: in float32, and only around
outlines. An outline that follows the frame's edges moves as they do, whatever grid the map is on.
"""

from __future__ import annotations

from typing import List, Optional, Tuple

import cv2
import numpy as np

# Pixels of the canvas around each that its map is explained by, and how much is left unexplained,
# of colours in [0, 1]. Chosen on the clips that are tuned on.
_RADIUS, _EPSILON = 3, np.float32(1e-4)
# Windows that are less mixed than this, of 1, are of one side.
_MIXED = 0.01

Box = Tuple[slice, slice]


def enlarged(canvas: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """A map at the size of its frame.

    Args:
        canvas: float32 (h, w) in [0, 1].
        picture: uint8 (H, W, 3).

    Returns:
        float32 (H, W) in [0, 1].
    """
    height, width = picture.shape[:2]
    plain = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_LINEAR)
    if canvas.shape[0] > height or canvas.shape[1] > width:
        return plain
    mean = _mean(canvas)
    mixed = 4 * mean * (1 - mean)
    small, large = _boxes(mixed, (height, width))
    if small is None or large is None:
        return plain
    size = canvas.shape[::-1]
    colours = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[small]
    shares, rest = _explained(canvas[small], _planes(colours), mixed[small])
    found = _at(rest, small, large, plain.shape, canvas.shape)
    for share, plane in zip(shares, _planes(picture[large])):
        found += _at(share, small, large, plain.shape, canvas.shape) * plane
    np.clip(found, 0, 1, out=plain[large])
    return plain


def _boxes(mixed: np.ndarray, shape: Tuple[int, int]) -> Tuple[Optional[Box], Optional[Box]]:
    """What of the canvas is worked on, and the pixels of the frame that lie in it."""
    rows, columns = (np.flatnonzero((mixed > _MIXED).any(axis)) for axis in (1, 0))
    if not len(rows):
        return None, None
    small, large = [], []
    for inside, few, many in zip((rows, columns), mixed.shape, shape):
        first = max(0, int(inside[0]) - 2 * _RADIUS)
        last = min(few, int(inside[-1]) + 1 + 2 * _RADIUS)
        small.append(slice(first, last))
        # A pixel less than the canvas has, or up to the border.
        begin = 0 if first == 0 else int(np.ceil((first + 1) * many / few))
        end = many if last == few else int((last - 1) * many / few)
        large.append(slice(begin, end))
    return (small[0], small[1]), (large[0], large[1])


def _explained(
    canvas: np.ndarray, colours: List[np.ndarray], mixed: np.ndarray
) -> Tuple[List[np.ndarray], np.ndarray]:
    """The shares of three colours and the rest: canvas = shares . colours + rest, nearly."""
    means, mean = [_mean(plane) for plane in colours], _mean(canvas)
    own = [_mean(plane * plane) - each * each + _EPSILON for plane, each in zip(colours, means)]
    with_map = [_mean(plane * canvas) - each * mean for plane, each in zip(colours, means)]
    (r, g, b), (mr, mg, mb), (rr, gg, bb), (rp, gp, bp) = colours, means, own, with_map
    rg, rb, gb = _mean(r * g) - mr * mg, _mean(r * b) - mr * mb, _mean(g * b) - mg * mb
    # The inverse of the symmetric matrix, by its cofactors.
    frr, frg, frb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    fgg, fgb, fbb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * frr + rg * frg + rb * frb)
    shares = [
        (frr * rp + frg * gp + frb * bp) * scale,
        (frg * rp + fgg * gp + fgb * bp) * scale,
        (frb * rp + fgb * gp + fbb * bp) * scale,
    ]
    rest = mean - shares[0] * mr - shares[1] * mg - shares[2] * mb
    return (
        [mixed * _mean(share) for share in shares],
        mixed * _mean(rest) + (1 - mixed) * canvas,
    )


def _mean(plane: np.ndarray) -> np.ndarray:
    side = 2 * _RADIUS + 1
    return cv2.blur(plane, (side, side))


def _planes(colours: np.ndarray) -> List[np.ndarray]:
    """uint8 (H, W, 3) -> three of float32 (H, W), 0 in the middle."""
    table = np.arange(256, dtype=np.float32) / 255 - np.float32(0.5)
    return [cv2.LUT(plane, table) for plane in cv2.split(colours)]


def _at(
    plane: np.ndarray, small: Box, large: Box, shape: Tuple[int, ...], canvas: Tuple[int, ...]
) -> np.ndarray:
    """Of a plane that lies at ``small`` on the canvas, what is at ``large`` in the frame."""
    steps = [few / many for few, many in zip(canvas, shape)]
    # OpenCV's middles of pixels: (x + 0.5) * step - 0.5.
    firsts = [(b.start + 0.5) * step - 0.5 - s.start for s, b, step in zip(small, large, steps)]
    move = np.array([[steps[1], 0, firsts[1]], [0, steps[0], firsts[0]]])
    size = large[1].stop - large[1].start, large[0].stop - large[0].start
    return cv2.warpAffine(
        plane,
        move,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
