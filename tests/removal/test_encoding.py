"""Finished pictures as files, read back by others."""

from __future__ import annotations

import io
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import ImageError, decode_original, packed_png
from paddleseg_u2net.io.images.metadata import Metadata
from paddleseg_u2net.removal import FORMATS, Encoding, encode, format_of_suffix
from tests.io.formats import available, swapped_profile
from tests.io.image_making import noise

LOSSLESS = [("png", None), ("tiff", None), ("webp", "lossless")]


def scene(dtype=np.uint8):
    """A smooth RGBA picture (48, 64, 4) whose foreground has a soft edge."""
    y, x = np.mgrid[:48, :64] / 64
    planes = [
        x,
        y,
        0.5 + 0.4 * np.sin(9 * x),
        np.clip((0.3 - np.hypot(x - 0.5, y - 0.4)) * 20, 0, 1),
    ]
    picture = np.rint(np.dstack(planes) * np.iinfo(dtype).max).astype(dtype)
    picture[picture[..., 3] == 0] = 0
    return picture


def opened(content):
    return Image.open(io.BytesIO(content))


PROFILE = swapped_profile()


@pytest.mark.parametrize(("name", "quality"), LOSSLESS)
@pytest.mark.parametrize("shape", [(33, 45), (33, 45, 3), (33, 45, 4), (1, 1, 4), (300, 7, 4)])
def test_what_is_lossless_comes_back(name, quality, shape):
    picture = noise(*shape)
    back = opened(encode(picture, None, Encoding(name, quality)))
    assert back.format == FORMATS[name].suffixes[0][1:].upper()
    mode = {2: "L", 3: "RGB", 4: "RGBA"}[picture.shape[2] if picture.ndim == 3 else 2]
    np.testing.assert_array_equal(np.asarray(back.convert(mode)), picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1, 4), (1, 9, 3), (700, 401, 4), (2, 50000, 3)])
def test_packed_png_files_are_whole_to_a_strict_reader(shape, dtype):
    pytest.importorskip("isal")
    png = pytest.importorskip("png")  # it checks order, lengths and checksums
    picture = noise(*shape, dtype=dtype)
    picture[: shape[0] // 2, : shape[1] // 3] = 0
    content = packed_png(picture, Metadata(PROFILE, (300.0, 150.0)))
    width, height, rows, info = png.Reader(bytes=content).read()
    assert (width, height) == (shape[1], shape[0])
    assert info["bitdepth"] == 8 * picture.itemsize and info["alpha"] == (shape[2] == 4)
    np.testing.assert_array_equal(np.vstack(list(rows)).reshape(shape), picture)


def test_png_without_isal(monkeypatch):
    monkeypatch.setitem(sys.modules, "isal", None)
    for dtype in (np.uint8, np.uint16):
        picture = noise(33, 45, 4, dtype=dtype)
        back = cv2.imdecode(np.frombuffer(encode(picture), np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(back[..., [2, 1, 0, 3]], picture)


@pytest.mark.parametrize("name", ["webp", "avif", "heic"])
def test_lossy_ones_are_near(name):
    picture = scene()
    back = np.asarray(opened(encode(picture, None, Encoding(available(name)))).convert("RGBA"))
    apart = np.abs(back.astype(int) - picture)
    assert apart[..., 3].max() <= (3 if name == "heic" else 0)
    assert apart[picture[..., 3] > 128][:, :3].mean() < 3
    mask = picture[..., 3]
    back = np.asarray(opened(encode(mask, None, Encoding(name))).convert("L"))
    assert np.abs(back.astype(int) - mask).mean() < 2


def test_a_lower_quality_is_smaller():
    picture = noise(64, 64, 3)
    for name in ("jpg", "webp", "avif", "heic"):
        low, high = (len(encode(picture, None, Encoding(available(name), q))) for q in (20, 95))
        assert low < high / 2


def test_without_transparency_it_becomes_white():
    picture = scene()
    white = Image.new("RGBA", (64, 48), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(picture)).convert("RGB"))
    encoding = Encoding("jpg", 100)
    back = np.asarray(opened(encode(picture, None, encoding)))
    assert np.abs(back.astype(int) - expected).mean() < 1.5
    assert "jpg has no transparency: what was transparent is white" in encoding.notes(picture)[0]
    assert not encoding.notes(picture[..., :3]) and not Encoding("png").notes(picture)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("name", ["png", "tiff"])
def test_16_bits_come_back_from_other_readers(name, channels):
    picture = noise(300, 41, channels, dtype=np.uint16)
    content = encode(picture, None, Encoding(name))
    if name == "tiff":
        tifffile = pytest.importorskip("tifffile")
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            np.testing.assert_array_equal(file.asarray(), picture)
            assert [int(kind) for kind in file.pages[0].extrasamples] == [2] * (channels == 4)
        back = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(back[..., [2, 1, 0, 3][:channels]], picture)
    else:
        png = pytest.importorskip("png")
        width, height, rows, info = png.Reader(bytes=content).read()
        assert (width, height, info["bitdepth"]) == (41, 300, 16)
        np.testing.assert_array_equal(np.vstack(list(rows)).reshape(picture.shape), picture)
    back = np.asarray(opened(content))  # Pillow gives the high bytes
    np.testing.assert_array_equal(back, picture >> 8)
    assert not Encoding(name).notes(picture)


@pytest.mark.parametrize("name", ["jpg", "webp", "avif"])
def test_16_bits_are_rounded_once_where_there_are_8(name):
    picture = scene(np.uint16)
    available(name)
    eight = np.rint(picture / 257).astype(np.uint8)
    assert encode(picture, None, Encoding(name)) == encode(eight, None, Encoding(name)) or (
        name == "jpg"  # composed with white after it was rounded too
    )
    assert any("8 bits a colour" in note for note in Encoding(name).notes(picture))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_profile_and_resolution_go_along(name, dtype):
    metadata = Metadata(PROFILE, (300.0, 150.0), b"secret", b"secret")
    content = encode(scene(dtype), metadata, Encoding(available(name)))
    back = opened(content)
    assert back.info["icc_profile"] == PROFILE
    assert b"secret" not in content
    found = decode_original(content)
    assert found.metadata.profile == PROFILE
    np.testing.assert_allclose(found.metadata.dpi, (300, 150), atol=0.02)
    if name in ("png", "tiff", "jpg"):
        np.testing.assert_allclose([float(v) for v in back.info["dpi"]], (300, 150), atol=0.02)
    mask = opened(encode(scene()[..., 3], metadata, Encoding(name)))
    assert not mask.info.get("icc_profile")


def test_wrong_settings_say_what_is_allowed():
    for given, says in (
        ({"format": "gif"}, "format: expected one of png, webp, avif, heic, jpg, tiff, got 'gif'"),
        ({"format": "jpg", "quality": 0}, "quality: expected a whole number of 1 to 100"),
        ({"format": "jpg", "quality": True}, "quality: expected a whole number"),
        ({"format": "jpg", "quality": "lossless"}, "jpg is never lossless; such are png, webp"),
        ({"format": "png", "quality": 90}, "png is lossless and has none"),
    ):
        with pytest.raises(ValueError, match=says):
            Encoding(**given)


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        ValueError, match=r"heic needs pillow-heif: pip install 'paddleseg_u2net\[h"
    ):
        Encoding("heic")
    Image.init()
    monkeypatch.delitem(Image.SAVE, "AVIF", raising=False)
    with pytest.raises(ValueError, match="avif needs a newer Pillow"):
        Encoding("avif")


def test_a_picture_that_is_too_long_is_refused():
    with pytest.raises(ImageError, match="a.jpg: webp holds sides of at most 16383 pixels"):
        encode(np.zeros((1, 16384, 3), np.uint8), None, Encoding("webp"), "a.jpg")


def test_suffixes():
    assert [format_of_suffix(s) for s in (".JPEG", ".tif", ".heic", ".png")] == [
        "jpg",
        "tiff",
        "heic",
        "png",
    ]
    assert format_of_suffix(".gif") is None
    assert Encoding("jpeg") == Encoding("jpg") and Encoding("tif").format == "tiff"
