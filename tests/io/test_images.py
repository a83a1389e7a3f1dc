"""Every way in which an image can be read wrongly."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import (
    image_size,
    read_image,
    read_mask,
    write_png,
)
from tests.io.image_making import (
    HEIGHT,
    WIDTH,
    check_form,
    colours,
    exif,
    luma,
    png_bytes,
    png_chunk,
    refused,
    upright,
)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_rgb_is_read_as_rgb(tmp_path, name):
    array = colours()
    Image.fromarray(array).save(tmp_path / name)
    check_form(read_image(tmp_path / name), (HEIGHT, WIDTH, 3))
    assert np.array_equal(read_image(tmp_path / name), array)
    assert np.array_equal(read_image(tmp_path / name, 1)[..., 0], luma(array))
    rgba = read_image(str(tmp_path / name), channels=4)
    check_form(rgba, (HEIGHT, WIDTH, 4))
    assert np.array_equal(rgba[..., :3], array)
    assert (rgba[..., 3] == 255).all()
    assert image_size(tmp_path / name) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("options", [{"quality": 90}, {"quality": 75, "progressive": True}])
def test_jpeg_is_the_picture_up_to_its_loss_and_in_rgb_order(tmp_path, options):
    array = np.zeros((32, 48, 3), np.uint8)
    array[:, :16, 0] = array[:, 16:32, 1] = array[:, 32:, 2] = 200
    path = tmp_path / "a.jpg"
    Image.fromarray(array).save(path, subsampling=0, **options)
    read = read_image(path)
    check_form(read, (32, 48, 3))
    assert np.abs(read.astype(int) - array).max() < 12
    assert np.array_equal(read, np.array(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_is_repeated(tmp_path, name, channels):
    grey = colours()[..., 0]
    Image.fromarray(grey).save(tmp_path / name)
    read = read_image(tmp_path / name, channels)
    check_form(read, (HEIGHT, WIDTH, channels))
    expected = [grey] * channels if channels < 4 else [grey] * 3 + [np.full_like(grey, 255)]
    assert np.array_equal(read, np.stack(expected, axis=-1))


@pytest.mark.parametrize("channels", [2, "RGB"])
def test_other_channel_counts_are_refused(tmp_path, channels):
    write_png(tmp_path / "a.png", colours())
    with pytest.raises(ValueError, match="expected 1, 3 or 4"):
        read_image(tmp_path / "a.png", channels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_orientation(tmp_path, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40 + 20
    Image.fromarray(stored).convert("RGB").save(path, exif=exif(orientation))
    expected = upright(stored, orientation)
    for read in (read_image(path)[..., 0], read_mask(path), read_image(path, 1)[..., 0]):
        assert np.array_equal(read, expected)
    check_form(read_image(path), (*expected.shape, 3))
    check_form(read_mask(path), expected.shape)
    assert image_size(path) == expected.shape


def test_png_orientation_behind_the_pixels(tmp_path):
    array = colours()
    data = png_bytes(array)
    tags = exif(6).tobytes()[6:]  # without "Exif\0\0"
    (tmp_path / "a.png").write_bytes(data[:-12] + png_chunk(b"eXIf", tags) + data[-12:])
    assert image_size(tmp_path / "a.png") == (WIDTH, HEIGHT)
    assert np.array_equal(read_image(tmp_path / "a.png"), upright(array, 6))


@pytest.mark.parametrize("orientation", [0, 9])
def test_senseless_orientation_is_ignored(tmp_path, orientation):
    Image.fromarray(colours()).save(tmp_path / "a.png", exif=exif(orientation))
    assert np.array_equal(read_image(tmp_path / "a.png"), colours())


@pytest.mark.parametrize(
    ("name", "mode", "dtype"),
    [("a.tif", "I", "<i4"), ("a.tif", "I;16B", ">u2"), ("a.pgm", "I;16", "<u2")],
)
def test_16_bit_grey(tmp_path, name, mode, dtype):
    values = [0, 127, 128, 129, 256, 257, 32767, 32768, 40000, 65406, 65407, 65535]
    values = np.array(values, np.uint16).reshape(2, 6)
    Image.frombytes(mode, (6, 2), values.astype(dtype).tobytes()).save(tmp_path / name)
    read = read_image(tmp_path / name, 4)
    check_form(read, (2, 6, 4))
    assert np.array_equal(read[..., 2], np.floor(values / 257 + 0.5))
    assert (read[..., 3] == 255).all()
    mask = read_mask(tmp_path / name)
    check_form(mask, (2, 6), np.uint16)
    assert np.array_equal(mask, values)


@pytest.mark.parametrize("function", [read_image, read_mask])
@pytest.mark.parametrize("value", [-1, 65536])
def test_32_bit_values_are_refused(tmp_path, function, value):
    path = tmp_path / "a.tif"
    Image.fromarray(np.array([[0, value]], np.int32)).save(path)
    refused(function, path, "32-bit", str(value))


@pytest.mark.parametrize("function", [read_image, read_mask, image_size])
def test_float_and_lab_are_refused(tmp_path, function):
    path = tmp_path / "a.tif"
    Image.fromarray(np.ones((4, 4), np.float32)).save(path)
    refused(function, path, "floating point", "8- or 16-bit")
    Image.new("LAB", (4, 4)).save(path)
    refused(function, path, "LAB", "save the picture as RGB")


def test_one_bit(tmp_path):
    bits = colours()[..., 0] > 127
    for name in ("a.png", "a.tif", "a.bmp"):
        Image.fromarray(bits).save(tmp_path / name)
        assert np.array_equal(read_image(tmp_path / name, 1)[..., 0], bits * 255)
        assert np.array_equal(read_image(tmp_path / name)[..., 2], bits * 255)
        check_form(read_mask(tmp_path / name), bits.shape)
        assert np.array_equal(read_mask(tmp_path / name), bits.astype(np.uint8))


BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def save_palette(path, **options):
    index = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) % 7
    palette = colours(1, 256, seed=5)[0]
    picture = Image.fromarray(index)
    picture.putpalette(palette.ravel().tolist())
    picture.save(path, **options)
    return index, palette[index]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.gif"])
def test_palette(tmp_path, name):
    index, rgb = save_palette(tmp_path / name)
    assert np.array_equal(read_image(tmp_path / name), rgb)
    assert np.array_equal(read_image(tmp_path / name, 1)[..., 0], luma(rgb))
    assert (read_image(tmp_path / name, 4)[..., 3] == 255).all()
    if name != "a.gif":  # Pillow's GIF writer sorts the palette
        check_form(read_mask(tmp_path / name), index.shape)
        assert np.array_equal(read_mask(tmp_path / name), index)


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
@pytest.mark.parametrize("entries", [[WHITE, BLACK], [BLACK, WHITE], [WHITE, BLACK, BLACK, WHITE]])
@pytest.mark.parametrize("shown", ["both", "white", "black"])
def test_black_and_white_palettes_in_any_order(tmp_path, name, entries, shown):
    # Programs that shrink files put the more frequent colour first.
    white = np.full((HEIGHT, WIDTH), shown == "white")
    if shown == "both":
        white[1:3, 2:5] = True
    picture = Image.fromarray(
        np.where(white, entries.index(WHITE), entries.index(BLACK)).astype("u1")
    )
    picture.putpalette([channel for colour in entries for channel in colour])
    picture.save(tmp_path / name)
    if name == "a.bmp" and entries == [BLACK, WHITE]:  # of 8 bits, which Pillow takes for 1
        refused(read_mask, tmp_path / name, "which Pillow reads wrongly; save it as PNG")
        return
    assert np.array_equal(read_image(tmp_path / name, 1)[..., 0] > 127, white)
    check_form(read_mask(tmp_path / name), white.shape)
    assert np.array_equal(read_mask(tmp_path / name), white.astype(np.uint8))


def test_a_white_background_of_classes_stays_0(tmp_path):
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture = Image.fromarray(index)
    picture.putpalette([*WHITE, *BLACK, 128, 0, 0])
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png"), index)


def test_a_palette_with_fewer_colours_than_numbers(tmp_path):
    index = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    picture = Image.fromarray(index)
    picture.putpalette([255] * 768)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    content = buffer.getvalue()
    start = content.index(b"PLTE") - 4
    length = struct.unpack_from(">I", content, start)[0]
    body = b"PLTE" + bytes([*WHITE, *BLACK])
    short = struct.pack(">I", 6) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(content[:start] + short + content[start + 12 + length :])
    assert np.array_equal(read_mask(tmp_path / "a.png"), index)


@pytest.mark.parametrize("transparency", [3, bytes([255, 128, 0, 7])])
def test_palette_with_transparency(tmp_path, transparency):
    path = tmp_path / "a.png"
    index, rgb = save_palette(path, transparency=transparency)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_image(path), rgb)
        assert np.array_equal(read_image(path, 1)[..., 0], luma(rgb))
        rgba = read_image(path, 4)
        assert np.array_equal(read_mask(path), index)
    alpha = np.full(256, 255)
    if isinstance(transparency, int):
        alpha[transparency] = 0
    else:
        alpha[:4] = list(transparency)
    assert np.array_equal(rgba[..., :3], rgb)
    assert np.array_equal(rgba[..., 3], alpha[index])


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_alpha_is_dropped_not_blended(tmp_path, name):
    rgba = colours(channels=4)
    rgba[0, 0, 3] = 0
    Image.fromarray(rgba).save(tmp_path / name)
    assert np.array_equal(read_image(tmp_path / name), rgba[..., :3])
    assert np.array_equal(read_image(tmp_path / name, 1)[..., 0], luma(rgba))
    assert np.array_equal(read_image(tmp_path / name, 4), rgba)


def test_grey_with_alpha(tmp_path):
    bands = colours(channels=2)
    Image.frombytes("LA", (WIDTH, HEIGHT), bands.tobytes()).save(tmp_path / "a.png")
    grey = bands[..., 0]
    assert np.array_equal(read_image(tmp_path / "a.png", 1)[..., 0], grey)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.stack([grey] * 3, -1))
    rgba = read_image(tmp_path / "a.png", 4)
    assert np.array_equal(rgba, np.stack([grey] * 3 + [bands[..., 1]], -1))


def save_multiplied_by_alpha(path, picture):
    """A TIFF whose colours are said to be multiplied by alpha, which Pillow does not write."""
    picture.save(path)
    tag = struct.pack("<HHI", 338, 3, 1)  # ExtraSamples: 2 = separate alpha, 1 = multiplied
    data = path.read_bytes()
    assert tag + b"\2" in data
    path.write_bytes(data.replace(tag + b"\2", tag + b"\1"))


def test_colours_multiplied_by_alpha(tmp_path):
    path = tmp_path / "a.tif"
    stored = np.array([[[100, 50, 0, 128], [200, 10, 7, 255]]], np.uint8)
    save_multiplied_by_alpha(path, Image.fromarray(stored))
    expected = np.array([[[199, 100, 0, 128], [200, 10, 7, 255]]])
    assert np.abs(read_image(path, 4).astype(int) - expected).max() <= 1
    assert np.abs(read_image(path).astype(int) - expected[..., :3]).max() <= 1
    assert np.abs(read_image(path, 1)[..., 0] - luma(expected)).max() <= 1
    refused(read_mask, path, "varying alpha")


def test_cmyk(tmp_path):
    # Pure inks: cyan takes away red, and so on; black takes away all.
    inks = np.array(
        [[[255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8
    )
    rgb = [[[0, 255, 255], [255, 0, 255], [255, 255, 0], [0, 0, 0], [255, 255, 255]]]
    Image.frombytes("CMYK", (5, 1), inks.tobytes()).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").tolist() == rgb
    assert np.array_equal(read_image(tmp_path / "a.tif", 1)[..., 0], luma(np.array(rgb)))
    assert (read_image(tmp_path / "a.tif", 4)[..., 3] == 255).all()
