"""`video --live`, typed as users type it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.video import open_video
from paddleseg_u2net.video.live import cameras
from tests.io.video_making import HEIGHT, WIDTH, drawn_frame, make_video, read_back

ROOT = Path(__file__).resolve().parents[2]
COUNT = 5
GREEN = ["--background", "#00c80a"]


@pytest.fixture
def model(narrow_weights):
    words = ["--opts", "preprocess.size=[32,32]", "--threads", "1", "--presence", "0"]
    return ["--model", str(narrow_weights), *words]


@pytest.fixture
def clip(tmp_path, monkeypatch):
    """A video of a tenth of a second, where the command is typed."""
    monkeypatch.chdir(tmp_path)
    return make_video(tmp_path / "clip.mp4", COUNT, rate=50).name


class Capture:
    """A camera of OpenCV's that gives `drawn_frame`s, and then is gone."""

    count = COUNT

    def __init__(self, source):
        Capture.asked = {"source": source}
        self.number = 0

    def isOpened(self):
        return self.count > 0

    def set(self, key, value):
        Capture.asked[key] = value

    def get(self, key):
        return 25.0

    def read(self):
        time.sleep(0.005)
        self.number += 1
        if self.number > self.count:
            return False, None
        return True, np.ascontiguousarray(drawn_frame(self.number - 1)[..., ::-1])

    def release(self):
        Capture.asked["released"] = True


@pytest.fixture
def camera(tmp_path, monkeypatch):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").touch()
    monkeypatch.setattr(cameras, "_DEVICES", tmp_path / "dev")
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(Capture, "count", COUNT)
    monkeypatch.chdir(tmp_path)
    return Capture


def told(text):
    """What the last line says: frames that were written, dropped, and that came."""
    found = re.search(
        r"(\d+) frames? in .* frames/s, (\d+) ms behind .*, (\d+) of (\d+) dropped", text
    )
    return [int(found[n]) for n in (1, 3, 4)]


def test_a_file_is_played_into_a_file(clip, model, capsys):
    assert main("video", ["--live", clip, "out.mp4", *GREEN, *model]) == 0
    written, dropped, came = told(capsys.readouterr().out)
    assert came == COUNT and written + dropped == COUNT
    found = read_back("out.mp4")
    assert len(found) == written and found[-1][0] == pytest.approx(0.08, abs=0.001)


def test_a_camera_that_is_gone_leaves_what_was_written(camera, model, capsys):
    words = ["--source", "0", "--live", "out.mp4", *GREEN, "--size", "96x96", *model]
    assert main("video", words) == 1
    said = capsys.readouterr()
    assert said.err == "Error: camera 0: it is gone: no further frame comes\n"
    written, dropped, came = told(said.out)
    assert came == COUNT - 1 and written + dropped == came  # the first one told its size
    asked = camera.asked
    assert asked["source"] == 0 and asked["released"]
    assert (asked[cv2.CAP_PROP_FRAME_WIDTH], asked[cv2.CAP_PROP_FRAME_HEIGHT]) == (96, 96)
    with open_video("out.mp4") as video:
        frames = list(video)
    assert len(frames) == written and (video.info.width, video.info.height) == (96, 96)
    # All of a frame of 64 x 48 is seen, in the middle; beside it is the background.
    assert np.abs(frames[-1].picture[:8].astype(int) - (0, 200, 10)).max() < 12


def test_there_is_no_such_camera(camera, model, capsys, tmp_path):
    assert main("video", ["--source", "7", "--live", "out.mp4", *GREEN, *model]) == 1
    expected = "Error: camera 7: there is no such camera; /dev has video0\n"
    assert capsys.readouterr().err == expected
    camera.count = 0
    device = str(tmp_path / "dev/video0")
    assert main("video", ["--source", device, "--live", "out.mp4", *GREEN, *model]) == 1
    assert "it cannot be opened; another program may be using it" in capsys.readouterr().err
    assert (
        main("video", ["--source", "rtsp://127.0.0.1:1/x", "--live", "o.mp4", *GREEN, *model]) == 1
    )
    assert "rtsp://127.0.0.1:1/x: expected a stream's address" in capsys.readouterr().err
    assert not Path("out.mp4").exists()


def test_a_camera_ends_by_the_time_it_is_given(camera, model, capsys):
    camera.count = 10_000
    words = ["--source", "0", "--live", "out.webm", "--duration", "0.1", *model]
    assert main("video", words) == 0
    written, _, came = told(capsys.readouterr().out)
    assert 0 < written <= came < 100 and camera.asked["released"]


def test_raw_frames_on_standard_output(clip, model):
    words = ["-m", "paddleseg_u2net", "video", "--live", clip, "-", "--only", "matte", *model]
    done = subprocess.run([sys.executable, *words], capture_output=True, env=_environment())
    assert done.returncode == 0, done.stderr
    said = done.stderr.decode()
    assert f"-pixel_format gray -video_size {WIDTH}x{HEIGHT} -framerate 50" in said
    assert len(done.stdout) == told(said)[0] * WIDTH * HEIGHT > 0


def test_ctrl_c_is_the_usual_end(tmp_path, model):
    long = make_video(tmp_path / "long.mp4", 400, rate=20)
    words = ["-m", "paddleseg_u2net", "video", "--live", str(long), "out.mp4", *GREEN, *model]
    running = subprocess.Popen(
        [sys.executable, *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(),
    )
    said = []
    for line in running.stdout:
        said.append(line)
        if "64x48 pixels; Ctrl-C ends" in line:
            break
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    said += running.communicate(timeout=60)[0].splitlines()
    assert running.returncode == 0, said
    written = told("\n".join(said))[0]
    assert len(read_back(tmp_path / "out.mp4")) == written > 0


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--live"], "expected --source N --live"),
        (["--live", "a", "b", "c"], "expected --source N --live"),
        (["--live", "a", "out.mp4"], "out.mp4"),
        (["--live", "a", "virtual"], "no transparency; give a --background"),
        (["--live", "a", "--json", "r.json"], "--json: tells of a video that has an end"),
        (["--live", "a", "--only", "matte", "--background", "blur"], "a matte has none"),
        (["--source", "0"], "add --live"),
    ],
)
def test_what_cannot_be_asked_for(words, expected, capsys):
    with pytest.raises(SystemExit) as ended:
        main("video", words)
    assert ended.value.code == 2 and expected in capsys.readouterr().err


def _environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
