"""The mattes of frames that come when they come, one at a time."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Callable, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.video.flow import Flow, Motion, Step
from paddleseg_u2net.video.live.pace import LivePace
from paddleseg_u2net.video.mattes import Finishing, Seen, canvas_of, canvas_size, found_in
from paddleseg_u2net.video.pace import Pace
from paddleseg_u2net.video.settings import Settings
from paddleseg_u2net.video.types import Matte

USUAL_INTERVAL = 1 / 25
"""Seconds between two frames, where nobody knows."""


class _Found(NamedTuple):
    """What the network says of a frame: its map on the canvas, its presence; and the seconds."""

    map: np.ndarray
    presence: float
    seconds: float


class LiveMatting:
    """Give the matte of each frame at once.

    Where there is time for it, a frame waits for the network. Where there is not, the network has a
    thread of its own, and what it says of a frame is brought along the motion to the one that is
    there by then: frames go on meanwhile, however slow it is. Only where a scene begins is it
    waited for.

    Args:
        remover: a model's.
        settings: how; ``ahead`` is 0.
        interval: seconds between two frames of the camera; see `LivePace`.
        clock: gives seconds; for tests.
        executor: runs the network; for tests.

    Attributes:
        pace: its ``interval`` may be set anew.
        frames, ran: how many there were, and of how many of them the network's answer came.
    """

    def __init__(
        self,
        remover: Remover,
        settings: Settings,
        interval: float = USUAL_INTERVAL,
        clock: Callable[[], float] = time.perf_counter,
        executor: Optional[Executor] = None,
    ) -> None:
        if settings.ahead:
            raise ValueError(f"ahead: expected 0 of a camera, got {settings.ahead}")
        self.pace = LivePace(interval)
        self.frames = self.ran = 0
        self._remover, self._settings, self._clock = remover, settings, clock
        self._executor = executor or ThreadPoolExecutor(1, "network")
        self._size: Optional[Tuple[int, int]] = None

    def __call__(self, picture: np.ndarray, now: Fraction) -> Matte:
        """The matte of the next frame, uint8 (H, W, 3), of this time in seconds.

        A frame of another size than the one before begins anew, as a telephone that is turned.
        """
        began = self._clock()
        size = picture.shape[1], picture.shape[0]
        if size != self._size:
            self._begin(size)
        step = self._flow.push(canvas_of(picture, self._canvas))
        waited = self._clock()
        found = self._look(picture, size, step)
        waited = self._clock() - waited
        frame = Frame(picture, now, self.frames)
        known = None if found is None else _known((found.map, found.presence))
        (matte,) = self._finishing.push(Seen(frame, step, known))
        self.frames += 1
        self.ran += matte.ran
        self.pace.measured(found and found.seconds, self._clock() - began - waited)
        return matte

    def close(self) -> None:
        """Let the network's thread end, once it has finished what it does."""
        self._executor.shutdown(wait=False)

    def _begin(self, size: Tuple[int, int]) -> None:
        """Forget what was seen."""
        self._size, self._canvas = size, canvas_size(self._remover.pipeline, size)
        self._flow, self._due = Flow(), Pace(self._settings.every)
        self._finishing = Finishing(self._remover.pipeline, self._settings)
        self._asked: Optional[Future] = None
        self._places: Optional[np.ndarray] = None
        self._is_due = False

    def _look(self, picture: np.ndarray, size: Tuple[int, int], step: Step) -> Optional[_Found]:
        """What the network says of the frame, if it says something by now; ask it if it is due."""
        self._is_due |= self._due(step)
        found = None
        if step.back is None:
            self._asked = None  # it is of another scene
        elif self._asked is not None:
            found = self._brought(self._asked, step.back)
        if self._asked is None and self._is_due:
            asked = self._executor.submit(self._answer, picture, size, self._canvas)
            self._is_due = False
            if step.back is None or self.pace.has_time:
                return asked.result()
            self._asked, self._places = asked, None
        return found

    def _brought(self, asked: Future, back: Motion) -> Optional[_Found]:
        """The answer about an earlier frame, if it is there, moved as the frame has since."""
        self._places = back.places if self._places is None else _remapped(self._places, back)
        if not asked.done():
            return None
        self._asked, found = None, asked.result()
        moved = cv2.remap(
            found.map, self._places, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        return found._replace(map=moved)

    def _answer(
        self, picture: np.ndarray, size: Tuple[int, int], canvas: Tuple[int, int]
    ) -> _Found:
        began = self._clock()
        found = found_in(self._remover, self._remover.prepare(picture), size, canvas)
        return _Found(*found, self._clock() - began)


def _remapped(places: np.ndarray, back: Motion) -> np.ndarray:
    """Where pixels lie two steps back, from where those of one step back do."""
    return cv2.remap(places, back.places, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)


def _known(result: Any) -> Future:
    future: Future = Future()
    future.set_result(result)
    return future
