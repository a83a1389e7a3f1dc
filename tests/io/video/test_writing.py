"""Frames to videos, as PyAV reads them back."""

from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.io.video import VIDEO_FORMATS, VideoError, open_writer
from tests.io.video_making import (
    HEIGHT,
    WIDTH,
    drawn_alpha,
    drawn_frame,
    make_video,
    read_back,
    sound_packets,
)


def write(path, pictures, times=None, kind="rgb", **options):
    height, width = pictures[0].shape[:2]
    with open_writer(path, height, width, 10, kind, **options) as writer:
        for number, picture in enumerate(pictures):
            writer.write(picture, times[number] if times else Fraction(number, 10))
    return writer


def clear(number):
    return np.dstack([drawn_frame(number), drawn_alpha(number)])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_frames_and_times_come_back(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    times = [0, Fraction(1, 10), Fraction(3, 20), Fraction(4, 10)]
    write(path, [drawn_frame(n) for n in range(4)], times)
    found = read_back(path)
    assert [round(time, 3) for time, _ in found] == times
    for number, (_, picture) in enumerate(found):
        assert np.abs(picture.astype(int) - drawn_frame(number)).mean() < 8
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("suffix", "decoder", "kind", "most"),
    [(".webm", "libvpx-vp9", "yuva420p", 40), (".mov", None, "yuva444p12le", 1)],
)
def test_alpha_is_the_one_that_came(tmp_path, suffix, decoder, kind, most):
    path = tmp_path / f"out{suffix}"
    write(path, [clear(n) for n in range(3)], kind="rgba")
    for number, (_, frame) in enumerate(read_back(path, None, decoder)):
        assert frame.format.name == kind
        bits = frame.format.components[3].bits
        plane = np.frombuffer(frame.planes[3], "<u2" if bits > 8 else np.uint8)
        plane = plane.reshape(HEIGHT, -1)[:, :WIDTH] * (255 / (2**bits - 1))
        assert np.abs(plane - drawn_alpha(number)).mean() < most


def test_sound_goes_along_byte_for_byte(tmp_path):
    source = make_video(tmp_path / "in.mp4", 8, sound="aac", metadata={"title": "a tone"})
    path = tmp_path / "out.mp4"
    write(path, [drawn_frame(n) for n in range(8)], source=source)
    assert sound_packets(path) == sound_packets(source)


def test_no_transparency_names_those_that_have_it(tmp_path):
    with pytest.raises(VideoError) as caught:
        open_writer(tmp_path / "out.mp4", 8, 8, 10, "rgba")
    for suffix, format_ in VIDEO_FORMATS.items():
        assert (suffix in str(caught.value).partition(";")[2]) == format_.has_alpha
    assert not list(tmp_path.iterdir())
