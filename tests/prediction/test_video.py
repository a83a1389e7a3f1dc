"""Videos to videos: closed forms where nothing is lost, PyAV's reading where something is."""

from __future__ import annotations

import errno
import json
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.io.video import VideoError
from paddleseg_u2net.io.video.writing import VideoFileWriter
from paddleseg_u2net.prediction.video import remove_from_video
from paddleseg_u2net.prediction.video_report import Report
from paddleseg_u2net.removal import Blur, Plain, Remover
from paddleseg_u2net.video.composing.choosing import Moving, video_background
from paddleseg_u2net.video.composing.film import Film
from paddleseg_u2net.video.job import Job
from paddleseg_u2net.video.settings import Settings
from tests.io.image_making import noise
from tests.io.video_making import (
    HEIGHT,
    WIDTH,
    drawn_frame,
    make_video,
    read_back,
    sound_packets,
)
from tests.prediction.making import saved, tree

GREEN = Plain((0, 200, 10, 255))
EACH = Settings(steady=0, presence=0, every=1, networks=1)
COUNT = 7


class Bright:
    """A network that is sure that what is brightest is the foreground: the square of drawings."""

    output_type = "probability"

    def __call__(self, batch):
        return (batch[:, :1] > 0.7).astype(np.float32)


def remover():
    plain = {"mean": (0,) * 3, "std": (1,) * 3}
    return Remover(Pipeline(Bright(), Preprocess(size=(WIDTH, HEIGHT), type="paddleseg", **plain)))


def removed(source, output, settings=EACH, **job):
    report = Report({"model": "bright"})
    remove_from_video(Job(str(source), str(output), **job), remover, settings, report)
    return report


def is_square(number):
    return drawn_frame(number)[..., 0] == 220


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("clip") / "clip.mp4", COUNT, sound="aac")


@pytest.fixture
def frames(tmp_path):
    """A folder of frames, in which nothing is lost."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(COUNT):
        Image.fromarray(drawn_frame(number)).save(folder / f"{number}.png")
    return folder


def test_frames_over_a_colour(frames, tmp_path):
    report = removed(frames, tmp_path / "out", rate=Fraction(10), background=GREEN)
    assert len(tree(tmp_path / "out")) == COUNT
    for number in range(COUNT):
        square = is_square(number)[..., None]
        wanted = np.where(square, drawn_frame(number), GREEN.colour[:3])
        np.testing.assert_array_equal(saved(tmp_path / "out", f"{number + 1:05d}.png"), wanted)
    assert (report.frames, report.count("ran"), report.count("found")) == (COUNT, COUNT, COUNT)


def test_transparent_frames_and_mattes(frames, tmp_path):
    removed(str(frames / "*.png"), tmp_path / "out/%03d.png", rate=Fraction(10))
    removed(frames, tmp_path / "matte", rate=Fraction(10), only="matte")
    for number in range(COUNT):
        square = is_square(number)
        found = saved(tmp_path / "out", f"{number + 1:03d}.png")
        np.testing.assert_array_equal(found[..., 3], 255 * square)
        np.testing.assert_array_equal(found[..., :3], drawn_frame(number) * square[..., None])
        matte = saved(tmp_path / "matte", f"{number + 1:05d}.png")
        np.testing.assert_array_equal(matte, 255 * square)


def test_transparency_that_comes_is_left_out_and_told(tmp_path):
    (tmp_path / "frames").mkdir()
    clear = np.dstack([drawn_frame(0), np.zeros((HEIGHT, WIDTH), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "frames/1.png")
    report = removed(tmp_path / "frames", tmp_path / "out", rate=Fraction(10))
    assert list(report.notes) == [
        "its transparency is left out: colours are taken as they are stored"
    ]
    np.testing.assert_array_equal(saved(tmp_path / "out", "00001.png")[..., 3], 255 * is_square(0))


def test_a_video_over_a_colour_keeps_times_and_sound(clip, tmp_path):
    report = removed(clip, tmp_path / "out.mp4", background=GREEN)
    found = read_back(tmp_path / "out.mp4")
    assert [time for time, _ in found] == [time for time, _ in read_back(clip)]
    for number, (_, picture) in enumerate(found):
        wanted = np.where(is_square(number)[..., None], drawn_frame(number), GREEN.colour[:3])
        assert np.abs(picture.astype(int) - wanted).mean() < 10
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(clip)
    assert report.frames == COUNT and report.notes == {}


def test_a_part_at_another_size(clip, tmp_path):
    """24x32 frames, as large as they fit into 100x48: 64x48 in the middle."""
    part = {"start": Fraction(1, 5), "duration": Fraction(3, 10), "size": (100, 48)}
    report = removed(clip, tmp_path / "out.mp4", background=GREEN, **part)
    found = read_back(tmp_path / "out.mp4")
    assert [time for time, _ in found] == [0, Fraction(1, 10), Fraction(1, 5)]
    assert report.frames == 3
    for number, (_, picture) in enumerate(found, start=2):
        assert picture.shape == (48, 100, 3)
        wanted = np.where(is_square(number)[..., None], drawn_frame(number), GREEN.colour[:3])
        assert np.abs(picture[:, 18:82].astype(int) - wanted).mean() < 12
        assert np.abs(picture[:, :14].astype(int) - GREEN.colour[:3]).mean() < 12


COLOURS = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Three colours, of 0.1, 0.3 and, by the mean rate, 0.2 seconds."""
    pictures = [np.full((48, 64, 3), colour, np.uint8) for colour in COLOURS]
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make_video(path, 3, rate=5, times=[0, 0.1, 0.4], pictures=pictures)


def test_a_film_has_its_own_times_and_begins_again(film):
    with_film = Film(film, (64, 48))
    length = 0.4 + 1 / 5
    for time, colour in [(0, 0), (0.09, 0), (0.1, 1), (0.39, 1), (0.4, 2)]:
        for again in (0, 1, 2):
            fresh = Film(film, (64, 48))
            at = Fraction(str(round(time + again * length + 0.001, 3)))
            shown = fresh.at(at, None, None)[24, 32]
            assert np.abs(shown.astype(int) - COLOURS[colour]).max() < 12, (time, again)
            fresh.close()
    assert with_film.at(Fraction(0), None, None).shape == (48, 64, 3)
    with_film.close()


def test_a_film_covers_frames_of_another_shape(tmp_path):
    picture = np.zeros((20, 60, 3), np.uint8)
    picture[:, 20:40] = 240
    make_video(tmp_path / "wide.mp4", 2, 20, 60, pictures=[picture] * 2)
    found = Film(tmp_path / "wide.mp4", (40, 40)).at(Fraction(9), None, None)
    assert found.shape == (40, 40, 3) and found[:, 4:-4].min() > 200


def test_a_video_over_a_film_and_over_its_own_blur(clip, film, tmp_path):
    removed(clip, tmp_path / "out.mp4", background=Moving(str(film)))
    found = read_back(tmp_path / "out.mp4")
    for number, colour in enumerate([0, 1, 1, 1, 2, 2, 0]):
        corner = found[number][1][:12, :12].reshape(-1, 3).mean(0)
        assert np.abs(corner - COLOURS[colour]).max() < 25, number
    removed(clip, tmp_path / "blur.mp4", background=Blur(4, "px"))
    assert len(read_back(tmp_path / "blur.mp4")) == COUNT


def test_which_background_a_word_means(film, tmp_path):
    assert video_background(str(film)) == Moving(str(film))
    assert str(video_background("blur:3")) == "blur:3px" and video_background("white") != GREEN
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "still.png")
    assert video_background(str(tmp_path / "still.png")).opaque
    pages = [Image.fromarray(noise(8, 8, 3, seed=seed)) for seed in range(3)]
    pages[0].save(tmp_path / "moving.gif", save_all=True, append_images=pages[1:], duration=100)
    assert isinstance(video_background(str(tmp_path / "moving.gif")), Moving)
    (tmp_path / "text.mp4").write_text("no video")
    for name, error in (("text.mp4", "text.mp4: expected a video"), ("gone.mp4", "gone.mp4")):
        with pytest.raises(VideoError, match=error):
            video_background(str(tmp_path / name))
    with pytest.raises(ValueError, match="background: expected transparent.*; a video may be one"):
        video_background("whyte")


def test_a_report_tells_of_each_frame(clip, tmp_path):
    removed(clip, tmp_path / "out.mp4", only="matte").write(tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["model"] == "bright" and told["frames_written"] == told["frames_ran"] == COUNT
    assert [entry["number"] for entry in told["frames"]] == list(range(COUNT))
    assert [entry["time"] for entry in told["frames"]] == [n / 10 for n in range(COUNT)]
    assert all(entry["found"] and entry["ran"] for entry in told["frames"])


def test_nothing_that_is_read_is_overwritten(clip, film, frames, tmp_path):
    before = {**tree(clip.parent), **tree(film.parent), **tree(frames)}
    for source, output, background in (
        (clip, clip, GREEN),
        (clip, film, Moving(str(film))),
        (frames, frames, GREEN),
        (frames / "*.png", frames / "%d.png", GREEN),
    ):
        rate = Fraction(10) if "frames" in str(source) else None
        with pytest.raises(ValueError, match="would be overwritten; choose another OUTPUT"):
            removed(source, output, rate=rate, background=background)
    assert {**tree(clip.parent), **tree(film.parent), **tree(frames)} == before


def failing(monkeypatch, writer, error):
    """The fourth frame cannot be written."""
    usual = writer.write
    left = [3]

    def write(self, picture, time):
        if not left[0]:
            raise error
        left[0] -= 1
        usual(self, picture, time)

    monkeypatch.setattr(writer, "write", write)


def test_a_full_disk_leaves_what_was_written(clip, tmp_path, monkeypatch):
    error = OSError(errno.ENOSPC, "No space left on device")
    failing(monkeypatch, VideoFileWriter, error)
    threads = threading.active_count()
    words = r"out.mp4: No space left on device; 0.3 s are written, and play"
    with pytest.raises(OSError, match=words):
        removed(clip, tmp_path / "out.mp4", background=GREEN)
    assert len(read_back(tmp_path / "out.mp4")) == 3
    assert threading.active_count() == threads
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_an_interrupted_run_leaves_what_was_written(clip, tmp_path, monkeypatch):
    failing(monkeypatch, VideoFileWriter, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        removed(clip, tmp_path / "out.webm")
    assert len(read_back(tmp_path / "out.webm")) == 3


def test_a_network_that_stops_is_told(clip, tmp_path, monkeypatch):
    def stops(self, batch):
        raise ValueError("the network stops")

    monkeypatch.setattr(Bright, "__call__", stops)
    with pytest.raises(ValueError, match="the network stops"):
        removed(clip, tmp_path / "out.mp4", background=GREEN)
    assert not list(tmp_path.iterdir())  # no frame, no file


def test_files_are_wrong_before_a_model_is_loaded(clip, tmp_path):
    def load():
        raise AssertionError("the model is loaded")

    for job, error in (
        (Job(str(tmp_path / "no.mp4"), "out.mp4", background=GREEN), "no.mp4"),
        (Job(str(clip), str(tmp_path / "out.mp4")), "holds no transparency"),
        (Job(str(clip), str(tmp_path / "out.webm"), codec="libx264"), "libx264"),
    ):
        with pytest.raises(VideoError, match=error):
            remove_from_video(job, load, EACH, Report({}))
    assert not list(tmp_path.iterdir())


def test_frames_of_a_broken_folder_are_told(frames, tmp_path):
    Path(frames / "4.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match="4.png"):
        removed(frames, tmp_path / "out", rate=Fraction(10), background=GREEN)
    assert len(list((tmp_path / "out").iterdir())) == 4
