"""Videos that are broken, cut, or none, and what is said of them."""

from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.io.images import write_png
from paddleseg_u2net.io.video import VideoError, open_video, open_writer
from tests.io.video_making import (
    HEIGHT,
    WIDTH,
    _sing,
    av,
    drawn_frame,
    make_video,
    sound_packets,
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Thirty frames, a keyframe in every second, and sound."""
    path = tmp_path_factory.mktemp("bad") / "clip.mkv"
    return make_video(path, 30, sound="aac", gop=10)


def packets(path, kind="video"):
    """(where it lies in the file, size, time) of each packet."""
    with av.open(str(path)) as container:
        (stream,) = [s for s in container.streams if s.type == kind]
        return [
            (path.read_bytes().index(bytes(p)), p.size, p.pts * p.time_base)
            for p in container.demux(stream)
            if p.size
        ]


def broken(path, made, numbers):
    """A copy in which packets of pictures hold nothing but 255."""
    data = bytearray(path.read_bytes())
    places = packets(path)
    for number in numbers:
        begin, size, _ = places[number]
        data[begin + 4 : begin + size] = b"\xff" * (size - 4)
    made.write_bytes(data)
    return made


def test_broken_packets_are_said_and_sound_stays(clip, tmp_path):
    path = broken(clip, tmp_path / "broken.mkv", [13, 14])
    with open_video(path) as video:
        frames = list(video)
        notes = video.notes()
    assert any("broken packets" in note or "damaged" in note for note in notes), notes
    assert 20 <= len(frames) <= 30
    for frame in frames:  # the others are in their places
        if frame.time < Fraction(13, 10) or frame.time >= 2:
            expected = drawn_frame(int(frame.time * 10))
            assert np.abs(frame.picture.astype(int) - expected).mean() < 6
    with open_writer(tmp_path / "out.mp4", HEIGHT, WIDTH, 10, "rgb", source=path) as writer:
        for frame in frames:
            writer.write(frame.picture, frame.time)
    assert [d for _, d in sound_packets(tmp_path / "out.mp4")] == [
        d for _, d in sound_packets(clip)
    ]


def test_a_cut_file_says_where_it_ends(clip, tmp_path):
    path = tmp_path / "cut.mkv"
    path.write_bytes(clip.read_bytes()[: packets(clip)[20][0]])
    with open_video(path) as video:
        assert 18 <= len(list(video)) <= 21
        assert any("is it whole?" in note for note in video.notes())


def test_gaps_are_said(tmp_path):
    times = [0, 0.1, 0.2, 0.3, 1.2, 1.3]
    path = make_video(tmp_path / "gap.mkv", times=times)
    with open_video(path) as video:
        assert [frame.time for frame in video] == [Fraction(str(time)) for time in times]
    with open_video(make_video(tmp_path / "even.mkv", 12)) as video:
        list(video)
        assert not video.notes()


def _only_sound(path):
    with av.open(str(path), "w") as container:
        _sing(container, container.add_stream("aac", rate=48000, layout="mono"), 0.2)


def _no_frames(path):
    path.write_bytes(b"YUV4MPEG2 W64 H48 F10:1 Ip A1:1 C420jpeg\n")


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.mp4", lambda path: path.write_bytes(b""), "expected a video"),
        ("a.mp4", lambda path: path.write_bytes(b"hello" * 400), "expected a video"),
        ("a.mkv", lambda path: path.write_bytes(bytes(4000)), "expected a video"),
        ("a.webp", lambda path: path.write_bytes(b"RIFF\0\1\0\0WEBPVP8 "), "truncated"),
        ("a.mp4", lambda path: None, "found nothing"),
        ("a.mp4", _only_sound, "no stream of pictures (audio)"),
        ("a.y4m", _no_frames, "none that can be decoded"),
        ("frames", lambda path: path.mkdir(), "found no picture"),
    ],
)
def test_what_is_no_video(tmp_path, name, make, words):
    path = tmp_path / name
    make(path)
    with pytest.raises(VideoError) as caught:
        list(open_video(path, rate=10 if name == "frames" else None))
    assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)


def test_a_half_mp4_is_refused(tmp_path):
    path = make_video(tmp_path / "a.mp4", 8)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(VideoError, match="cut one"):
        open_video(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 9}, "before its end at 3.0"),
        ({"start": -1}, "start >= 0"),
        ({"duration": 0}, "duration > 0"),
        ({"start": "soon"}, "start as a number"),
        ({"rate": 5}, "times of its own"),
        ({"size": 0}, "size of 1 pixel"),
        ({"size": (40_000, 40_000)}, "at most"),
    ],
)
def test_wrong_arguments(clip, options, words):
    with pytest.raises(VideoError, match=words):
        open_video(clip, **options)


def test_frames_of_two_sizes_are_refused(tmp_path):
    write_png(tmp_path / "1.png", drawn_frame(0))
    write_png(tmp_path / "2.png", drawn_frame(1)[:-2])
    with open_video(tmp_path, rate=10) as video, pytest.raises(VideoError, match="64x48 as the fi"):
        list(video)


def test_interlaced_pictures_lose_their_comb(tmp_path):
    """Two fields of different moments: a still part stays, the comb of the moving one goes."""
    woven = []
    for number in range(6):
        picture = drawn_frame(2 * number)
        picture[1::2] = drawn_frame(2 * number + 1)[1::2]
        woven.append(picture)
    path = make_video(
        tmp_path / "woven.mkv", pictures=woven, times=[n / 10 for n in range(6)],
        options={"x264-params": "tff=1:interlaced=1", "preset": "medium"},
    )  # fmt: skip
    with open_video(path) as video:
        frames = list(video)
        assert any("deinterlaced" in note for note in video.notes())
    assert [frame.time for frame in frames] == [Fraction(n, 10) for n in range(6)]

    def comb(picture):
        lines = picture[18:26].astype(int)
        return np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean()

    assert comb(frames[3].picture) < 0.3 * comb(woven[3])
    with open_video(path, start=0.3, duration=0.2) as video:
        part = list(video)
    assert len(part) == 2
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(part, frames[3:]))


def test_pixels_that_are_not_square(tmp_path):
    def stretched(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)

    path = make_video(tmp_path / "wide.mp4", 2, setup=stretched)
    with open_video(path) as video:
        assert (video.info.height, video.info.width) == (HEIGHT, WIDTH * 3 // 2)
        assert "not square (3/2)" in video.notes()[0]
    with open_video(path, size=24) as video:
        assert next(iter(video)).picture.shape == (24, 48, 3)
