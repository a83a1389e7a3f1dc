"""What every metric of this room has in common: sums that can be added up in any order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Optional

import numpy as np

from .map_statistics import check_pair, check_unit_range


class Metric(ABC):
    """A streaming metric whose whole memory is a few named arrays of sums.

    A subclass names its sums in `_zeros`, adds to them in its own ``update`` and reads the score
    off them in its own ``compute``. Sums of disjoint sets of images add, so merging the results
    of N processes equals one pass over all images (bit-equal for counts, to rounding for floats).

    To gather over processes, exchange ``state()`` as arrays and add up on one side::

        total = MAE()
        for state in gathered_states:
            shard = MAE()
            shard.load_state(state)
            total.merge(shard)
    """

    def __init__(self) -> None:
        self._sums = self._zeros()

    @abstractmethod
    def _zeros(self) -> dict[str, np.ndarray]:
        """Return fresh sums by name; at least one dimension each, as collectives want them."""

    def _settings(self) -> dict[str, object]:
        """Return the arguments that must agree before two results may be added up."""
        return {}

    def reset(self) -> None:
        """Forget every image."""
        self._sums = self._zeros()

    def merge(self, other: Metric) -> None:
        """Add the images that ``other`` has seen; ``other`` is left as it is.

        Raises:
            TypeError: ``other`` is another kind of metric.
            ValueError: ``other`` was built with other arguments.
        """
        if type(other) is not type(self):
            raise TypeError(
                f"expected a {type(self).__name__} to merge, got a {type(other).__name__}"
            )
        if other._settings() != self._settings():
            raise ValueError(
                f"{type(self).__name__} objects built with different arguments cannot be merged: "
                f"expected {self._settings()}, got {other._settings()}"
            )
        for name, value in other._sums.items():
            self._sums[name] = self._sums[name] + value

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of the sums by name: int64 or float64, one dimension or more."""
        return {name: value.copy() for name, value in self._sums.items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace the sums by those of `state` of an object built with the same arguments.

        Raises:
            ValueError: names, shapes or kinds (integer, float) are not those of this metric.
        """
        zeros = self._zeros()
        if set(state) != set(zeros):
            raise ValueError(
                f"expected a state of {type(self).__name__} with {sorted(zeros)}, "
                f"got {sorted(state)}"
            )
        loaded = {}
        for name, zero in zeros.items():
            value = np.asarray(state[name])
            if value.shape != zero.shape or not np.can_cast(value.dtype, zero.dtype):
                raise ValueError(
                    f"expected {name!r} of {type(self).__name__} as {zero.dtype} {zero.shape}, "
                    f"got {value.dtype} {value.shape}"
                )
            loaded[name] = value.astype(zero.dtype)
        self._sums = loaded


class PictureMetric(Metric):
    """A score per saliency map that asks where its pixels lie, averaged over images.

    Args:
        normalise: Stretch each map to [0, 1] by its own minimum and maximum first; a constant map
            stays as it is. See `map_statistics`.
    """

    def __init__(self, normalise: bool = False) -> None:
        self.normalise = normalise
        super().__init__()

    def _settings(self) -> dict[str, object]:
        return {"normalise": self.normalise}

    def _zeros(self) -> dict[str, np.ndarray]:
        return {"score": np.zeros(1), "images": np.zeros(1, np.int64)}

    @property
    def images(self) -> int:
        """How many images were counted."""
        return int(self._sums["images"][0])

    def update(
        self, prediction: np.ndarray, mask: np.ndarray, counted: Optional[np.ndarray] = None
    ) -> None:
        """Count one image.

        Args:
            prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
            mask: bool (H, W), True on the salient object.
            counted: bool (H, W), False on the pixels to ignore. None counts all of them. What map
                and mask say of ignored pixels does not matter, but the map must be in [0, 1].

        Raises:
            ValueError: not two dimensions, shapes differ, a dtype is another, no pixel that
                counts, a value is NaN or outside [0, 1]. Nothing is counted then.
        """
        prediction, mask = np.asarray(prediction), np.asarray(mask)
        if counted is not None:
            counted = _checked_choice(np.asarray(counted), mask.shape)
        self._sums["score"] += self._of_picture(*self._picture(prediction, mask, counted), counted)
        self._sums["images"] += 1

    def _picture(
        self, prediction: np.ndarray, mask: np.ndarray, counted: Optional[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the map as float64 and the mask, in C order, ignored pixels 0 and False."""
        check_pair(prediction, mask)
        if prediction.ndim != 2:
            raise ValueError(f"expected a saliency map (H, W), got shape {prediction.shape}")
        is_bytes = prediction.dtype == np.uint8
        values = prediction / 255 if is_bytes else prediction.astype(np.float64)
        values, mask = np.ascontiguousarray(values), np.ascontiguousarray(mask)
        low, high = values.min(), values.max()
        check_unit_range("saliency values", low, high)
        if counted is not None:
            kept = values[counted]
            low, high = kept.min(), kept.max()
        if self.normalise and high > low:
            values = (values - low) / (high - low)
        if counted is not None:
            values[~counted] = 0
            mask = mask & counted
        return values, mask

    @abstractmethod
    def _of_picture(
        self, values: np.ndarray, mask: np.ndarray, counted: Optional[np.ndarray]
    ) -> float:
        """Return the score of one image."""

    def compute(self) -> float:
        """Return the mean over the images so far, NaN without any."""
        return float(self._sums["score"][0]) / self.images if self.images else float("nan")


def _checked_choice(counted: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if counted.dtype != np.bool_ or counted.shape != shape:
        raise ValueError(
            f"expected the counted pixels as bool of the mask's shape {shape}, "
            f"got {counted.dtype} {counted.shape}"
        )
    if not counted.any():
        raise ValueError("expected at least one pixel that counts, got none")
    return counted
