"""What goes along with the pictures: sound, subtitles and metadata of the source."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Dict, Iterator, Optional

from paddleseg_u2net.io.video.library import library
from paddleseg_u2net.io.video.reading import beginning, open_container, video_stream
from paddleseg_u2net.io.video.types import Notes

# Said of the file that was, not of the one that is made.
_NOT_KEPT = {"major_brand", "minor_version", "compatible_brands", "encoder", "rotate", "duration"}


class Along:
    """The packets of a source, copied as they are, with times from `start` on."""

    def __init__(self, source: str, start: Fraction, duration: Optional[Fraction]) -> None:
        self._source, self._start, self._duration = source, start, duration
        self._container = open_container(source)
        try:
            video = video_stream(self._container, source)
        except BaseException:
            self._container.close()
            raise
        self.unit: Optional[Fraction] = video.time_base
        self._origin = beginning(video) * video.time_base
        self._streams: Dict[int, Any] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Optional[Any] = None

    def add_to(self, output: Any, notes: Notes) -> None:
        """Make the streams in the container that is written."""
        self._output = output
        for name, value in kept(self._container.metadata).items():
            output.metadata[name] = value
        taken = output.supported_codecs
        for stream in self._container.streams:
            if stream.type not in ("audio", "subtitle"):
                continue
            name = stream.codec_context.name if stream.codec_context else "unknown"
            canonical = stream.codec_context.codec.canonical_name if stream.codec_context else name
            if canonical not in taken:
                notes.add(
                    f"{stream.type} of {canonical} does not fit into this container: left out"
                )
                continue
            made = output.add_stream_from_template(stream)
            made.metadata.update(kept(stream.metadata))
            self._streams[stream.index] = made
        if self._streams:
            wanted = [s for s in self._container.streams if s.index in self._streams]
            if self._start > 1:
                aim = int((self._start + self._origin - 1) * 1_000_000)
                self._container.seek(aim, backward=True)
            self._packets = self._container.demux(wanted)

    def until(self, time: Optional[Fraction]) -> Iterator[Any]:
        """Packets up to a time from the start; all that are left by default."""
        av = library()
        if self._duration is not None:
            time = self._duration if time is None else min(time, self._duration)
        while True:
            packet = self._next
            self._next = None
            if packet is None:
                try:
                    packet = next(self._packets, None)
                except av.FFmpegError:
                    packet = None
                if packet is None:
                    return
            if packet.dts is None or packet.pts is None:
                continue
            unit = packet.time_base
            shift = self._origin + self._start
            begin = packet.pts * unit - shift
            if time is not None and begin >= time:
                self._next = packet
                return
            if begin < 0 < self._start:  # without a start they are what players skip
                continue
            packet.pts -= round(shift / unit)
            packet.dts -= round(shift / unit)
            packet.stream = self._streams[packet.stream.index]
            yield packet

    def close(self) -> None:
        """Close the source."""
        self._container.close()


def kept(metadata: Dict[str, str]) -> Dict[str, str]:
    """Metadata that is as true of the new file."""
    return {name: value for name, value in metadata.items() if name.lower() not in _NOT_KEPT}
