"""`video`, typed as users type it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.video import open_video
from tests.io.video_making import HEIGHT, WIDTH, drawn_frame, make_video, read_back
from tests.prediction.making import tree

ROOT = Path(__file__).resolve().parents[2]
COUNT = 5


@pytest.fixture
def model(narrow_weights):
    words = ["--opts", "preprocess.size=[32,32]", "--threads", "1", "--presence", "0"]
    return ["--model", str(narrow_weights), *words]


@pytest.fixture
def clip(tmp_path, monkeypatch):
    """A video of half a second, where the command is typed."""
    monkeypatch.chdir(tmp_path)
    return make_video(tmp_path / "clip.mp4", COUNT).name


def test_over_a_colour_with_a_report(clip, model, capsys):
    words = [clip, "out.mp4", "--background", "#00c80a", "--json", "r.json", "--every", "2"]
    assert main("video", [*words, *model]) == 0
    assert [time for time, _ in read_back("out.mp4")] == [Fraction(n, 10) for n in range(COUNT)]
    told = json.loads(Path("r.json").read_text())
    assert told["frames_written"] == COUNT and told["settings"]["every"] == 2
    assert told["input"] == clip and told["model"].endswith("model.pth")
    assert [entry["ran"] for entry in told["frames"]] == [True, False, True, False, True]
    said = capsys.readouterr().out
    assert "Done: 5 frames in" in said and "frames/s), the network saw 3, in out.mp4" in said


@pytest.mark.parametrize("name", ["out.webm", "out.mov", "out.webp"])
def test_transparent_by_default(clip, model, name):
    assert main("video", [clip, name, *model]) == 0
    if name == "out.webp":
        with Image.open(name) as found:
            assert found.n_frames > 1 and found.mode == "RGBA"
        return
    decoder = "libvpx-vp9" if name == "out.webm" else None
    found = read_back(name, None, decoder)
    assert len(found) == COUNT and found[0][1].format.name.startswith("yuva")


def test_a_folder_a_part_and_a_size(clip, model):
    words = ["--start", "0:0.1", "--duration", ".3", "--size", "32x40", "--only", "matte"]
    assert main("video", ["-o", "mattes", clip, *words, *model]) == 0
    assert sorted(tree(Path("mattes"))) == ["00001.png", "00002.png", "00003.png"]
    with Image.open("mattes/00002.png") as found:
        assert (found.mode, found.size) == ("L", (32, 40))
        assert not np.array(found)[:8].any()
    assert main("video", ["mattes", "again.mp4", "--fps", "30000/1001", "--background", "white",
                          *model]) == 0  # fmt: skip
    assert [time for time, _ in read_back("again.mp4")] == [
        Fraction(n * 1001, 30000) for n in range(3)
    ]


def test_python_gives_what_the_command_writes(clip, model, narrow_weights):
    from paddleseg_u2net import Predictor

    assert main("video", [clip, "mattes", "--only", "matte", "--steady", "0", *model]) == 0
    predictor = Predictor(narrow_weights, threads=1)
    found = list(predictor.video(clip, duration=0.2, presence=0.0))
    assert [(frame.number, frame.time) for frame, _ in found] == [(0, 0), (1, Fraction(1, 10))]
    for frame, alpha in found:
        assert frame.picture.shape == (HEIGHT, WIDTH, 3) and alpha.shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["clip.mp4"], "expected INPUT and OUTPUT, got clip.mp4; see video --help"),
        (["clip.mp4", "out.mp4"], "out.mp4: .mp4 holds no transparency; name a file that ends in "
         "one of .mov"),
        (["clip.mp4", "out.mp4", "--background", "#ff000080"], ".mp4 holds no transparency"),
        (["clip.mp4", "-"], "-: a video's index comes last, so it goes through no pipe; name a"),
        (["clip.mp4", "out.txt"], "out.txt: expected a name that ends in one of .mp4"),
        (["clip.mp4", "o.webm", "--background", "whyte"], "--background: expected transparent, a"),
        (["clip.mp4", "o.mp4", "--only", "matte", "--background", "white"], "a matte has none"),
        (["clip.mp4", "o.webm", "--steady", "2"], "--steady: expected a number of 0"),
        (["clip.mp4", "o.webm", "--every", "0"], "--every: expected auto, or a whole number"),
        (["clip.mp4", "o.webm", "--presence", "-1"], "--presence: expected a number of 0"),
        (["clip.mp4", "o.webm", "--start", "1:2:3:4"], "expected seconds such as 2.5, or [h:]mm"),
        (["clip.mp4", "o.webm", "--fps", "0"], "expected frames a second such as 25"),
        (["clip.mp4", "o.webm", "--size", "big"], "expected WIDTHxHEIGHT in pixels"),
        (["clip.mp4", "o.webm", "--stedy", "1"], "there is no such flag; did you mean --steady?"),
        (["clip.mp4", "o.webm", "--crf", "-3"], "expected 0 or more"),
    ],
)  # fmt: skip
def test_wrong_words(clip, capsys, words, error):
    with pytest.raises(SystemExit) as ended:
        main("video", words)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert error in said and said.count("\n") == 1
    assert not Path("o.webm").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["gone.mp4", "o.webm"], "gone.mp4: expected a video, a folder or a pattern of frames, "
         "found nothing"),
        (["text.mp4", "o.webm"], "text.mp4: expected a video"),
        (["sound.mp4", "o.webm"], "sound.mp4: expected a video, found no stream of pictures"),
        (["frames", "o.webm"], "frames: frames in files have no rate"),
        (["clip.mp4", "clip.mp4", "--background", "white"], "clip.mp4 is one of the images and "
         "would be overwritten"),
        (["clip.mp4", "o.mp4", "--background", "text.mp4"], "text.mp4: expected a video"),
        (["clip.mp4", "o.mp4", "--background", "gone.png"], "gone.png"),
        (["clip.mp4", "o.webm", "--codec", "nothing"], "expected a codec of"),
        (["clip.mp4", "o.webm", "--start", "99"], "clip.mp4: expected a start before its end"),
        (["clip.mp4", "clip.mp4/o.webm"], "clip.mp4 is a file"),
        (["clip.mp4", "o.webm", "--json", "frames"], "--json frames: expected a file"),
    ],
)  # fmt: skip
def test_wrong_files(clip, capsys, words, error):
    import av

    Path("text.mp4").write_text("no video")
    Path("frames").mkdir()
    drawn = Path("frames/1.png")
    Image.fromarray(drawn_frame(0)).save(drawn)
    with av.open("sound.mp4", "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    before = tree(Path())
    assert main("video", [*words, "--model", "is/not/loaded.pth"]) == 1
    said = capsys.readouterr().err
    assert error in said and said.count("\n") == 1
    assert tree(Path()) == before


def test_without_pyav_it_is_told_what_to_install(clip, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert main("video", [clip, "o.webm"]) == 1
    said = capsys.readouterr().err
    assert "pip install 'paddleseg_u2net[video]'" in said and said.count("\n") == 1


def test_the_folder_of_the_output_is_made(clip, model):
    assert main("video", [clip, "new/folder/out.webm", *model]) == 0
    with open_video("new/folder/out.webm") as video:
        assert len(list(video)) == COUNT


def test_ctrl_c_leaves_a_file_that_plays(tmp_path, model):
    make_video(tmp_path / "long.mp4", 400, rate=50)
    words = ["long.mp4", "out.mp4", "--background", "white", "--json", "r.json", "--every", "1"]
    command = [sys.executable, str(ROOT / "tools/video.py"), *words, *model]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # the hidden file grows once frames are written
        if any(path.stat().st_size > 300 for path in tmp_path.glob(".out.tmp-*.mp4")):
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (130, b"Interrupted.\n"), out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mp4", "out.mp4", "r.json"]
    count = len(read_back(tmp_path / "out.mp4"))
    assert 0 < count < 400
    assert json.loads((tmp_path / "r.json").read_text())["frames_written"] == count
    assert b"frames (" in out and b"are written, and play" in out
