"""Frames to videos, as PyAV reads them back."""

import errno
import os
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, ImageSequence

from paddleseg_u2net.io.video import VIDEO_FORMATS, VideoError, open_video, open_writer
from paddleseg_u2net.io.video.writing import encoding, kept_file
from paddleseg_u2net.io.video.writing import writer as writing
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


def test_odd_sizes_repeat_their_last_pixels(tmp_path):
    picture = drawn_frame(1, 47, 63)
    notes = write(tmp_path / "out.mp4", [picture] * 2, crf=1).notes()
    assert "64x48" in notes[0]
    (_, found), *_ = read_back(tmp_path / "out.mp4")
    expected = np.pad(picture, ((0, 1), (0, 1), (0, 0)), "edge")
    assert found.shape == (48, 64, 3)
    assert np.abs(found.astype(int) - expected)[-2:, -2:].max() < 12
    write(tmp_path / "out.webm", [picture] * 2)
    assert read_back(tmp_path / "out.webm")[0][1].shape == picture.shape


def test_webp_and_png_are_whole(tmp_path):
    pictures = [clear(n) for n in range(3)]
    write(tmp_path / "out.webp", pictures, [0, 0.1, 0.35], kind="rgba")
    with Image.open(tmp_path / "out.webp") as found:
        assert found.n_frames == 3
        for number, frame in enumerate(ImageSequence.Iterator(found)):
            assert np.array_equal(np.array(frame.convert("RGBA"))[..., 3], pictures[number][..., 3])
            assert frame.info["duration"] in {0: [100], 1: [250]}.get(number, range(10, 500))
    with open_video(tmp_path / "out.webp") as video:
        assert [frame.time for frame in video] == [0, Fraction(1, 10), Fraction(35, 100)]
    write(tmp_path / "frames", pictures, kind="rgba")
    write(tmp_path / "grey" / "m%03d.png", [drawn_alpha(0)], kind="grey")
    for number, picture in enumerate(pictures, start=1):
        with Image.open(tmp_path / "frames" / f"{number:05d}.png") as found:
            assert np.array_equal(np.array(found), picture)
    assert np.array_equal(np.array(Image.open(tmp_path / "grey" / "m001.png")), drawn_alpha(0))
    again = write(tmp_path / "frames", pictures[:1], kind="rgba")
    assert "00002.png" in again.notes()[0]


@pytest.mark.parametrize(("suffix", "codec", "most"), [(".mp4", None, 8), (".mkv", "ffv1", 0)])
def test_mattes_are_grey(tmp_path, suffix, codec, most):
    path = tmp_path / f"matte{suffix}"
    write(path, [drawn_frame(n)[..., 0] for n in range(2)], kind="grey", codec=codec)
    for number, (_, found) in enumerate(read_back(path)):
        assert np.ptp(found.astype(int), axis=2).max() <= 2
        expected = drawn_frame(number)[..., 0].astype(int)
        assert np.abs(found[..., 0] - expected).mean() <= most


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
def test_an_exception_leaves_a_file_that_plays(tmp_path, suffix):
    source = make_video(tmp_path / "in.mp4", 8, sound="aac")
    path = tmp_path / f"out{suffix}"
    with (
        pytest.raises(KeyboardInterrupt),
        open_writer(path, HEIGHT, WIDTH, 10, "rgb", source=source) as writer,
    ):
        for number in range(5):
            writer.write(drawn_frame(number), Fraction(number, 10))
        assert not path.exists()
        raise KeyboardInterrupt
    assert len(read_back(path)) == 5
    assert 0.4 < float(sound_packets(path)[-1][0]) < 0.52
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_written_is_no_file(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"an older one")
    with open_writer(path, HEIGHT, WIDTH, 10, "rgb"):
        pass
    with (
        pytest.raises(ValueError, match="expected a picture"),
        open_writer(path, HEIGHT, WIDTH, 10, "rgb") as writer,
    ):
        writer.write(drawn_frame(0)[:5], 0)
    assert path.read_bytes() == b"an older one"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


class _SmallDisk:
    """A file on a disk of so many bytes, of which the spare file has its part."""

    def __init__(self, file, spare, size):
        self.file, self.spare, self.size = file, spare, size

    def write(self, data):
        taken = self.spare.stat().st_size if self.spare.exists() else 0
        if self.file.tell() + len(data) + taken > self.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_full_disk_leaves_what_was_written(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(kept_file, "_RESERVE", 60_000)
    monkeypatch.setattr(writing, "_CLUSTER", 20_000)
    path = tmp_path / f"out{suffix}"
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(60)]
    given = 0
    with (
        pytest.raises(OSError, match="No space left") as caught,
        open_writer(path, HEIGHT, WIDTH, 10, "rgb", crf=4) as writer,
    ):
        file = writer._file
        file._file = _SmallDisk(file._file, file._spare, 150_000)
        for given, picture in enumerate(pictures):
            writer.write(picture, Fraction(given, 10))
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    found = read_back(path)
    assert 3 < len(found) <= given < 59
    assert [time for time, _ in found] == [Fraction(n, 10) for n in range(len(found))]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("out.avi", {}, [".mp4", ".webm", "found .avi"]),
        ("out.mp4", {"codec": "libx266"}, ["libx264", "found libx266"]),
        ("out.webm", {"kind": "rgba", "codec": "libx264"}, ["libvpx-vp9", "prores_ks"]),
        ("out.mov", {"kind": "rgba", "crf": 3}, ["prores_ks takes no crf", "libx264"]),
        ("frames", {"crf": 3}, ["no crf"]),
        ("frame.png", {}, ["%05d.png"]),
        ("out.webm", {"codec": "libx264"}, ["webm"]),
    ],
)
def test_what_cannot_be_is_said(tmp_path, name, options, words):
    path = tmp_path / name
    with pytest.raises(VideoError) as caught:
        write(path, [clear(0) if "kind" in options else drawn_frame(0)], **options)
    assert str(caught.value).startswith(str(path))
    for word in words:
        assert word in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_input_is_not_written_over(tmp_path):
    source = make_video(tmp_path / "in.mp4", 2)
    (tmp_path / "link.mp4").symlink_to(source)
    with pytest.raises(VideoError, match="is the video that is read"):
        open_writer(tmp_path / "link.mp4", HEIGHT, WIDTH, 10, "rgb", source=source)


def test_a_codec_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "has_codec", lambda name, mode: name != "libx264")
    with pytest.raises(VideoError, match="does not encode libx264"):
        open_writer(tmp_path / "out.mp4", HEIGHT, WIDTH, 10, "rgb")


def test_without_pyav_it_says_what_to_install(tmp_path, monkeypatch):
    source = make_video(tmp_path / "in.mp4", 2)
    monkeypatch.setitem(sys.modules, "av", None)
    for use in (lambda: open_video(source), lambda: open_writer("a.mp4", 8, 8, 10, "rgb")):
        with pytest.raises(ModuleNotFoundError, match=r"paddleseg_u2net\[video\]"):
            use()
