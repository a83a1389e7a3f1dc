"""Videos to frames: their times, sizes, orientation, and what is wrong with files."""

from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.io.images import write_png
from paddleseg_u2net.io.video import VideoError, open_video
from tests.io.video_making import HEIGHT, WIDTH, drawn_frame, make_video, turn


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 12, gop=4)


def frames_of(source, **options):
    with open_video(source, **options) as video:
        return list(video)


def near(picture, expected, most=6.0):
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < most


def test_frames_are_those_that_were_drawn(clip):
    with open_video(clip) as video:
        assert video.info[:5] == (HEIGHT, WIDTH, 10, 12, Fraction(6, 5))
        frames = list(video)
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == [Fraction(n, 10) for n in range(12)]
    for frame in frames:
        near(frame.picture, drawn_frame(frame.number))
        assert frame.picture.flags.c_contiguous and frame.picture.dtype == np.uint8


@pytest.mark.parametrize("start", [0.1, 0.25, 0.4, "0.55", Fraction(7, 10), 1.05])
def test_start_is_exact_on_frames(clip, start):
    frames = frames_of(clip, start=start, duration=0.3)
    first = -(-Fraction(str(start)) * 10 // 1)
    expected = [
        n for n in range(int(first), 12) if Fraction(n, 10) < Fraction(str(start)) + Fraction(3, 10)
    ]
    assert [frame.time for frame in frames] == [
        Fraction(n, 10) - Fraction(str(start)) for n in expected
    ]
    for frame, number in zip(frames, expected):
        near(frame.picture, drawn_frame(number))


# Display matrices (a, b, c, d), written out from ISO 14496-12: (x, y) is shown at
# (a x + c y, b x + d y), so (1, 0, 0, 1) is upright; and what numpy does to the same end.
UPRIGHT = {
    (1, 0, 0, 1): lambda p: p,
    (0, 1, -1, 0): lambda p: np.rot90(p, -1),
    (-1, 0, 0, -1): lambda p: np.rot90(p, 2),
    (0, -1, 1, 0): lambda p: np.rot90(p, 1),
    (-1, 0, 0, 1): lambda p: p[:, ::-1],
    (1, 0, 0, -1): lambda p: p[::-1],
    (0, 1, 1, 0): lambda p: p.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda p: np.rot90(p.transpose(1, 0, 2), 2),
}


@pytest.mark.parametrize("matrix", UPRIGHT)
def test_orientation_is_applied_once(tmp_path, matrix):
    path = turn(make_video(tmp_path / "lying.mp4", 2), matrix)
    frames = frames_of(path)
    near(frames[1].picture, UPRIGHT[matrix](drawn_frame(1)))


def test_frames_in_files_are_sorted_by_number(tmp_path):
    for number in (0, 1, 2, 9, 10):
        write_png(tmp_path / f"f{number}.png", drawn_frame(number))
    for source in (tmp_path, tmp_path / "f*.png", tmp_path / "f%d.png"):
        frames = frames_of(source, rate=Fraction(5, 2))
        for frame, number in zip(frames, (0, 1, 2, 9, 10)):
            assert np.array_equal(frame.picture, drawn_frame(number))
        assert [frame.time for frame in frames] == [Fraction(2 * n, 5) for n in range(5)]
    with pytest.raises(VideoError, match="rate"):
        open_video(tmp_path)
