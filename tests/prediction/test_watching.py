"""Folders that are watched, by real processes where it is about files that come and change."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from paddleseg_u2net.prediction.jobs import Results
from paddleseg_u2net.prediction.watching import PATIENCE, SETTLED, Arrivals, Folders
from paddleseg_u2net.weights import write_weights
from tests.prediction.making import noise, picture
from tests.weights import narrow

ROOT = Path(__file__).resolve().parents[2]
SOON = 60  # seconds after which a test fails that would wait for ever


class Clock:
    """Time that goes by when it is told to."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def arrivals(clock):
    return Arrivals(clock)


def write(path, text):
    """Another version: its time of change differs whatever the file system counts in."""
    path.write_text(text)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + len(text) * 10**9))


@pytest.fixture
def path(tmp_path, arrivals):
    """A file that has come and was seen."""
    path = tmp_path / "a.jpg"
    write(path, "1")
    arrivals.see(path)
    return path


def test_a_file_is_ready_when_it_has_stopped_changing(path, arrivals, clock):
    for text in ("1", "12", "123"):
        write(path, text)
        arrivals.see(path)
        assert arrivals.ready() == []
        clock.now += SETTLED * 0.9
    assert arrivals.ready() == []
    clock.now += SETTLED * 0.2
    assert arrivals.ready() == [path]
    assert arrivals.finish(path, failed=False)
    arrivals.see(path)  # an event that came late
    clock.now += 100
    assert arrivals.ready() == []
    write(path, "1234")
    arrivals.see(path)
    clock.now += SETTLED
    assert arrivals.ready() == [path]


def test_a_change_without_an_event_is_seen_while_it_settles(path, arrivals, clock):
    clock.now += SETTLED * 0.9
    write(path, "12")
    clock.now += SETTLED * 0.9
    assert arrivals.ready() == []
    clock.now += SETTLED
    assert arrivals.ready() == [path]


def test_what_changes_while_it_is_worked_on_is_worked_on_again(path, arrivals, clock):
    clock.now += SETTLED
    assert arrivals.ready() == [path]
    write(path, "12")
    assert arrivals.finish(path, failed=False)
    clock.now += SETTLED
    assert arrivals.ready() == [path]


def test_a_file_that_fails_is_tried_twice_and_then_given_up(path, arrivals, clock):
    clock.now += SETTLED
    assert arrivals.ready() == [path] and not arrivals.finish(path, failed=True)
    clock.now += PATIENCE / 2
    assert arrivals.ready() == []
    clock.now += PATIENCE / 2
    assert arrivals.ready() == [path] and arrivals.finish(path, failed=True)
    clock.now += 10 * PATIENCE
    assert arrivals.ready() == []
    write(path, "12")  # whole at last
    arrivals.see(path)
    clock.now += SETTLED
    assert arrivals.ready() == [path]


def test_a_file_that_goes_is_forgotten_without_a_word(path, arrivals, clock):
    clock.now += PATIENCE
    assert arrivals.ready() == [path]
    path.unlink()
    assert not arrivals.finish(path, failed=True)
    clock.now += PATIENCE
    assert arrivals.ready() == []


def test_old_files_need_not_settle_and_fail_at_once(tmp_path, arrivals):
    old, new = tmp_path / "old.jpg", tmp_path / "new.jpg"
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    os.utime(new, (time.time() + 3600,) * 2)  # a clock that is wrong
    for path in (old, new):
        arrivals.see(path, is_old=True)
    assert arrivals.ready() == [old]
    assert arrivals.finish(old, failed=True)


def test_which_files_are_images(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    names = ["a/x.jpg", "a/deep/y.PNG", "b/z.jpg", "a/notes.txt", "a/.x.jpg", "a/.git/x.jpg"]
    for name in [*names, "a/out/x.png", "a/x.cutout.png"]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    results = Results("x", [Path("a/out")], lambda path: "cutout" in path.name)
    folders = Folders(["a", str(tmp_path / "b")], results)
    found = sorted(str(path) for path in folders.images())
    assert found == [f"{tmp_path}/b/z.jpg", "a/deep/y.PNG", "a/x.jpg"]
    assert [folders.job(Path(path)).name.as_posix() for path in found] == [
        "b/z.jpg",
        "a/deep/y.PNG",
        "a/x.jpg",
    ]
    assert folders.named(tmp_path / "a/new.jpg") == Path("a/new.jpg")
    assert folders.named(tmp_path / "a/out/new.jpg") is None
    assert folders.named(tmp_path / "elsewhere.jpg") is None
    assert Folders(["a"], Results("x")).job(Path("a/deep/y.PNG")).name == Path("deep/y.PNG")
    with pytest.raises(ValueError, match=r"--watch: expected folders, got a/x.jpg"):
        Folders(["a/x.jpg"], results)
    shutil.rmtree("a")
    with pytest.raises(ValueError, match="a: the folder that was watched has gone"):
        folders.check()


def test_a_folder_that_cannot_be_read_is_told_once(tmp_path, monkeypatch, caplog):
    for name in ("a/x.jpg", "b/y.jpg", "c/z.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    scan = os.scandir

    def refusing(path):
        if Path(path).name == "b":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    folders = Folders([str(tmp_path)], Results("x"))
    for _ in range(2):
        assert [path.name for path in folders.images()] == ["x.jpg", "z.jpg"]
    assert len(caplog.messages) == 1 and f"{tmp_path}/b: expected a readable" in caplog.text


class Watching:
    """The command in a process of its own, with less patience."""

    def __init__(self, folder, *words):
        model = folder / "narrow.pth"
        write_weights(model, narrow.state())
        words = [*words, "--watch", "--model", str(model), "--opts", "preprocess.size=[32,32]"]
        code = (
            "from paddleseg_u2net.prediction import watching\n"
            "watching.SETTLED, watching.PATIENCE, watching._LOOK = 0.3, 2.0, 3.0\n"
            "from paddleseg_u2net.commands import end_by\n"
            f"end_by('remove', {words!r})"
        )
        self.log = folder / "log.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self.wait(lambda: "Watching" in self.said)

    @property
    def said(self):
        return self.log.read_text()

    def wait(self, condition):
        end = time.monotonic() + SOON
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.said
            time.sleep(0.05)

    def done(self, name):
        """How often a picture was written."""
        return sum(name in line for line in self.said.splitlines() if "Done: " in line)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(SOON)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def photos(tmp_path):
    pytest.importorskip("watchfiles", reason="needs watchfiles: pip install watchfiles")
    picture(tmp_path / "photos/first.jpg", noise(30, 40, 3))
    return tmp_path / "photos"


@pytest.mark.slow
def test_files_that_come_grow_move_change_and_go(photos, tmp_path):
    whole = picture(tmp_path / "whole.jpg", noise(60, 50, 3, seed=1)).read_bytes()
    with Watching(tmp_path, "photos", "--json", "r.json") as watch:
        watch.wait(lambda: (photos / "first.cutout.png").exists())
        with (photos / "slow.jpg").open("wb") as file:  # with pauses longer than it settles
            for start in range(0, len(whole), len(whole) // 3):
                file.write(whole[start : start + len(whole) // 3])
                file.flush()
                time.sleep(0.7)
        picture(tmp_path / "other/moved.png", noise(20, 20, 3))
        picture(tmp_path / "tree/deep/in.png", noise(20, 20, 3))
        os.rename(tmp_path / "other/moved.png", photos / "moved.png")  # noqa: PTH104
        os.rename(tmp_path / "tree", photos / "tree")  # noqa: PTH104
        (photos / "broken.jpg").write_bytes(whole[: len(whole) // 2])
        (photos / "gone.jpg").write_bytes(whole[:100])
        (photos / "gone.jpg").unlink()
        names = ["first", "slow", "moved", "tree/deep/in"]
        watch.wait(lambda: all((photos / f"{name}.cutout.png").exists() for name in names))
        watch.wait(lambda: "[ERROR]" in watch.said)
        picture(photos / "first.jpg", noise(50, 70, 3))
        watch.wait(lambda: watch.done("first.cutout.png") == 2)
        time.sleep(1)  # in which nothing more happens
        assert watch.end() == 0
        said = watch.said
    assert all(watch.done(f"{name}.cutout.png") == 1 for name in names[1:])
    assert said.count("[ERROR]") == 1 and "photos/broken.jpg: expected a whole picture" in said
    assert "gone" not in said and "cutout.cutout" not in said
    assert said.rstrip().endswith("Ended; pictures that were begun are written")
    with Image.open(photos / "first.cutout.png") as found:
        assert found.size == (70, 50)
    with Image.open(photos / "slow.cutout.png") as found:
        assert found.size == (50, 60)
    told = {
        entry["input"]: entry for entry in json.loads((tmp_path / "r.json").read_text())["pictures"]
    }
    assert told["photos/slow.jpg"]["state"] == "done"
    assert told["photos/broken.jpg"]["state"] == "failed"


def test_it_goes_on_where_it_was_and_writes_into_the_folder(photos, tmp_path):
    out = photos / "out"
    with Watching(tmp_path, "photos", "photos/out", "--skip_existing") as watch:
        watch.wait(lambda: (out / "first.png").exists())
        assert watch.end(signal.SIGINT) == 0
    with Watching(tmp_path, "photos", "photos/out", "--skip_existing") as watch:
        picture(photos / "second.png", noise(20, 20, 3))
        watch.wait(lambda: (out / "second.png").exists())
        assert watch.done("first.png") == 0
        shutil.rmtree(photos)
        assert watch.process.wait(SOON) == 1
        assert "photos: the folder that was watched has gone" in watch.said
    assert "Traceback" not in watch.said
