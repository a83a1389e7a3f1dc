"""Decoded frames to upright-sized RGB, by FFmpeg's filters, as their colour tags say."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Iterator, List, Optional, Tuple

from paddleseg_u2net.io.video.library import has_filter, library
from paddleseg_u2net.io.video.types import Notes, PathLike, VideoError

# ITU-T H.273, matrix coefficients, and what the filter `scale` calls them.
_MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    9: "bt2020",
    10: "bt2020",
}
_RGB, _UNKNOWN = 0, 2
_FULL = 2  # of `color_range`
_HDR = {16: "PQ (SMPTE ST 2084, HDR10)", 18: "HLG (ARIB STD-B67)"}  # transfer characteristics
# Untagged videos of this size and more are taken for BT.709, as players do.
_HD = (1280, 720)


def refuse_unshowable(path: PathLike, frame: Any, stream: Any) -> None:
    """Raise VideoError where this build gives other colours than the video's."""
    transfer = stream.codec_context.color_trc
    if transfer in _HDR:
        raise VideoError(
            path,
            f"is HDR, {_HDR[transfer]}, which is not brought to 8 bits here; convert it first, by "
            "an ffmpeg with zscale: -vf zscale=t=linear:npl=100,tonemap=hable,zscale=p=bt709:"
            "t=bt709:m=bt709:r=tv,format=yuv420p",
        )
    if frame.colorspace not in (_RGB, _UNKNOWN, *_MATRICES):
        raise VideoError(
            path,
            f"its colours are coded by matrix {frame.colorspace} of ITU-T H.273, which is not "
            "read here; convert it to BT.709 first",
        )


def matrix_of(frame: Any) -> str:
    """The name that `scale` has for the coefficients of a frame."""
    if frame.colorspace in _MATRICES:
        return _MATRICES[frame.colorspace]
    return "bt709" if frame.width >= _HD[0] or frame.height >= _HD[1] else "bt601"


def range_of(frame: Any) -> str:
    """``pc`` where black is 0, ``tv`` where it is 16."""
    return "pc" if frame.color_range == _FULL or "yuvj" in frame.format.name else "tv"


class Converter:
    """Makes RGB of one size of all frames; deinterlaces those that are interlaced."""

    def __init__(self, width: int, height: int, notes: Notes) -> None:
        self._width, self._height, self._notes = width, height, notes
        self._graph: Any = None
        self._key: Optional[Tuple[Any, ...]] = None
        self._interlaced = False

    def push(self, frame: Any) -> Iterator[Any]:
        """Give RGB frames, with their times: mostly one, for the one that comes in."""
        if frame.interlaced_frame and not self._interlaced:
            self._interlaced = True
            self._notes.add("interlaced: deinterlaced by bwdif")
        shape = (frame.format.name, frame.width, frame.height)
        key = (*shape, matrix_of(frame), range_of(frame), self._interlaced)
        if key != self._key:
            yield from self.flush()
            self._graph, self._key = self._built(frame), key
        self._graph.push(frame)
        yield from self._ready()

    def flush(self) -> Iterator[Any]:
        """Give what still waits."""
        if self._graph is not None and self._interlaced:
            self._graph.push(None)
            yield from self._ready()
        self._graph = self._key = None

    def _ready(self) -> Iterator[Any]:
        av = library()
        while True:
            try:
                yield self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def _built(self, frame: Any) -> Any:
        av = library()
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or Fraction(1, 90000),
        )
        nodes = [source, *(graph.add(name, text) for name, text in self._filters(frame))]
        nodes.append(graph.add("buffersink"))
        for one, other in zip(nodes, nodes[1:]):
            one.link_to(other)
        graph.configure()
        return graph

    def _filters(self, frame: Any) -> List[Tuple[str, str]]:
        filters = []
        if self._interlaced and has_filter("bwdif"):
            filters.append(("bwdif", "mode=send_frame:deint=interlaced"))
        shape = (frame.width, frame.height)
        plain = shape == (self._width, self._height) and frame.format.components[0].bits == 8
        # The fast way repeats each pair of colour differences for its four pixels, as ffmpeg does.
        flags = "bicubic" if plain else "bicubic+accurate_rnd+full_chroma_int"
        text = f"w={self._width}:h={self._height}:flags={flags}"
        if not frame.format.is_rgb:
            text += f":in_color_matrix={matrix_of(frame)}:in_range={range_of(frame)}"
        return [*filters, ("scale", text), ("format", "pix_fmts=rgb24")]
