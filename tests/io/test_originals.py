"""Pictures that are read for finished ones to be made of them."""

from __future__ import annotations

import io
import itertools
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from paddleseg_u2net.io.images import (
    ImageError,
    convert_original,
    decode_original,
    eight_bit,
    read_image,
    read_original,
)
from tests.io.image_making import noise


def saved(picture, format_name, **options):
    buffer = io.BytesIO()
    picture.save(buffer, format_name, **options)
    return buffer.getvalue()


# It holds the time at which it is made.
SRGB = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_stay(tmp_path, suffix, channels):
    picture = noise(20, 31, channels, dtype=np.uint16)
    path = tmp_path / f"a{suffix}"
    if suffix == ".png":
        order = [2, 1, 0, 3][:channels]
        cv2.imwrite(str(path), np.ascontiguousarray(picture[..., order]))
    else:
        tifffile = pytest.importorskip("tifffile")
        extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
        tifffile.imwrite(path, picture, photometric="rgb", **extra)
    found = read_original(path)
    assert found.picture.dtype == np.uint16 and not found.notes
    np.testing.assert_array_equal(found.picture, picture)
    # A network sees the same pictures as those that are read for it.
    np.testing.assert_array_equal(eight_bit(found.picture)[..., :3], read_image(path))


def test_greys_of_16_bits(tmp_path):
    png = pytest.importorskip("png")
    grey = noise(20, 31, dtype=np.uint16)
    png.Writer(31, 20, greyscale=True, bitdepth=16).write_array(
        (tmp_path / "a.png").open("wb"), grey.ravel().tolist()
    )
    found = read_original(tmp_path / "a.png").picture
    np.testing.assert_array_equal(found, np.dstack([grey] * 3))
    png.Writer(31, 20, greyscale=True, bitdepth=16, transparent=int(grey[3, 4])).write_array(
        (tmp_path / "b.png").open("wb"), grey.ravel().tolist()
    )
    found = read_original(tmp_path / "b.png").picture
    np.testing.assert_array_equal(found[..., 3], np.where(grey == grey[3, 4], 0, 65535))


def test_a_transparent_colour_of_16_bits(tmp_path):
    png = pytest.importorskip("png")
    colours = noise(20, 31, 3, dtype=np.uint16)
    key = tuple(int(value) for value in colours[3, 4])
    png.Writer(31, 20, greyscale=False, bitdepth=16, transparent=key).write_array(
        (tmp_path / "a.png").open("wb"), colours.ravel().tolist()
    )
    found = read_original(tmp_path / "a.png").picture
    np.testing.assert_array_equal(found[..., :3], colours)
    assert found[3, 4, 3] == 0 and (found[..., 3] == 0).sum() == 1


def test_transparency_where_there_is_any():
    picture = noise(20, 31, 4)
    found = decode_original(saved(Image.fromarray(picture), "PNG"))
    np.testing.assert_array_equal(found.picture, picture)
    picture[..., 3] = 255
    found = decode_original(saved(Image.fromarray(picture), "PNG"))
    np.testing.assert_array_equal(found.picture, picture[..., :3])
    palette = Image.fromarray(picture[..., :3]).quantize(16)
    found = decode_original(saved(palette, "GIF", transparency=3))
    assert found.picture.shape == (20, 31, 4)
    seen = np.asarray(Image.open(io.BytesIO(saved(palette, "GIF", transparency=3))).convert("RGBA"))
    np.testing.assert_array_equal(found.picture, seen)


def test_cmyk_without_a_profile_is_told():
    found = decode_original(saved(Image.new("CMYK", (9, 7), (10, 200, 30, 40)), "JPEG"))
    assert found.picture.shape == (7, 9, 3) and found.metadata.profile is None
    assert "they have no profile" in found.notes[0]


def test_no_profile_of_other_colours_goes_along():
    grey = grey_profile()
    found = decode_original(saved(Image.new("CMYK", (9, 7)), "JPEG", icc_profile=grey))
    assert found.metadata.profile is None and "cannot be used" in found.notes[0]
    found = decode_original(saved(Image.new("RGB", (9, 7)), "PNG", icc_profile=grey))
    assert found.metadata.profile is None and "left out" in found.notes[0]
    found = decode_original(saved(Image.new("P", (9, 7)), "PNG", icc_profile=SRGB))
    assert found.metadata.profile == SRGB and not found.notes


def icc(space, connection, kind, tags):
    """An ICC profile of version 2, by the standard's tables."""
    text = struct.pack(">I", 5) + b"made\0" + bytes(4 + 4 + 2 + 1 + 67)
    white = struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    tags = {b"desc": (b"desc", text), b"wtpt": (b"XYZ ", white), **tags, b"cprt": (b"text", b"-\0")}
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, (form, data) in tags.items():
        data = form + bytes(4) + data
        table += struct.pack(">4sII", name, place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    content = struct.pack(">I", len(tags)) + table + body
    head = struct.pack(">I4sI", 128 + len(content), b"lcms", 0x02400000) + kind + space + connection
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + content


def grey_profile(gamma=1.0):
    curve = struct.pack(">IH", 1, round(gamma * 256))
    return icc(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": (b"curv", curve)})


# What the inks are by themselves, (L, a, b); those of several are products and sums.
INKS = {"C": (0.6, -20, -40), "M": (0.55, 60, -10), "Y": (0.9, -5, 75), "K": (0.0, 0, 0)}


def printed(inks):
    """(L, a, b) of full inks."""
    lightness, a, b = 100.0, 0.0, 0.0
    for ink in inks:
        lightness, a, b = lightness * INKS[ink][0], a + INKS[ink][1], b + INKS[ink][2]
    return (lightness, 0, 0) if "K" in inks else (lightness, a, b)


def cmyk_profile():
    """A table of the 16 mixtures of full inks."""
    nodes = b""
    for mixture in itertools.product((0, 1), repeat=4):
        lightness, a, b = printed([ink for ink, used in zip("CMYK", mixture) if used])
        nodes += bytes([round(lightness * 2.55), round(a) + 128, round(b) + 128])
    head = bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = head + bytes(range(256)) * 4 + nodes + bytes(range(256)) * 3
    return icc(b"CMYK", b"Lab ", b"prtr", {b"A2B0": (b"mft1", table)})


def srgb_of_lab(lightness, a, b):
    """CIELAB of D50 in sRGB, 0 to 255; the matrix is Lindbloom's, adapted by Bradford's method."""
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * (0.9642, 1.0, 0.8249)
    matrix = [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540]]
    linear = np.clip(np.array([*matrix, [0.0719453, -0.2289914, 1.4052427]]) @ xyz, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("inks", ["", "C", "M", "Y", "MY", "K"])
@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_cmyk_becomes_srgb_by_its_profile(inks, format_name):
    full = tuple(255 * (ink in inks) for ink in "CMYK")
    content = saved(Image.new("CMYK", (16, 16), full), format_name, icc_profile=cmyk_profile())
    found = decode_original(content)
    assert found.metadata.profile is None and found.header.profile is None
    assert found.notes == ("its CMYK colours were converted to sRGB by their profile",)
    assert np.abs(found.picture[8, 8] - srgb_of_lab(*printed(inks))).max() <= 2


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_greys_of_a_profile_become_srgb(gamma, tmp_path):
    greys = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    linear = (np.arange(256) / 255) ** (round(gamma * 256) / 256)
    exact = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    found = decode_original(saved(Image.fromarray(greys), "PNG", icc_profile=grey_profile(gamma)))
    assert found.notes == ("its greys were converted to sRGB by their profile",)
    assert found.metadata.profile is None
    assert np.abs(found.picture[0].astype(float) - exact[:, None]).max() <= 1
    both = Image.merge("LA", [Image.fromarray(greys), Image.fromarray(255 - greys)])
    found = decode_original(saved(both, "PNG", icc_profile=grey_profile(gamma)))
    assert np.abs(found.picture[0, :, :3].astype(float) - exact[:, None]).max() <= 1
    np.testing.assert_array_equal(found.picture[..., 3], 255 - greys)
    deep = Image.fromarray(greys.astype(np.uint16) * 257)
    found = decode_original(saved(deep, "PNG", icc_profile=grey_profile(gamma)))
    assert found.picture.dtype == np.uint16
    assert np.abs(found.picture[0] / 257 - exact[:, None]).max() <= 1


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_and_told(format_name, caplog):
    frames = [Image.new("RGB", (9, 7), name) for name in ("red", "green", "blue")]
    content = saved(frames[0], format_name, save_all=True, append_images=frames[1:])
    found = decode_original(content, "dance.gif")
    assert found.notes == ("an animation of 3 frames: the first is taken",)
    assert np.abs(found.picture[..., :3].astype(int) - (255, 0, 0)).max() <= 3
    assert not caplog.records


def test_what_is_no_picture_is_named():
    for content in (b"", b"%PDF-1.7", saved(Image.new("RGB", (90, 70)), "PNG")[:60]):
        with pytest.raises(ImageError, match="upload: "):
            decode_original(content, "upload")


def test_pillow_pictures_are_read_as_their_files(tmp_path):
    picture = Image.fromarray(noise(20, 31, 4))
    picture.save(tmp_path / "a.png", icc_profile=SRGB, dpi=(300, 300))
    opened = Image.open(tmp_path / "a.png")
    found, expected = convert_original(opened), read_original(tmp_path / "a.png")
    np.testing.assert_array_equal(found.picture, expected.picture)
    assert found.metadata.profile == SRGB and found.metadata.dpi == expected.metadata.dpi
    np.testing.assert_array_equal(convert_original(picture).picture, np.asarray(picture))
    grey = noise(20, 31, dtype=np.uint16)
    np.testing.assert_array_equal(
        convert_original(Image.fromarray(grey)).picture, np.dstack([grey] * 3)
    )


def test_a_resolution_that_is_not_told(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    assert decode_original(saved(Image.new("RGB", (9, 7)), "TIFF")).metadata.dpi is None
    path = tmp_path / "a.tif"
    for resolution, unit, dpi in (
        ((1, 1), "NONE", None),
        ((300, 150), "INCH", (300, 150)),
        ((100, 50), "CENTIMETER", (254, 127)),
    ):
        tifffile.imwrite(path, noise(5, 6), resolution=resolution, resolutionunit=unit)
        assert read_original(path).metadata.dpi == dpi
    turned = {"exif": Image.Exif()}
    turned["exif"][0x0112] = 6
    content = saved(Image.new("RGB", (9, 7)), "TIFF", dpi=(300, 150), **turned)
    assert decode_original(content).metadata.dpi == (150, 300)
