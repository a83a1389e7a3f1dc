"""Folders of images predicted: the same pictures as one by one, whatever is wrong with some."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net import render
from paddleseg_u2net.inference import Window
from paddleseg_u2net.prediction import pipelining, run
from paddleseg_u2net.prediction.jobs import (
    ADDED,
    CUTOUT,
    PICTURES,
    PSEUDO,
    SALIENCY,
    USUAL,
    Job,
    collect,
)
from paddleseg_u2net.prediction.run import Failure, predict_files
from tests.prediction.making import brightest_channel, noise, picture, predictor, red, saved, tree


def test_the_pictures_of_a_binary_network_show_its_probability(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:, 0] = 255
    image[0, 0] = 128, 7, 9
    path = picture(tmp_path / "a.png", image)
    out = tmp_path / "out"
    colors = render.color_map(256, [1, 2, 3, 40, 50, 60])
    predict_files(predictor(), collect(path), out, custom_color=[1, 2, 3, 40, 50, 60])
    probability = 1 / (1 + np.exp(-(image[..., 0] / 255 - 0.5) * 8))
    classes = (probability >= 0.5).astype(np.uint8)
    np.testing.assert_array_equal(saved(out, f"{SALIENCY}/a.png"), np.rint(probability * 255))
    np.testing.assert_array_equal(saved(out, f"{PSEUDO}/a.png"), classes)
    overlay = render.blend(image, classes, colors)
    np.testing.assert_array_equal(saved(out, f"{ADDED}/a.png"), overlay)
    palette = np.array(Image.open(out / PSEUDO / "a.png").getpalette()).reshape(-1, 3)
    np.testing.assert_array_equal(palette[:2], colors[:2])


@pytest.mark.parametrize(
    ("name", "overlay", "kind"),
    [
        ("a.jpg", "a.jpg", "JPEG"),
        ("a.bmp", "a.bmp", "BMP"),
        ("a.webp", "a.png", "PNG"),
    ],
)
def test_overlays_are_of_the_pictures_format_where_it_can_be(tmp_path, name, overlay, kind):
    path = picture(tmp_path / name)
    out = tmp_path / "out"
    assert predict_files(predictor(), collect(path), out) == []
    assert Image.open(out / ADDED / overlay).format == kind
    assert Image.open(out / SALIENCY / "a.png").size == (5, 4)


def test_a_turned_picture_is_predicted_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = picture(tmp_path / "a.png", noise(4, 9, 3), exif=exif)
    out = tmp_path / "out"
    predict_files(predictor(size=(6, 6)), collect(path), out, pictures=PICTURES)
    for kind in PICTURES:
        written = Image.open(out / kind / "a.png")
        assert written.size == (4, 9) and not written.getexif()


@pytest.mark.parametrize("kinds", [[PSEUDO, ADDED], [CUTOUT]])
def test_pictures_of_the_wanted_kinds_are_the_same_as_among_all(tmp_path, kinds):
    for name in ("a.jpg", "b.png", "a.png"):
        picture(tmp_path / "in" / name)
    jobs = collect(tmp_path / "in")
    predict_files(predictor(), jobs, tmp_path / "all", pictures=PICTURES)
    assert predict_files(predictor(), jobs, tmp_path / "some", pictures=kinds) == []
    every = tree(tmp_path / "all")
    assert tree(tmp_path / "some") == {
        name: content for name, content in every.items() if name.split("/")[0] in kinds
    }


def mixed(folder):
    """Images of many sizes, kinds and extents; some of them broken."""
    shapes = [(1, 1), (1, 10000), (10000, 1), (2, 3), (40, 30), (31, 57), (300, 400), (333, 2)]
    for number, shape in enumerate(shapes * 2):
        suffix = (".png", ".jpg", ".bmp")[number % 3]
        picture(folder / f"{number:02}{suffix}", noise(*shape, 3, seed=number))
    picture(folder / "grey.png", noise(20, 30))
    picture(folder / "alpha.png", noise(20, 30, 4))
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("no picture")
    return collect(folder)


@pytest.mark.parametrize(
    "kind, network", [("paddleseg", red), ("official", red), ("zoo", brightest_channel)]
)
def test_a_folder_gives_what_its_images_give_one_by_one(tmp_path, kind, network):
    jobs = mixed(tmp_path / "in")
    found = predict_files(predictor(network, 3, (16, 12), kind), jobs, tmp_path / "all")
    single = []
    for job in jobs:
        single += predict_files(predictor(network, 3, (16, 12), kind), [job], tmp_path / "single")
    assert [failure.image.name for failure in found] == ["empty.png", "text.jpg"]
    assert found == single
    assert tree(tmp_path / "all") == tree(tmp_path / "single")
    assert len(tree(tmp_path / "all")) == 3 * 18


@pytest.mark.parametrize("how", [{"window": Window((8, 8), (5, 5))}, {"upsampling": "guided"}])
def test_so_it_does_with_windows_and_guided_upsampling(tmp_path, how):
    for number in range(6):
        picture(tmp_path / "in" / f"{number}.png", noise(20 + number, 30, 3, seed=number))
    jobs = collect(tmp_path / "in")
    one = predictor(size=None if "window" in how else (16, 12), **how)
    assert predict_files(one, jobs, tmp_path / "all", pictures=[SALIENCY]) == []
    for job in jobs:
        predict_files(one, [job], tmp_path / "single", pictures=[SALIENCY])
    assert tree(tmp_path / "all") == tree(tmp_path / "single")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_cut_outs_keep_colours_transparency_and_profile(tmp_path, channels):
    image = noise(40, 50, 4)
    path = picture(tmp_path / "a.png", image, icc_profile=b"a profile", dpi=(300, 150))

    def everything(batch):
        return np.full((len(batch), 1, *batch.shape[2:]), 50, np.float32)

    one = predictor(everything, channels=channels)
    out = tmp_path / "out"
    assert predict_files(one, collect(path), out, channels, pictures=[CUTOUT, SALIENCY]) == []
    expected = np.where(image[..., 3:] == 0, 0, image)
    np.testing.assert_array_equal(saved(out, "cutout/a.png"), expected)
    info = Image.open(out / "cutout/a.png").info
    assert info["icc_profile"] == b"a profile"
    assert info["dpi"] == pytest.approx((300, 150), abs=0.02)  # whole pixels a metre


def test_folders_that_cannot_be_written_to_are_refused(tmp_path):
    path = picture(tmp_path / "a.png")
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file/deeper"):
        with pytest.raises(OSError, match="is a file; name another"):
            predict_files(predictor(unused), collect(path), place)


def test_no_image_is_overwritten(tmp_path):
    path = picture(tmp_path / "saliency/a.png")
    content = path.read_bytes()
    with pytest.raises(ValueError, match="is one of the images and would be overwritten"):
        predict_files(predictor(unused), collect(path), tmp_path)
    assert path.read_bytes() == content


def unused(batch):
    raise AssertionError("nothing is to be computed")


@pytest.mark.parametrize(("how", "at_once"), [({"size": (4, 4)}, 4), ({"size": None}, 1)])
def test_images_are_in_memory_up_to_a_number_of_pixels(tmp_path, monkeypatch, how, at_once):
    """Those that the network sees whole count more."""
    for number in range(12):
        picture(tmp_path / "in" / f"{number:02}.png", noise(10, 10, 3))
    monkeypatch.setattr(pipelining, "MOST_PIXELS", 450)
    lock, open_ones, most = threading.Lock(), set(), []
    read, write = run.read_image, run.write_pictures

    def reading(path, channels):
        with lock:
            open_ones.add(path.name)
            most.append(len(open_ones))
        return read(path, channels)

    def writing(paths, *what):
        write(paths, *what)
        with lock:
            open_ones.remove(paths[SALIENCY].name)

    monkeypatch.setattr(run, "read_image", reading)
    monkeypatch.setattr(run, "write_pictures", writing)
    assert predict_files(predictor(**how), collect(tmp_path / "in"), tmp_path / "out") == []
    assert max(most) <= at_once
    assert len(most) == 12


def test_an_unreadable_image_is_reported_the_rest_done(tmp_path):
    folder = tmp_path / "in"
    picture(folder / "a.png")
    (folder / "b.png").write_bytes(b"no picture")
    picture(folder / "c.png")
    out = tmp_path / "out"
    told = []
    jobs = [*collect(folder), Job(folder / "gone.png", Path("gone.png"))]
    failures = predict_files(predictor(), jobs, out, on_failure=told.append)
    assert failures == told
    assert all(isinstance(failure, Failure) for failure in failures)
    assert [failure.image.name for failure in failures] == ["b.png", "gone.png"]
    assert all(failure.reason.count(str(failure.image)) == 1 for failure in failures)
    for kind in USUAL:
        assert sorted(p.name for p in (out / kind).iterdir()) == ["a.png", "c.png"]


def test_a_network_that_fails_does_not_stop_the_rest(tmp_path):
    for number in range(5):
        picture(tmp_path / "in" / f"{number}.png", noise(4, 4 + number, 3))

    def network(batch):
        if batch.shape[3] in (5, 7):
            raise RuntimeError("no such width" if batch.shape[3] == 5 else "")
        return red(batch)

    jobs = collect(tmp_path / "in")
    failures = predict_files(predictor(network), jobs, tmp_path / "out")
    assert [failure.reason for failure in failures] == [
        f"{jobs[1].image}: no such width",
        f"{jobs[3].image}: RuntimeError",
    ]
    assert sorted(tree(tmp_path / "out" / SALIENCY)) == ["0.png", "2.png", "4.png"]


def test_a_picture_that_cannot_be_written_stops_no_other(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        picture(tmp_path / "in" / name)
    out = tmp_path / "out"
    (out / SALIENCY / "b.png").mkdir(parents=True)
    (failure,) = predict_files(predictor(), collect(tmp_path / "in"), out)
    assert failure.image.name == "b.png" and str(out / SALIENCY / "b.png") in failure.reason
    assert sorted(tree(out / SALIENCY)) == ["a.png", "c.png"]


def full_after(monkeypatch, count, number):
    """Let the disk be full after so many files; the next one is half there by then."""
    write, left, lock = Path.write_bytes, [count], threading.Lock()

    def writing(path, data):
        with lock:
            left[0] -= 1
            fits = left[0] >= 0
        if fits:
            return write(path, data)
        write(path, data[: len(data) // 2])
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", writing)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_stops_early_and_says_what_is_done(tmp_path, monkeypatch, number):
    for name in range(60):
        picture(tmp_path / "in" / f"{name:02}.png", noise(30, 30, 3))
    (tmp_path / "in" / "00b.png").touch()
    full_after(monkeypatch, 7, number)
    seen, told = [], []

    def network(batch):
        seen.append(1)
        return red(batch)

    out, jobs = tmp_path / "out", collect(tmp_path / "in")
    with pytest.raises(OSError) as caught:
        predict_files(predictor(network), jobs, out, on_failure=told.append, pictures=[SALIENCY])
    assert caught.value.errno == number
    found = re.search(r"(\d) of 61 images are done, 1 failed, and (\d+) are", str(caught.value))
    assert int(found[1]) <= 7 and int(found[2]) == 60 - int(found[1])
    assert [failure.image.name for failure in told] == ["00b.png"]
    assert len(seen) < 7 + 40 and len(tree(out)) == 7
    assert all(Image.open(io.BytesIO(content)).size == (30, 30) for content in tree(out).values())


def test_an_interrupt_ends_it_soon_and_leaves_whole_files_only(tmp_path):
    images = 100
    path = picture(tmp_path / "in" / "000.png", noise(30, 30, 3))
    for number in range(1, images):
        shutil.copyfile(path, tmp_path / "in" / f"{number:03}.png")
    seen = []

    def network(batch):
        seen.append(1)
        if len(seen) == 20:
            signal.raise_signal(signal.SIGINT)
        return red(batch)

    threads = threading.active_count()
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        predict_files(predictor(network), collect(tmp_path / "in"), out)
    assert threading.active_count() == threads
    assert len(seen) == 20
    written = tree(out) if out.exists() else {}
    assert len(written) < 3 * 20
    assert len({name.split("/")[1] for name in written}) * 3 == len(written)
    assert all(Image.open(io.BytesIO(content)).size == (30, 30) for content in written.values())
