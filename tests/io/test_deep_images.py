"""Pictures of 16 bits a channel: masks keep their values, images get one rule of rounding."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import read_image, read_mask
from tests.io.image_making import png_chunk, refused

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6  # PNG's colour types
# 0x00FF and 0x0080 are where cutting and rounding part.
VALUES = np.array([[0, 1, 2, 300, 0x007F, 0x0080], [0x00FF, 0x0100, 32767, 32768, 65407, 65535]])


def rounded(values):
    """libpng's png_set_scale_16, by its definition: the nearest of value * 255 / 65535."""
    return np.floor(np.asarray(values, np.float64) * 255 / 65535 + 0.5).astype(np.uint8)


def png(array, colour_type, transparent=b""):
    """A PNG of 16 bits, byte by byte, of an array (H, W, channels)."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    chunks += [(b"tRNS", transparent)] if transparent else []
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def stacked(colour_type, values=VALUES, alpha=65535):
    count = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGBA: 4}[colour_type]
    array = np.repeat(values[..., None], count, axis=2)
    if count in (2, 4):
        array[..., -1] = alpha
    return array


def written(tmp_path, data, name="a.png"):
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize("colour_type", [GREY, RGB, GREY_ALPHA, RGBA])
def test_masks_keep_their_values_and_images_are_rounded(tmp_path, colour_type):
    path = written(tmp_path, png(stacked(colour_type), colour_type))
    mask = read_mask(path)
    assert mask.dtype == np.uint16 and np.array_equal(mask, VALUES)
    assert np.array_equal(
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED).reshape(2, 6, -1)[..., 0], mask
    )
    for channels in (1, 3, 4):
        image = read_image(path, channels)
        assert np.array_equal(image[..., 0], rounded(VALUES))
    assert (image[..., 3] == 255).all()


@pytest.mark.parametrize("colour_type", [RGB, RGBA])
def test_colours_of_16_bits_are_rounded_channel_by_channel(tmp_path, colour_type):
    shape = (40, 50, 3 if colour_type == RGB else 4)
    array = np.random.default_rng(0).integers(0, 65536, shape)
    path = written(tmp_path, png(array, colour_type))
    image = read_image(path, shape[2])
    assert np.array_equal(image, rounded(array))
    assert np.array_equal(read_image(path, 3), image[..., :3])
    refused(read_mask, path, "varying alpha" if colour_type == RGBA else "the colours")


def test_grey_with_varying_alpha(tmp_path):
    array = np.random.default_rng(0).integers(0, 65536, (20, 30, 2))
    path = written(tmp_path, png(array, GREY_ALPHA))
    assert np.array_equal(read_image(path, 4), rounded(array)[..., [0, 0, 0, 1]])
    refused(read_mask, path, "varying alpha")
    array[..., 1] = 7  # the same everywhere; of 8 bits it is 0
    path = written(tmp_path, png(array, GREY_ALPHA))
    assert np.array_equal(read_mask(path), array[..., 0])


@pytest.mark.parametrize(("colour_type", "key"), [(GREY, 300), (RGB, 65535)])
def test_the_transparent_value_is_one_of_16_bits(tmp_path, colour_type, key):
    transparent = struct.pack(">H", key) * (3 if colour_type == RGB else 1)
    path = written(tmp_path, png(stacked(colour_type), colour_type, transparent))
    image = read_image(path, 4)
    assert np.array_equal(image[..., 3] == 0, key == VALUES)
    assert np.array_equal(image[..., 0], rounded(VALUES))
    assert np.array_equal(read_image(path, 3), image[..., :3])
    assert np.array_equal(read_mask(path), VALUES)


@pytest.mark.parametrize("bits", [2, 8])
def test_the_transparent_value_of_fewer_bits(tmp_path, bits):
    key = 1
    levels = 1 << bits
    count = 8 // bits
    packed = sum(value << (8 - bits * (value + 1)) for value in range(min(count, levels)))
    header = struct.pack(">IIBBBBB", count, 1, bits, GREY, 0, 0, 0)
    data = b"\0" + bytes([packed if bits < 8 else key])
    chunks = ((b"IHDR", header), (b"tRNS", b"\0\1"), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    path = written(tmp_path, b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks))
    values = np.arange(min(count, levels)) if bits < 8 else np.array([key])
    alpha = read_image(path, 4)[0, : len(values), 3]
    assert np.array_equal(alpha == 0, values == key)


@pytest.mark.parametrize(("channels", "compression"), [(1, 1), (3, 5), (4, 8)])
def test_tiff(tmp_path, channels, compression):
    array = np.random.default_rng(channels).integers(0, 65536, (9, 7, channels), dtype=np.uint16)
    path = str(tmp_path / "a.tif")
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    stored = array[..., [2, 1, 0, 3][:channels]] if channels > 1 else array  # OpenCV's order
    assert cv2.imwrite(path, stored, options)
    expected = rounded(array)
    assert np.array_equal(read_image(path, 4)[..., :channels], expected)
    grey = np.repeat(array[..., :1], channels, axis=2)
    if channels == 4:
        grey[..., 3] = 9
    assert cv2.imwrite(path, grey, options)
    assert np.array_equal(read_mask(path), grey[..., 0])


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_of_other_programs(tmp_path, big_endian, planar, compression):
    tifffile = pytest.importorskip("tifffile")
    array = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    path = tmp_path / "a.tif"
    data = array if planar == "contig" else array.transpose(2, 0, 1).copy()
    options = {"photometric": "rgb", "planarconfig": planar, "compression": compression}
    tifffile.imwrite(path, data, byteorder=">" if big_endian else "<", **options)
    if planar == "separate" and compression is None:
        refused(read_image, path, "PLANARCONFIG")  # Pillow 13 gives other pixels without a word
    elif planar == "separate":
        assert np.array_equal(read_image(path), array >> 8)
        refused(read_mask, path, "16-bit colours")
    else:
        assert np.array_equal(read_image(path), rounded(array))


def test_ppm(tmp_path):
    values = stacked(RGB)
    path = written(tmp_path, b"P6 6 2 65535\n" + values.astype(">u2").tobytes(), "a.ppm")
    assert np.array_equal(read_mask(path), VALUES)
    assert np.array_equal(read_image(path)[..., 1], rounded(VALUES))
    text = "P3 2 1 65535\n0 0 0 300 300 300\n"
    assert read_mask(written(tmp_path, text.encode(), "b.ppm")).tolist() == [[0, 300]]
    assert read_image(tmp_path / "b.ppm")[0, 1].tolist() == [1, 1, 1]
    text = "P3 2 1 1000\n0 0 0 300 300 300\n"
    refused(read_mask, written(tmp_path, text.encode(), "c.ppm"), "16-bit colours")


def test_bmp_of_16_bits_a_pixel_has_no_deep_colours(tmp_path):
    """5, 6 and 5 bits: 8-bit colours, however they are called."""
    header = b"BM" + struct.pack("<IHHI", 70, 0, 0, 66)
    info = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0)
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    path = written(tmp_path, header + info + masks + struct.pack("<HH", 0xFFFF, 0), "a.bmp")
    assert Image.open(path).size == (2, 1)
    assert read_image(path)[..., 0].tolist() == [[255, 0]]
    assert read_mask(path).tolist() == [[255, 0]]
