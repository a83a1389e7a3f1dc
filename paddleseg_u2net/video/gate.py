"""Whether there is an object, over time: nothing flashes where there is none."""

from __future__ import annotations

from typing import Optional

# The presence that opens the gate is so much above the one that keeps it open.
_APART = 0.1
# Share of the way to a frame's own presence that is gone with it.
_PACE = 0.35
# How much opacity comes or goes with a frame.
_FADE = 0.25


class Gate:
    """Open while an object is there: `push` each frame's presence, in order.

    Args:
        least: the presence, 0 to 1, below which nothing is kept; 0: the gate is always open.
    """

    def __init__(self, least: float) -> None:
        self.least = least
        self.presence = 0.0
        self.found = False
        self._begun, self._share = False, 0.0

    def push(self, presence: Optional[float], cut: bool = False) -> float:
        """The share of the opacity that is shown, 0 to 1; `presence` and `found` are told anew.

        Args:
            presence: of the frame's map; None if the network did not see it.
            cut: whether a new scene begins with it.
        """
        fresh = cut or not self._begun
        if presence is not None:
            pace = 1.0 if fresh else _PACE
            self.presence += pace * (presence - self.presence)
            self._begun = True
        apart = 0.0 if fresh else _APART * (-1 if self.found else 1)
        self.found = self.least == 0 or self.presence >= self.least + apart
        if fresh:
            self._share = float(self.found)
        else:
            way = _FADE if self.found else -_FADE
            self._share = min(1.0, max(0.0, self._share + way))
        return self._share
