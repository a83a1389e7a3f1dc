"""Files without their background: the same as one picture alone, whatever is wrong with some."""

from __future__ import annotations

import errno
import io
import json
import signal
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from paddleseg_u2net.prediction.jobs import collect
from paddleseg_u2net.prediction.naming import Names, Output
from paddleseg_u2net.prediction.removal import (
    Removal,
    Report,
    Work,
    check_outputs,
    remove_files,
)
from paddleseg_u2net.removal import Crop, Options, Remover
from paddleseg_u2net.removal.encoding import Encoding
from tests.prediction.making import noise, picture, predictor, red, saved, tree
from tests.prediction.test_run import full_after


def works_of(folder, out):
    jobs = collect(folder)
    names = Names(Output(folder=out), (".png",))
    return [Work(job.image, path) for job, path in zip(jobs, names(jobs))]


def removed(folder, out, network=red, options=None, encoding=None, **how):
    """The failures, and the report as it is written."""
    works, report = works_of(folder, out), Report({"model": "red", "settings": {}})
    failures = []
    try:
        failures = remove_files(
            Remover(predictor(network, **how)),
            works,
            options or Options(),
            encoding or Encoding(),
            report,
        )
    finally:
        report.write(folder.parent / "report.json")
    return failures, read(folder.parent / "report.json")


def read(path):
    return json.loads(path.read_text())


def red_square(path, size=(20, 30), box=(6, 4, 16, 14), **how):
    array = np.zeros((*size, 3), np.uint8)
    array[box[1] : box[3], box[0] : box[2], 0] = 255
    return picture(path, array, **how)


@cache  # a profile holds the second in which it was made
def srgb():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def sure(batch):
    """Foreground where the picture is red, without a doubt."""
    return (batch[:, :1] - 0.5) * 1000


def test_a_tree_of_pictures_and_what_is_told_of_them(tmp_path):
    red_square(tmp_path / "in/a.png")
    red_square(tmp_path / "in/x/b.bmp", box=(0, 0, 30, 10))
    picture(tmp_path / "in/black.png", np.zeros((5, 6, 3), np.uint8))
    failures, told = removed(tmp_path / "in", tmp_path / "out", sure)
    assert failures == []
    assert sorted(tree(tmp_path / "out")) == ["a.png", "black.png", "x/b.png"]
    cut = saved(tmp_path / "out", "a.png")
    expected = np.zeros((20, 30, 4), np.uint8)
    expected[4:14, 6:16] = 255, 0, 0, 255
    np.testing.assert_array_equal(cut, expected)
    of = {Path(entry["input"]).name: entry for entry in told["pictures"]}
    assert of["a.png"]["box"] == [6, 4, 16, 14] and of["a.png"]["area"] == pytest.approx(
        100 / 600, abs=1e-6
    )
    assert of["b.bmp"]["output"] == str(tmp_path / "out/x/b.png")
    assert of["b.bmp"]["area"] == pytest.approx(300 / 600)
    black = of["black.png"]
    assert black["state"] == "empty" and not black["found"]
    assert black["box"] is None and black["area"] == 0
    assert of["a.png"]["found"] and of["a.png"]["presence"] > 0.9 > black["presence"]
    assert all(entry["seconds"] > 0 and entry["error"] is None for entry in of.values())
    assert told["left"] == 0 and told["model"] == "red" and told["version"]


@pytest.mark.parametrize("only", ["foreground", "background", "mask"])
def test_options_are_the_removers(tmp_path, only):
    path = picture(tmp_path / "in/a.png", noise(20, 30, 4))
    assert removed(tmp_path / "in", tmp_path / "out", options=Options(only=only))[0] == []
    own = Remover(predictor())(np.array(Image.open(path)), Options(only=only))
    np.testing.assert_array_equal(saved(tmp_path / "out", "a.png"), own.picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    red_square(tmp_path / "in/a.png", exif=exif)
    removed(tmp_path / "in", tmp_path / "out", sure)
    (tmp_path / "in/a.png").rename(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as turned:
        upright = np.array(ImageOps.exif_transpose(turned))
    with Image.open(tmp_path / "out/a.png") as found:
        assert found.getexif().get(0x0112, 1) == 1
        np.testing.assert_array_equal(np.array(found)[..., 3], upright[..., 0])


def test_an_image_that_is_no_file_and_a_stream_for_its_picture(tmp_path):
    path = red_square(tmp_path / "a.png")
    stream, report = io.BytesIO(), Report({})
    work = Work(Path("standard input"), stream, path.read_bytes())
    assert remove_files(Remover(predictor(sure)), [work], Options(), Encoding(), report) == []
    assert np.array(Image.open(stream))[..., 3].sum() == 100 * 255
    broken = work._replace(content=b"no picture")
    (failure,) = remove_files(Remover(predictor(sure)), [broken], Options(), Encoding(), report)
    assert failure.reason.startswith("standard input: expected a picture")
    report.write(tmp_path / "r.json")
    (entry,) = read(tmp_path / "r.json")["pictures"]
    assert entry["state"] == "failed" and entry["output"] is None
    assert entry["error"] == failure.reason


def test_a_broken_image_stops_no_other(tmp_path):
    for name in ("a.png", "c.png"):
        red_square(tmp_path / "in" / name)
    (tmp_path / "in/b.png").write_bytes((tmp_path / "in/a.png").read_bytes()[:60])
    (failure,), told = removed(tmp_path / "in", tmp_path / "out")
    assert failure.image.name == "b.png"
    assert [entry["state"] for entry in told["pictures"]] == ["done", "failed", "done"]
    assert sorted(tree(tmp_path / "out")) == ["a.png", "c.png"]


def test_files_are_of_the_encoding_and_notes_are_told(tmp_path, caplog):
    exif = Image.Exif()
    exif[0x013B], exif[0x0112] = "me", 6
    for number in range(5):
        red_square(tmp_path / f"in/{number}.png", exif=exif, icc_profile=srgb(), dpi=(300, 300))
    failures, told = removed(tmp_path / "in", tmp_path / "out", sure, encoding=Encoding("jpg", 100))
    assert failures == []
    with Image.open(tmp_path / "out/0.png") as found:  # names are not its business
        assert (found.format, found.size, found.mode) == ("JPEG", (20, 30), "RGB")
        assert found.info["icc_profile"] == srgb() and found.info["dpi"] == (300, 300)
        assert not found.getexif() and min(found.getpixel((0, 0))) > 250
    for entry in told["pictures"]:
        assert ["jpg has no transparency" in note for note in entry["notes"]] == [True]
    assert caplog.text.count("jpg has no transparency") == 3
    assert "not said again of others; --json tells it of each" in caplog.text
    keeping = Encoding("png", keep_exif=True)
    removed(tmp_path / "in", tmp_path / "out", sure, encoding=keeping)
    with Image.open(tmp_path / "out/0.png") as found:
        assert found.getexif()[0x013B] == "me" and found.getexif().get(0x0112, 1) == 1


def test_sixteen_bits_stay(tmp_path):
    deep = np.zeros((20, 30, 3), np.uint16)
    deep[5:, :, 2] = 65521  # of BGR, as OpenCV writes it
    deep[5:, :, 0] = 12345
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/a.png"), deep)
    assert removed(tmp_path / "in", tmp_path / "out", sure)[0] == []
    found = cv2.imread(str(tmp_path / "out/a.png"), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16 and found[10, 10].tolist() == [12345, 0, 65521, 65535]
    assert not found[2].any()


def test_a_crop_to_nothing_fails_for_that_image_alone(tmp_path):
    red_square(tmp_path / "in/a.png")
    picture(tmp_path / "in/b.png", np.zeros((20, 30, 3), np.uint8))
    red_square(tmp_path / "in/c.png", box=(0, 0, 3, 4))
    options = Options(crop=Crop())
    (failure,), told = removed(tmp_path / "in", tmp_path / "out", sure, options)
    assert failure.image.name == "b.png" and "found none in the picture" in failure.reason
    assert [entry["state"] for entry in told["pictures"]] == ["done", "failed", "done"]
    assert sorted(tree(tmp_path / "out")) == ["a.png", "c.png"]
    assert saved(tmp_path / "out", "c.png").shape == (4, 3, 4)


def test_of_an_animation_the_first_frame_which_is_said(tmp_path, caplog):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "black")]
    (tmp_path / "in").mkdir()
    frames[0].save(tmp_path / "in/a.gif", save_all=True, append_images=frames[1:])
    removed(tmp_path / "in", tmp_path / "out", sure)
    assert (saved(tmp_path / "out", "a.png")[..., 3] == 255).all()
    assert "an animation of 2 frames: the first is taken" in caplog.text


def test_a_full_disk_says_what_is_done_and_what_is_left(tmp_path, monkeypatch):
    for number in range(40):
        red_square(tmp_path / "in" / f"{number:02}.png")
    works, report = works_of(tmp_path / "in", tmp_path / "out"), Report({})
    with monkeypatch.context() as full:
        full_after(full, 5, errno.ENOSPC)
        with pytest.raises(
            OSError, match=r"of 40 images are done, 0 failed, and \d+ are left"
        ) as e:
            remove_files(Remover(predictor()), works, Options(), Encoding(), report)
    assert "run it again with --skip_existing" in str(e.value)
    report.write(tmp_path / "r.json")
    told = read(tmp_path / "r.json")
    assert [entry["state"] for entry in told["pictures"]] == ["done"] * 5
    assert told["left"] == 35 and len(tree(tmp_path / "out")) == 5


def test_an_interrupt_leaves_whole_pictures_and_tells_of_each(tmp_path):
    for number in range(40):
        red_square(tmp_path / "in" / f"{number:02}.png")
    seen = []

    def network(batch):
        seen.append(1)
        if len(seen) == 9:
            signal.raise_signal(signal.SIGINT)
        return red(batch)

    with pytest.raises(KeyboardInterrupt):
        removed(tmp_path / "in", tmp_path / "out", network)
    told, written = read(tmp_path / "report.json"), tree(tmp_path / "out")
    assert {Path(entry["output"]).name for entry in told["pictures"]} == set(written)
    assert len(written) <= 9 and told["left"] == 40 - len(written)
    assert all(Image.open(io.BytesIO(content)).size == (30, 20) for content in written.values())


def test_outputs_that_cannot_be_are_refused_at_once(tmp_path):
    path = red_square(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png is one of the images and would be overwritten"):
        check_outputs([Work(path, tmp_path / "x" / ".." / "a.png")], None)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="is a file"):
        check_outputs([Work(path, tmp_path / "file/b.png")], None)
    with pytest.raises(OSError, match="is a file"):
        check_outputs([Work(path, tmp_path / "file/b.png")], tmp_path / "file")


def test_pictures_that_are_matted_take_more_of_the_memory(tmp_path):
    work = Work(red_square(tmp_path / "a.png"), tmp_path / "b.png")
    one = Remover(predictor(size=(4, 4)))
    plain = Removal(one, Options(), Encoding(), Report({})).weight(work)
    pytest.importorskip("scipy", reason="matting needs SciPy")
    band = Removal(one, Options(matting="band"), Encoding(), Report({})).weight(work)
    assert (plain, band) == (600, 1800)
