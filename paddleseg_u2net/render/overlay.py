"""Class maps and probabilities as pictures: palettes, overlays, grey and heat maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

__all__ = ["blend", "color_map", "foreground", "heat", "pseudo_color", "saliency", "strips"]

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
        num_classes: how many colours, 1 or more.
        custom: colours that replace the first ones, as flat 0-255 values (R, G, B, R, ...) or as
            rows (n, 3).

    Returns:
        uint8 (num_classes, 3), in RGB.

    Raises:
        ValueError: for `num_classes` below 1, or a `custom` that is not whole colours of 0-255
            or has more colours than there are classes.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be 1 or more, not {num_classes}")
    number = np.arange(1, num_classes + 1)
    colors = np.zeros((num_classes, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= (((number >> (3 * bit + channel)) & 1) << (7 - bit)).astype(
                np.uint8
            )
    if custom is None:
        return colors
    chosen = np.asarray(custom)
    if chosen.size % 3 or (chosen.ndim > 1 and chosen.shape[1:] != (3,)):
        raise ValueError(f"custom must be whole colours of 3 values, not shape {chosen.shape}")
    if chosen.size > colors.size:
        raise ValueError(f"custom has {chosen.size // 3} colours for {num_classes} classes")
    if chosen.size and (chosen.min() < 0 or chosen.max() > 255):
        raise ValueError("custom must hold values of 0 to 255")
    colors[: chosen.size // 3] = chosen.reshape(-1, 3)
    return colors


def pseudo_color(classes: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return each class in its colour.

    Args:
        classes: (H, W), bool or any integer type, 0 to len(colors) - 1.
        colors: uint8 (n, 3), as from `color_map`.

    Returns:
        uint8 (H, W, 3), in the order of `colors` (RGB from `color_map`).

    Raises:
        ValueError: for other shapes or types, or a class that has no colour.
    """
    if classes.ndim != 2 or classes.dtype.kind not in "bui":
        raise ValueError(
            f"classes must be integers (H, W), not {classes.dtype} of shape {classes.shape}"
        )
    if colors.dtype != np.uint8 or colors.ndim != 2 or colors.shape[1] != 3:
        raise ValueError(f"colors must be uint8 (n, 3), not {colors.dtype} of {colors.shape}")
    if classes.size and not 0 <= classes.min() <= classes.max() < len(colors):
        raise ValueError(
            f"classes of {classes.min()} to {classes.max()} do not fit {len(colors)} colours"
        )
    return colors[classes.astype(np.intp)]


def blend(
    image: np.ndarray, classes: np.ndarray, colors: np.ndarray, weight: float = 0.6
) -> np.ndarray:
    """Return `image` with the classes' colours over it, as PaddleSeg's `visualize` adds them.

    Args:
        image: uint8 (H, W, 3), RGB.
        classes: (H, W), as for `pseudo_color`.
        colors: uint8 (n, 3), RGB.
        weight: the image's share, 0 to 1; the colours have the rest.

    Returns:
        uint8 (H, W, 3), RGB: image * weight + colour * (1 - weight), rounded.

    Raises:
        ValueError: for other shapes or types, a class without a colour, or another weight.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be uint8 (H, W, 3), not {image.dtype} of {image.shape}")
    if classes.shape != image.shape[:2]:
        raise ValueError(f"classes of {classes.shape} do not fit an image of {image.shape[:2]}")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be 0 to 1, not {weight}")
    return cv2.addWeighted(image, weight, pseudo_color(classes, colors), 1 - weight, 0)


def saliency(probability: np.ndarray) -> np.ndarray:
    """Return a probability as a grey picture.

    Args:
        probability: float (H, W), 0 to 1.

    Returns:
        uint8 (H, W): probability * 255, rounded to the nearest.

    Raises:
        ValueError: for another shape or type, NaN, or values outside [0, 1] by more than a
            rounding error (1e-4).
    """
    if probability.ndim != 2 or probability.dtype.kind != "f":
        raise ValueError(
            f"probability must be floats (H, W), not {probability.dtype} of {probability.shape}"
        )
    # Written so that a NaN, which compares as False, is refused.
    if probability.size and not (probability.min() >= -_SLACK and probability.max() <= 1 + _SLACK):
        raise ValueError(
            f"probability must be 0 to 1, not {probability.min()} to {probability.max()}"
        )
    wide = probability.astype(np.promote_types(probability.dtype, np.float32), copy=False)
    return np.rint(np.clip(wide, 0, 1) * 255).astype(np.uint8)


def heat(probability: np.ndarray) -> np.ndarray:
    """Return a probability in colours from black over red to pale yellow.

    The colours (OpenCV's "inferno") grow lighter evenly, so that equal steps of probability look
    equal, also in print without colours.

    Args:
        probability: float (H, W), 0 to 1.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: as `saliency`.
    """
    colored = cv2.applyColorMap(saliency(probability), cv2.COLORMAP_INFERNO)
    return cv2.cvtColor(colored, cv2.COLOR_BGR2RGB)


def strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Return the rows of an image (H, W), some at a time."""
    height, width = shape
    count = max(1, _AT_ONCE // width)
    return (slice(start, start + count) for start in range(0, height, count))


def foreground(probability: np.ndarray) -> np.ndarray:
    """Return how much of each pixel is foreground as a grey picture.

    Args:
        probability: float32 (K, H, W); K = 1: the foreground's, K >= 2: of each class, that of the
            background first.

    Returns:
        uint8 (H, W), 0 to 255; of K >= 2 classes it is 1 - that of class 0.
    """
    grey = np.empty(probability.shape[1:], np.uint8)
    for rows in strips(grey.shape):
        first = probability[0, rows]
        grey[rows] = saliency(np.clip(first if len(probability) == 1 else 1 - first, 0, 1))
    return grey
