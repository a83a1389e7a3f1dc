"""Videos as FFmpeg's own program sees them, and its zscale for HDR."""

import re
import subprocess
from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.io.video import open_video, open_writer
from tests.io.video_making import drawn_alpha, drawn_frame, make_video

imageio_ffmpeg = pytest.importorskip(
    "imageio_ffmpeg", reason="needs ffmpeg: make runtimes, or pip install imageio-ffmpeg"
)


def ffmpeg(*arguments):
    """(what it printed, what it said)."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=120)
    return done.stdout, done.stderr.decode()


@pytest.mark.parametrize(
    ("suffix", "kind", "codec", "height", "words"),
    [
        (".mp4", "rgb", None, 48, ["h264", "yuv420p(tv, smpte170m", "10 fps", "aac"]),
        (".mp4", "rgb", None, 720, ["h264", "yuv420p(tv, bt709", "10 fps"]),
        (".webm", "rgba", None, 48, ["vp9", "alpha_mode", "opus", "Duration: 00:00:00.6"]),
        (".mov", "rgba", None, 48, ["prores", "4444", "yuva444p", "aac"]),
        (".mkv", "rgb", "libx265", 48, ["hevc", "yuv420p(tv", "aac"]),
        (".mkv", "rgba", "ffv1", 48, ["ffv1", "bgra", "aac"]),
        (".mp4", "grey", "mpeg4", 48, ["mpeg4", "aac"]),
    ],
)
def test_files_are_sound(tmp_path, suffix, kind, codec, height, words):
    source = make_video(tmp_path / "in.mp4", 6, sound="aac")
    path = tmp_path / f"out{suffix}"
    with open_writer(path, height, 64, 10, kind, codec=codec, source=source) as writer:
        for number in range(6):
            rgb = drawn_frame(number, height)
            alpha = drawn_alpha(number, height)
            given = {"rgb": rgb, "rgba": np.dstack([rgb, alpha]), "grey": alpha}
            writer.write(given[kind], Fraction(number, 10))
    _, said = ffmpeg("-v", "warning", "-i", path, "-f", "null", "-")
    assert said == ""
    _, said = ffmpeg("-i", path)
    for word in words:
        assert word in said, said
    listed, _ = ffmpeg("-v", "error", "-i", path, "-map", "v", "-f", "framecrc", "-")
    assert len(re.findall(rb"^0,", listed, re.MULTILINE)) == 6


def test_hdr_is_as_zscale_has_it(tmp_path):
    """PQ of dark colours, which no tone curve touches: linear light of BT.709, to (1 / 2.4)."""
    height, width = 48, 64
    y, x = np.mgrid[:height, :width] // 8
    shade = np.stack([0.1 + 0.03 * x, 0.12 + 0.035 * y, 0.2 + 0.01 * (x + y)], -1)
    raw, path = tmp_path / "codes.raw", tmp_path / "hdr.mkv"
    codes = (65535 * shade[..., [1, 2, 0]]).astype("<u2").transpose(2, 0, 1)
    raw.write_bytes(np.ascontiguousarray(codes).tobytes())
    tags = ["-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_range", "tv"]
    to_yuv = (
        "zscale=min=gbr:m=2020_ncl:pin=2020:p=2020:tin=smpte2084:t=smpte2084:rin=full:r=limited"
    )
    _, said = ffmpeg(
        *("-v", "error", "-f", "rawvideo", "-pix_fmt", "gbrp16le", "-s", f"{width}x{height}"),
        *("-i", raw, "-vf", f"{to_yuv},format=yuv444p12le", *tags, "-color_trc", "smpte2084"),
        *("-c:v", "ffv1", path),
    )
    assert not said
    to_light = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,format=gbrpf32le"
    light, said = ffmpeg("-v", "error", "-i", path, "-vf", to_light, "-f", "rawvideo", "-")
    assert not said
    planes = np.frombuffer(light, "<f4").reshape(3, height, width)[[2, 0, 1]]
    expected = 255 * np.clip(planes.transpose(1, 2, 0), 0, 1)[4::8, 4::8] ** (1 / 2.4)
    with open_video(path) as video:
        found = next(iter(video)).picture[4::8, 4::8]
    below = expected.max(axis=2) < 170  # the knee
    assert below.sum() > 25
    off = np.abs(found - expected)[below]
    assert off.max() < 8  # next to black, where the curve is steep and the table coarse
    assert off[expected[below] > 12].max() < 4 and off.mean() < 0.6
