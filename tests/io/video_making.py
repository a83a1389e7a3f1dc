"""Video files as tests make them, by PyAV alone: a square that moves over a slope of colours."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs PyAV: pip install av")

HEIGHT, WIDTH, RATE = 48, 64, 10
LOSSLESS = {"libx264": {"qp": "0", "preset": "ultrafast"}, "libx265": {"preset": "ultrafast"}}


def drawn_frame(number, height=HEIGHT, width=WIDTH):
    """(H, W, 3) uint8: smooth colours, and a bright square that goes 4 pixels a frame."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([40 + 2 * x % 120, 60 + y % 100, 90 + (x + y) // 2 % 80], axis=-1)
    left, top = (4 * number) % max(1, width - 12), height // 3
    picture[top : top + 12, left : left + 12] = (220, 200, 60)
    return picture.astype(np.uint8)


def drawn_alpha(number, height=HEIGHT, width=WIDTH):
    """(H, W) uint8: every value from 0 to 255, moving."""
    y, x = np.mgrid[:height, :width]
    return ((x * 5 + y * 3 + number * 9) % 256).astype(np.uint8)


def make_video(
    path,
    count=8,
    height=HEIGHT,
    width=WIDTH,
    rate=RATE,
    times=None,
    sound=None,
    codec="libx264",
    pix_fmt="yuv420p",
    options=None,
    tags=None,
    pictures=None,
    metadata=None,
    gop=None,
    setup=None,
):
    """Write a video of `drawn_frame`s; give its path.

    Args:
        times: Seconds of the frames, for variable rates; by default number / rate.
        sound: A codec of sound, such as ``aac``: a tone as long as the pictures.
        tags: What is set on frames and encoder: colorspace, color_range, color_primaries, ...
        pictures: (H, W, 3) arrays instead of drawn ones, or `av.VideoFrame`s as they are.
        setup: Called with the stream of pictures before the first one.
    """
    unit = Fraction(1, 1000 if times is not None else 12800)
    times = [Fraction(n) / rate for n in range(count)] if times is None else list(times)
    drawn = pictures or [drawn_frame(n, height, width) for n in range(len(times))]
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        given = {**LOSSLESS.get(codec, {}), **(options or {})}
        stream = container.add_stream(codec, rate=rate, options=given)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = unit
        if gop:
            stream.codec_context.gop_size = gop
        for name, value in (tags or {}).items():
            if hasattr(stream.codec_context, name):
                setattr(stream.codec_context, name, value)
        if setup:
            setup(stream)
        tone = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for picture, time in zip(drawn, times):
            frame = _frame(picture, pix_fmt, tags or {})
            frame.pts, frame.time_base = round(Fraction(time) / unit), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone:
            _sing(container, tone, float(times[-1]) + 1 / rate)
    return path


def _frame(picture, pix_fmt, tags):
    if not isinstance(picture, np.ndarray):
        return picture
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    matrix, wide = tags.get("colorspace", 5), tags.get("color_range", 1)
    if not pix_fmt.startswith(("gray", "rgb", "bgr", "gbr")):
        frame = frame.reformat(format=pix_fmt, dst_colorspace=matrix, dst_color_range=wide)
    for name, value in tags.items():
        if hasattr(frame, name):
            setattr(frame, name, value)
    return frame


def _sing(container, stream, length):
    """A tone that rises, so that no two packets are alike."""
    count = round(48000 * length)
    t = np.arange(count) / 48000
    wave = (0.3 * np.sin(2 * np.pi * (60 + 40 * t) * t)).astype(np.float32)
    resampler = av.AudioResampler(stream.format, stream.layout, 48000)
    for begin in range(0, count, 1024):
        block = np.ascontiguousarray(wave[None, begin : begin + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, begin, Fraction(1, 48000)
        for made in resampler.resample(frame):
            container.mux(stream.encode(made))
    container.mux(stream.encode(None))


def turn(path, matrix):
    """Write another display matrix (a, b, c, d) of whole numbers into an MP4 file's pictures."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4  # the first track is that of the pictures
    at += 40 if data[at] == 0 else 52
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def read_back(path, kind="rgb24", decoder=None):
    """[(time, array)] of a file as PyAV alone reads it, turned by nothing."""
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = av.CodecContext.create(decoder, "r") if decoder else None
        if context:
            context.extradata = stream.codec_context.extradata
        for packet in container.demux(stream):
            decoded = context.decode(packet) if context else packet.decode()
            frames += [
                (f.pts * stream.time_base, f.to_ndarray(format=kind) if kind else f)
                for f in decoded
            ]
    return frames


def sound_packets(path):
    """[(time in seconds, bytes)] of the first stream of sound."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]


def heard(path):
    """A function of seconds from the first frame on: the loudness that is heard then."""
    with av.open(str(path)) as container:
        pictures = container.streams.video[0]
        first = next(p.pts for p in container.demux(pictures) if p.pts is not None)
        zero = float(first * pictures.time_base)
    times, values = [], []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for frame in container.decode(stream):
            array = frame.to_ndarray()
            array = (
                array.reshape(-1, len(frame.layout.channels)) if array.shape[0] == 1 else array.T
            )
            scale = np.iinfo(array.dtype).max if array.dtype.kind == "i" else 1
            times.append(
                float(frame.pts * frame.time_base) + np.arange(len(array)) / frame.sample_rate
            )
            values.append(array[:, 0] / scale)
    times, values = np.concatenate(times) - zero, np.concatenate(values)
    return lambda at: np.interp(at, times, values, 0, 0)
