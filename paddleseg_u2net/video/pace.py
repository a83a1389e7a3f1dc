"""On which frames the network runs."""

from __future__ import annotations

import cv2
import numpy as np

from paddleseg_u2net.video.flow import Step
from paddleseg_u2net.video.settings import AUTO, Every

# The network runs again once so much is unknown, behind so many frames at the soonest and at the
# latest: on the clips of `benchmarks/clips.py` (tune) that costs no more than every second frame
# does, in error and in flicker; behind more than four frames both grow.
_MOST_UNKNOWN, _FEWEST, _MOST = 0.8, 2, 4
# Squares of a frame, a side; what is told of is the part of them where most is unknown.
_SQUARES, _PART = 10, 0.1


class Pace:
    """Say of each frame, in order, whether the network has to see it.

    The first one, those with which a scene begins, and then every n-th. With ``auto`` every second
    to fourth: as soon as the motion since the last such frame cannot be trusted any more. Where
    things appear, turn or change, going there and back along the optical flow leads elsewhere. That
    is looked at in the tenth of the frame where it is worst, since most of it may be at rest.
    """

    def __init__(self, every: Every) -> None:
        self.every = every
        self._since, self._unknown = 0, 0.0

    def __call__(self, step: Step) -> bool:
        """Whether the network sees the frame that this step leads to."""
        self._since += 1
        if step.back is None or self._is_due(step.back.confidence):
            self._since, self._unknown = 0, 0.0
            return True
        return False

    def _is_due(self, confidence: np.ndarray) -> bool:
        if self.every != AUTO:
            return self._since >= int(self.every)
        self._unknown += unknown(confidence)
        is_lost = self._unknown > _MOST_UNKNOWN and self._since >= _FEWEST
        return is_lost or self._since >= _MOST


def unknown(confidence: np.ndarray) -> float:
    """How little of a motion can be trusted where it is worst; float32 (h, w) -> 0 to 1."""
    squares = cv2.resize(confidence, (_SQUARES, _SQUARES), interpolation=cv2.INTER_AREA)
    worst = np.sort(squares, axis=None)[: int(_PART * squares.size)]
    return 1 - float(worst.mean())
