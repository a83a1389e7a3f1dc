"""Whether a frame of a camera waits for the network."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Deque, Optional

# Share of the time between two frames that work on one may take.
_LOAD = 0.9
# What a frame takes is the median of so many, since single ones wait for other programs.
_MEASURED = 7


class LivePace:
    """Say whether there is time for the network between two frames, by what they took lately.

    Args:
        interval: seconds between two frames of the camera; may be set anew.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._network: Deque[float] = deque(maxlen=_MEASURED)
        self._rest: Deque[float] = deque(maxlen=_MEASURED)

    @property
    def has_time(self) -> bool:
        """Whether a frame may wait for the network and be done before the next one comes."""
        if not self._network or not self._rest:
            return True
        return median(self._network) + median(self._rest) <= _LOAD * self.interval

    def measured(self, network: Optional[float], rest: float) -> None:
        """Learn what a frame took in seconds: in the network, if its answer came, and otherwise."""
        self._rest.append(rest)
        if network is not None:
            self._network.append(network)
