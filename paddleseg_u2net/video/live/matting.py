"""The mattes of frames that come when they come, one at a time."""

from __future__ import annotations

import time
from concurrent.futures import Future
from fractions import Fraction
from typing import Any, Callable, Optional, Tuple

import numpy as np

from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.video.flow import Flow
from paddleseg_u2net.video.live.pace import LivePace
from paddleseg_u2net.video.mattes import Finishing, Seen, canvas_of, canvas_size, found_in
from paddleseg_u2net.video.settings import Settings
from paddleseg_u2net.video.types import Matte

USUAL_INTERVAL = 1 / 25
"""Seconds between two frames, where nobody knows."""


class LiveMatting:
    """Give the matte of each frame at once: all is done by the thread that calls.

    Args:
        remover: a model's.
        settings: how; ``ahead`` is 0.
        interval: seconds between two frames of the camera, by which it is decided how often the
            network runs; see `LivePace`.
        clock: gives seconds; for tests.

    Attributes:
        pace: its ``interval`` may be set anew.
    """

    def __init__(
        self,
        remover: Remover,
        settings: Settings,
        interval: float = USUAL_INTERVAL,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if settings.ahead:
            raise ValueError(f"ahead: expected 0 of a camera, got {settings.ahead}")
        self.pace = LivePace(settings.every, interval)
        self._remover, self._settings, self._clock = remover, settings, clock
        self._size: Optional[Tuple[int, int]] = None
        self._number = -1

    def __call__(self, picture: np.ndarray, now: Fraction) -> Matte:
        """The matte of the next frame, uint8 (H, W, 3), of this time in seconds.

        A frame of another size than the one before begins anew, as a telephone that is turned.
        """
        began, network = self._clock(), None
        size = picture.shape[1], picture.shape[0]
        if size != self._size:
            self._size, self._canvas = size, canvas_size(self._remover.pipeline, size)
            self._flow = Flow()
            self._finishing = Finishing(self._remover.pipeline, self._settings)
        self._number += 1
        step, found = self._flow.push(canvas_of(picture, self._canvas)), None
        if self.pace(step):
            asked = self._clock()
            batch = self._remover.prepare(picture)
            found = _known(found_in(self._remover, batch, size, self._canvas))
            network = self._clock() - asked
        frame = Frame(picture, now, self._number)
        (matte,) = self._finishing.push(Seen(frame, step, found))
        self.pace.measured(network, self._clock() - began - (network or 0.0))
        return matte


def _known(result: Any) -> Future:
    future: Future = Future()
    future.set_result(result)
    return future
