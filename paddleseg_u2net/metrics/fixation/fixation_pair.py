"""One saliency map against the fixations of its picture, with what several metrics ask of them."""

from __future__ import annotations

from functools import cached_property
from typing import Optional

import numpy as np

from paddleseg_u2net.metrics.dense_rank import ranks
from paddleseg_u2net.metrics.fixation.fixations import Fixations, checked_weights
from paddleseg_u2net.metrics.normalise import check_unit_range


class FixationPair:
    """A saliency map and the fixations on its picture, checked; the rest is made when asked for.

    Who wants several metrics of one image makes one `FixationPair` and hands it to all of them::

        fixated = FixationPair(prediction, fixations)
        for metric in (auc_judd, nss, cc):
            metric.update_fixated(fixated)

    All arrays of pixels hold the pixels that count only, in one dimension. Nobody may write into
    them.

    Args:
        prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
        fixations: Where people looked.
        others: Weights (H, W), 0 and more: how often people looked at this place of other pictures,
            for the shuffled AUC; see `shuffle_map.OtherFixations`.

    Raises:
        ValueError: shapes differ, a dtype is another, a value of the map is NaN or outside [0, 1],
            a weight is negative or not finite.

    Attributes:
        prediction: The map as it came, in C order; uint8, float32 (float16 too) or float64.
        fixations: As they came.
        others: float64 (H, W), 0 on ignored pixels, or None.
    """

    def __init__(
        self, prediction: np.ndarray, fixations: Fixations, others: Optional[np.ndarray] = None
    ) -> None:
        self.fixations = fixations
        self.prediction = _checked_map(np.asarray(prediction), fixations.shape)
        self.others = None
        if others is not None:
            self.others = checked_weights("weights of the other pictures", others, fixations.shape)
            if fixations.counted is not None:
                self.others = np.where(fixations.counted, self.others, 0.0)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.fixations.shape

    @cached_property
    def pixels(self) -> np.ndarray:
        """The map's values, in its own dtype: (n,)."""
        return self.that_count(self.prediction)

    @cached_property
    def values(self) -> np.ndarray:
        """The map divided by its maximum, float64 (n,) in [0, 1]; an all-zero map stays.

        No metric of this family minds the scale, and squares of tiny numbers would be 0.
        """
        return self.pixels.astype(np.float64) / (self.range[1] or 1)

    @cached_property
    def range(self) -> tuple[float, float]:
        """Least and largest of `pixels`."""
        return self.pixels.min().item(), self.pixels.max().item()

    @property
    def constant(self) -> bool:
        """Whether all pixels have one value."""
        low, high = self.range
        return low == high

    @cached_property
    def ranks(self) -> np.ndarray:
        """Whole numbers (H, W) in the order of the map's values; see `ranks.ranks`."""
        return ranks(self.prediction)

    @cached_property
    def unfixated(self) -> np.ndarray:
        """bool (H, W): pixels that count and have no fixation."""
        free = np.ones(self.shape, bool)
        if self.fixations.counted is not None:
            free &= self.fixations.counted
        if self.fixations.points is not None:
            free[self.fixations.points[:, 0], self.fixations.points[:, 1]] = False
        return free

    @cached_property
    def mass(self) -> Optional[np.ndarray]:
        """The map divided by its sum, float64 (n,); None of an all-zero map."""
        total = float(self.values.sum())
        return self.values / total if total > 0 else None

    @cached_property
    def density(self) -> Optional[np.ndarray]:
        """The density of the fixations divided by its sum, float64 (n,); None without any."""
        if self.fixations.density is None:
            return None
        density = self.that_count(self.fixations.density)
        # By the maximum first, so that the sum of very large numbers is finite.
        high = float(density.max())
        if high <= 0:
            return None
        density = density / high
        return density / density.sum()

    def at_points(self, picture: np.ndarray) -> np.ndarray:
        """Return the values (N,) of a picture (H, W) at the fixations, none without points."""
        points = self.fixations.points
        return picture.ravel()[:0] if points is None else picture[points[:, 0], points[:, 1]]

    def that_count(self, picture: np.ndarray) -> np.ndarray:
        """Return the values (n,) of a picture (H, W) at the pixels that count."""
        counted = self.fixations.counted
        return picture.ravel() if counted is None else picture[counted]

    def on_picture(self, pixels: np.ndarray) -> np.ndarray:
        """Return values of the pixels that count (n,) as (H, W), 0 on the ignored pixels."""
        if self.fixations.counted is None:
            return pixels.reshape(self.shape)
        picture = np.zeros(self.shape, pixels.dtype)
        picture[self.fixations.counted] = pixels
        return picture


def _checked_map(prediction: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a map in C order as uint8, float32 or float64, or raise ValueError."""
    is_float = np.issubdtype(prediction.dtype, np.floating)
    if prediction.dtype != np.uint8 and not is_float:
        raise ValueError(
            f"expected a saliency map of a float dtype in [0, 1] or of uint8, "
            f"got {prediction.dtype}"
        )
    if prediction.shape != shape:
        raise ValueError(
            f"expected a saliency map of the picture's shape {shape}, got {prediction.shape}; "
            "resize the map first"
        )
    if is_float and prediction.dtype not in (np.float32, np.float64):
        narrow = prediction.dtype == np.float16
        prediction = prediction.astype(np.float32 if narrow else np.float64)
    prediction = np.ascontiguousarray(prediction)
    if is_float:
        check_unit_range("saliency values", prediction.min(), prediction.max())
    return prediction
