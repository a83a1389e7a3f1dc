"""Where finished frames go: a window, a virtual camera, raw bytes, or a file."""

from __future__ import annotations

import errno
import os
import sys
from fractions import Fraction
from typing import Any, BinaryIO, Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net import signals
from paddleseg_u2net.io.video import VideoWriter, open_writer
from paddleseg_u2net.removal.crop import Size

WINDOW, RAW, VIRTUAL = "", "-", "virtual"
"""What an output is called that is no file; ``virtual:DEVICE`` names one of several."""

PIXELS = {"rgb": "rgb24", "rgba": "rgba", "grey": "gray"}
"""FFmpeg's names of raw frames, by their kind."""

_TITLE = "paddleseg_u2net"
_ENDING_KEYS = (27, ord("q"))  # Escape
_SQUARES, _LIGHT, _DARK = 12, 255, 225  # of what is shown behind what is transparent


class Sink:
    """Takes frames, uint8 (H, W, 3), (H, W, 4) or (H, W), until its end."""

    def write(self, picture: np.ndarray, time: Fraction) -> bool:
        """Take a frame; False where nobody wants any more."""
        raise NotImplementedError

    def notes(self) -> Tuple[str, ...]:
        """What was repaired or left out."""
        return ()

    def close(self, whole: bool = True) -> None:
        """End it; ``whole``: after the last frame, and not by an error."""


class Window(Sink):
    """A window on the screen; closing it, Escape or q ends."""

    def __init__(self) -> None:
        if sys.platform.startswith("linux") and not _has_screen():  # or Qt ends the process
            raise ValueError(
                "window: there is no screen (DISPLAY and WAYLAND_DISPLAY are not set); name an "
                "output: a file, - for raw frames, or virtual for a virtual camera"
            )
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise ValueError(
                "window: this OpenCV shows none; install opencv-python in place of "
                "opencv-python-headless, or name an output: a file, - or virtual"
            ) from error
        self._is_shown = False

    def write(self, picture: np.ndarray, time: Fraction) -> bool:
        """Show a frame; what is transparent has squares behind it."""
        if picture.ndim == 3:
            colours = picture[..., :3] if picture.shape[2] == 3 else _on_squares(picture)
            picture = cv2.cvtColor(colours, cv2.COLOR_RGB2BGR)
        if not self._is_shown:
            cv2.resizeWindow(_TITLE, picture.shape[1], picture.shape[0])
            self._is_shown = True
        cv2.imshow(_TITLE, picture)
        key = cv2.waitKey(1) & 0xFF
        is_open = cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1
        return is_open and key not in _ENDING_KEYS

    def close(self, whole: bool = True) -> None:
        """Close it."""
        cv2.destroyAllWindows()


class VirtualCamera(Sink):
    """A camera for other programs, by pyvirtualcam; frames are sent when they are there."""

    def __init__(self, device: Optional[str], size: Size, rate: Fraction, kind: str) -> None:
        if kind == "rgba":
            raise ValueError(
                "virtual: a virtual camera has no transparency; give a --background, such as "
                "'#00b140', which OBS and others take out"
            )
        try:
            import pyvirtualcam
        except ImportError as error:
            raise ValueError("virtual: it needs pyvirtualcam: pip install pyvirtualcam") from error
        formats = pyvirtualcam.PixelFormat
        try:
            self._camera: Any = pyvirtualcam.Camera(
                *size,
                float(rate),
                fmt=formats.RGB if kind == "rgb" else formats.GRAY,
                device=device,
            )
        except RuntimeError as error:
            told = " ".join(str(error).split())
            raise ValueError(
                f"virtual: {told}; on Linux load v4l2loopback, elsewhere install OBS's camera"
            ) from error
        self.device = str(self._camera.device)

    def write(self, picture: np.ndarray, time: Fraction) -> bool:
        """Send a frame."""
        self._camera.send(np.ascontiguousarray(picture))
        return True

    def notes(self) -> Tuple[str, ...]:
        """Where it is."""
        return (f"other programs see it as {self.device}",)

    def close(self, whole: bool = True) -> None:
        """Take it away."""
        self._camera.close()


class Raw(Sink):
    """The bytes of each frame, one after the other, for FFmpeg and others."""

    def __init__(self, stream: BinaryIO, size: Size, rate: Fraction, kind: str) -> None:
        self._stream, self._size, self._rate, self._kind = stream, size, rate, kind

    def write(self, picture: np.ndarray, time: Fraction) -> bool:
        """Write a frame; BrokenPipeError where nobody reads any more."""
        with signals.held():  # never half a frame
            self._stream.write(np.ascontiguousarray(picture).data)
            self._stream.flush()
        return True

    def notes(self) -> Tuple[str, ...]:
        """What takes them."""
        return (f"frames for: ffmpeg {self.words()} -i - ...",)

    def words(self) -> str:
        """FFmpeg's options before ``-i -``; frames get the times at which they come."""
        width, height = self._size
        rate = f"{float(self._rate):g}"
        return (
            f"-f rawvideo -pixel_format {PIXELS[self._kind]} -video_size {width}x{height} "
            f"-framerate {rate} -use_wallclock_as_timestamps 1"
        )


class File(Sink):
    """A video file, which plays however it ended."""

    def __init__(self, path: str, writer: VideoWriter) -> None:
        self._path, self._writer = path, writer

    def write(self, picture: np.ndarray, time: Fraction) -> bool:
        """Write a frame at its time."""
        try:
            with signals.held():
                self._writer.write(picture, time)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise OSError(
                error.errno, f"{self._path}: the disk is full; it plays to there"
            ) from error
        return True

    def notes(self) -> Tuple[str, ...]:
        """See `VideoWriter.notes`."""
        return tuple(self._writer.notes())

    def close(self, whole: bool = True) -> None:
        """End it, without being interrupted."""
        with signals.held():
            self._writer.close(whole)


def open_sink(
    output: str, size: Size, rate: Fraction, kind: str, codec: Optional[str], crf: Optional[int]
) -> Sink:
    """Open what an output is called: see `WINDOW`, or the path of a file.

    Args:
        size: width and height of the frames.
        kind: ``rgb``, ``rgba`` or ``grey``; see `PIXELS`.
        codec, crf: of a file; see `open_writer`.

    Raises:
        ValueError: it cannot be had, or cannot hold that; the message says what does.
    """
    if output == WINDOW:
        return Window()
    if output == RAW:
        if sys.stdout.isatty():
            raise ValueError("-: raw frames are for a program; add | ffmpeg ..., or name a file")
        return Raw(sys.stdout.buffer, size, rate, kind)
    name, _, device = output.partition(":")
    if name == VIRTUAL:
        return VirtualCamera(device or None, size, rate, kind)
    width, height = size
    return File(output, open_writer(output, height, width, rate, kind, codec, crf))


def is_file(output: str) -> bool:
    """Whether an output is the path of a file."""
    return output not in (WINDOW, RAW) and output.partition(":")[0] != VIRTUAL


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _on_squares(picture: np.ndarray) -> np.ndarray:
    """RGBA (H, W, 4) before squares in two greys, as RGB."""
    height, width = picture.shape[:2]
    rows, columns = (np.arange(side) // _SQUARES % 2 for side in (height, width))
    behind = np.where(rows[:, None] ^ columns, _LIGHT, _DARK).astype(np.float32)[..., None]
    share = picture[..., 3:].astype(np.float32) / 255
    return np.rint(behind + (picture[..., :3] - behind) * share).astype(np.uint8)
