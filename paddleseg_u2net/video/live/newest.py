"""The newest frame of a source that goes on by itself; those that nobody took are dropped."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import closing, contextmanager
from statistics import median
from typing import Any, Deque, Iterator, Optional

from paddleseg_u2net import signals
from paddleseg_u2net.video.live.cameras import LiveFrame, Source

# Frames by whose times it is known how far apart they come.
_KNOWN = 15
_PATIENCE = 2.0  # seconds in which a driver that stalls may give its last frame


class Newest:
    """Take from a source, in a thread of its own, and give whoever iterates what came last.

    A context manager; leaving it closes the source. An error of the source comes behind the frames
    that came before it.

    Attributes:
        came, dropped: how many frames came, and how many of them nobody took.
    """

    def __init__(self, source: Source) -> None:
        self._source, self.name = source, source.name
        self.came = self.dropped = 0
        self._times: Deque[float] = deque(maxlen=_KNOWN)
        self._changed = threading.Condition()
        self._frame: Optional[LiveFrame] = None
        self._error: Optional[BaseException] = None
        self._is_ended = self._is_left = False
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    @property
    def interval(self) -> Optional[float]:
        """Seconds between two frames of the source; None while that is not known."""
        times = list(self._times)
        if len(times) < 3:
            return None
        return median(later - one for one, later in zip(times, times[1:]))

    def __iter__(self) -> Iterator[LiveFrame]:
        """The newest frame each time, once; waits for one that was not given yet."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._frame or self._is_ended)
                frame, self._frame = self._frame, None
            if frame is None:
                if self._error is not None:
                    raise self._error
                return
            yield frame

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Let nobody wait for a frame any more, once the block is left."""
        try:
            yield
        finally:
            self._end()

    def _end(self) -> None:
        with self._changed:
            self._is_left = self._is_ended = True
            self._frame = None
            self._changed.notify_all()

    def _read(self) -> None:
        try:
            with closing(iter(self._source)) as frames:  # type: ignore[type-var]
                for frame in frames:
                    with self._changed:
                        if self._is_left:
                            return
                        self.came += 1
                        self.dropped += self._frame is not None
                        self._frame = frame
                        self._times.append(frame.came)
                        self._changed.notify_all()
        except BaseException as error:  # whoever iterates is told
            self._error = error
        finally:
            with self._changed:
                self._is_ended = True
                self._changed.notify_all()

    def __enter__(self) -> Newest:
        with signals.waiting():
            self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._end()
        self._thread.join(_PATIENCE)
        if not self._thread.is_alive():  # else a driver is in the middle of it
            self._source.close()
