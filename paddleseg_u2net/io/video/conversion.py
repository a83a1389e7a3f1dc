"""Decoded frames to upright-sized RGB, by FFmpeg's filters, as their colour tags say."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from paddleseg_u2net.io.video import hdr
from paddleseg_u2net.io.video.library import has_filter, library
from paddleseg_u2net.io.video.types import Notes, PathLike, VideoError

# Its name, and its options as FFmpeg writes them or each by itself.
Filter = Tuple[str, Union[str, Dict[str, str]]]

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
_HD = (1280, 720)


def refuse_unshowable(path: PathLike, frame: Any, stream: Any) -> None:
    """Raise VideoError where this build gives other colours than the video's."""
    if is_wide(stream) and not has_filter("lut3d"):
        raise VideoError(
            path,
            "its colours are wider than BT.709's, and this build of PyAV has no filter lut3d for "
            "them; convert it to BT.709 first, or install PyAV's own wheels",
        )
    if frame.colorspace not in (_RGB, _UNKNOWN, *_MATRICES):
        raise VideoError(
            path,
            f"its colours are coded by matrix {frame.colorspace} of ITU-T H.273, which is not "
            "read here; convert it to BT.709 first",
        )


def is_wide(stream: Any) -> bool:
    """Whether colours are HDR's or of BT.2020's primaries; known once a frame is decoded."""
    context = stream.codec_context
    return context.color_trc in hdr.NAMES or context.color_primaries == hdr.BT2020


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
    width: int, height: int, format_: Any, unit: Fraction, filters: Sequence[Filter]
) -> Any:
    """A chain of FFmpeg's filters, from frames of one form on."""
    graph = library().filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=format_, time_base=unit)
    nodes = [source]
    for name, options in filters:
        text, each = (options, {}) if isinstance(options, str) else (None, options)
        nodes.append(graph.add(name, text, **each))
    nodes.append(graph.add("buffersink"))
    for one, other in zip(nodes, nodes[1:]):
        one.link_to(other)
    graph.configure()
    return graph


class Converter:
    """Makes RGB of one size of all frames; deinterlaces those that are interlaced."""

    def __init__(self, width: int, height: int, stream: Any, notes: Notes) -> None:
        self._width, self._height, self._notes = width, height, notes
        self._stream = stream
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

    def converted(self, frames: Iterable[Any]) -> Iterator[Any]:
        """RGB of all frames."""
        for frame in frames:
            yield from self.push(frame)
        yield from self.flush()

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

    def _filters(self, frame: Any) -> List[Filter]:
        filters: List[Filter] = []
        if self._interlaced and has_filter("bwdif"):
            filters.append(("bwdif", "mode=send_frame:deint=interlaced"))
        shape = (frame.width, frame.height)
        # Neighbours: each pair of colour differences stands for its pixels, so that writing, which
        # takes means, brings back what was read.
        kernel = "neighbor" if shape == (self._width, self._height) else "bicubic"
        text = f"w={self._width}:h={self._height}:flags={kernel}+{EXACT}"
        if not frame.format.is_rgb:
            text += f":in_color_matrix={matrix_of(frame)}:in_range={range_of(frame)}"
        filters.append(("scale", text))
        if is_wide(self._stream):
            filters += [("format", "pix_fmts=gbrp16le"), ("lut3d", self._table())]
        return [*filters, ("format", "pix_fmts=rgb24")]

    def _table(self) -> Dict[str, str]:
        """The filter's options; it reads its file at once."""
        self._folder = tempfile.TemporaryDirectory(prefix="u2net-")
        path = Path(self._folder.name) / "table.cube"
        hdr.write_table(path, self._stream.codec_context.color_trc)
        return {"file": str(path), "interp": "tetrahedral"}
