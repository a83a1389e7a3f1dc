"""What every metric has in common: sums that can be added up in any order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Optional, Union

import numpy as np

from paddleseg_u2net.metrics.conventions import check
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair

# name -> (x, y): the curves that metrics give beside their scores.
Curves = dict[str, tuple[np.ndarray, np.ndarray]]


class Metric(ABC):
    """A streaming metric whose whole state is a few named arrays of sums.

    Sums of disjoint sets of images add, so merging the results of N processes equals one pass over
    all images (bit-equal for counts, to rounding for floats). Public attributes are its arguments:
    only metrics of equal ones are merged.
    """

    # Whether it compares with the fixations of the other images of the set.
    needs_other_images: ClassVar[bool] = False
    # Whether it compares with the alpha of a soft mask; all others with the mask that is cut of it.
    reads_alpha: ClassVar[bool] = False
    # Whether it compares a frame of a video with the one before.
    follows_frames: ClassVar[bool] = False
    # By argument of the constructor, the one of `Conventions` that it takes in a report.
    conventions: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        arguments = self._arguments()
        for name, convention in {**self.conventions, "num_classes": "num_classes"}.items():
            if name in arguments:
                check(convention, arguments[name])
        self._sums = self._zeros()

    @abstractmethod
    def _zeros(self) -> dict[str, np.ndarray]:
        """Return fresh sums by name; at least one dimension each, as collectives want them."""

    @abstractmethod
    def update_pair(self, pair: MapMaskPair) -> None:
        """Count one image, whose `MapMaskPair` may serve other metrics too."""

    @abstractmethod
    def compute(self) -> Any:
        """Return the score, or several as attributes."""

    def curves(self) -> Curves:
        """Return curves to draw, by name; none by default."""
        return {}

    @property
    def images(self) -> int:
        """How many images were counted, by metrics that count them."""
        return int(self._sums["images"][0]) if "images" in self._sums else 0

    @property
    def undefined(self) -> int:
        """How many of the images have no score and are left out of the mean."""
        return int(self._sums["undefined"][0]) if "undefined" in self._sums else 0

    def reset(self) -> None:
        """Forget every image."""
        self._sums = self._zeros()

    def merge(self, other: Metric) -> None:
        """Add the images that ``other``, of the same kind and arguments, has seen."""
        if type(other) is not type(self) or other._arguments() != self._arguments():
            raise ValueError(
                f"expected a {type(self).__name__} with {self._arguments()} to merge, "
                f"got a {type(other).__name__} with other arguments"
            )
        for name, value in other._sums.items():
            self._sums[name] = self._sums[name] + value

    def _arguments(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of the sums by name: int64 or float64, one dimension or more."""
        return {name: value.copy() for name, value in self._sums.items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace the sums by the `state` of a metric of the same arguments."""
        zeros = self._zeros()
        self._sums = {name: np.array(state[name], zero.dtype) for name, zero in zeros.items()}


class PixelMetric(Metric):
    """Sums over all pixels of the set; built with ``num_classes`` and ``ignore_index``."""

    @abstractmethod
    def update_classes(
        self, probability: np.ndarray, label: np.ndarray, predicted: np.ndarray
    ) -> None:
        """Count an image of two classes or more.

        ``probability`` is float (num_classes, H, W) in [0, 1], ``label`` integers (H, W) below
        num_classes or ``ignore_index``, ``predicted`` the most probable class (H, W).
        """


class MapMetric(Metric):
    """Sums over images of what one map, normalised by ``stretch`` first, says against one mask."""

    def __init__(self, stretch: str = "none") -> None:
        self.stretch = stretch
        super().__init__()

    def update(
        self, prediction: np.ndarray, mask: np.ndarray, valid: Optional[np.ndarray] = None
    ) -> None:
        """Count one image; see `MapMaskPair` for the arguments and what is refused."""
        self.update_pair(MapMaskPair(prediction, mask, valid))


class CurveMetric(MapMetric):
    """Several sums, mostly curves, that one map and mask add to; their means make the scores."""

    def update_pair(self, pair: MapMaskPair) -> None:
        for name, value in self.terms(pair).items():
            self._sums[name] += value
        self._sums["images"] += 1

    @abstractmethod
    def terms(self, pair: MapMaskPair) -> Mapping[str, Union[np.ndarray, float]]:
        """Return what one image adds to the sums, by name; ``images`` is added elsewhere."""

    def _mean(self, name: str) -> np.ndarray:
        """Return a sum divided by the number of images that have it, NaN where there is none."""
        total, images = self._sums[name], self.images - self.undefined
        return total / images if images else np.full_like(total, np.nan)


class MeanOfImages(Metric):
    """One score per image, averaged over the images that have one; the others are counted."""

    def _zeros(self) -> dict[str, np.ndarray]:
        counts = {name: np.zeros(1, np.int64) for name in ("images", "undefined")}
        return {"score": np.zeros(1), **counts}

    def update_pair(self, pair: MapMaskPair) -> None:
        score = self.score(pair)
        defined = score == score
        self._sums["score"] += score if defined else 0.0
        self._sums["undefined"] += not defined
        self._sums["images"] += 1

    @abstractmethod
    def score(self, pair: MapMaskPair) -> float:
        """Return the score of one image, NaN where it is not defined."""

    def compute(self) -> float:
        """Return the mean over the images that have a score, NaN without any."""
        defined = self.images - self.undefined
        return float(self._sums["score"][0]) / defined if defined else float("nan")


class MeanMetric(MeanOfImages, MapMetric):
    """One score per map and mask (`MapMaskPair`), averaged over the images that have one."""


class MatteMetric(MeanOfImages):
    """One score per map and true alpha, as they are, averaged over the images that have one."""

    reads_alpha = True

    def update(
        self, prediction: np.ndarray, alpha: np.ndarray, valid: Optional[np.ndarray] = None
    ) -> None:
        """Count one image; see `MapMaskPair` for the arguments and what is refused."""
        self.update_pair(MapMaskPair(prediction, valid=valid, alpha=alpha))


class FixationMetric(MeanOfImages):
    """One score per saliency map against fixations, averaged over the images that have one."""

    def update(
        self, prediction: np.ndarray, fixations: Fixations, others: Optional[np.ndarray] = None
    ) -> None:
        """Count one image; see `MapMaskPair` for the arguments and what is refused."""
        self.update_pair(MapMaskPair(prediction, fixations=fixations, others=others))


def mean_of_defined(values: np.ndarray) -> float:
    """Return the mean of what is not NaN, NaN where nothing is left."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
