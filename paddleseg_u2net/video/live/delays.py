"""How far behind the camera its frames are."""

from __future__ import annotations

import time
from typing import Callable

import numpy as np

_LONGEST = 10_000  # milliseconds; longer ones count as this


class Delays:
    """Counts frames by how long they took, from the camera to where they went, to a millisecond.

    Args:
        clock: gives seconds; for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._begun = clock, clock()
        self._counts = np.zeros(_LONGEST + 1, np.int64)
        self._total = 0.0

    def begin(self) -> None:
        """Count seconds from now on."""
        self._begun = self._clock()

    @property
    def frames(self) -> int:
        """How many were counted."""
        return int(self._counts.sum())

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return self._clock() - self._begun

    def add(self, came: float) -> None:
        """Count a frame that came then, and is where it should be now."""
        delay = (self._clock() - came) * 1000
        self._counts[min(_LONGEST, round(delay))] += 1
        self._total += delay

    def share(self, part: float) -> int:
        """The milliseconds in which such a share of the frames was done."""
        sums = np.cumsum(self._counts)
        return int(np.searchsorted(sums, np.ceil(part * sums[-1])))

    def told(self) -> str:
        """In words."""
        if not self.frames:
            return "no frame"
        rate, mean = self.frames / max(self.seconds, 1e-9), self._total / self.frames
        return f"{rate:.1f} frames/s, {mean:.0f} ms behind (95 %: {self.share(0.95)} ms)"
