"""Frames to a video file that appears under its name at its end, and plays however it ended."""

from __future__ import annotations

import contextlib
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

import numpy as np

from paddleseg_u2net import signals
from paddleseg_u2net.io.files import atomic_path, check_writable
from paddleseg_u2net.io.video.formats import VideoFormat, video_format
from paddleseg_u2net.io.video.library import library
from paddleseg_u2net.io.video.types import PathLike, Seconds, VideoError, VideoWriter, seconds
from paddleseg_u2net.io.video.writing.along import Along
from paddleseg_u2net.io.video.writing.encoding import CODECS, KINDS, Encoder, check_picture
from paddleseg_u2net.io.video.writing.frame_writing import FrameFilesWriter
from paddleseg_u2net.io.video.writing.kept_file import KeptFile

_CLUSTER = 2**20  # bytes that Matroska holds back; they must fit into what is kept for a full disk
_SOUND_RATE = 48_000
_COARSEST = Fraction(1, 5000)  # of seconds


def open_writer(
    path: PathLike,
    height: int,
    width: int,
    rate: Seconds,
    kind: str,
    codec: Optional[str] = None,
    crf: Optional[int] = None,
    source: Optional[PathLike] = None,
    start: Seconds = 0,
    duration: Optional[Seconds] = None,
) -> VideoWriter:
    """Open a video for writing, in the container of its suffix (`VIDEO_FORMATS`).

    Colours are BT.709 from 1280x720 on, else BT.601, of limited range, and tagged so.

    Args:
        path: A file, or for PNG files a folder or ``frames/%05d.png``.
        rate: Mean frames per second; the exact time comes with each frame.
        kind: ``rgb``, ``rgba`` (straight alpha) or ``grey``.
        codec: FFmpeg's name of an encoder; the format's own by default.
        crf: The codec's constant quality, lower is better; the codec's own by default.
        source: The file whose sound, subtitles, chapters and metadata go along.
        start: The second of ``source`` at which the frames begin.
        duration: The seconds that are written of it.

    Raises:
        VideoError: The format or codec does not hold what is asked for, or is not in this build.
        OSError: The place cannot be written to.
    """
    format_ = video_format(path, alpha=kind == "rgba")
    if kind not in KINDS:
        raise VideoError(path, f"expected a kind of {', '.join(KINDS)}, found {kind!r}")
    if source is not None and Path(path).exists() and _is_same(source, path):
        raise VideoError(path, "is the video that is read; choose another name")
    if not format_.container:
        return FrameFilesWriter(path, height, width, kind, codec, crf)
    check_writable(path)
    name = codec or (format_.alpha_codec if kind == "rgba" else format_.codec) or ""
    along = None
    if source is not None and Path(source).is_file():
        end = None if duration is None else seconds(path, "duration", duration)
        along = Along(os.fspath(source), seconds(path, "start", start), end)
    shape = (int(height), int(width))
    return VideoFileWriter(
        path, format_, shape, seconds(path, "rate", rate), kind, name, crf, along
    )


def _is_same(source: PathLike, path: PathLike) -> bool:
    return Path(source).exists() and Path(source).samefile(path)


class VideoFileWriter(VideoWriter):
    """One file of a container of FFmpeg's."""

    def __init__(
        self,
        path: PathLike,
        format_: VideoFormat,
        shape: Any,
        rate: Fraction,
        kind: str,
        codec: str,
        crf: Optional[int],
        along: Optional[Along],
    ) -> None:
        super().__init__()
        self._path, self._shape, self._kind, self._rate = path, shape, kind, rate
        self._along, self._packets = along, 0
        self._last: Optional[int] = None
        self._unit, self._lead = time_unit(rate, along), Fraction(0)
        finest = CODECS[codec].finest if codec in CODECS else None
        if finest and self._unit.denominator > finest:
            self._unit = Fraction(1, finest)
        self._container: Any = None
        self._stack = contextlib.ExitStack()
        self._temporary = self._stack.enter_context(atomic_path(path))
        try:
            self._file = KeptFile(self._temporary)
            self._stack.callback(self._file.close)
            self._check()
            self._container = library().open(
                self._file, "w", format=format_.container, options=_options(format_, self._unit)
            )
            self._encoder = Encoder(
                path, self._container, shape, rate, self._unit, kind, codec, crf, self._notes
            )
            if along is not None:
                along.add_to(self._container, self._encoder.stream, self._notes)
                self._lead = along.lead
        except BaseException as error:
            self._discard(error)
            raise

    def write(self, picture: np.ndarray, time: Seconds) -> None:
        """Write a frame; see `VideoWriter.write`."""
        check_picture(picture, self._shape, self._kind)
        pts = round((seconds(self._path, "time", time) + self._lead) / self._unit)
        if self._last is not None and pts <= self._last:
            raise ValueError(
                f"expected a time after {float(self._last * self._unit)} s, found {time}"
            )
        self._last = pts
        with signals.waiting(), self._refusals():
            self._mux(self._encoder.encode(picture, pts))
            if self._along is not None:
                self._mux_along(self._along.until(pts * self._unit - self._lead))
        self._check()

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)
            self._packets += 1
        self._file.reserve(self._packets)

    def _mux_along(self, packets: Any) -> None:
        for packet in packets:
            try:
                self._mux([packet])
            except library().error.InvalidDataError:
                self._notes.add("{n} broken packets of sound are left out")

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Name the file where FFmpeg refuses something."""
        try:
            yield
        except library().FFmpegError as error:
            raise VideoError(self._path, f"FFmpeg does not write it so: {error}") from error

    def _check(self) -> None:
        error = self._file.error
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, os.fspath(self._path))
        if error is not None:
            self._file.error = None
            raise error

    def close(self, whole: bool = True) -> None:
        """End the file; see `VideoWriter.close`."""
        if self._container is None:
            return
        if self._last is None:
            self._discard(None)
            return
        with signals.waiting(), self._refusals():
            try:
                if not isinstance(self._file.error, OSError):
                    self._flush(whole)
                self._container.close()
            except BaseException as error:
                self._discard(error)
                raise
            if self._file.lost or not self._packets:
                self._discard(self._file.error)
                self._check()
            self._container = None
            if self._along is not None:
                self._along.close()
            self._stack.close()
        if whole:
            self._check()

    def _flush(self, whole: bool) -> None:
        self._mux(self._encoder.flush())
        if self._along is not None and self._last is not None:
            end = self._last * self._unit - self._lead + 1 / self._rate
            self._mux_along(self._along.until(None if whole else end))
            self._mux_along(self._along.flush())

    def _discard(self, error: Optional[BaseException]) -> None:
        """End without a file."""
        if self._along is not None:
            self._along.close()
        with contextlib.suppress(Exception):
            self._container.close()
        self._container = None
        error = error or OSError()  # so that nothing gets the file's name
        with contextlib.suppress(type(error)):
            self._stack.__exit__(type(error), error, None)


def _options(format_: VideoFormat, unit: Fraction) -> Dict[str, str]:
    """What the container is told."""
    if format_.container in ("matroska", "webm"):
        return {"cluster_size_limit": str(_CLUSTER)}
    if format_.container not in ("mp4", "mov"):
        return {}
    # In its units the first times of pictures and of sound are rounded.
    both = unit.denominator * _SOUND_RATE // math.gcd(unit.denominator, _SOUND_RATE)
    return {"movie_timescale": str(both if both < 10**7 else unit.denominator)}


def time_unit(rate: Fraction, along: Optional[Along]) -> Fraction:
    """A part of the source's own unit, in which its times are exact, or of one frame."""
    unit = 1 / rate if along is None else along.unit
    while unit > _COARSEST:
        unit /= 10
    return unit
