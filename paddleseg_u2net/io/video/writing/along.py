"""What goes along with the pictures: sound, subtitles, chapters and metadata of the source."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any, Dict, Iterator, List, Optional

from paddleseg_u2net.io.video.library import library
from paddleseg_u2net.io.video.reading import beginning, open_container, video_stream
from paddleseg_u2net.io.video.types import Notes
from paddleseg_u2net.io.video.writing.sound import Recoded, encoder_for

# Said of the file that was, not of the one that is made; or where it was made.
_NOT_KEPT = ("major_brand", "minor_version", "compatible_brands", "encoder", "rotate", "duration")
_NOT_KEPT_BEGINNINGS = ("alpha_mode", "bps", "number_of_", "_statistics", "vendor_id")
_PLACES = ("location", "com.apple.quicktime.location")
# Matroska takes them; `supported_codecs` does not know.
_MATROSKA_TOO = {"dvd_subtitle", "hdmv_pgs_subtitle"}
# Sound that begins so much earlier than the pictures is heard before them, as in the source.
_LONG = Fraction(1, 10)


class Along:
    """The packets of a source, copied where the container takes them, with times from `start` on.

    Attributes:
        unit: The source's unit of times.
        lead: Seconds of sound before the first frame, by which all times are later.
    """

    def __init__(self, source: str, start: Fraction, duration: Optional[Fraction]) -> None:
        self._source, self._start, self._duration = source, start, duration
        self._container = open_container(source)
        try:
            self._video = video_stream(self._container, source)
        except BaseException:
            self._container.close()
            raise
        self.unit: Fraction = self._video.time_base
        self.lead = Fraction(0)
        self._origin = beginning(self._video) * self._video.time_base
        self._streams: Dict[int, Any] = {}  # by the index in the source
        self._last: Dict[int, int] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def add_to(self, output: Any, pictures: Any, notes: Notes) -> None:
        """Make the streams in the container that is written, beside that of the pictures."""
        self._notes = notes
        output.metadata.update(self._kept(self._container.metadata))
        pictures.metadata.update(self._kept(self._video.metadata))
        self._add_chapters(output)
        for stream in self._container.streams:
            if stream.type in ("audio", "subtitle"):
                self._add_stream(output, stream)
            elif stream.index != self._video.index:
                notes.add(f"a stream of {stream.type} is left out")
        wanted = [s for s in self._container.streams if s.index in self._streams]
        if not self._start:
            begins = [s.start_time * s.time_base for s in wanted if s.start_time is not None]
            early = self._origin - min([self._origin, *begins])
            self.lead = early if early > _LONG else self.lead
        if wanted:
            aim = self._start + self._origin - 1
            if self._start > 1:
                self._container.seek(int(aim * 1_000_000), backward=True)
            self._packets = self._container.demux(wanted)

    def _add_stream(self, output: Any, stream: Any) -> None:
        context = stream.codec_context
        name = context.codec.canonical_name if context else "an unknown codec"
        container = output.format.name
        taken = output.supported_codecs | (_MATROSKA_TOO if "matroska" in container else set())
        what = {"audio": "sound", "subtitle": "subtitles"}[stream.type]
        made: Any = None
        if context and name in taken:
            made = output.add_stream_from_template(stream)
            self._streams[stream.index] = made
        elif context and stream.type == "audio" and encoder_for(container):
            recoded = Recoded(
                output, stream, encoder_for(container), self._shift, self._duration, self._notes
            )
            self._streams[stream.index], made = recoded, recoded.stream
            self._notes.add(f"{container} takes no {what} of {name}: made {made.name}")
        else:
            self._notes.add(f"{container} takes no {what} of {name}: left out")
            return
        made.metadata.update(self._kept(stream.metadata))
        with contextlib.suppress(AttributeError, TypeError):  # not in older PyAVs
            made.disposition = stream.disposition

    @property
    def _shift(self) -> Fraction:
        """What is taken from the source's times."""
        return self._origin + self._start

    def _add_chapters(self, output: Any) -> None:
        if not hasattr(output, "set_chapters"):  # PyAV 15, which cannot tell of them either
            return
        chapters: List[Any] = []
        for chapter in self._container.chapters():
            begin, end = (chapter[n] * chapter["time_base"] - self._shift for n in ("start", "end"))
            if self._duration is not None:
                end = min(end, self._duration)
            begin = max(begin, Fraction(0))
            if begin < end:
                times = {"start": int(begin * 1000), "end": int(end * 1000)}
                chapters.append({**chapter, **times, "time_base": Fraction(1, 1000)})
        if chapters and output.format.name != "webp":
            output.set_chapters(chapters)

    def _kept(self, metadata: Dict[str, str]) -> Dict[str, str]:
        """What is as true of the new file; the place where it was made is nobody's business."""
        kept = {}
        for name, value in metadata.items():
            key = name.lower()
            if key.startswith(_PLACES):
                self._notes.add("the place where the video was made is left out of its metadata")
            elif key not in _NOT_KEPT and not key.startswith(_NOT_KEPT_BEGINNINGS):
                kept[name] = value
        return kept

    def until(self, time: Optional[Fraction]) -> Iterator[Any]:
        """Packets up to a time from the start; all that are left by default."""
        if self._duration is not None:
            time = self._duration if time is None else min(time, self._duration)
        while self._next is not None or self._read():
            packet, self._next = self._next, None
            index = packet.stream.index
            made = self._streams[index]
            begin = packet.pts * packet.time_base - self._shift
            if time is not None and begin >= time:
                self._next = packet
                return
            if isinstance(made, Recoded):
                yield from self._later(made.packets(packet))
            elif begin < 0 < self._start:  # without a start they are what players skip
                continue
            else:
                yield from self._later(self._copied(packet, made, index))

    def _read(self) -> bool:
        """Whether there is another packet."""
        av = library()
        while True:
            try:
                self._next = next(self._packets, None)
            except av.FFmpegError:
                self._next = None
            if self._next is None:
                return False
            if self._next.pts is None:
                self._next.pts = self._next.dts
            if self._next.pts is not None:
                return True

    def _copied(self, packet: Any, made: Any, index: int) -> Iterator[Any]:
        shift = round(self._shift / packet.time_base)
        packet.pts -= shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        if packet.dts <= self._last.get(index, packet.dts - 1):
            self._notes.add("{n} packets of sound whose time goes back are left out")
            return
        self._last[index] = packet.dts
        packet.stream = made
        yield packet

    def _later(self, packets: Iterator[Any]) -> Iterator[Any]:
        for packet in packets:
            if self.lead:
                later = round(self.lead / packet.time_base)
                packet.pts += later
                packet.dts += later
            yield packet

    def flush(self) -> Iterator[Any]:
        """What encoders of sound have left."""
        for made in self._streams.values():
            if isinstance(made, Recoded):
                yield from self._later(made.flush())

    def close(self) -> None:
        """Close the source."""
        self._container.close()
