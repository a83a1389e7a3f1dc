"""The one pass over a saliency map that all scores of its levels share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paddleseg_u2net.metrics.normalise import check_pair, check_stretch, check_unit_range, stretched

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
        stretch: How the map was stretched first; see `stretched`.
    """

    foreground_histogram: np.ndarray
    background_histogram: np.ndarray
    mean_absolute_error: float
    adaptive_positives: int
    adaptive_true_positives: int
    stretch: str


def map_statistics(
    prediction: np.ndarray, mask: np.ndarray, stretch: str = "none"
) -> MapStatistics:
    """Count one saliency map against its mask.

    The level of a pixel is ``floor(255 p)``, as PySODMetrics has it, in the arithmetic of the
    map's own dtype (float16 as float32): a map read from 8 bits as ``k / 255`` in float32 or
    float64 has the level k. Whether a float64 pixel of exactly twice the mean is above the adaptive
    threshold is up to rounding, as in PySODMetrics; bytes are counted in whole numbers.

    Args:
        prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
            Any equal shapes will do, for instance the (N,) pixels that are not ignored.
        mask: bool, of the same shape; True on the salient object.
        stretch: What to do to the map first, one of `STRETCHES`; see `stretched`.

    Raises:
        ValueError: shapes differ, a dtype is another, no pixel at all, a value is NaN or outside
            [0, 1].
    """
    prediction, mask = np.asarray(prediction), np.asarray(mask)
    check_pair(prediction, mask)
    check_stretch(stretch)
    # In C order, so that a transposed or strided view costs one copy instead of slow passes.
    pixels, inside = np.ascontiguousarray(prediction).ravel(), np.ascontiguousarray(mask).ravel()
    if prediction.dtype == np.uint8:
        return _of_bytes(pixels, inside, stretch)
    return _of_floats(pixels, inside, stretch)


def _histograms(levels: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the histograms of the levels (uint8) inside and outside of the mask."""
    # One bincount for both: the mask is the ninth bit of the level. A cast, not a view of the
    # bytes: Pillow hands out 1-bit pictures as bool arrays whose True is the byte 255.
    index = inside.astype(np.intp)
    index <<= 8
    index |= levels
    counts = np.bincount(index, minlength=2 * LEVELS).astype(np.int64, copy=False)
    return counts[LEVELS:], counts[:LEVELS]


def _of_floats(values: np.ndarray, inside: np.ndarray, stretch: str) -> MapStatistics:
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    check_unit_range("saliency values", values.min(), values.max())
    values = stretched(values, values, stretch)

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
        stretch=stretch,
    )


def _of_bytes(levels: np.ndarray, inside: np.ndarray, stretch: str) -> MapStatistics:
    """Read everything off the 2 x 256 counts of raw levels: no float per pixel."""
    foreground, background = _histograms(levels, inside)
    both = foreground + background
    low, high = _range(both, stretch)

    above = np.arange(LEVELS) - low  # the map is above / span
    span = high - low
    # In whole numbers, so that a level exactly at twice the mean is above it on every machine.
    positive = above * levels.size >= min(2 * int(above @ both), span * levels.size)
    # Levels without a pixel may lie outside of [0, 1]; they weigh nothing.
    error = int(np.abs(above) @ background + np.abs(span - above) @ foreground)
    return MapStatistics(
        foreground_histogram=_moved(foreground, low, high),
        background_histogram=_moved(background, low, high),
        mean_absolute_error=error / (span * levels.size),
        adaptive_positives=int(both[positive].sum()),
        adaptive_true_positives=int(foreground[positive].sum()),
        stretch=stretch,
    )


def _range(histogram: np.ndarray, stretch: str) -> tuple[int, int]:
    """Return the levels that become 0 and 1, as `stretched` has it."""
    occupied = np.flatnonzero(histogram)
    low, high = (int(occupied[0]) if stretch == "minmax" else 0), int(occupied[-1])
    return (low, high) if stretch != "none" and low < high else (0, LEVELS - 1)


def _moved(histogram: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the histogram after the levels low..high became 0..255."""
    # In floats, not in whole numbers, on purpose: 2 % of the levels land one lower by rounding,
    # and PySODMetrics, hence every published curve, has them there.
    bottom, top = low / 255, high / 255
    values = (np.arange(low, high + 1) / 255 - bottom) / (top - bottom)
    moved = (values * 255).astype(np.intp)
    counts = np.bincount(moved, weights=histogram[low : high + 1], minlength=LEVELS)
    return counts.astype(np.int64)
