"""On which frames of a camera the network runs: as often as there is time for it."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Deque, Optional

from paddleseg_u2net.video.flow import Step
from paddleseg_u2net.video.pace import Pace
from paddleseg_u2net.video.settings import Every

# A slower machine shows fewer frames, rather than maps that are older than so many frames.
_MOST = 6
# Share of the time between two frames that work may take.
_LOAD = 0.9
# What a frame takes is the median of so many, since single ones wait for other programs.
_MEASURED = 7


class LivePace:
    """Say of each frame whether the network sees it: where motion asks for it, and time allows.

    Frames of a network take longer than others. It runs on every k-th at most, so that k frames
    with one run are done before k further ones have come.

    Args:
        every: as `Settings.every`.
        interval: seconds between two frames of the camera; may be set anew.
    """

    def __init__(self, every: Every, interval: float) -> None:
        self.interval = interval
        self._pace = Pace(every)
        self._network: Deque[float] = deque(maxlen=_MEASURED)
        self._rest: Deque[float] = deque(maxlen=_MEASURED)
        self._since, self._is_due = 0, False

    @property
    def every(self) -> int:
        """The network runs on each so many-th frame at the most, by what was measured."""
        if not self._network:
            return 1
        spare = _LOAD * self.interval - median(self._rest)
        network = median(self._network)
        return next((k for k in range(1, _MOST) if network <= k * spare), _MOST)

    def __call__(self, step: Step) -> bool:
        """Whether the network sees the frame that this step leads to."""
        self._since += 1
        self._is_due |= self._pace(step)
        if step.back is not None and not (self._is_due and self._since >= self.every):
            return False
        self._is_due, self._since = False, 0
        return True

    def measured(self, network: Optional[float], rest: float) -> None:
        """Learn what a frame took in seconds: in the network, if it ran, and otherwise."""
        self._rest.append(rest)
        if network is not None:
            self._network.append(network)
