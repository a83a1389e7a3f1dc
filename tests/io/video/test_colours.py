"""Colours of videos, read and written, against ITU-R BT.601, BT.709 and BT.2100 in float64."""

import math

import numpy as np
import pytest

from paddleseg_u2net.io.video import VideoError, hdr, open_video, open_writer
from tests.io.video_making import av, make_video, read_back

# Kr and Kb of ITU-T H.273, by its numbers of matrices.
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
PATCH, ROWS, COLUMNS = 16, 3, 4
HEIGHT, WIDTH = PATCH * ROWS, PATCH * COLUMNS
COLOURS = np.random.default_rng(3).integers(0, 256, (ROWS, COLUMNS, 3))


def to_yuv(rgb, matrix, full, bits=8):
    kr, kb = LUMA[matrix]
    red, green, blue = (rgb[..., i] / 255 for i in range(3))
    y = kr * red + (1 - kr - kb) * green + kb * blue
    u, v = (blue - y) / 2 / (1 - kb), (red - y) / 2 / (1 - kr)
    unit = 2 ** (bits - 8)
    if full:
        most = 2**bits - 1
        return np.stack([y * most, u * most + 128 * unit, v * most + 128 * unit], -1)
    return unit * np.stack([16 + 219 * y, 128 + 224 * u, 128 + 224 * v], -1)


def to_rgb(yuv, matrix, full, bits=8):
    kr, kb = LUMA[matrix]
    unit = 2 ** (bits - 8)
    low, luma, chroma = (
        (0, 2**bits - 1, 2**bits - 1) if full else (16 * unit, 219 * unit, 224 * unit)
    )
    y = (yuv[..., 0] - low) / luma
    u, v = ((yuv[..., i] - 128 * unit) / chroma for i in (1, 2))
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return 255 * np.clip(np.stack([red, green, blue], -1), 0, 1)


def patches(yuv, pix_fmt, **tags):
    """A frame of flat patches of these values."""
    frame = av.VideoFrame(WIDTH, HEIGHT, pix_fmt)
    dtype = np.dtype("<u2" if frame.format.components[0].bits > 8 else "u1")
    for channel, plane in enumerate(frame.planes):
        block = PATCH if not channel else PATCH * plane.width // WIDTH
        values = np.kron(yuv[..., channel], np.ones((block, block))).astype(dtype)
        lines = np.zeros((plane.height, plane.line_size // dtype.itemsize), dtype)
        lines[:, : values.shape[1]] = values
        plane.update(lines.tobytes())
    for name, value in tags.items():
        setattr(frame, name, value)
    return frame


def centres(picture):
    return picture[PATCH // 2 :: PATCH, PATCH // 2 :: PATCH].astype(float)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_colours_are_those_of_the_tags(tmp_path, pix_fmt, matrix, full):
    bits = 10 if "10" in pix_fmt else 8
    yuv = np.clip(np.round(to_yuv(COLOURS, matrix, full, bits)), 0, 2**bits - 1)
    tags = {"colorspace": matrix, "color_range": 2 if full else 1}
    frame = patches(yuv, pix_fmt, **tags)
    path = make_video(
        tmp_path / "c.mkv", 1, HEIGHT, WIDTH, pix_fmt=pix_fmt, tags=tags, pictures=[frame]
    )
    with open_video(path) as video:
        found = centres(next(iter(video)).picture)
        assert any("10 bits" in note for note in video.notes()) == (bits == 10)
    # Half a step of rounding, and one more for FFmpeg's integers of 10 bits.
    assert np.abs(found - to_rgb(yuv, matrix, full, bits)).max() < (0.51 if bits == 8 else 1.3)


@pytest.mark.parametrize(
    ("height", "suffix", "matrix"), [(HEIGHT, ".mkv", 6), (HEIGHT, ".webm", 6), (720, ".mp4", 1)]
)
def test_written_colours_are_right_and_tagged(tmp_path, height, suffix, matrix):
    path = tmp_path / f"out{suffix}"
    picture = np.kron(COLOURS, np.ones((PATCH, PATCH, 1))).astype(np.uint8)
    picture = np.tile(picture, (height // HEIGHT, 1, 1))
    with open_writer(path, height, WIDTH, 10, "rgb", crf=1) as writer:
        writer.write(picture, 0)
    (_, frame), *_ = read_back(path, None)
    tags = (frame.colorspace, frame.color_range)
    assert tags in [(matrix, 1), (5, 1)] if matrix == 6 else tags == (1, 1)
    yuv = [
        np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width]
        for p in frame.planes
    ]
    blocks = [PATCH, PATCH // 2, PATCH // 2]
    found = np.stack([p[b // 2 :: b, b // 2 :: b] for p, b in zip(yuv, blocks)], -1)[:ROWS]
    assert np.abs(found - to_yuv(COLOURS, matrix, False)).max() < 2.5


def test_what_was_read_is_written_again(tmp_path):
    """Flat colours, so that only the two conversions count: within one step each."""
    picture = np.kron(COLOURS, np.ones((PATCH, PATCH, 1))).astype(np.uint8)
    path = tmp_path / "a.mkv"
    for _ in range(4):
        with open_writer(path, HEIGHT, WIDTH, 10, "rgb", crf=0) as writer:
            writer.write(picture, 0)
        with open_video(path) as video:
            picture = next(iter(video)).picture
        path = path.with_name(f"_{path.name}")
    assert np.abs(centres(picture) - COLOURS).max() <= 4
    assert abs((centres(picture) - COLOURS).mean()) < 0.4


def test_pq_is_as_published():
    # ITU-R BT.2408-7, table 1 and annex: codes of 100, 203 and 1000 cd/m2.
    for light, code in [(100, 0.5081), (203, 0.5807), (1000, 0.7518)]:
        assert hdr.pq_codes(np.array(float(light))) == pytest.approx(code, abs=5e-5)
        assert hdr.pq_light(np.array([code])) == pytest.approx(light, rel=2e-3)
    # Reference white of HLG is at 75 %, its peak at 100 %.
    light = hdr.hlg_light(np.array([[0.75] * 3, [1.0] * 3]))
    assert light[:, 0] == pytest.approx([203, 1000], abs=0.2)
    # A colour of it: BT.2100's OOTF is of the luminance, not of each part.
    red, green = 0.3**2 / 3, 0.5**2 / 3
    blue = (math.exp((0.8 - 0.55991073) / 0.17883277) + 0.28466892) / 12
    gain = 1000 * (0.2627 * red + 0.6780 * green + 0.0593 * blue) ** 0.2
    expected = [gain * red, gain * green, gain * blue]
    assert hdr.hlg_light(np.array([[0.3, 0.5, 0.8]]))[0] == pytest.approx(expected)


@pytest.mark.parametrize("transfer", [hdr.PQ, hdr.HLG])
def test_hdr_becomes_bt709(tmp_path, transfer):
    """Greys under the knee of BT.2390 keep their light: (L / 203) ** (1 / 2.4)."""
    light = np.array([0.5, 2, 10, 30, 60, 90])
    pq = (
        (0.8359375 + 18.8515625 * (y := (light / 10000) ** 0.1593017578125)) / (1 + 18.6875 * y)
    ) ** 78.84375
    scene = (light / 1000) ** (1 / 1.2)  # HLG's display light is 1000 Y ** 1.2
    hlg = np.where(
        scene <= 1 / 12,
        np.sqrt(3 * scene),
        0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073,
    )
    codes = pq if transfer == hdr.PQ else hlg
    greys = np.zeros((ROWS, COLUMNS))
    greys.flat[:6], greys.flat[6:] = codes, [0, 1, 1, 1, 1, 1]
    yuv = np.stack([np.round(64 + 876 * greys), *[np.full_like(greys, 512)] * 2], -1)
    tags = {"colorspace": 9, "color_range": 1, "color_trc": transfer, "color_primaries": 9}
    path = make_video(
        tmp_path / "hdr.mkv", 1, HEIGHT, WIDTH, pix_fmt="yuv420p10le", tags=tags,
        pictures=[patches(yuv, "yuv420p10le", colorspace=9, color_range=1)],
    )  # fmt: skip
    with open_video(path) as video:
        found = centres(next(iter(video)).picture).reshape(-1, 3)
        assert any("HDR" in note for note in video.info.notes)
    assert np.abs(found[:6] - 255 * ((light / 203) ** (1 / 2.4))[:, None]).max() < 2.5
    assert found[6:8].tolist() == [[0] * 3, [255] * 3]


def test_an_unknown_matrix_is_refused_by_its_number(tmp_path):
    tags = {"colorspace": 8, "color_range": 1}
    frame = patches(to_yuv(COLOURS, 1, False), "yuv420p", **tags)
    path = make_video(tmp_path / "c.mkv", 1, HEIGHT, WIDTH, tags=tags, pictures=[frame])
    with pytest.raises(VideoError, match="matrix 8"):
        open_video(path)
