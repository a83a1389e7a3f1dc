"""`remove`, typed as users type it."""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.removal.words import WORDS
from tests.io.formats import available, header_of
from tests.prediction.making import noise, picture, tree

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(narrow_weights):
    return ["--model", str(narrow_weights), "--opts", "preprocess.size=[32,32]"]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of two images, one of them deeper, where the command is typed."""
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "photos/a.jpg", noise(40, 50, 3))
    picture(tmp_path / "photos/deep/b.png", noise(30, 20, 3, seed=1))
    return tmp_path


def typed(*words, **how):
    words = [sys.executable, str(ROOT / "tools/remove.py"), *words]
    return subprocess.run(words, capture_output=True, **how)


def test_pictures_are_those_of_predict(photos, model):
    name, path, *opts = model
    assert main("remove", ["photos", "cut", *model]) == 0
    words = ["--image_path", "photos", "--save_dir", "result", "--pictures", "cutout"]
    assert main("predict", [*words, f"{name}_path", path, *opts]) == 0
    assert sorted(tree(photos / "cut")) == ["a.png", "deep/b.png"]
    for name in ("a.png", "deep/b.png"):
        mode, found = opened(f"cut/{name}")
        assert mode == "RGBA"
        np.testing.assert_array_equal(found, opened(f"result/cutout/{name}")[1])


def test_beside_the_images_and_again(photos, model, capsys):
    for _ in range(2):
        assert main("remove", ["photos", *model]) == 0
        assert sorted(tree(photos)) == [
            "photos/a.cutout.png",
            "photos/a.jpg",
            "photos/deep/b.cutout.png",
            "photos/deep/b.png",
        ]
    said = capsys.readouterr().out
    assert "Left out 2 pictures that an earlier run wrote" in said
    assert "Done: 2 of 2 images, beside the images" in said


def test_an_output_folder_inside_the_input(photos, model, capsys):
    for _ in range(2):
        assert main("remove", ["photos", "photos/cut", *model]) == 0
        assert sorted(tree(photos / "photos/cut")) == ["a.png", "deep/b.png"]
    assert "Left out 2 pictures that an earlier run wrote" in capsys.readouterr().out


def test_names_only_what_is_missing_and_the_report(photos, model, capsys):
    words = ["photos", "--name", "{stem}_cut{suffix}", "--only", "mask", "--json", "r.json"]
    words += ["--skip_existing", *model]
    assert main("remove", words) == 0
    with Image.open("photos/a_cut.png") as mask:
        assert (mask.mode, mask.size) == ("L", (50, 40))
    Path("photos/a_cut.png").write_bytes(b"")
    Path("photos/deep/b_cut.png").unlink()
    assert main("remove", words) == 0
    assert Path("photos/a_cut.png").read_bytes() == b""
    told = json.loads(Path("r.json").read_text())
    assert [(entry["input"], entry["state"]) for entry in told["pictures"]] == [
        ("photos/a.jpg", "skipped"),
        ("photos/deep/b.png", "done"),
    ]
    assert told["settings"]["only"] == "mask" and told["model"].endswith("model.pth")
    assert "Done: 1 of 2 images, 1 were there, beside the images" in capsys.readouterr().out
    assert main("remove", [*words[:-4], "--model", "is/not/loaded.pth"]) == 0
    assert "Done: 0 of 2 images, 2 were there" in capsys.readouterr().out
    picture(Path("photos/a.jpg"), noise(60, 50, 3))  # newer than its picture
    assert main("remove", words) == 0
    assert Image.open("photos/a_cut.png").size == (50, 60)


def test_standard_input_and_output_hold_the_picture_alone(photos, model):
    assert main("remove", ["photos/a.jpg", "a.png", *model]) == 0
    content = Path("photos/a.jpg").read_bytes()
    for words in (["-"], ["-", "-"]):
        done = typed(*words, *model, input=content)
        assert done.returncode == 0, done.stderr
        assert done.stdout == Path("a.png").read_bytes()
        assert b"Done: 1 of 1 image, in standard output" in done.stderr
    broken = typed("-", *model, input=content[:300])
    assert (broken.returncode, broken.stdout) == (1, b"")
    assert b"standard input: expected a whole picture" in broken.stderr
    nothing = typed("-", *model, input=b"")
    assert nothing.returncode == 1 and b"standard input: expected a picture" in nothing.stderr


def test_nothing_else_is_written_to_standard_output(photos, model):
    """Also what a library prints, from Python or C."""
    code = (
        "import os, sys; from paddleseg_u2net.commands import end_by, remove\n"
        "load = remove._works\n"
        "def loud(*what):\n"
        "    print('from Python'); os.write(1, b'from C'); return load(*what)\n"
        "remove._works = loud\n"
        f"end_by('remove', ['photos/a.jpg', '-', *{model!r}])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\x89PNG") and done.stdout.endswith(b"IEND\xaeB`\x82")
    assert b"from Python" in done.stderr and b"from C" in done.stderr


def test_no_picture_is_written_to_a_terminal(photos, model):
    ours, theirs = pty.openpty()
    words = [sys.executable, str(ROOT / "tools/remove.py"), "photos/a.jpg", "-", *model]
    done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"standard output is a terminal" in done.stderr
    words = [*words[:2], "-", *model]
    done = subprocess.run(words, stdin=theirs, capture_output=True)
    assert done.returncode == 2 and b"standard input is a terminal" in done.stderr
    os.close(ours), os.close(theirs)


def test_a_reader_that_has_gone_is_no_traceback(photos, model):
    words = [sys.executable, str(ROOT / "tools/remove.py"), "photos/a.jpg", "-", *model]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    assert process.wait() == 141


def test_a_full_device_is_an_error(photos, model):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    words = [sys.executable, str(ROOT / "tools/remove.py"), "photos/a.jpg", "-", *model]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr and b"Traceback" not in done.stderr


def test_broken_pictures_leave_the_rest_and_give_1(photos, model, capsys):
    whole = Path("photos/a.jpg").read_bytes()
    broken = {
        "cut.jpg": (whole[: len(whole) // 2], "expected a whole picture"),
        "empty.png": (b"", "expected a picture"),
        "head.png": (b"\x89PNG\r\n\x1a\n", "expected a"),
        "huge.png": (header_of(40000, 40000), "1600000000 (40000 x 40000)"),
        "paper.jpg": (b"%PDF-1.7 and so on", "expected a picture"),
    }
    for name, (content, _) in broken.items():
        (photos / "photos" / name).write_bytes(content)
    assert main("remove", ["photos", "out", *model, "--json", "r.json"]) == 1
    assert sorted(tree(photos / "out")) == ["a.png", "deep/b.png"]
    out = capsys.readouterr().out
    assert "Done: 2 of 7 images, in out" in out and "5 images failed" in out
    told = {entry["input"]: entry for entry in json.loads(Path("r.json").read_text())["pictures"]}
    for name, (_, said) in broken.items():
        entry = told[f"photos/{name}"]
        assert entry["state"] == "failed" and said in entry["error"] and entry["error"] in out


def test_a_crop_without_an_object_writes_nothing(photos, model, capsys):
    words = ["photos/a.jpg", "x.png", "--crop", "--presence", "1", "--json", "r.json", *model]
    assert main("remove", words) == 1
    assert "photos/a.jpg: crop: expected an object to crop to" in capsys.readouterr().out
    assert not Path("x.png").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere"], 1, "nowhere: expected an image"),
        (["nowhere.jpg", "x.png"], 1, "nowhere.jpg: expected an image"),
        (["photos/a.jpg", "x.png", "--model", "u2netpp"], 1, "did you mean u2netp?"),
        (["photos/a.jpg", "x.png", "--model", "no/such.pth"], 1, "no/such.pth: expected a file of"),
        (["photos", "x", "--json", "photos/a.jpg/r.json"], 1, "photos/a.jpg is a file"),
        (["photos", "photos/a.jpg/x"], 1, "photos/a.jpg is a file"),
        (["photos", "--name", "{stem}{suffix}"], 2, "expected more than that beside images"),
        (["photos", "--watch", "-o", "x.png"], 2, "x.png: expected a folder for the pictures"),
        (["photos/a.jpg", "--watch"], 2, "--watch: expected folders, got photos/a.jpg"),
        (["photos", "-", "--watch"], 2, "-: standard output takes the picture of one image"),
        (["photos/a.jpg", "-o", "b.png", "--background", "b.png"], 1, "b.png is one of the images"),
        (["photos/a.jpg", "--output", "photos/a.jpg"], 1, "a.jpg is one of the images and would"),
        (["photos", "x", "--backend", "ncnn", "--device", "gpu"], 1, "does not compute on the gpu"),
        ([], 2, "the following arguments are required: INPUT"),
        (["photos", "--nmae", "x"], 2, "--nmae: there is no such flag; did you mean --name?"),
        (["photos", "--name", "x"], 2, "--name x: expected a name of {stem} and {suffix}"),
        (["photos", "--only", "mas"], 2, "argument --only: expected one of foreground, background"),
        (["photos", "--background", "whit"], 2, "--background: expected transparent, a colour"),
        (["photos", "--background", "no.jpg"], 1, "no.jpg: expected a picture file, found nothing"),
        (["photos", "--background", "x.jpg"], 1, "x.jpg: expected a picture, found "),
        (["photos", "--square"], 2, "--square: has an effect with a crop only"),
        (["photos", "--only", "mask", "--background", "white"], 2, "--background: a mask has none"),
        (["photos", "--size", "4x"], 2, "--size: expected WIDTHxHEIGHT in pixels"),
        (["photos", "--clean", "7"], 2, "--clean: expected a number from 0 to 1"),
        (["photos", "--presence", "7"], 2, "--presence: expected a number of 0 (keep all) to 1"),
        (["photos/a.jpg", "x.gif"], 2, "x.gif: expected a name that ends in .png, .webp"),
        (["photos", "--format", "gif"], 2, "argument --format: expected one of png, webp"),
        (["--clean", "nan", "photos"], 2, "--clean: expected a number from 0 to 1"),
        (["--crop", "5e3", "photos"], 2, "--crop: expected a margin in pixels such as 20"),
        (["photos", "--quality", "9"], 2, "--quality: png is lossless and has none, got 9"),
        (["photos", "--format", "jpg", "--quality", "x"], 2, "invalid number value: 'x'"),
        (["photos", "x.png"], 2, "x.png: expected a folder for the pictures of several images"),
    ],
)
def test_errors_are_one_line(photos, model, words, code, said, capsys, monkeypatch):
    monkeypatch.delenv("U2NET_DEBUG", raising=False)
    Path("x.jpg").write_text("no picture")
    picture(Path("b.png"))
    before = tree(photos)
    words = words if "--model" in words else [*words, *model]
    if code == 2:
        with pytest.raises(SystemExit) as ended:
            main("remove", words)
        assert ended.value.code == 2
    else:
        assert main("remove", words) == 1
    out, err = capsys.readouterr()
    assert said in out + err and "Traceback" not in out + err
    assert tree(photos) == before


def test_every_option_has_a_flag(capsys):
    with pytest.raises(SystemExit):
        main("remove", ["--help"])
    said = capsys.readouterr().out
    assert [word for word in WORDS if f"  --{word}" not in said] == []


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_signal_leaves_whole_pictures_and_says_what_is_left(photos, model, number):
    for count in range(300):
        shutil.copy("photos/a.jpg", f"photos/{count:03}.jpg")
    words = [sys.executable, str(ROOT / "tools/remove.py"), "photos", "out", "--json", "r.json"]
    process = subprocess.Popen([*words, *model], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and len(list(Path("out").glob("*.png"))) < 10:
        time.sleep(0.01)
    process.send_signal(number)
    out, error = process.communicate()
    assert process.returncode == 128 + number, error
    assert b"Traceback" not in out + error
    written = tree(photos / "out")
    told = json.loads(Path("r.json").read_text())
    assert sorted(Path(entry["output"]).name for entry in told["pictures"]) == sorted(written)
    assert 10 <= len(written) < 302 and told["left"] == 302 - len(written)
    for content in written.values():
        Image.open(io.BytesIO(content)).load()


def test_flags_may_stand_between_the_paths(photos, model):
    assert main("remove", ["photos/a.jpg", "--only", "background", "x.png", *model]) == 0
    with Image.open("x.png") as found, Image.open("photos/a.jpg") as image:
        alpha = np.array(found)[..., 3]
        assert found.size == image.size and 0 < alpha.mean() < 255


def opened(path):
    with Image.open(path) as found:
        return found.mode, np.array(found)


@pytest.mark.parametrize("behind", ["#204060", "#20406080", "scene.png"])
def test_a_background_is_what_pillow_puts_behind(photos, model, behind):
    picture(Path("scene.png"), noise(40, 50, 3, seed=7))
    assert main("remove", ["photos/a.jpg", "plain.png", *model]) == 0
    assert main("remove", ["photos/a.jpg", "x.png", "--background", behind, *model]) == 0
    front = Image.open("plain.png")
    back = Image.open(behind).convert("RGBA") if behind == "scene.png" else None
    back = back or Image.new("RGBA", front.size, behind)
    expected = np.array(Image.alpha_composite(back, front)).astype(int)
    mode, found = opened("x.png")
    assert mode == ("RGBA" if len(behind) == 9 and "." not in behind else "RGB")
    assert np.abs(found - expected[..., : found.shape[2]]).max() <= 1


def test_a_crop_a_square_and_a_size(photos, model):
    sizes = {}
    for name, words in {
        "plain.png": ["--crop", "photos/a.jpg", "plain.png"],
        "wide.png": ["photos/a.jpg", "wide.png", "--crop", "10 20px"],
        "square.png": ["photos/a.jpg", "square.png", "--crop", "0", "--square"],
        "size.png": ["photos/a.jpg", "size.png", "--size", "70x35"],
    }.items():
        assert main("remove", [*words, *model]) == 0
        sizes[name] = Image.open(name).size
    width, height = sizes["plain.png"]
    assert sizes["wide.png"] == (width + 40, height + 20)
    assert sizes["square.png"] == (max(width, height),) * 2
    assert sizes["size.png"] == (70, 35)


@pytest.mark.parametrize(
    ("words", "name", "kind", "mode"),
    [
        (["x.webp"], "x.webp", "WEBP", "RGBA"),
        (["x.JPG", "--quality", "50"], "x.JPG", "JPEG", "RGB"),
        (["x.png", "--format", "webp", "--quality", "lossless"], "x.png", "WEBP", "RGBA"),
        (["out", "--format", "tiff"], "out/a.tiff", "TIFF", "RGBA"),
        (["--format", "jpg", "--background", "red"], "photos/a.cutout.jpg", "JPEG", "RGB"),
        (["--format", "jpg", "--name", "{stem}.jpeg", "-o", "out"], "out/a.jpeg", "JPEG", "RGB"),
    ],
)
def test_the_format_is_that_of_the_suffix_or_the_flag(photos, model, words, name, kind, mode):
    assert main("remove", ["photos/a.jpg", *words, *model]) == 0
    with Image.open(name) as found:
        assert (found.format, found.mode, found.size) == (kind, mode, (50, 40))


@pytest.mark.parametrize("name", ["heic", "avif"])
def test_formats_of_telephones_both_ways(photos, model, name):
    kind = "HEIF" if available(name) == "heic" else "AVIF"
    Image.fromarray(noise(40, 50, 3)).save(f"b.{name}", kind)
    assert main("remove", [f"b.{name}", f"x.{name}", *model]) == 0
    with Image.open(f"x.{name}") as found:
        assert (found.format, found.mode, found.size) == (kind, "RGBA", (50, 40))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_stay(photos, model, suffix):
    deep = noise(40, 50, 3).astype(np.uint16) * 256 + 7
    cv2.imwrite("b.png", deep)
    assert main("remove", ["b.png", f"x{suffix}", *model]) == 0
    found = cv2.imread(f"x{suffix}", cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16 and found.shape == (40, 50, 4)


def test_the_place_and_the_camera_go_unless_they_are_kept(photos, model):
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "a camera", 8
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.0)
    picture(Path("b.jpg"), noise(40, 50, 3), exif=exif)
    for words, kept in ([], False), (["--keep_exif"], True):
        assert main("remove", ["b.jpg", "-o", "x.png", *words, *model]) == 0
        with Image.open("x.png") as found:
            told = found.getexif()
            assert found.size == (40, 50) and told.get(0x0112, 1) == 1
            assert (told.get(0x0110) == "a camera") == bool(told.get_ifd(0x8825)) == kept


def test_presence_makes_a_picture_empty_and_says_so(photos, model):
    words = ["photos", "out", "--json", "r.json", "--presence", "1", *model]
    assert main("remove", words) == 0
    told = json.loads(Path("r.json").read_text())
    assert [entry["state"] for entry in told["pictures"]] == ["empty", "empty"]
    assert told["settings"]["presence"] == 1
    assert not opened("out/a.png")[1].any()


def test_json_tells_of_all_images_where_no_model_is(photos):
    (photos / "broken.onnx").write_bytes(b"no model")
    assert main("remove", ["photos", "cut", "--model", "broken.onnx", "--json", "a.json"]) == 1
    told = json.loads(Path("a.json").read_text())
    assert told["left"] == 2 and told["pictures"] == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(photos, model, closed):
    words = [sys.executable, str(ROOT / "tools/remove.py"), "photos/a.jpg", "cut.png", *model]
    assert subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words]).returncode == 0
    assert opened("cut.png")[0] == "RGBA"
