"""Cut-outs: the foreground in its own colours, without a rim of the background's."""

from __future__ import annotations

import math
from typing import Iterator, Tuple

import cv2
import numpy as np

# Pixels that colours are estimated at; a larger picture's are smooth enough to be brought to its
# size, since its opacity has the detail.
_ESTIMATED = 2**18
# Side of the squares that a picture is worked on in: memory stays small, and those without an edge
# are passed over.
_TILE = 128
# That of squares of the small size.
_SQUARE = 32
# OpenCV's `remap` takes no longer side.
_LONGEST_SIDE = 2**15 - 2
# Rounds at sizes up to 32 pixels and at larger ones: the paper's 10, and twice its 2, since all
# pixels take a round at once here. Its weights: how much neighbours are alike everywhere, and how
# much more where the opacity changes.
_ROUNDS_SMALL, _ROUNDS_LARGE, _SMALL = 10, 4, 32
_ALIKE, _ALIKE_AT_EDGES = 1e-5, 1.0

# Foreground's and background's, float32 (2, 3, h, w), 0 to 1: numpy is several times as fast with
# planes as with three values that lie together.
Colours = np.ndarray


def cutout(image: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Return the foreground as a picture that can be laid over any other.

    A pixel of an edge shows a mixture, I = a F + (1 - a) B. It gets the foreground's own colour F,
    estimated from the colours around it, so that no rim of the old background B comes along.

    Args:
        image: uint8 or uint16, (H, W, 3), RGB, or (H, W, 4), RGBA: what is transparent there stays
            so.
        foreground: how much of each pixel is foreground, uint8 (H, W) of 0 to 255.

    Returns:
        The image's type, (H, W, 4), RGBA, not premultiplied. Pixels that are all foreground keep
        their colour, pixels that have none are 0.

    Source: T. Germer, T. Uelwer, S. Conrad, S. Harmeling, "Fast Multi-Level Foreground Estimation",
    ICPR 2020, at up to 512x512 pixels; its colours are enlarged and get what their mixture lacks
    of the image's, as in M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.
    """
    most = int(np.iinfo(image.dtype).max)
    opacity = foreground if most == 255 else foreground.astype(np.uint16) * 257
    result = np.empty((*foreground.shape, 4), image.dtype)
    result[..., :3], result[..., 3] = image[..., :3], opacity
    mixed = (foreground > 0) & (foreground < 255)
    if mixed.any():
        # No copy: each tile is read before it is written, and the estimate is made before.
        seen = result[..., :3]
        small = _small(seen, foreground)
        colours = _estimated(*small, _wanted(mixed, small[1].shape))
        for tile in _tiles(foreground.shape):
            if mixed[tile].any():
                found = _enlarged(colours, seen[tile], foreground[tile], tile, foreground.shape)
                np.copyto(seen[tile], found, where=mixed[tile][..., None])
    if image.shape[2] == 4:
        own = np.ascontiguousarray(image[..., 3])
        result[..., 3] = cv2.multiply(own, np.ascontiguousarray(opacity), scale=1 / most)
    # Whole pixels at once, and no index of a mask, which takes 16 bytes a pixel.
    pixels = result.view(f"u{4 * result.itemsize}")
    np.copyto(pixels, 0, where=result[..., 3:] == 0)
    return result


def _estimated(image: np.ndarray, share: np.ndarray, wanted: np.ndarray) -> Colours:
    """Colours of an image (3, h, w) of shares (h, w), from one pixel up to the whole size.

    ``wanted``: the squares of it that are looked at, see `_wanted`; others' colours are not made.
    """
    shares = np.stack([share, 1 - share])
    weights = np.maximum(np.sum(shares, (1, 2)), 1e-5)
    colours = (np.einsum("kyx,cyx->kc", shares, image) / weights[:, None])[..., None, None]
    steps = max(1, math.ceil(math.log2(max(share.shape))))
    for step in range(steps + 1):
        height, width = (round(side ** (step / steps)) for side in share.shape)
        rounds = _ROUNDS_SMALL if max(height, width) <= _SMALL else _ROUNDS_LARGE
        # Single pixels: means would mix both.
        seen, small, begun = (_resized(part, height, width) for part in (image, share, colours))
        if step < steps:
            colours = _refined(seen, small, begun, rounds)
        else:
            colours = _refined_where(wanted, seen, small, begun, rounds)
    return colours


def _wanted(mixed: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    """Which squares of `_SQUARE` pixels of the small size have a mixed pixel (H, W) in or beside
    them, from which it is enlarged.
    """
    rows, columns = (
        [
            slice(
                math.floor(max(0, first - 1) * many / few),
                math.ceil(min(few, first + _SQUARE + 1) * many / few),
            )
            for first in range(0, few, _SQUARE)
        ]
        for few, many in zip(shape, mixed.shape)
    )
    return np.array([[mixed[row, column].any() for column in columns] for row in rows])


def _refined_where(
    wanted: np.ndarray, image: np.ndarray, share: np.ndarray, colours: Colours, rounds: int
) -> Colours:
    """`_refined` of the wanted squares, to the same bits, since a round reaches a pixel further."""
    height, width = share.shape
    result = colours if colours.flags.writeable else colours.copy()
    found = []
    for row, squares in enumerate(wanted):
        edges = np.flatnonzero(np.diff(squares, prepend=False, append=False))
        for first, last in zip(edges[::2], edges[1::2]):
            inner = _SQUARE * row, _SQUARE * first, _SQUARE * (row + 1), _SQUARE * last
            top, left = (max(0, start - rounds) for start in inner[:2])
            bottom, right = (min(e + rounds, side) for e, side in zip(inner[2:], (height, width)))
            part = (..., slice(top, bottom), slice(left, right))
            own = (
                ...,
                slice(inner[0] - top, inner[2] - top),
                slice(inner[1] - left, inner[3] - left),
            )
            refined = _refined(image[part], share[part], colours[part], rounds)
            found.append(
                ((..., slice(inner[0], inner[2]), slice(inner[1], inner[3])), refined[own])
            )
    for place, refined in found:
        result[place] = refined
    return result


def _refined(image: np.ndarray, share: np.ndarray, colours: Colours, rounds: int) -> Colours:
    """The minimum of the paper's cost for each pixel given its neighbours, ``rounds`` times.

    What is made small is the difference of the mixture from the image, and of each colour from the
    four around it.
    """
    inner = slice(1, -1)
    around = [(..., rows, inner) for rows in (slice(-2), slice(2, None))]
    around += [(..., inner, columns) for columns in (slice(-2), slice(2, None))]
    framed = _framed(share)
    alike = [_ALIKE + _ALIKE_AT_EDGES * np.abs(share - framed[place]) for place in around]
    total = sum(alike[1:], alike[0])
    # The inverse of the matrix [[first, cross], [cross, second]] of each pixel.
    first, second, cross = share**2 + total, (1 - share) ** 2 + total, share * (1 - share)
    scale = 1 / (first * second - cross**2)
    first, second, cross = first * scale, second * scale, cross * scale
    seen = np.stack([share * image, (1 - share) * image])
    found, part = np.empty_like(seen), np.empty_like(seen)
    for _ in range(rounds):
        framed = _framed(colours)
        found[...] = seen
        for weight, place in zip(alike, around):
            found += np.multiply(weight, framed[place], out=part)
        np.multiply(found, np.stack([second, first])[:, None], out=part)
        part -= cross * found[::-1]
        colours = np.clip(part, 0, 1)
    return colours


def _framed(planes: np.ndarray) -> np.ndarray:
    """Planes (..., h, w) with their edge once more around them; `np.pad` takes twice as long."""
    height, width = planes.shape[-2:]
    framed = np.empty((*planes.shape[:-2], height + 2, width + 2), planes.dtype)
    framed[..., 1:-1, 1:-1] = planes
    framed[..., 0, 1:-1], framed[..., -1, 1:-1] = planes[..., 0, :], planes[..., -1, :]
    framed[..., 0], framed[..., -1] = framed[..., 1], framed[..., -2]
    return framed


def _small(image: np.ndarray, foreground: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Image (3, h, w) and shares (h, w), float32, 0 to 1, of at most `_ESTIMATED` pixels."""
    height, width = foreground.shape
    factor = min(1.0, math.sqrt(_ESTIMATED / (height * width)), _LONGEST_SIDE / max(height, width))
    size = max(1, round(height * factor)), max(1, round(width * factor))
    # Whole numbers are resized: the floats of a large picture take gigabytes.
    channels = (np.ascontiguousarray(image[..., channel]) for channel in range(3))
    planes = np.stack([_resized(plane, *size, cv2.INTER_AREA) for plane in channels])
    share = _resized(foreground, *size, cv2.INTER_AREA)
    most = np.iinfo(image.dtype).max
    return planes.astype(np.float32) / most, share.astype(np.float32) / 255


def _resized(
    planes: np.ndarray, height: int, width: int, interpolation: int = cv2.INTER_NEAREST
) -> np.ndarray:
    """Planes (..., h, w) at another size."""
    if planes.shape[-2:] == (height, width):
        return planes
    flat = planes.reshape(-1, *planes.shape[-2:])
    found = [cv2.resize(plane, (width, height), interpolation=interpolation) for plane in flat]
    return np.stack(found).reshape(*planes.shape[:-2], height, width)


def _tiles(shape: Tuple[int, ...]) -> Iterator[Tuple[slice, slice]]:
    height, width = shape
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            yield slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))


def _enlarged(
    colours: Colours,
    image: np.ndarray,
    foreground: np.ndarray,
    tile: Tuple[slice, slice],
    shape: Tuple[int, ...],
) -> np.ndarray:
    """The foreground's colours in a tile of the whole picture."""
    most = np.iinfo(image.dtype).max
    rows, columns = (
        # Where the middle of each pixel lies among the middles of the small picture's.
        (np.arange(part.start, part.stop, dtype=np.float32) + 0.5) * np.float32(few / many) - 0.5
        for part, few, many in zip(tile, colours.shape[2:], shape)
    )
    across, down = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    planes = np.empty((6, *across.shape), np.float32)
    for plane, target in zip(colours.reshape(6, *colours.shape[2:]), planes):
        cv2.remap(plane, across, down, cv2.INTER_LINEAR, target, cv2.BORDER_REPLICATE)
    own, other = planes[:3], planes[3:]
    share = foreground.astype(np.float32) / 255
    # What the mixture lacks, then the colour, in place: new arrays take as long as the sums.
    found = image.transpose(2, 0, 1).astype(np.float32, order="C")
    found /= most
    found -= share * own
    found -= np.multiply(1 - share, other, out=other)
    found *= share
    found += own
    np.clip(found, 0, 1, out=found)
    found *= most
    return np.rint(found, out=found).astype(image.dtype).transpose(1, 2, 0)
