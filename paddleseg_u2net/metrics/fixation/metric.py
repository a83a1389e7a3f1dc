"""What the fixation metrics have in common: one score per image, and their mean."""

from __future__ import annotations

from abc import abstractmethod
from typing import Optional

import numpy as np

from paddleseg_u2net.metrics.fixation.fixation_pair import FixationPair
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from paddleseg_u2net.metrics.metric import MeanOfImages


class FixationMetric(MeanOfImages):
    """One score per saliency map against fixations, averaged over the images that have one."""

    def update(
        self, prediction: np.ndarray, fixations: Fixations, others: Optional[np.ndarray] = None
    ) -> None:
        """Count one image.

        Args:
            prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
            fixations: Where people looked at this picture.
            others: Weights (H, W): where people looked at other pictures. Only `ShuffledAuc` needs
                them; see `shuffle_map.OtherFixations`.

        Raises:
            ValueError: what `FixationPair` refuses. Nothing is counted then.
        """
        self.update_fixated(FixationPair(prediction, fixations, others))

    def update_fixated(self, fixated: FixationPair) -> None:
        """Count one image, whose `FixationPair` may serve other metrics too."""
        self._count(self._score(fixated))

    @abstractmethod
    def _score(self, fixated: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
