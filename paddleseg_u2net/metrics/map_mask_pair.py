"""One saliency map against its ground truth, with what several metrics ask computed once."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

import cv2
import numpy as np

from paddleseg_u2net.metrics.fixation.fixations import Fixations, checked_weights
from paddleseg_u2net.metrics.normalise import (
    as_floats,
    checked_grey,
    checked_map,
    checked_mask,
    checked_valid,
    normalise,
)

LEVELS = 256


class MapMaskPair:
    """A saliency map with its mask or fixations, checked; the rest is made when asked for.

    One pair may serve several metrics, by their ``update_pair``. Its arrays are read-only; those of
    shape (n,) hold the valid pixels only.

    Args:
        prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255. Kept
            as it came; float16 as float32.
        mask: bool (H, W), True on the salient object; None where there are fixations only. Kept
            with False on ignored pixels.
        valid: bool (H, W), False on the pixels to ignore; None ignores none. What map and mask say
            of ignored pixels does not matter, but the map must be in [0, 1]. Fixations bring their
            own.
        fixations: Where people looked; None takes the object for it.
        others: (H, W), 0 and more: how often people looked at this place of other images, for the
            shuffled AUC; see `OtherFixations`. Kept as float64 with 0 on ignored pixels.
        alpha: (H, W), the true share of the foreground, of the map's dtypes and ranges, for the
            scores of mattes; None takes the mask for it.
        image: The image itself, uint8 RGB (H, W, 3) or grey (H, W), for those of moving ones. Kept
            as ``grey``, uint8 (H, W).

    Raises:
        ValueError: not two dimensions, shapes differ, a dtype is another, every pixel is ignored, a
            value is NaN or out of range.
    """

    mask: np.ndarray

    def __init__(
        self,
        prediction: np.ndarray,
        mask: Optional[np.ndarray] = None,
        valid: Optional[np.ndarray] = None,
        fixations: Optional[Fixations] = None,
        others: Optional[np.ndarray] = None,
        alpha: Optional[np.ndarray] = None,
        image: Optional[np.ndarray] = None,
    ) -> None:
        self.prediction = checked_map(prediction)
        height, width = self.prediction.shape
        self.shape = height, width
        if mask is not None:
            self.mask = checked_mask(mask)
        self._alpha = None if alpha is None else checked_map(alpha, "an alpha matte")
        self.grey = None if image is None else checked_grey(image)
        for name, other in (
            ("mask", mask),
            ("fixations", fixations),
            ("alpha", self._alpha),
            ("image", self.grey),
        ):
            if other is not None and other.shape != self.shape:
                raise ValueError(
                    f"expected a map of the shape of its {name}, {other.shape}, got "
                    f"{self.shape}; resize the map first"
                )
        self.before: Optional[MapMaskPair] = None
        if fixations is not None:
            self.fixations = fixations
            valid = fixations.valid
        self.valid = checked_valid(valid, self.shape)
        if self.valid is not None and mask is not None:
            self.mask &= self.valid
        self.others = None
        if others is not None:
            others = checked_weights("weights of the other images", others, self.shape)
            self.others = others if self.valid is None else np.where(self.valid, others, 0.0)
        self._values: dict[str, np.ndarray] = {}
        self._statistics: dict[str, MapStatistics] = {}

    def follow(self, before: MapMaskPair) -> None:
        """Take another pair for the frame before this one, for the scores of moving images."""
        if before.shape != self.shape:
            raise ValueError(
                f"expected a frame of the shape of the one before it, {before.shape}, got "
                f"{self.shape}"
            )
        self.before = copy.copy(before)
        self.before.before = None  # or all frames of a clip would stay

    @cached_property
    def background(self) -> np.ndarray:
        """bool (H, W): valid pixels off the object."""
        return ~self.mask if self.valid is None else self.valid & ~self.mask

    @cached_property
    def foreground_pixels(self) -> int:
        """Number of pixels of the object."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def valid_pixels(self) -> int:
        """Number of pixels that are not ignored."""
        return self.prediction.size if self.valid is None else int(np.count_nonzero(self.valid))

    def statistics(self, stretch: str = "none") -> MapStatistics:
        """Return the counts over the valid pixels, of the map normalised so."""
        if stretch not in self._statistics:
            pixels, inside = self.at_valid(self.prediction), self.at_valid(self.mask)
            count = _count_bytes if pixels.dtype == np.uint8 else _count_floats
            self._statistics[stretch] = count(pixels, inside, stretch)
        return self._statistics[stretch]

    def values(self, stretch: str = "none") -> np.ndarray:
        """Return the map normalised so as float64 (H, W) in [0, 1], 0 on ignored pixels."""
        if stretch not in self._values:
            self._values[stretch] = self._normalised(stretch, np.float64)
        return self._values[stretch]

    @cached_property
    def alpha(self) -> np.ndarray:
        """The true share of the foreground, float64 (H, W) in [0, 1], 0 on ignored pixels."""
        if self._alpha is None:
            return self.mask.astype(np.float64)
        alpha = as_floats(self._alpha)
        return alpha if self.valid is None else np.where(self.valid, alpha, 0.0)

    @cached_property
    def matte_error(self) -> np.ndarray:
        """The map as it came less the true alpha, float64 (H, W), 0 on ignored pixels."""
        return self.values() - self.alpha

    def narrow_values(self, stretch: str = "none") -> np.ndarray:
        """Return `values` rounded to float32; not kept."""
        if self.prediction.dtype == np.uint8:  # without the detour through float64
            return self._normalised(stretch, np.float32)
        return self.values(stretch).astype(np.float32)

    def _normalised(self, stretch: str, dtype: type) -> np.ndarray:
        if self.prediction.dtype == np.uint8:
            values = cv2.LUT(self.prediction, self.values_of_levels(stretch).astype(dtype))
        else:
            values = self.prediction.astype(dtype)
            values = normalise(values, self.at_valid(values), stretch)
        return values if self.valid is None else np.where(self.valid, values, dtype(0))

    def values_of_levels(self, stretch: str = "none") -> np.ndarray:
        """Return float64 (256,): the value of each level of a uint8 map once it is normalised.

        Levels that no valid pixel has may be less than 0 or more than 1.
        """
        values = np.arange(LEVELS) / 255
        return normalise(values, values[[int(end) for end in self.range]], stretch)

    def at_valid(self, array: np.ndarray) -> np.ndarray:
        """Return what an array (H, W) has at the valid pixels, (n,)."""
        return array.ravel() if self.valid is None else array[self.valid]

    def positive(self, threshold: float = 0.5) -> np.ndarray:
        """Return bool (H, W): valid pixels where the map as it came is at least the threshold."""
        limit = threshold * 255 if self.prediction.dtype == np.uint8 else threshold
        positive = self.prediction >= limit
        return positive if self.valid is None else positive & self.valid

    @cached_property
    def fixations(self) -> Fixations:
        """Where people looked, or the object."""
        return Fixations.from_mask(self.mask, self.valid)

    @cached_property
    def relative(self) -> np.ndarray:
        """The map divided by its maximum, float64 (n,) in [0, 1]; an all-zero map stays.

        No metric of this family depends on the scale, and squares of tiny numbers would be 0.
        """
        return self.at_valid(self.prediction).astype(np.float64) / (self.range[1] or 1)

    @cached_property
    def range(self) -> tuple[float, float]:
        """Least and largest value of the map, in its own dtype."""
        pixels = self.at_valid(self.prediction)
        return pixels.min().item(), pixels.max().item()

    @property
    def constant(self) -> bool:
        """Whether all pixels have one value."""
        low, high = self.range
        return low == high

    @cached_property
    def ranks(self) -> np.ndarray:
        """Whole numbers (H, W) in the order of the map's values."""
        if self.prediction.dtype == np.uint8:
            return self.prediction
        return _ranked(self.prediction)

    @cached_property
    def mass(self) -> Optional[np.ndarray]:
        """The map divided by its sum, float64 (n,); None of an all-zero map."""
        total = float(self.relative.sum())
        return self.relative / total if total > 0 else None

    @cached_property
    def density(self) -> Optional[np.ndarray]:
        """The density of the fixations divided by its sum, float64 (n,); None without any."""
        if self.fixations.density is None:
            return None
        density = self.at_valid(self.fixations.density)
        # By the maximum first, so that the sum of very large numbers is finite.
        high = float(density.max())
        if high <= 0:
            return None
        density = density / high
        return density / density.sum()

    def at_points(self, array: np.ndarray) -> np.ndarray:
        """Return what an array (H, W) has at the fixations, (N,); none without points."""
        points = self.fixations.points
        return array.ravel()[:0] if points is None else array[points[:, 0], points[:, 1]]

    def on_image(self, pixels: np.ndarray) -> np.ndarray:
        """Return values of the valid pixels (n,) as (H, W), 0 on the ignored ones."""
        if self.valid is None:
            return pixels.reshape(self.shape)
        array = np.zeros(self.shape, pixels.dtype)
        array[self.valid] = pixels
        return array


def _ranked(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in the order of floats, 0 and more, whose bits have that order.

    NumPy sorts 16 bits by counting, which takes half of the time of `numpy.unique`.
    """
    # Plus 0, so that -0.0 becomes 0.0.
    bits = (values.ravel() + values.dtype.type(0)).view(f"u{values.itemsize}")
    order = np.argsort(bits.astype(np.uint16), kind="stable")
    for shift in range(16, 8 * bits.itemsize, 16):
        digit = (bits >> shift).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    ordered = bits[order]
    ranks = np.zeros(bits.size, np.int64)
    ranks[order[1:]] = np.cumsum(ordered[1:] != ordered[:-1])
    return ranks.reshape(values.shape)


def bounding_box(mask: np.ndarray, margin: int = 0) -> tuple[slice, slice]:
    """Return rows and columns of the smallest box around a mask that is not empty."""
    # Not OpenCV's boundingRect: that of 4.5 misses a column now and then.
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )


@dataclass(frozen=True, eq=False)
class MapStatistics:
    """What one pass over a map and its mask counts, for all scores by level.

    The level of a pixel is ``floor(255 p)``, as PySODMetrics has it, in the arithmetic of the map's
    own dtype: a map read from 8 bits as ``k / 255`` has the level k. Whether a float64 pixel of
    exactly twice the mean is above the adaptive threshold is up to rounding, as in PySODMetrics.
    """

    foreground_histogram: np.ndarray  # int64 (256,), pixels of the mask by level of the map
    background_histogram: np.ndarray
    mean_absolute_error: float
    adaptive_positives: int  # pixels at or above min(2 x mean of the map, 1)
    adaptive_true_positives: int

    @cached_property
    def true_positives(self) -> np.ndarray:
        """int64 (256,): pixels of the object at or above each level, from 255 down to 0."""
        return np.cumsum(self.foreground_histogram[::-1])

    @cached_property
    def false_positives(self) -> np.ndarray:
        """The same of the background."""
        return np.cumsum(self.background_histogram[::-1])


def _histograms(levels: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the histograms of the levels (uint8) inside and outside of the mask."""
    # One bincount for both: the mask is the ninth bit of the level.
    index = inside.astype(np.intp)
    index <<= 8
    index |= levels
    counts = np.bincount(index, minlength=2 * LEVELS).astype(np.int64, copy=False)
    return counts[LEVELS:], counts[:LEVELS]


def _count_floats(values: np.ndarray, inside: np.ndarray, stretch: str) -> MapStatistics:
    values = normalise(values, values, stretch)
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
    )


def _count_bytes(levels: np.ndarray, inside: np.ndarray, stretch: str) -> MapStatistics:
    """Read everything off the 2 x 256 counts of raw levels: no float per pixel."""
    foreground, background = _histograms(levels, inside)
    both = foreground + background
    occupied = np.flatnonzero(both)
    low, high = (int(occupied[0]) if stretch == "minmax" else 0), int(occupied[-1])
    if stretch == "none" or low == high:
        low, high = 0, LEVELS - 1

    above = np.arange(LEVELS) - low  # the map is above / span
    span = high - low
    # In whole numbers, so that a level exactly at twice the mean is above it on every machine.
    positive = above * levels.size >= min(2 * int(above @ both), span * levels.size)
    # Levels without a pixel may lie outside of [0, 1]; they weigh nothing.
    error = int(np.abs(above) @ background + np.abs(span - above) @ foreground)
    return MapStatistics(
        foreground_histogram=_normalised_histogram(foreground, low, high),
        background_histogram=_normalised_histogram(background, low, high),
        mean_absolute_error=error / (span * levels.size),
        adaptive_positives=int(both[positive].sum()),
        adaptive_true_positives=int(foreground[positive].sum()),
    )


def _normalised_histogram(histogram: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the histogram once the levels low..high became 0..255."""
    # In floats, not in whole numbers, on purpose: 2 % of the levels land one lower by rounding,
    # and PySODMetrics, hence every published curve, has them there.
    bottom, top = low / 255, high / 255
    values = (np.arange(low, high + 1) / 255 - bottom) / (top - bottom)
    moved = (values * 255).astype(np.intp)
    counts = np.bincount(moved, weights=histogram[low : high + 1], minlength=LEVELS)
    return counts.astype(np.int64)
