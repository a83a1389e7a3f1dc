"""The one pass over a saliency map that MAE and F-measure share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 256


@dataclass(frozen=True, eq=False)
class MapStatistics:
    """What the saliency metrics need to know of one image; made by `map_statistics`.

    Attributes:
        foreground_histogram: int64 (256,), pixels of the mask by level 0..255 of the map.
        background_histogram: The same for the pixels outside the mask.
        mean_absolute_error: Mean of abs(map - mask), in [0, 1].
        adaptive_positives: Pixels of the map at or above min(2 x its mean, 1).
        adaptive_true_positives: Those of them inside the mask.
        normalised: Whether the map was stretched to [0, 1] first.
    """

    foreground_histogram: np.ndarray
    background_histogram: np.ndarray
    mean_absolute_error: float
    adaptive_positives: int
    adaptive_true_positives: int
    normalised: bool


def map_statistics(
    prediction: np.ndarray, mask: np.ndarray, normalise: bool = False
) -> MapStatistics:
    """Count one saliency map against its mask.

    The level of a pixel is ``floor(255 p)``, as PySODMetrics has it, in the arithmetic of the
    map's own dtype (float16 as float32): a map read from 8 bits as ``k / 255`` has the level k.

    ``normalise=True`` stretches the map's own minimum and maximum to 0 and 1, as MATLAB's
    ``mapminmax`` and PySODMetrics do; a constant map stays as it is. It is off by default since it
    forgives a model that is never sure: a map of 2/255 on the object and 1/255 elsewhere becomes
    perfect. Published tables mostly have it on.

    Args:
        prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
            Any equal shapes will do, for instance the (N,) pixels that are not ignored.
        mask: bool, of the same shape; True on the salient object.
        normalise: Stretch the map first.

    Raises:
        ValueError: shapes differ, a dtype is another, no pixel at all, a value is NaN or outside
            [0, 1].
    """
    prediction, mask = np.asarray(prediction), np.asarray(mask)
    check_pair(prediction, mask)
    # In C order, so that a transposed or strided view costs one copy instead of slow passes.
    pixels, inside = np.ascontiguousarray(prediction).ravel(), np.ascontiguousarray(mask).ravel()
    if prediction.dtype == np.uint8:
        return _of_bytes(pixels, inside, normalise)
    return _of_floats(pixels, inside, normalise)


def check_pair(prediction: np.ndarray, mask: np.ndarray) -> None:
    """Raise ValueError unless a map and a mask are of usable dtypes, of one shape and not empty."""
    if prediction.dtype != np.uint8 and not np.issubdtype(prediction.dtype, np.floating):
        raise ValueError(
            f"expected a saliency map of a float dtype in [0, 1] or of uint8, "
            f"got {prediction.dtype}"
        )
    if mask.dtype != np.bool_:
        raise ValueError(
            f"expected a bool mask (threshold it first, e.g. mask > 128), got {mask.dtype}"
        )
    if prediction.shape != mask.shape:
        raise ValueError(
            f"expected map and mask of one shape, got map {prediction.shape} and mask {mask.shape}"
        )
    if not prediction.size:
        raise ValueError(f"expected at least one pixel, got a map of shape {prediction.shape}")


def check_unit_range(name: str, low: float, high: float) -> None:
    """Raise ValueError unless 0 <= low and high <= 1; a NaN fails both comparisons."""
    if not (low >= 0 and high <= 1):
        raise ValueError(f"expected {name} in [0, 1] without NaN, got {low}..{high}")


def _histograms(levels: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the histograms of the levels (uint8) inside and outside of the mask."""
    # One bincount for both: the mask is the ninth bit of the level. A cast, not a view of the
    # bytes: Pillow hands out 1-bit pictures as bool arrays whose True is the byte 255.
    index = inside.astype(np.intp)
    index <<= 8
    index |= levels
    counts = np.bincount(index, minlength=2 * LEVELS).astype(np.int64, copy=False)
    return counts[LEVELS:], counts[:LEVELS]


def _of_floats(values: np.ndarray, inside: np.ndarray, normalise: bool) -> MapStatistics:
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    low, high = values.min(), values.max()
    check_unit_range("saliency values", low, high)
    if normalise and high > low:
        values = (values - low) / (high - low)

    foreground, background = _histograms((values * 255).astype(np.uint8), inside)
    # A Python float, so that NumPy 1 and 2 alike compare in the dtype of the map.
    threshold = min(2 * float(values.mean(dtype=np.float64)), 1.0)
    positive = values >= threshold
    return MapStatistics(
        foreground_histogram=foreground,
        background_histogram=background,
        mean_absolute_error=float(np.abs(values - inside).mean(dtype=np.float64)),
        adaptive_positives=int(np.count_nonzero(positive)),
        adaptive_true_positives=int(np.count_nonzero(positive & inside)),
        normalised=normalise,
    )


def _of_bytes(levels: np.ndarray, inside: np.ndarray, normalise: bool) -> MapStatistics:
    """Read everything off the 2 x 256 counts of raw levels: no float per pixel."""
    foreground, background = _histograms(levels, inside)
    both = foreground + background
    low, high = 0, LEVELS - 1
    occupied = np.flatnonzero(both)
    if normalise and occupied[0] < occupied[-1]:
        low, high = int(occupied[0]), int(occupied[-1])

    above = np.arange(LEVELS) - low  # the map is above / span
    span = high - low
    # In whole numbers, so that a level exactly at twice the mean is above it on every machine.
    positive = above * levels.size >= min(2 * int(above @ both), span * levels.size)
    # Levels without a pixel may lie outside of [0, 1]; they weigh nothing.
    error = int(np.abs(above) @ background + np.abs(span - above) @ foreground)
    return MapStatistics(
        foreground_histogram=_stretched(foreground, low, high),
        background_histogram=_stretched(background, low, high),
        mean_absolute_error=error / (span * levels.size),
        adaptive_positives=int(both[positive].sum()),
        adaptive_true_positives=int(foreground[positive].sum()),
        normalised=normalise,
    )


def _stretched(histogram: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the histogram after the levels low..high became 0..255."""
    # In floats, not in whole numbers, on purpose: 2 % of the levels land one lower by rounding,
    # and PySODMetrics, hence every published curve, has them there.
    bottom, top = low / 255, high / 255
    values = (np.arange(low, high + 1) / 255 - bottom) / (top - bottom)
    moved = (values * 255).astype(np.intp)
    counts = np.bincount(moved, weights=histogram[low : high + 1], minlength=LEVELS)
    return counts.astype(np.int64)
