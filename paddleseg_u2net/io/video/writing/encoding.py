"""Arrays to encoded packets: each codec's options, pixel format, and colours as they are tagged."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from paddleseg_u2net.io.video.conversion import EXACT, Filter, filter_graph, is_hd
from paddleseg_u2net.io.video.library import has_codec, library
from paddleseg_u2net.io.video.types import Notes, PathLike, VideoError

KINDS = {"rgb": 3, "rgba": 4, "grey": 1}


class Codec(NamedTuple):
    """How a codec is used."""

    formats: Dict[str, str]  # kind -> pixel format; kinds that are missing it does not hold
    crf: Optional[int] = None  # the quality unless another is asked for; None: it has none
    options: Tuple[Tuple[str, str], ...] = ()
    even: bool = False  # takes even sizes only
    finest: Optional[int] = None  # parts of a second at most, in units of time


_420 = {"rgb": "yuv420p", "grey": "yuv420p"}
_QSCALE_3 = (("flags", "+qscale"), ("global_quality", str(3 * 118)))
_VP9 = (("b", "0"), ("row-mt", "1"), ("deadline", "realtime"), ("cpu-used", "6"))
CODECS: Dict[str, Codec] = {
    "libx264": Codec(_420, 20, (("preset", "veryfast"),), even=True),
    "libx265": Codec(_420, 23, (("preset", "veryfast"), ("x265-params", "log-level=none")), True),
    "libvpx-vp9": Codec({**_420, "rgba": "yuva420p"}, 28, (*_VP9, ("auto-alt-ref", "0"))),
    "libsvtav1": Codec(_420, 32, (("preset", "9"),)),
    "mpeg4": Codec(_420, None, _QSCALE_3, finest=60_000),
    "prores_ks": Codec(
        {"rgb": "yuv422p10le", "grey": "yuv422p10le", "rgba": "yuva444p10le"}, None, (), False
    ),
    "ffv1": Codec({"rgb": "bgr0", "grey": "gray", "rgba": "bgra"}),
    "libwebp_anim": Codec(
        {"rgb": "bgra", "grey": "bgra", "rgba": "bgra"}, None, (("quality", "80"),)
    ),
}


def check_picture(picture: np.ndarray, shape: Tuple[int, int], kind: str) -> None:
    """Raise ValueError for a picture that is not of the video's form."""
    expected = (*shape, KINDS[kind]) if KINDS[kind] > 1 else shape
    if picture.shape != expected or picture.dtype != np.uint8:
        raise ValueError(
            f"expected a picture of uint8 {expected}, found {picture.dtype} {picture.shape}"
        )


class Encoder:
    """One stream of pictures in a container that is being written."""

    def __init__(
        self,
        path: PathLike,
        container: Any,
        shape: Tuple[int, int],
        rate: Fraction,
        unit: Fraction,
        kind: str,
        name: str,
        crf: Optional[int],
        notes: Notes,
    ) -> None:
        self._codec = _usable(path, name, kind, crf)
        self._format = self._codec.formats[kind]
        self._shape, self._kind, self._unit = shape, kind, unit
        height, width = shape
        self._below, self._right = (height % 2, width % 2) if self._codec.even else (0, 0)
        if self._below or self._right:
            notes.add(
                f"{name} takes even sizes: the last column or row is repeated, which makes "
                f"{width + self._right}x{height + self._below}"
            )
        os.environ.setdefault("SVT_LOG", "1")  # errors only, of SVT-AV1, which asks nobody else
        try:
            self.stream = container.add_stream(name, rate=rate, options=self._options(crf))
        except ValueError as error:
            raise VideoError(path, f"{error}; leave the codec out or name another") from error
        self.stream.width, self.stream.height = width + self._right, height + self._below
        self.stream.pix_fmt = self._format
        context = self.stream.codec_context
        context.time_base = unit
        context.thread_count, context.thread_type = 0, "AUTO"
        self._tags = _tags(height, width, self._format)
        for name, value in self._tags.items():
            setattr(context, name, value)
        self._graph: Any = None

    def _options(self, crf: Optional[int]) -> Dict[str, str]:
        options = dict(self._codec.options)
        quality = self._codec.crf if crf is None else crf
        if quality is not None:
            options["crf"] = str(quality)
        return options

    def encode(self, picture: np.ndarray, pts: int) -> List[Any]:
        """The packets that are ready once `picture` has come in."""
        frame = self._frame(self._even(picture))
        frame.pts, frame.time_base = pts, self._unit
        return self.stream.encode(frame)

    def flush(self) -> List[Any]:
        """The packets that are left."""
        return self.stream.encode(None)

    def _even(self, picture: np.ndarray) -> np.ndarray:
        if not (self._below or self._right):
            return np.ascontiguousarray(picture)
        pad = [(0, self._below), (0, self._right)] + [(0, 0)] * (picture.ndim - 2)
        return np.pad(picture, pad, "edge")

    def _frame(self, picture: np.ndarray) -> Any:
        frame_of = library().VideoFrame.from_ndarray
        if self._kind == "grey":
            if self._format == "gray":
                return frame_of(picture, format="gray")
            picture = np.repeat(picture[..., None], 3, axis=2)
        if self._format.startswith(("bgr", "gbr")):
            layout = "rgba" if picture.shape[2] == 4 else "rgb24"
            return frame_of(picture, format=layout).reformat(format=self._format)
        if self._kind == "rgba":
            return self._with_alpha(picture)
        return self._in_colours(frame_of(picture, format="rgb24"), self._format)

    def _in_colours(self, frame: Any, format_name: str) -> Any:
        if self._graph is None:
            matrix = "bt709" if self._tags["colorspace"] == _BT709 else "bt601"
            scale = f"out_color_matrix={matrix}:out_range=tv:flags=area+{EXACT}"
            filters: List[Filter] = [("scale", scale), ("format", f"pix_fmts={format_name}")]
            self._graph = filter_graph(frame.width, frame.height, frame.format, self._unit, filters)
        self._graph.push(frame)
        return self._tagged(self._graph.pull())

    def _tagged(self, frame: Any) -> Any:
        for name, value in self._tags.items():
            if hasattr(frame, name):  # not all of them in older PyAVs, whose encoders know them
                setattr(frame, name, value)
        return frame

    def _with_alpha(self, picture: np.ndarray) -> Any:
        """Planes of colour by FFmpeg, of alpha by hand: its own conversion adds one to alpha."""
        av = library()
        colours = np.ascontiguousarray(picture[..., :3])
        opaque = self._in_colours(
            av.VideoFrame.from_ndarray(colours, format="rgb24"), self._format.replace("yuva", "yuv")
        )
        frame = self._tagged(av.VideoFrame(opaque.width, opaque.height, self._format))
        for made, plane in zip(opaque.planes, frame.planes):
            if made.line_size == plane.line_size:
                plane.update(made)
            else:
                plane.update(_padded(_lines(made), plane.line_size))
        alpha = picture[..., 3]
        if frame.format.components[3].bits == 10:
            wide = alpha.astype("<u2")
            alpha = (wide << 2 | wide >> 6).view(np.uint8)
        frame.planes[3].update(_padded(alpha, frame.planes[3].line_size))
        return frame


def _lines(plane: Any) -> np.ndarray:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def _padded(lines: np.ndarray, line_size: int) -> bytes:
    if lines.shape[1] >= line_size:
        return np.ascontiguousarray(lines[:, :line_size]).tobytes()
    whole = np.zeros((len(lines), line_size), np.uint8)
    whole[:, : lines.shape[1]] = lines
    return whole.tobytes()


_BT709, _BT601 = 1, 6  # of matrix, primaries and transfer
_LIMITED = 1  # of `color_range`: black is 16


def _tags(height: int, width: int, format_name: str) -> Dict[str, int]:
    """ITU-T H.273: BT.709 for HD, else BT.601 of 525 lines; nothing for RGB and grey."""
    if not format_name.startswith("yuv"):
        return {}
    standard = _BT709 if is_hd(height, width) else _BT601
    names = ("colorspace", "color_primaries", "color_trc")
    return {**dict.fromkeys(names, standard), "color_range": _LIMITED}


def _usable(path: PathLike, name: str, kind: str, crf: Optional[int]) -> Codec:
    codec = CODECS.get(name)
    if codec is None:
        raise VideoError(path, f"expected a codec of {', '.join(CODECS)}, found {name}")
    if not has_codec(name, "w"):
        raise VideoError(path, f"this build of PyAV does not encode {name}; choose another codec")
    if kind not in codec.formats:
        able = ", ".join(n for n, one in CODECS.items() if kind in one.formats)
        raise VideoError(path, f"{name} holds no transparency; these codecs do: {able}")
    if crf is not None and codec.crf is None:
        able = ", ".join(n for n, one in CODECS.items() if one.crf is not None)
        raise VideoError(path, f"{name} takes no crf; these codecs do: {able}")
    return codec
