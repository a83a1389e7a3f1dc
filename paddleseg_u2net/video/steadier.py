"""Maps that do not flicker: what neighbouring frames say, brought along the motion, corrects each.

What the network says of a frame is averaged with what it said of the frames before and after it.
Where the two differ in a whole patch, the network has changed its mind, and the mean is right;
where they differ in a line as thin as an outline, the motion is a pixel off, and the frame's own
map is the better one.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net.video.flow import Motion, Step, warped

# The share of what was known that each further frame keeps: of frames at rest 6 count at most.
_KEPT = np.float32(1 - 1 / 6)
# Pixels across which a difference is no line any more, and how much of a line is corrected.
_PATCH, _OF_LINES = 5, np.float32(0.3)
# What counts where nothing is known, so that no sum is 0.
_LEAST = np.float32(1e-4)


class _Known(NamedTuple):
    """Maps' mean (h, w), and how many frames each of its pixels is made of."""

    map: np.ndarray
    weight: np.ndarray


class _Waiting(NamedTuple):
    number: int
    own: Optional[np.ndarray]
    step: Step


class Steadier:
    """Make maps steady: `push` each frame's, in order, and `flush` after the last one.

    Args:
        strength: 0: maps are the network's own, bit for bit; 1: patches in which they differ from
            their neighbours' are the mean of all.
        ahead: how many frames at least a map waits for of those that come after it; they are given
            in groups as large. 0: each is given at once.
    """

    def __init__(self, strength: float, ahead: int) -> None:
        self.strength, self.ahead = np.float32(strength), ahead
        self._past: Optional[_Known] = None
        self._waiting: Deque[_Waiting] = deque()

    def push(
        self, number: int, canvas: Optional[np.ndarray], step: Step
    ) -> List[Tuple[int, np.ndarray]]:
        """Take a frame; give the numbers and maps of those that are ready, in order.

        Args:
            canvas: float32 (h, w) in [0, 1]; None if the network did not see the frame: its map is
                made of its neighbours'.
            step: from the frame that was pushed before.

        Raises:
            ValueError: a frame has no map, and no neighbour within reach that has one, as the first
                of a scene without any ahead.
        """
        ready = self.flush() if step.cut else []
        self._waiting.append(_Waiting(number, canvas, step))
        if len(self._waiting) > max(0, 2 * self.ahead - 1):
            ready += self._given(len(self._waiting) - self.ahead)
        return ready

    def flush(self) -> List[Tuple[int, np.ndarray]]:
        """Give what is still waiting; what is pushed next has nothing before it."""
        ready = self._given(len(self._waiting))
        self._past = None
        return ready

    def _given(self, count: int) -> List[Tuple[int, np.ndarray]]:
        """The first ``count`` that wait, from what is known of them from both sides."""
        future: Optional[_Known] = None
        futures: List[Optional[_Known]] = []
        for _, own, step in reversed(self._waiting):
            futures.append(future)
            future = _carried(_joined(own, future), step.forth)
        return [self._steady(futures.pop()) for _ in range(count)]

    def _steady(self, future: Optional[_Known]) -> Tuple[int, np.ndarray]:
        number, own, step = self._waiting.popleft()
        before = _carried(self._past, step.back)
        self._past = _joined(own, before)
        whole = _joined(own, _both(before, future))
        if whole is None:
            raise ValueError(f"frame {number}: it has no map, and no neighbour that has one")
        if own is None:
            return number, _voted(whole)
        return number, self._corrected(own, whole) if self.strength > 0 else own

    def _corrected(self, own: np.ndarray, whole: _Known) -> np.ndarray:
        difference = _voted(whole) - own
        patches = _opened(np.maximum(difference, 0)) - _opened(np.maximum(-difference, 0))
        correction = patches + _OF_LINES * (difference - patches)
        return np.clip(own + self.strength * correction, 0, 1)


def _carried(known: Optional[_Known], motion: Optional[Motion]) -> Optional[_Known]:
    """What is known of a frame, brought to its neighbour."""
    if known is None or motion is None:
        return None
    weight = warped(known.weight, motion)
    weight *= motion.confidence
    weight *= _KEPT
    return _Known(warped(known.map, motion, cv2.INTER_CUBIC), np.maximum(weight, _LEAST))


def _joined(own: Optional[np.ndarray], known: Optional[_Known]) -> Optional[_Known]:
    """A frame's own map, which counts as one, and what its neighbours say."""
    if own is None:
        return known
    if known is None:
        return _Known(own, np.ones_like(own))
    total = known.weight + 1
    return _Known((known.map * known.weight + own) / total, total)


def _both(one: Optional[_Known], other: Optional[_Known]) -> Optional[_Known]:
    if one is None or other is None:
        return one or other
    total = one.weight + other.weight
    return _Known((one.map * one.weight + other.map * other.weight) / total, total)


def _voted(known: _Known) -> np.ndarray:
    """The mean where it is of one frame; of several, nearer to what most of them say.

    What few say, as where the motion is wrong, would be seen as a ghost.
    """
    mean = np.clip(known.map, 0, 1)
    majority = mean * mean * (3 - 2 * mean)
    return mean + np.clip(known.weight - 1, 0, 1) * (majority - mean)


def _opened(values: np.ndarray) -> np.ndarray:
    """Without what is narrower than `_PATCH`."""
    return cv2.morphologyEx(values, cv2.MORPH_OPEN, np.ones((_PATCH, _PATCH), np.uint8))
