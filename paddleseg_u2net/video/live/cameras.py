"""What gives frames by itself: cameras, addresses of streams, and files as if they were one."""

from __future__ import annotations

import os
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional, Tuple

import cv2

from paddleseg_u2net.io.video import Frame, Video, VideoError, open_video
from paddleseg_u2net.removal.crop import Size

_DEVICES = Path("/dev")
_NO_STREAM = "expected a stream's address; nothing answers there that OpenCV's FFmpeg reads"


class LiveFrame(NamedTuple):
    """A frame, and when it came, on the clock of `time.perf_counter`."""

    frame: Frame
    came: float


class Source:
    """Frames that come when they come; a context manager that gives them once.

    Attributes:
        name: what errors begin with.
        size: width and height of the frames.
        rate: frames a second, as far as that is known.
    """

    name: str
    size: Size
    rate: Fraction

    def __iter__(self) -> Iterator[LiveFrame]:
        raise NotImplementedError

    def notes(self) -> Tuple[str, ...]:
        """What was repaired."""
        return ()

    def close(self) -> None:
        """Let it go."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Camera(Source):
    """A camera, or the address of a stream, by OpenCV.

    Args:
        source: the number of a camera, its device, or an address that FFmpeg reads.
        size: width and height that a camera is asked for; it gives what it has.

    Raises:
        VideoError: there is no such one, or it gives no frame.
    """

    def __init__(self, source: str, size: Optional[Size] = None) -> None:
        number = _number(source)
        self.name = f"camera {source}" if number is not None else source
        _check_there(number, self.name)
        self._capture: Any = cv2.VideoCapture(source if number is None else number)
        if not self._capture.isOpened():
            told = "it cannot be opened; another program may be using it"
            raise VideoError(self.name, _NO_STREAM if number is None else told)
        # No frame is to grow old in the driver.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if size:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        is_read, first = self._capture.read()
        if not is_read:
            self.close()
            raise VideoError(self.name, "it gives no frames; another program may be using it")
        self.size = first.shape[1], first.shape[0]
        told = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(told).limit_denominator(1001) if 1 <= told <= 1000 else Fraction(30)

    def __iter__(self) -> Iterator[LiveFrame]:
        """Frames, of the times at which they came."""
        begun, number = None, 0
        while True:
            is_read, picture = self._capture.read()
            came = time.perf_counter()
            if not is_read:
                raise VideoError(self.name, "it is gone: no further frame comes")
            begun = came if begun is None else begun
            rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            yield LiveFrame(Frame(rgb, Fraction(came - begun), number), came)
            number += 1

    def close(self) -> None:
        """Let the camera go, for other programs."""
        self._capture.release()


class Played(Source):
    """A video that gives each frame when its time has come.

    Args:
        video: is closed with this.
    """

    def __init__(
        self,
        name: str,
        video: Video,
        clock: Callable[[], float] = time.perf_counter,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self._video, self._clock, self._wait = name, video, clock, wait
        self.size, self.rate = (video.info.width, video.info.height), video.info.rate

    def __iter__(self) -> Iterator[LiveFrame]:
        """Frames, of the video's own times."""
        begun = None
        for frame in self._video:
            now = self._clock()
            begun = now - float(frame.time) if begun is None else begun
            due = begun + float(frame.time)
            if due > now:
                self._wait(due - now)
            yield LiveFrame(frame, max(due, self._clock()))

    def notes(self) -> Tuple[str, ...]:
        """What was repaired in it."""
        return tuple(self._video.notes())

    def close(self) -> None:
        """Close the video."""
        self._video.close()


def open_source(source: str, size: Optional[Size] = None, **part: Any) -> Source:
    """Open a camera by its number, device or address, or a video that is played at its own times.

    Args:
        size: width and height that a camera is asked for.
        part: ``start``, ``duration`` and ``rate`` as `open_video` takes them, of a video.

    Raises:
        VideoError: there is no such one.
    """
    if _number(source) is not None or "://" in source:
        return Camera(source, size)
    return Played(source, open_video(source, **part))


def _number(source: str) -> Optional[int]:
    """Of a camera: ``0``, ``/dev/video0``; None of anything else."""
    device = os.fspath(_DEVICES / "video")
    text = source[len(device) :] if source.startswith(device) else source
    return int(text) if text.isdecimal() else None


def _check_there(number: Optional[int], name: str) -> None:
    """Refuse the number of no device, where the system has files for them."""
    if number is None or not sys.platform.startswith("linux"):
        return
    found = sorted(path.name for path in _DEVICES.glob("video*"))
    if f"video{number}" not in found:
        told = f"/dev has {', '.join(found)}" if found else "/dev has no video device"
        raise VideoError(name, f"there is no such camera; {told}")
