"""Arrays become files, are found again, and keep what the file said."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from paddleseg_u2net.io.images import (
    WRITABLE_SUFFIXES,
    find_images,
    read_header,
    read_image,
    read_mask,
    write_image,
    write_png,
)
from tests.io.image_making import colours, exif


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


@pytest.mark.parametrize("suffix", [*sorted(WRITABLE_SUFFIXES), ".JPG"])
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
    ("name", "mode", "kept"),
    [
        ("a.jpg", "RGB", True),
        ("a.webp", "RGB", True),
        ("a.png", "P", True),
        ("a.png", "L", False),
        ("a.jpg", "CMYK", False),
    ],
)
def test_a_profile_is_kept_where_colours_are_not_converted(tmp_path, name, mode, kept):
    Image.new(mode, (4, 3)).save(tmp_path / name, icc_profile=b"a profile")
    write_png(tmp_path / "out.png", colours(), like=read_header(tmp_path / name))
    assert Image.open(tmp_path / "out.png").info.get("icc_profile") == (
        b"a profile" if kept else None
    )


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.jpg", {"dpi": (300, 200)}, (300, 200)),
        ("a.tif", {"dpi": (300, 200)}, (300, 200)),
        ("a.png", {"dpi": (300, 200), "exif": exif(8)}, (200, 300)),
        ("a.jpg", {}, None),
    ],
)
def test_resolution_goes_from_file_to_file(tmp_path, name, options, expected):
    Image.fromarray(colours()).save(tmp_path / name, **options)
    write_png(tmp_path / "out.png", colours(), like=read_header(tmp_path / name))
    written = Image.open(tmp_path / "out.png").info.get("dpi")
    assert written == (expected and pytest.approx(expected, abs=0.05))
