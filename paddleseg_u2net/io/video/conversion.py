"""Decoded frames to upright-sized RGB, by FFmpeg's filters, as their colour tags say."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Iterator, List, Optional, Sequence, Tuple

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
# Without both, 4:2:0 becomes RGB that is darker by one or two of 255.
EXACT = "accurate_rnd+full_chroma_int+full_chroma_inp"
_RGB, _UNKNOWN = 0, 2
_FULL = 2  # of `color_range`
_HDR = {16: "PQ (SMPTE ST 2084, HDR10)", 18: "HLG (ARIB STD-B67)"}  # transfer characteristics
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
    return "bt709" if is_hd(frame.height, frame.width) else "bt601"


def is_hd(height: int, width: int) -> bool:
    """Whether colours without tags are BT.709's, not BT.601's: so players take them."""
    return width >= _HD[0] or height >= _HD[1]


def range_of(frame: Any) -> str:
    """``pc`` where black is 0, ``tv`` where it is 16."""
    return "pc" if frame.color_range == _FULL or "yuvj" in frame.format.name else "tv"


def filter_graph(
    width: int, height: int, format_: Any, unit: Fraction, filters: Sequence[Tuple[str, str]]
) -> Any:
    """A chain of FFmpeg's filters, from frames of one form on."""
    graph = library().filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=format_, time_base=unit)
    nodes = [source, *(graph.add(name, text) for name, text in filters)]
    nodes.append(graph.add("buffersink"))
    for one, other in zip(nodes, nodes[1:]):
        one.link_to(other)
    graph.configure()
    return graph


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
        unit = frame.time_base or Fraction(1, 90000)
        shape = (frame.width, frame.height)
        return filter_graph(*shape, frame.format, unit, self._filters(frame))

    def _filters(self, frame: Any) -> List[Tuple[str, str]]:
        filters = []
        if self._interlaced and has_filter("bwdif"):
            filters.append(("bwdif", "mode=send_frame:deint=interlaced"))
        shape = (frame.width, frame.height)
        # Neighbours: each pair of colour differences stands for its pixels, so that writing, which
        # takes means, brings back what was read.
        kernel = "neighbor" if shape == (self._width, self._height) else "bicubic"
        text = f"w={self._width}:h={self._height}:flags={kernel}+{EXACT}"
        if not frame.format.is_rgb:
            text += f":in_color_matrix={matrix_of(frame)}:in_range={range_of(frame)}"
        return [*filters, ("scale", text), ("format", "pix_fmts=rgb24")]
