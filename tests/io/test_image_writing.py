"""Arrays become files, are found again, and keep what the file said."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from paddleseg_u2net.io.images import (
    NO_TAGS,
    WRITABLE_SUFFIXES,
    ImageError,
    find_images,
    read_image,
    read_mask,
    read_tags,
    write_image,
    write_png,
)
from tests.io.image_making import (
    colours,
    exif,
)

# ---------------------------------------------------------------- writing


@settings(max_examples=30, deadline=None, database=None)
@given(
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.integers(0, 2**31),
)
def test_png_gives_back_every_array(tmp_path_factory, channels, size, seed):
    array = np.random.default_rng(seed).integers(0, 256, size + channels, dtype=np.uint8)
    path = tmp_path_factory.getbasetemp() / "round trip.png"
    write_png(path, array)
    read = read_image(path, channels[0] if channels else 1)
    assert np.array_equal(read, array if channels else array[..., None])


def test_png_with_a_palette(tmp_path):
    palette = colours(1, 256, seed=3)[0]
    index = np.arange(256, dtype=np.uint8).reshape(8, 32)
    write_png(tmp_path / "x" / "a.png", index, palette=palette.ravel().tolist())
    assert Image.open(tmp_path / "x" / "a.png").mode == "P"
    assert np.array_equal(read_mask(tmp_path / "x" / "a.png"), index)
    assert np.array_equal(read_image(tmp_path / "x" / "a.png"), palette[index])


@pytest.mark.parametrize("palette", [None, list(range(256)) * 3])
def test_png_of_any_level_has_the_same_pixels(tmp_path, palette):
    index = np.random.default_rng(0).integers(0, 4, (64, 256), dtype=np.uint8)
    sizes = []
    for level in (0, 1, 6):
        write_png(tmp_path / "a.png", index, palette, level=level)
        assert np.array_equal(read_mask(tmp_path / "a.png"), index)
        sizes.append((tmp_path / "a.png").stat().st_size)
    assert sizes[0] > 64 * 256 > sizes[1] > sizes[2]
    write_png(tmp_path / "a.png", index, palette)
    assert (tmp_path / "a.png").stat().st_size == sizes[2]


def test_wrong_palette(tmp_path):
    path = tmp_path / "a.png"
    grey = colours()[..., 0]
    for palette, part in (([0] * 767, "767"), ([256] + [0] * 767, "0..255")):
        with pytest.raises(ImageError, match=part):
            write_png(path, grey, palette=palette)
    with pytest.raises(ImageError, match="shape"):
        write_png(path, colours(), palette=[0] * 768)
    assert not path.exists()


@pytest.mark.parametrize("write", [write_png, write_image])
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), bool),
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_wrong_array(tmp_path, write, array):
    with pytest.raises(ImageError, match="expected a uint8 array") as caught:
        write(tmp_path / "a.png", array)
    assert str(array.dtype) in str(caught.value)
    assert str(array.shape) in str(caught.value)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("suffix", [*sorted(WRITABLE_SUFFIXES), ".JPG", ".Png"])
def test_format_follows_the_suffix(tmp_path, suffix):
    if suffix == ".webp" and not features.check("webp"):
        pytest.skip("Pillow without WebP")
    path = tmp_path / f"a{suffix}"
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    write_image(path, flat)
    jpeg = dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), "JPEG")
    kind = {**jpeg, "tif": "TIFF"}.get(suffix[1:].lower(), suffix[1:].upper())
    assert Image.open(path).format == kind
    assert np.abs(read_image(path).astype(int) - flat).max() <= 4
    write_image(path, flat[..., 0])
    assert np.abs(read_image(path, 1)[..., 0].astype(int) - 200).max() <= 4


def test_quality_changes_the_size_of_a_jpeg(tmp_path):
    array = colours(64, 64)
    write_image(tmp_path / "low.jpg", array, quality=30)
    write_image(tmp_path / "default.jpg", array)
    write_image(tmp_path / "high.jpg", array, quality=95)
    sizes = [(tmp_path / f"{name}.jpg").stat().st_size for name in ("low", "default", "high")]
    assert sizes[0] < sizes[1] == sizes[2]


def test_write_image_refuses_what_the_format_cannot_hold(tmp_path):
    with pytest.raises(ImageError, match="JPEG has no transparency"):
        write_image(tmp_path / "a.jpg", colours(channels=4))
    with pytest.raises(ImageError, match=r"suffixes .*\.png"):
        write_image(tmp_path / "a.xyz", colours())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_png, write_image])
def test_full_disk_keeps_the_old_picture(tmp_path, monkeypatch, write):
    path = tmp_path / "a.png"
    write_png(path, colours(seed=1))

    def full_disk(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match=r"No space left on device: .*a\.png"):
        write(path, colours(seed=2))
    monkeypatch.undo()
    assert np.array_equal(read_image(path), colours(seed=1))
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]


# ---------------------------------------------------------------- finding


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_find_images(tmp_path):
    wanted = [
        touch(tmp_path / name) for name in ("b.JPG", "a.png", "sub/deep/c.TiFf", "sub/d.webp")
    ]
    for name in (".hidden.png", ".cache/e.png", "notes.txt", "png", "sub/f.png.part", "g.svg"):
        touch(tmp_path / name)
    (tmp_path / "folder.png").mkdir()
    assert find_images(tmp_path) == sorted(wanted)
    assert find_images(str(tmp_path)) == sorted(wanted)
    assert find_images(tmp_path / "folder.png") == []


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_find_images_follows_links_once(tmp_path):
    elsewhere = touch(tmp_path / "elsewhere" / "a.png").parent
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(tmp_path / "top")
    assert find_images(tmp_path / "top") == [tmp_path / "top" / "link" / "a.png"]


@pytest.mark.parametrize(
    ("mode", "suffix", "kept"),
    [
        ("RGB", "jpg", True),
        ("RGB", "webp", True),
        ("RGBA", "png", True),
        ("P", "png", True),
        ("L", "png", False),
        ("CMYK", "jpg", False),
    ],
)
def test_profiles_of_colours_that_are_not_converted(tmp_path, mode, suffix, kept):
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (4, 3)).save(path, icc_profile=b"a profile")
    assert read_tags(path).profile == (b"a profile" if kept else None)
    Image.new(mode, (4, 3)).save(path)
    assert read_tags(path) == NO_TAGS


def resolution_exif(across, down, unit, orientation=1):
    data = exif(orientation)
    data[0x011A], data[0x011B], data[0x0128] = across, down, unit
    return data


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.jpg", {"dpi": (300, 200)}, (300, 200)),
        ("a.png", {"dpi": (300, 200)}, (300, 200)),
        ("a.tif", {"dpi": (300, 200)}, (300, 200)),
        ("a.bmp", {"dpi": (300, 200)}, (300, 200)),
        ("a.webp", {"exif": resolution_exif(300, 200, 2)}, (300, 200)),
        ("a.webp", {"exif": resolution_exif(100, 50, 3)}, (254, 127)),
        ("a.webp", {"exif": resolution_exif(300, 200, 2, 6)}, (200, 300)),
        ("a.png", {"dpi": (300, 200), "exif": exif(8)}, (200, 300)),
        ("a.webp", {"exif": resolution_exif(0, 0, 2)}, None),
        ("a.jpg", {}, None),
    ],
)
def test_resolution_goes_from_file_to_file(tmp_path, name, options, expected):
    if name == "a.webp" and not features.check("webp"):
        pytest.skip("Pillow without WebP")
    Image.fromarray(colours()).save(tmp_path / name, **options)
    tags = read_tags(tmp_path / name)
    write_png(tmp_path / "out.png", colours(), tags=tags)
    written = Image.open(tmp_path / "out.png").info.get("dpi")
    for dpi in (tags.dpi, written):
        assert (dpi is None) == (expected is None)
        assert dpi is None or np.allclose(dpi, expected, atol=0.05)
