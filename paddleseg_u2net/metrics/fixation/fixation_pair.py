"""One saliency map against the fixations on its image, and what their metrics have in common."""

from __future__ import annotations

from functools import cached_property
from typing import Optional

import numpy as np

from paddleseg_u2net.metrics.fixation.fixations import Fixations, checked_weights
from paddleseg_u2net.metrics.metric import MeanOfImages
from paddleseg_u2net.metrics.normalise import checked_map


class FixationPair:
    """A saliency map and the fixations on its image, checked; the rest is made when asked for.

    One pair may serve several metrics. Arrays (n,) hold the valid pixels only; all are read-only.

    Args:
        prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
        fixations: Where people looked.
        others: Weights (H, W), 0 and more: how often people looked at this place of other images,
            for the shuffled AUC; see `OtherFixations`.

    Raises:
        ValueError: shapes differ, a dtype is another, a value is out of range or NaN.
    """

    def __init__(
        self, prediction: np.ndarray, fixations: Fixations, others: Optional[np.ndarray] = None
    ) -> None:
        self.fixations = fixations
        self.prediction = checked_map(prediction)
        if self.prediction.shape != fixations.shape:
            raise ValueError(
                f"expected a saliency map of the image's shape {fixations.shape}, got "
                f"{self.prediction.shape}; resize the map first"
            )
        self.others = None
        if others is not None:
            self.others = checked_weights("weights of the other images", others, fixations.shape)
            if fixations.valid is not None:
                self.others = np.where(fixations.valid, self.others, 0.0)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.fixations.shape

    @cached_property
    def pixels(self) -> np.ndarray:
        """The map's values, in its own dtype: (n,)."""
        return self.at_valid(self.prediction)

    @cached_property
    def values(self) -> np.ndarray:
        """The map divided by its maximum, float64 (n,) in [0, 1]; an all-zero map stays.

        No metric of this family depends on the scale, and squares of tiny numbers would be 0.
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
        """Whole numbers (H, W) in the order of the map's values."""
        if self.prediction.dtype == np.uint8:
            return self.prediction
        # The inverse is flat in NumPy 1 and has the shape of the values in some of NumPy 2.
        return np.unique(self.prediction, return_inverse=True)[1].reshape(self.shape)

    @cached_property
    def unfixated(self) -> np.ndarray:
        """bool (H, W): valid pixels without a fixation."""
        free = np.ones(self.shape, bool)
        if self.fixations.valid is not None:
            free &= self.fixations.valid
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

    def at_valid(self, array: np.ndarray) -> np.ndarray:
        """Return what an array (H, W) has at the valid pixels, (n,)."""
        valid = self.fixations.valid
        return array.ravel() if valid is None else array[valid]

    def on_image(self, pixels: np.ndarray) -> np.ndarray:
        """Return values of the valid pixels (n,) as (H, W), 0 on the ignored ones."""
        if self.fixations.valid is None:
            return pixels.reshape(self.shape)
        array = np.zeros(self.shape, pixels.dtype)
        array[self.fixations.valid] = pixels
        return array


class FixationMetric(MeanOfImages):
    """One score per saliency map against fixations, averaged over the images that have one."""

    def update(
        self, prediction: np.ndarray, fixations: Fixations, others: Optional[np.ndarray] = None
    ) -> None:
        """Count one image; see `FixationPair` for the arguments and what is refused."""
        self.update_pair(FixationPair(prediction, fixations, others))
