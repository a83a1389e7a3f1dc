"""One saliency map against one mask, with what several metrics ask of them computed once."""

from __future__ import annotations

from functools import cached_property
from typing import Optional

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_statistics import LEVELS, MapStatistics, map_statistics
from paddleseg_u2net.metrics.normalise import (
    check_pair,
    check_unit_range,
    checked_choice,
    stretched,
)


class Picture:
    """A saliency map and its mask, checked; arrays that follow from them are made when asked for.

    Who wants several metrics of one image makes one `Picture` and hands it to all of them::

        picture = Picture(prediction, mask)
        for metric in (mae, f_measure, s_measure):
            metric.update_picture(picture)

    Nobody may write into its arrays.

    Args:
        prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
        mask: bool (H, W), True on the salient object.
        counted: bool (H, W), False on the pixels to ignore; None counts all of them. What map and
            mask say of ignored pixels does not matter, but the map must be in [0, 1].

    Raises:
        ValueError: not two dimensions, shapes differ, a dtype is another, no pixel that counts, a
            value is NaN or outside [0, 1].

    Attributes:
        prediction: The map as it came, in C order; uint8, float32 (float16 too) or float64.
        mask: bool (H, W) in C order, False on ignored pixels.
        counted: bool (H, W) in C order, or None where every pixel counts.
    """

    def __init__(
        self, prediction: np.ndarray, mask: np.ndarray, counted: Optional[np.ndarray] = None
    ) -> None:
        prediction, mask = np.asarray(prediction), np.asarray(mask)
        check_pair(prediction, mask)
        if prediction.ndim != 2:
            raise ValueError(f"expected a saliency map (H, W), got shape {prediction.shape}")
        if prediction.dtype not in (np.uint8, np.float32, np.float64):
            narrow = prediction.dtype == np.float16
            prediction = prediction.astype(np.float32 if narrow else np.float64)
        # In C order, so that a transposed or strided view costs one copy instead of slow passes.
        self.prediction = np.ascontiguousarray(prediction)
        if self.prediction.dtype != np.uint8:
            check_unit_range("saliency values", self.prediction.min(), self.prediction.max())
        # Compared, since Pillow hands out 1-bit pictures as bool arrays whose True is the byte 255.
        self.mask = np.ascontiguousarray(mask).view(np.uint8) != 0
        self.counted = checked_choice(counted, mask.shape)
        if self.counted is not None:
            self.mask &= self.counted
        self._values: dict[str, np.ndarray] = {}
        self._statistics: dict[str, MapStatistics] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        height, width = self.mask.shape
        return height, width

    @cached_property
    def background(self) -> np.ndarray:
        """bool (H, W): pixels that count and are off the object."""
        return ~self.mask if self.counted is None else self.counted & ~self.mask

    @cached_property
    def foreground_pixels(self) -> int:
        """Number of pixels of the object."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def counted_pixels(self) -> int:
        """Number of pixels that count."""
        return self.mask.size if self.counted is None else int(np.count_nonzero(self.counted))

    def statistics(self, stretch: str = "none") -> MapStatistics:
        """Return the counts over the pixels that count, of the map stretched so."""
        if stretch not in self._statistics:
            prediction, mask = self._kept(self.prediction), self._kept(self.mask)
            self._statistics[stretch] = map_statistics(prediction, mask, stretch)
        return self._statistics[stretch]

    def values(self, stretch: str = "none") -> np.ndarray:
        """Return the map stretched so as float64 (H, W) in [0, 1], 0 on ignored pixels."""
        if stretch not in self._values:
            self._values[stretch] = self._stretched(stretch, np.float64)
        return self._values[stretch]

    def narrow_values(self, stretch: str = "none") -> np.ndarray:
        """Return `values` rounded to float32; not kept."""
        if self.prediction.dtype == np.uint8:  # without the detour through float64
            return self._stretched(stretch, np.float32)
        return self.values(stretch).astype(np.float32)

    def values_of_levels(self, stretch: str = "none") -> np.ndarray:
        """Return float64 (256,): what each level of a uint8 map is worth after the stretch.

        Levels that no counted pixel has may be worth less than 0 or more than 1.
        """
        levels = self._kept(self.prediction)
        worth = np.arange(LEVELS) / 255
        return stretched(worth, worth[[levels.min(), levels.max()]], stretch)

    def _stretched(self, stretch: str, dtype: type) -> np.ndarray:
        if self.prediction.dtype == np.uint8:
            values = cv2.LUT(self.prediction, self.values_of_levels(stretch).astype(dtype))
        else:
            values = self.prediction.astype(dtype)
            values = stretched(values, self._kept(values), stretch)
        return values if self.counted is None else np.where(self.counted, values, dtype(0))

    def _kept(self, array: np.ndarray) -> np.ndarray:
        """Return what an array (H, W) has on the pixels that count, in any shape."""
        return array if self.counted is None else array[self.counted]

    def positive(self, threshold: float = 0.5) -> np.ndarray:
        """Return bool (H, W): where the map as it came is at least the threshold, and counts."""
        limit = threshold * 255 if self.prediction.dtype == np.uint8 else threshold
        positive = self.prediction >= limit
        return positive if self.counted is None else positive & self.counted
