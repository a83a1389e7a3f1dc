"""What the fixation metrics have in common: one score per image, and their mean."""

from __future__ import annotations

from abc import abstractmethod
from typing import Optional

import numpy as np

from .fixated_map import FixatedMap
from .fixations import Fixations
from .metric import Metric


class FixationMetric(Metric):
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

    def update(
        self, prediction: np.ndarray, fixations: Fixations, others: Optional[np.ndarray] = None
    ) -> None:
        """Count one image.

        Args:
            prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
            fixations: Where people looked at this picture.
            others: Weights (H, W): where people looked at other pictures. Only `ShuffledAuc` needs
                them; see `shuffle_map.ShuffleMap`.

        Raises:
            ValueError: what `FixatedMap` refuses. Nothing is counted then.
        """
        self.update_fixated(FixatedMap(prediction, fixations, others))

    def update_fixated(self, fixated: FixatedMap) -> None:
        """Count one image, whose `FixatedMap` may serve other metrics too."""
        score = self._score(fixated)
        if score != score:
            self._sums["undefined"] += 1
        else:
            self._sums["score"] += score
        self._sums["images"] += 1

    @abstractmethod
    def _score(self, fixated: FixatedMap) -> float:
        """Return the score of one image, NaN where it is not defined."""

    def compute(self) -> float:
        """Return the mean over the images that have a score, NaN without any."""
        defined = self.images - self.undefined
        return float(self._sums["score"][0]) / defined if defined else float("nan")
