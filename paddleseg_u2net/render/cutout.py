"""What stands in front, without its background, and without a rim of that background's colours."""

from __future__ import annotations

import math
from typing import Iterator, List, Tuple

import cv2
import numpy as np

__all__ = ["cutout"]

# Pixels that colours are estimated at; a larger picture's are smooth enough to be brought to its
# size, since its opacity has the detail.
_ESTIMATED = 2**18
# Side of the squares that a larger picture is worked on in: memory stays small, and those without
# an edge are passed over.
_TILE = 512
# The paper's: rounds at sizes up to 32 pixels and at larger ones, how much neighbours are alike
# everywhere, and how much more where the opacity changes.
_ROUNDS_SMALL, _ROUNDS_LARGE, _SMALL = 10, 2, 32
_ALIKE, _ALIKE_AT_EDGES = 1e-5, 1.0

Colours = Tuple[np.ndarray, np.ndarray]  # foreground's and background's, float32 (h, w, 3), 0 to 1


def cutout(image: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Return the foreground as a picture that can be laid over any other.

    A pixel of an edge shows a mixture, I = a F + (1 - a) B. Left as it is, it brings a rim of the
    old background B along, so it gets the foreground's own colour F, estimated from the colours
    around it; its opacity says how much of it is seen.

    Args:
        image: uint8 (H, W, 3), RGB.
        foreground: how much of each pixel is foreground, uint8 (H, W) of 0 to 255.

    Returns:
        uint8 (H, W, 4), RGBA, not premultiplied. Pixels that are all foreground keep their colour,
        pixels that have none are 0.

    Raises:
        ValueError: the arrays are not as above, or not of one size.

    Source: T. Germer, T. Uelwer, S. Conrad, S. Harmeling, "Fast Multi-Level Foreground Estimation",
    ICPR 2020, at up to 512x512 pixels; beyond, its colours are enlarged and get what the mixture
    lacks, as in M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.
    """
    _check(image, foreground)
    result = np.dstack([image, foreground])
    result[foreground == 0] = 0
    mixed = (foreground > 0) & (foreground < 255)
    if not mixed.any():
        return result
    small = _at_most(_ESTIMATED, image, foreground)
    colours = _estimated(*small)
    if small[1].shape == foreground.shape:
        result[..., :3][mixed] = _in_8_bits(colours[0])[mixed]
        return result
    for tile in _tiles(foreground.shape):
        if mixed[tile].any():
            found = _enlarged(colours, image[tile], foreground[tile], tile, foreground.shape)
            result[tile][..., :3][mixed[tile]] = found[mixed[tile]]
    return result


def _check(image: np.ndarray, foreground: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
    if foreground.dtype != np.uint8 or foreground.shape != image.shape[:2]:
        raise ValueError(
            f"foreground must be uint8 {image.shape[:2]} as the image, "
            f"not {foreground.dtype} {foreground.shape}"
        )


# ---------------------------------------------------------------- the estimate


def _estimated(image: np.ndarray, share: np.ndarray) -> Colours:
    """The colours of both in all pixels, of an image (h, w, 3) and shares (h, w), 0 to 1.

    From one pixel up to the whole size, each size starting from the one before.
    """
    whole = share[..., None]
    own = np.sum(image * whole, (0, 1), keepdims=True) / max(np.sum(share), 1e-5)
    other = np.sum(image * (1 - whole), (0, 1), keepdims=True) / max(np.sum(1 - share), 1e-5)
    colours = own.astype(np.float32), other.astype(np.float32)
    for height, width in _sizes(*share.shape):
        rounds = _ROUNDS_SMALL if max(height, width) <= _SMALL else _ROUNDS_LARGE
        begun = tuple(_resized(part, height, width, cv2.INTER_LINEAR) for part in colours)
        colours = _refined(
            _resized(image, height, width, cv2.INTER_AREA),
            _resized(share, height, width, cv2.INTER_AREA),
            (begun[0], begun[1]),
            rounds,
        )
    return colours


def _sizes(height: int, width: int) -> List[Tuple[int, int]]:
    steps = max(1, math.ceil(math.log2(max(height, width))))
    parts = [step / steps for step in range(steps + 1)]
    return [(round(height**part), round(width**part)) for part in parts]


def _refined(image: np.ndarray, share: np.ndarray, colours: Colours, rounds: int) -> Colours:
    """The minimum of the paper's cost for each pixel given its neighbours, ``rounds`` times.

    What is made small is the difference of the mixture from the image, and of each colour from the
    four around it, the more the share changes there.
    """
    neighbours = [np.s_[:-2, 1:-1], np.s_[2:, 1:-1], np.s_[1:-1, :-2], np.s_[1:-1, 2:]]
    framed = _framed(share)
    alike = [
        (_ALIKE + _ALIKE_AT_EDGES * np.abs(share - framed[place]))[..., None]
        for place in neighbours
    ]
    share = share[..., None]
    total = np.sum(alike, axis=0)
    # The inverse of the matrix [[first, cross], [cross, second]] of each pixel.
    first, second, cross = share**2 + total, (1 - share) ** 2 + total, share * (1 - share)
    scale = 1 / (first * second - cross**2)
    first, second, cross = first * scale, second * scale, cross * scale
    seen = share * image, (1 - share) * image
    own, other = colours
    for _ in range(rounds):
        framed_own, framed_other = _framed(own), _framed(other)
        for_own, for_other = seen[0].copy(), seen[1].copy()
        for weight, place in zip(alike, neighbours):
            for_own += weight * framed_own[place]
            for_other += weight * framed_other[place]
        own = np.clip(second * for_own - cross * for_other, 0, 1)
        other = np.clip(first * for_other - cross * for_own, 0, 1)
    return own, other


def _framed(values: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(values, 1, 1, 1, 1, cv2.BORDER_REPLICATE)


# ---------------------------------------------------------------- sizes


def _at_most(pixels: int, image: np.ndarray, foreground: np.ndarray) -> Colours:
    """The image and the shares as float32, 0 to 1, made smaller if they have more pixels."""
    height, width = foreground.shape
    factor = min(1.0, math.sqrt(pixels / (height * width)))
    size = max(1, round(height * factor)), max(1, round(width * factor))
    # 8 bits are resized: the floats of a large picture take gigabytes.
    smaller = (_resized(part, *size, cv2.INTER_AREA) for part in (image, foreground))
    image_small, share = (part.astype(np.float32) / 255 for part in smaller)
    return image_small, share


def _resized(values: np.ndarray, height: int, width: int, interpolation: int) -> np.ndarray:
    if values.shape[:2] == (height, width):
        return values
    found = cv2.resize(values, (width, height), interpolation=interpolation)
    return found.reshape(height, width, *values.shape[2:])


def _tiles(shape: Tuple[int, ...]) -> Iterator[Tuple[slice, slice]]:
    height, width = shape
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            yield (
                slice(top, min(top + _TILE, height)),
                slice(left, min(left + _TILE, width)),
            )


def _enlarged(
    colours: Colours,
    image: np.ndarray,
    foreground: np.ndarray,
    tile: Tuple[slice, slice],
    shape: Tuple[int, ...],
) -> np.ndarray:
    """The foreground's colours in a tile of the whole picture, uint8."""
    small = colours[0].shape
    rows, columns = (
        # Where the middle of each pixel lies among the middles of the small picture's.
        (np.arange(part.start, part.stop, dtype=np.float32) + 0.5) * (few / many) - 0.5
        for part, few, many in zip(tile, small, shape)
    )
    across, down = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    own, other = (
        cv2.remap(part, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part in colours
    )
    share = foreground[..., None].astype(np.float32) / 255
    lacking = image.astype(np.float32) / 255 - share * own - (1 - share) * other
    return _in_8_bits(np.clip(own + share * lacking, 0, 1))


def _in_8_bits(values: np.ndarray) -> np.ndarray:
    return np.rint(values * 255).astype(np.uint8)
