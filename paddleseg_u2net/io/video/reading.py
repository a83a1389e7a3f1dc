"""A video file to its frames: where to begin, what is dropped, and the time of each."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np

from paddleseg_u2net.io.video import hdr
from paddleseg_u2net.io.video.conversion import Converter, is_wide, refuse_unshowable
from paddleseg_u2net.io.video.library import library
from paddleseg_u2net.io.video.orientation import orientation_of
from paddleseg_u2net.io.video.sizes import shown_size
from paddleseg_u2net.io.video.types import Frame, Size, Video, VideoError, VideoInfo

_UNKNOWN_RATE = Fraction(25)
# Seconds by which seeking aims too early: frames right after a keyframe may need those before it.
_MARGIN = 1
_GAP = Fraction(1, 4)  # seconds without a frame, and of four frames, that are said


class VideoFile(Video):
    """A file of any container and codec that PyAV reads."""

    def __init__(
        self, path: str, start: Fraction, duration: Optional[Fraction], size: Optional[Size]
    ) -> None:
        super().__init__()
        self._path, self._start, self._duration = path, start, duration
        self._container: Any = None
        with open_container(path) as container:
            stream = video_stream(container, path)
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise VideoError(path, "expected frames, found none that can be decoded")
            refuse_unshowable(path, first, stream)
            self._origin = beginning(stream)
            if is_avi(container) or stream.start_time is None:
                self._origin = first.pts or 0
            self._orientation = orientation_of(first)
            self._stored = _square(first, stream)
            self._size = self._shown(size)
            for text in said_of(first, stream, self._orientation):
                self._notes.add(text)
            self.info = self._info(container, stream)

    def _shown(self, size: Optional[Size]) -> Tuple[int, int]:
        """(height, width) of the frames that are given."""
        height, width = self._stored[:: -1 if self._orientation.swaps else 1]
        return shown_size(self._path, height, width, size)

    def _info(self, container: Any, stream: Any) -> VideoInfo:
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate or _UNKNOWN_RATE
        length = length_of(container, stream)
        if length is not None:
            if self._start >= length:
                raise VideoError(
                    self._path,
                    f"expected a start before its end at {float(length):.3f} s, found "
                    f"{float(self._start):.3f}",
                )
            length -= self._start
        if self._duration is not None:
            length = self._duration if length is None else min(length, self._duration)
        count = None if length is None else max(1, round(length * rate))
        return VideoInfo(*self._size, Fraction(rate), count, length, tuple(self._notes))

    def close(self) -> None:
        """Close the file; frames that were given stay valid."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def __iter__(self) -> Iterator[Frame]:
        self.close()
        self._container = open_container(self._path)
        try:
            yield from self._frames(self._container)
        finally:
            self.close()

    def _frames(self, container: Any) -> Iterator[Frame]:
        stream = video_stream(container, self._path)
        stream.thread_type = "AUTO"
        height, width = self._size[:: -1 if self._orientation.swaps else 1]
        converter = Converter(width, height, stream, self._notes)
        number = 0
        for rgb in converter.converted(self._wanted(container, stream)):
            if self._is_asked_for(rgb.pts * rgb.time_base):
                yield self._given(rgb, number)
                number += 1
        if not number:
            raise VideoError(self._path, f"found no frame from {float(self._start):.3f} s on")

    def _given(self, rgb: Any, number: int) -> Frame:
        picture = np.ascontiguousarray(self._orientation.upright(rgb.to_ndarray()))
        return Frame(picture, rgb.pts * rgb.time_base - self._start, number)

    def _wanted(self, container: Any, stream: Any) -> Iterator[Any]:
        """Decoded frames from the start to the end, with times from the beginning of the video."""
        self._seek(container, stream)
        step = 1 / (self.info.rate * stream.time_base)
        last: Optional[int] = None
        for frame in self._decoded(container, stream):
            if frame.pts is None:
                frame.pts = round(self._origin + (0 if last is None else last + step))
            frame.pts -= self._origin
            if last is not None and frame.pts <= last:
                self._notes.add("{n} frames whose time is not after the one before are left out")
                continue
            time = frame.pts * stream.time_base
            is_over = self._duration is not None and time >= self._start + self._duration
            # Deinterlacing looks at the frames before and after.
            if self._is_asked_for(time) or frame.interlaced_frame:
                if last is not None and frame.pts - last > max(4 * step, _GAP / stream.time_base):
                    self._notes.add("{n} gaps without frames: those before stand longer")
                yield frame
            if is_over:
                return
            last = frame.pts
        self._say_where_it_ends(container, last, stream)

    def _is_asked_for(self, time: Fraction) -> bool:
        end = None if self._duration is None else self._start + self._duration
        return self._start <= time and (end is None or time < end)

    def _say_where_it_ends(self, container: Any, last: Optional[int], stream: Any) -> None:
        """Say so where a file is shorter than it promises."""
        length = length_of(container, stream)
        end = (last or 0) * stream.time_base + 1 / self.info.rate
        if length is not None and length - end > max(_GAP, 4 / self.info.rate):
            self._notes.add(
                f"its pictures end at {float(end):.2f} s of {float(length):.2f} s; is it whole?"
            )

    def _seek(self, container: Any, stream: Any) -> None:
        aim = self._start - _MARGIN
        if aim > 0:
            there = self._origin + int(aim / stream.time_base)
            container.seek(there, stream=stream, backward=True)

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Frames; packets that are broken are left out, and said."""
        av = library()
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:
                self._notes.add(f"cannot be read to its end ({error.strerror})")
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._notes.add(
                    "{n} broken packets: their frames are left out, those before stand longer"
                )
                continue
            for frame in frames:
                if is_avi(container):
                    frame.pts = frame.dts
                if frame.is_corrupt:
                    self._notes.add("{n} damaged frames are shown as the decoder mended them")
                yield frame


def open_container(path: str) -> Any:
    """Open a video file for reading."""
    av = library()
    try:
        return av.open(path)
    except av.FFmpegError as error:
        raise VideoError(
            path, f"expected a video that PyAV reads, found another or a cut one ({error.strerror})"
        ) from error


def video_stream(container: Any, path: str) -> Any:
    """The stream to be seen; cover pictures of music are none."""
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams})
        raise VideoError(
            path, f"expected a video, found no stream of pictures ({', '.join(kinds) or 'nothing'})"
        )
    stream = streams[0]
    if stream.codec_context is None:
        raise VideoError(path, "its codec is not in this build of PyAV; install a newer one")
    return stream


def _is_cover(stream: Any) -> bool:
    disposition = stream.disposition  # a number, or a flag of the older PyAVs
    return bool(getattr(disposition, "value", disposition) & 0x400)  # AV_DISPOSITION_ATTACHED_PIC


def is_avi(container: Any) -> bool:
    """Whether times are of packets in the order of the file, and say nothing of frames."""
    return container.format.name == "avi"


def length_of(container: Any, stream: Any) -> Optional[Fraction]:
    """The seconds that a file says its pictures have."""
    if stream.duration:
        return stream.duration * stream.time_base
    return Fraction(container.duration, 1_000_000) if container.duration else None


def beginning(stream: Any) -> int:
    """The time at which the video begins, in the stream's units."""
    return stream.start_time or 0


def _square(frame: Any, stream: Any) -> Tuple[int, int]:
    """(height, width) as stored, with the width that makes its pixels square."""
    aspect = stream.sample_aspect_ratio or 1
    if aspect == 1:
        return frame.height, frame.width
    return frame.height, max(2, 2 * round(frame.width * aspect / 2))


def said_of(frame: Any, stream: Any, orientation: Any) -> List[str]:
    """What is done to all frames, a sentence each."""
    notes = []
    if str(orientation):
        notes.append(f"its pictures are stored lying: they are {orientation}")
    if (stream.sample_aspect_ratio or 1) != 1:
        notes.append(
            f"its pixels are not square ({stream.sample_aspect_ratio}): the width is stretched"
        )
    bits = max(component.bits for component in frame.format.components)
    context = stream.codec_context
    if context.color_trc in hdr.NAMES:
        notes.append(f"HDR, {hdr.NAMES[context.color_trc]}: toned down to BT.709 by ITU-R BT.2390")
    elif is_wide(stream):
        notes.append("colours of BT.2020 are made such of BT.709; what BT.709 lacks is cut off")
    if bits > 8:
        notes.append(f"{bits} bits a colour are rounded to 8")
    alpha = any(component.is_alpha for component in frame.format.components)
    if alpha or stream.metadata.get("alpha_mode") == "1":
        notes.append("its transparency is left out: colours are taken as they are stored")
    return notes
