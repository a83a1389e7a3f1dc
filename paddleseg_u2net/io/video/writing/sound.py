"""Sound that a container does not take as it is, in a codec that it does."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Iterator, Optional

from paddleseg_u2net.io.video.library import has_codec, library
from paddleseg_u2net.io.video.types import Notes

_ENCODERS = {"mp4": "aac", "mov": "aac", "matroska": "flac", "webm": "libopus"}
_BITS_A_CHANNEL = 96_000
_OPUS_RATE = 48_000


def encoder_for(container: str) -> Optional[str]:
    """The encoder of sound for a container; None where it takes none, or this build has none."""
    name = _ENCODERS.get(container)
    return name if name and has_codec(name, "w") else None


class Recoded:
    """One stream of sound, decoded, cut to the sample and encoded again."""

    def __init__(
        self,
        output: Any,
        source: Any,
        encoder: Optional[str],
        shift: Fraction,
        duration: Optional[Fraction],
        notes: Notes,
    ) -> None:
        self._source, self._shift, self._notes = source, shift, notes
        self._duration = duration
        layout, rate = source.codec_context.layout, source.codec_context.sample_rate
        if encoder == "libopus":
            rate = _OPUS_RATE
        channels = len(layout.channels)
        self.stream = output.add_stream(
            encoder, rate=rate, layout=layout.name if channels <= 2 else "stereo"
        )
        if encoder != "flac":
            self.stream.codec_context.bit_rate = _BITS_A_CHANNEL * min(channels, 2)
        if channels > 2:
            notes.add(f"its {channels} channels of sound become two")
        self._graph: Any = None

    def packets(self, packet: Any) -> Iterator[Any]:
        """What is ready once a packet of the source has come in."""
        av = library()
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self._notes.add("{n} broken packets of sound are left out")
            return
        for frame in frames:
            if frame.pts is None:
                continue
            if self._graph is None:
                self._graph = self._built(frame)
            self._graph.push(frame)
            yield from self._encoded()

    def flush(self) -> Iterator[Any]:
        """What is left."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._encoded()
            yield from self.stream.encode(None)

    def _encoded(self) -> Iterator[Any]:
        av = library()
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield from self.stream.encode(frame)

    def _built(self, frame: Any) -> Any:
        """The cut, with times that begin at the start."""
        graph = library().filter.Graph()
        first = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format,
            layout=frame.layout,
            time_base=frame.time_base,
        )
        cut = f"start={float(self._shift):.6f}"
        if self._duration is not None:
            cut += f":end={float(self._shift + self._duration):.6f}"
        nodes = [first, graph.add("atrim", cut)]
        nodes.append(graph.add("asetpts", f"PTS-{float(self._shift):.6f}/TB"))
        context = self.stream.codec_context
        layout, rate = context.layout.name, context.sample_rate
        # Times without gaps: those of many containers are rounded, and packets would get them.
        nodes.append(graph.add("aresample", f"{rate}:async=1:first_pts=0"))
        form = f"sample_fmts={context.format.name}:sample_rates={rate}:channel_layouts={layout}"
        nodes += [graph.add("aformat", form), graph.add("abuffersink")]
        for one, other in zip(nodes, nodes[1:]):
            one.link_to(other)
        graph.configure()
        return graph
