"""What every metric of this room has in common: sums that can be added up in any order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np


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
