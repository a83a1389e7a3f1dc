"""Maps that do not flicker: each is the mean of its neighbours', brought to it by the motion."""

from __future__ import annotations

from collections import deque
from typing import Deque, List, NamedTuple, Optional, Tuple

import numpy as np

from paddleseg_u2net.video.flow import Motion, Step, warped

# How many frames the past counts for at most, and how much less each frame makes of it.
_MOST, _KEPT = 8.0, 0.9
# A neighbour that differs by this much counts e**-1.
_DIFFERENCE = 0.25
# What counts where nothing else is known, so that no sum is 0.
_LEAST = 1e-4


class _Evidence(NamedTuple):
    """A map (h, w), and how much each of its pixels counts; a frame of the network counts 1."""

    map: np.ndarray
    weight: np.ndarray


class _Pending(NamedTuple):
    number: int
    map: Optional[np.ndarray]
    step: Step


class Steadier:
    """Make maps steady: `push` each frame's, in order, and `flush` after the last one.

    Args:
        strength: 0: maps are the network's own, bit for bit; to 1: those of neighbouring frames
            count as much as their own.
        ahead: how many frames a map waits for those that come after it; 0: it is given at once.
    """

    def __init__(self, strength: float, ahead: int) -> None:
        self.strength, self.ahead = strength, ahead
        self._past: Optional[_Evidence] = None
        self._pending: Deque[_Pending] = deque()

    def push(
        self, number: int, canvas: Optional[np.ndarray], step: Step
    ) -> List[Tuple[int, np.ndarray]]:
        """Take a frame; give the numbers and maps of those that are ready, in order.

        Args:
            canvas: float32 (h, w) in [0, 1]; None if the network did not see the frame: its map is
                made of its neighbours'. The first one, and those at cuts, should not be None;
                where one is and no neighbour knows better, the map is 0.
            step: from the frame that was pushed before.
        """
        ready = self.flush() if step.cut else []
        self._pending.append(_Pending(number, canvas, step))
        while len(self._pending) > self.ahead:
            ready.append(self._next())
        return ready

    def flush(self) -> List[Tuple[int, np.ndarray]]:
        """Give what is still waiting; what is pushed next has nothing before it."""
        ready = [self._next() for _ in range(len(self._pending))]
        self._past = None
        return ready

    def _next(self) -> Tuple[int, np.ndarray]:
        number, own, step = self._pending.popleft()
        past = _carried(self._past, step.back)
        future = self._future()
        others = [evidence for evidence in (past, future) if evidence is not None]
        if own is None and not others:
            # Nothing is known of it: the size is that of any later frame's.
            raise ValueError(f"frame {number}: no map, and no neighbour that has one")
        self._past = _joined(own, [past] if past is not None else [], 1.0) or past
        if own is not None and self.strength == 0:
            return number, own
        found = _joined(own, others, 1.0 if own is None else self.strength)
        assert found is not None
        return number, found.map

    def _future(self) -> Optional[_Evidence]:
        """What the frames that wait say of the one before them."""
        known: Optional[_Evidence] = None
        for _, own, step in reversed(self._pending):
            here = _joined(own, [known] if known is not None else [], 1.0)
            known = _carried(here, step.forth)
        return known


def _carried(evidence: Optional[_Evidence], motion: Optional[Motion]) -> Optional[_Evidence]:
    """What is known of a frame, brought to its neighbour."""
    if evidence is None or motion is None:
        return None
    weight = warped(evidence.weight, motion) * motion.confidence * _KEPT
    return _Evidence(warped(evidence.map, motion), np.maximum(weight, _LEAST))


def _joined(
    own: Optional[np.ndarray], others: List[_Evidence], strength: float
) -> Optional[_Evidence]:
    """The mean of a frame's own map and what its neighbours say, as far as they agree with it."""
    if own is None:
        if not others:
            return None
        total = sum(other.weight for other in others)
        mean = sum(other.map * other.weight for other in others) / total
        return _Evidence(mean.astype(np.float32), np.minimum(total, _MOST))
    total, mean = np.ones_like(own), own.copy()
    for other in others:
        agreement = np.exp(-(((other.map - own) / _DIFFERENCE) ** 2))
        weight = strength * other.weight * agreement
        total += weight
        mean += weight * other.map
    return _Evidence(mean / total, np.minimum(total, _MOST))
