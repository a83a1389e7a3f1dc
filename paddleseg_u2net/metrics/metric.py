"""What every metric of this room has in common: sums that can be added up in any order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Optional, Union

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import Picture
from paddleseg_u2net.metrics.normalise import check_stretch


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

    @abstractmethod
    def compute(self) -> Any:
        """Return what the sums say: a number, or several in a dataclass."""

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
    """Sums over images of what one map says against one mask.

    Args:
        stretch: What to do to each map first, one of `STRETCHES`; see `maps.stretched`.
    """

    def __init__(self, stretch: str = "none") -> None:
        check_stretch(stretch)
        self.stretch = stretch
        super().__init__()

    def _settings(self) -> dict[str, object]:
        return {"stretch": self.stretch}

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
            ValueError: what `Picture` refuses. Nothing is counted then.
        """
        self.update_picture(Picture(prediction, mask, counted))

    @abstractmethod
    def update_picture(self, picture: Picture) -> None:
        """Count one image, whose `Picture` may serve other metrics too."""


class CurveMetric(PictureMetric):
    """Several sums, mostly curves, that one map and mask add to; their means make the scores."""

    @property
    def images(self) -> int:
        """How many images were counted."""
        return int(self._sums["images"][0])

    def update_picture(self, picture: Picture) -> None:
        """Count one image, whose `Picture` may serve other metrics too."""
        for name, value in self._of_picture(picture).items():
            self._sums[name] += value
        self._sums["images"] += 1

    @abstractmethod
    def _of_picture(self, picture: Picture) -> Mapping[str, Union[np.ndarray, float]]:
        """Return what one image adds to the sums, by name; ``images`` is added elsewhere."""

    def _mean(self, name: str) -> np.ndarray:
        """Return a sum divided by the number of images, NaN where there is none."""
        total = self._sums[name]
        return total / self.images if self.images else np.full_like(total, np.nan)


class MeanOfImages(Metric):
    """One score per image, averaged over the images that have one.

    An image whose score is not defined adds to ``undefined`` only, so that nothing is averaged over
    fewer images in silence.
    """

    def _zeros(self) -> dict[str, np.ndarray]:
        return {
            "score": np.zeros(1),
            "images": np.zeros(1, np.int64),
            "undefined": np.zeros(1, np.int64),
        }

    @property
    def images(self) -> int:
        """How many images were counted."""
        return int(self._sums["images"][0])

    @property
    def undefined(self) -> int:
        """How many of the images have no score and are left out of the mean."""
        return int(self._sums["undefined"][0])

    def _count(self, score: float) -> None:
        """Count one image, whose score is NaN where it is not defined."""
        defined = score == score
        self._sums["score"] += score if defined else 0.0
        self._sums["undefined"] += not defined
        self._sums["images"] += 1

    def compute(self) -> float:
        """Return the mean over the images that have a score, NaN without any."""
        defined = self.images - self.undefined
        return float(self._sums["score"][0]) / defined if defined else float("nan")


class MeanMetric(MeanOfImages, PictureMetric):
    """One score per saliency map, averaged over the images that have one.

    Args:
        stretch: What to do to each map first, one of `STRETCHES`; see `maps.stretched`.
    """

    def update_picture(self, picture: Picture) -> None:
        """Count one image, whose `Picture` may serve other metrics too."""
        self._count(self._score(picture))

    @abstractmethod
    def _score(self, picture: Picture) -> float:
        """Return the score of one image, NaN where it is not defined."""
