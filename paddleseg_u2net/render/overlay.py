"""Class maps and probabilities as pictures: palettes, overlays, grey maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

# How far a probability may lie outside [0, 1] and be taken for a rounding error.
_SLACK = 1e-4
# Pixels that are worked on at a time: what is needed for them stays in the processor's cache, and
# a large image takes little more memory than its result.
_AT_ONCE = 2**18


def color_map(
    num_classes: int = 256, custom: Sequence[int] | np.ndarray | None = None
) -> np.ndarray:
    """Return the PASCAL VOC palette as PaddleSeg counts it.

    The bits of a number are dealt out to red, green and blue in turn, from the highest bit of
    each down. PaddleSeg drops the palette's first entry, black: class 0 is (128, 0, 0).

    Args:
        num_classes: How many colours, 1 or more.
        custom: Colours that replace the first ones, as flat 0-255 values (R, G, B, R, ...) or as
            rows (n, 3).

    Returns:
        uint8 (num_classes, 3), in RGB.

    Raises:
        ValueError: ``custom`` is not whole colours of 0-255 or has too many.
    """
    number = np.arange(1, num_classes + 1)
    colors = np.zeros((num_classes, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            bits = (number >> (3 * bit + channel)) & 1
            colors[:, channel] |= (bits << (7 - bit)).astype(np.uint8)
    chosen = np.asarray([] if custom is None else custom)
    whole = chosen.size % 3 == 0 and (chosen.ndim == 1 or chosen.shape[1:] == (3,))
    if not whole or chosen.size > colors.size or ((chosen < 0) | (chosen > 255)).any():
        raise ValueError(
            f"custom must be at most {num_classes} whole colours, values of 0 to 255, not "
            f"{chosen.tolist()}"
        )
    colors[: chosen.size // 3] = chosen.reshape(-1, 3)
    return colors


def blend(
    image: np.ndarray, classes: np.ndarray, colors: np.ndarray, weight: float = 0.6
) -> np.ndarray:
    """Return an image with the classes' colours over it, as PaddleSeg's `visualize` adds them.

    Args:
        image: uint8 (H, W, 3), RGB.
        classes: (H, W), any integer type, 0 to len(colors) - 1.
        colors: uint8 (n, 3), RGB.
        weight: The image's share, 0 to 1; the colours have the rest.

    Returns:
        uint8 (H, W, 3), RGB: image * weight + colour * (1 - weight), rounded.
    """
    return cv2.addWeighted(image, weight, colors[classes.astype(np.intp)], 1 - weight, 0)


def saliency(probability: np.ndarray) -> np.ndarray:
    """Return a probability, float (H, W), as a grey picture: uint8, rounded to the nearest.

    Raises:
        ValueError: NaN, or values outside [0, 1] by more than a rounding error (1e-4).
    """
    # Written so that a NaN, which compares as False, is refused.
    if probability.size and not (probability.min() >= -_SLACK and probability.max() <= 1 + _SLACK):
        raise ValueError(
            f"probability must be 0 to 1, not {probability.min()} to {probability.max()}"
        )
    wide = probability.astype(np.promote_types(probability.dtype, np.float32), copy=False)
    return np.rint(np.clip(wide, 0, 1) * 255).astype(np.uint8)


def strips(shape: tuple[int, ...], pixels: int = _AT_ONCE, multiple: int = 1) -> Iterator[slice]:
    """Return the rows of an image (H, W, ...), some at a time, a ``multiple`` of this many."""
    height, width = shape[:2]
    count = max(1, pixels // (width * multiple)) * multiple
    return (slice(start, start + count) for start in range(0, height, count))


def foreground(probability: np.ndarray) -> np.ndarray:
    """Return how much of each pixel is foreground as a grey picture, uint8 (H, W).

    ``probability``: float32 (K, H, W); K = 1: the foreground's, K >= 2: of each class, that of the
    background first; the foreground is 1 - that.
    """
    grey = np.empty(probability.shape[1:], np.uint8)
    for rows in strips(grey.shape):
        first = probability[0, rows]
        grey[rows] = saliency(np.clip(first if len(probability) == 1 else 1 - first, 0, 1))
    return grey
