"""Files with several frames, of no image, cut, or too large."""

from __future__ import annotations

import logging
import threading
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from paddleseg_u2net.io.images import image_size, read_image, read_mask, read_still, write_png
from paddleseg_u2net.io.images.opening import pillow_rules
from tests.io.image_making import (
    HEIGHT,
    WIDTH,
    colours,
    pretend_size,
    refused,
)


def frames():
    return [Image.fromarray(colours(seed=i)) for i in range(3)]


def save_frames(path):
    if path.suffix in (".webp", ".avif") and not features.check(path.suffix[1:]):
        pytest.skip(f"Pillow without {path.suffix[1:]}")
    first, *others = frames()
    first.save(path, save_all=True, append_images=others)
    return path


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (read_mask, "a.gif"),
        (read_mask, "a.tif"),
        (read_still, "a.png"),
        (read_image, "a.tif"),
        (image_size, "a.tif"),
    ],
)
def test_several_frames_are_refused(tmp_path, function, name):
    refused(function, save_frames(tmp_path / name), "3 frames", "save each one")


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_an_animation_is_its_first_frame_and_the_log_says_so(tmp_path, caplog, name):
    path = save_frames(tmp_path / name)
    with Image.open(path) as picture:
        first = np.array(picture.convert("RGB"))
    with caplog.at_level(logging.WARNING, "paddleseg_u2net"):
        assert np.array_equal(read_image(path), first)
        assert image_size(path) == first.shape[:2]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 3 frames; the first is read"
    ]


def test_main_picture_of_a_camera_multi_picture_file(tmp_path):
    path = tmp_path / "a.jpg"
    first, *others = frames()
    first.save(path, "MPO", save_all=True, append_images=others)
    assert Image.open(path).n_frames == 3
    first.save(tmp_path / "single.jpg", "JPEG")
    assert np.array_equal(read_image(path), read_image(tmp_path / "single.jpg"))


@pytest.mark.parametrize("function", [read_image, image_size])
def test_what_is_no_image_is_named(tmp_path, function):
    contents = {
        "empty.png": (b"", "empty file (0 bytes)"),
        "page.jpg": (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML page"),
        "pointer.png": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 12345\n",
            "git lfs pull",
        ),
        "archive.png": (b"PK\x03\x04" + b"\0" * 40, "archive"),
        "noise.png": (b"\x01\x02\x03\x04 nothing", "begins with b'\\x01\\x02"),
        "figure.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "%!PS"),
    }
    for name, (data, part) in contents.items():
        (tmp_path / name).write_bytes(data)
        refused(function, tmp_path / name, part)
    refused(function, tmp_path / "missing.png", "found nothing")
    (tmp_path / "folder.png").mkdir()
    refused(function, tmp_path / "folder.png", "found a folder")
    refused(function, str(tmp_path / "a\0b.png"), "found nothing")


@pytest.mark.parametrize("function", [read_image, read_mask])
@pytest.mark.parametrize(
    ("name", "share"),
    [("a.jpg", 0.5), ("a.jpg", 0.99), ("a.png", 0.9), ("a.tif", 0.9), ("a.bmp", 0.99)],
)
def test_truncated_file(tmp_path, function, name, share):
    path = tmp_path / name
    Image.fromarray(colours(64, 64)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(function, path, "truncated", "again")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tif"])
def test_truncated_header(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(colours()).save(path)
    path.write_bytes(path.read_bytes()[:14])
    for function in (read_image, read_mask, image_size):
        refused(function, path, "truncated")


@pytest.mark.parametrize("function", [read_image, read_mask, image_size])
def test_too_many_pixels_are_refused_before_decoding(tmp_path, function, monkeypatch):
    path = pretend_size(tmp_path / "a.png", 20000, 20000)

    def decode(*_args):
        pytest.fail("the picture was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(function, path, "200000000", "400000000", "20000 x 20000", "U2NET_MAX_PIXELS")


def test_limit_from_the_environment(tmp_path, monkeypatch):
    path = pretend_size(tmp_path / "a.png", 20000, 20000)
    monkeypatch.setenv("U2NET_MAX_PIXELS", "400000000")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert image_size(path) == (20000, 20000)
    monkeypatch.setenv("U2NET_MAX_PIXELS", "399999999")
    refused(image_size, path, "at most 399999999")
    monkeypatch.setenv("U2NET_MAX_PIXELS", "53")
    write_png(tmp_path / "small.png", colours())
    refused(read_image, tmp_path / "small.png", "at most 53", "found 54")
    monkeypatch.setenv("U2NET_MAX_PIXELS", "many")
    with pytest.raises(ValueError, match=r"U2NET_MAX_PIXELS.*whole number.*'many'"):
        image_size(path)


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_pillows_own_limit_stays_silent_and_is_restored(tmp_path, monkeypatch, name):
    for limit in (40, 10):  # a warning, an error
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        Image.fromarray(colours()[..., 0]).save(tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_image(tmp_path / name).shape == (HEIGHT, WIDTH, 3)
            assert image_size(tmp_path / name) == (HEIGHT, WIDTH)
        assert limit == Image.MAX_IMAGE_PIXELS


def test_truncated_jpeg_is_an_error_whatever_pillow_was_told(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / "a.jpg"
    Image.fromarray(colours(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    Image.open(path).load()  # grey areas without a word
    refused(read_image, path, "truncated")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_pillows_settings_are_restored_after_threads(tmp_path):
    write_png(tmp_path / "a.png", colours())
    before = Image.MAX_IMAGE_PIXELS
    inside, leave = threading.Event(), threading.Event()

    def other():
        with pillow_rules:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    read_image(tmp_path / "a.png")
    assert Image.MAX_IMAGE_PIXELS is None  # the other one still needs it
    leave.set()
    thread.join()
    assert before == Image.MAX_IMAGE_PIXELS
