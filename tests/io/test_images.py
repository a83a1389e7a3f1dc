"""Every way a picture can be read wrong."""

from __future__ import annotations

import errno
import io
import logging
import os
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, features

from paddleseg_u2net.io.images import (
    NO_TAGS,
    WRITABLE_SUFFIXES,
    ImageError,
    find_images,
    image_size,
    read_image,
    read_mask,
    read_still,
    read_tags,
    write_image,
    write_png,
)
from paddleseg_u2net.io.images.opening import pillow_rules

HEIGHT, WIDTH = 6, 9
# What each EXIF orientation says: where the pixel shown at (row, column) of the upright picture
# is stored, given the last stored row and column. Written out from the EXIF standard's table.
STORED_AT = {
    1: lambda r, c, R, C: (r, c),
    2: lambda r, c, R, C: (r, C - c),
    3: lambda r, c, R, C: (R - r, C - c),
    4: lambda r, c, R, C: (R - r, c),
    5: lambda r, c, R, C: (c, r),
    6: lambda r, c, R, C: (R - c, r),
    7: lambda r, c, R, C: (R - c, C - r),
    8: lambda r, c, R, C: (c, C - r),
}


def colours(height=HEIGHT, width=WIDTH, channels=3, seed=0):
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def luma(rgb):
    red, green, blue = (rgb[..., i].astype(np.int64) for i in range(3))
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # ITU-R 601-2


def upright(stored, orientation):
    height, width = stored.shape[:2]
    shown = (width, height) if orientation >= 5 else (height, width)
    result = np.empty(shown + stored.shape[2:], stored.dtype)
    for r in range(shown[0]):
        for c in range(shown[1]):
            result[r, c] = stored[STORED_AT[orientation](r, c, height - 1, width - 1)]
    return result


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def pretend_size(path, width, height):
    """A small PNG whose header says that it is large."""
    data = png_bytes(colours(channels=3))
    path.write_bytes(
        data[:8] + png_chunk(b"IHDR", struct.pack(">II", width, height) + data[24:29]) + data[33:]
    )
    return path


def check_form(array, shape, dtype=np.uint8):
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.dtype.isnative
    assert array.flags.c_contiguous
    assert array.flags.writeable


def refused(function, path, *parts):
    """Both the file and every part must be in the message."""
    with pytest.raises(ImageError) as caught:
        function(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    for part in parts:
        assert part in message
    return message


# ---------------------------------------------------------------- plain pictures


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.TIFF"])
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
@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_grey_is_repeated(tmp_path, name, channels):
    grey = colours()[..., 0]
    Image.fromarray(grey).save(tmp_path / name)
    read = read_image(tmp_path / name, channels)
    check_form(read, (HEIGHT, WIDTH, channels))
    expected = [grey] * channels if channels < 4 else [grey] * 3 + [np.full_like(grey, 255)]
    assert np.array_equal(read, np.stack(expected, axis=-1))


@pytest.mark.parametrize("channels", [0, 2, 5, "RGB"])
def test_other_channel_counts_are_refused(tmp_path, channels):
    write_png(tmp_path / "a.png", colours())
    with pytest.raises(ValueError, match="expected 1, 3 or 4"):
        read_image(tmp_path / "a.png", channels)


@pytest.mark.parametrize("name", ["ä 漢字 ü.png", "with several  spaces.jpg", "'quoted' #%.tif"])
def test_names_of_all_kinds(tmp_path, name):
    path = tmp_path / "Ordner mit Ümlaut" / name
    write_image(path, colours())
    assert read_image(path).shape == (HEIGHT, WIDTH, 3)
    assert image_size(path) == (HEIGHT, WIDTH)
    assert find_images(tmp_path) == [path]


def test_content_counts_not_the_suffix(tmp_path):
    (tmp_path / "a.jpg").write_bytes(png_bytes(colours()))
    assert np.array_equal(read_image(tmp_path / "a.jpg"), colours())


# ---------------------------------------------------------------- orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_orientation(tmp_path, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    # Blocks of 16 pixels: a JPEG keeps the mean of a block apart from its neighbours.
    blocks = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40 + 20
    stored = np.repeat(np.repeat(blocks, 16, axis=0), 16, axis=1)
    Image.fromarray(stored).convert("RGB").save(path, exif=exif(orientation))
    expected = upright(stored, orientation)
    for read in (read_image(path)[..., 0], read_mask(path), read_image(path, 1)[..., 0]):
        check_form(np.ascontiguousarray(read), expected.shape)
        assert np.abs(read.astype(int) - expected).max() <= 2
    check_form(read_image(path), (*expected.shape, 3))
    check_form(read_mask(path), expected.shape)
    assert image_size(path) == expected.shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_16_bit_and_palette_masks(tmp_path, orientation):
    deep = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1000
    Image.fromarray(deep).save(tmp_path / "deep.png", exif=exif(orientation))
    assert np.array_equal(read_mask(tmp_path / "deep.png"), upright(deep, orientation))
    check_form(read_image(tmp_path / "deep.png"), (*upright(deep, orientation).shape, 3))
    index = np.arange(54, dtype=np.uint8).reshape(6, 9)
    picture = Image.fromarray(index)
    picture.putpalette(list(range(255, -1, -1)) * 3)
    picture.save(tmp_path / "p.png", exif=exif(orientation))
    assert np.array_equal(read_mask(tmp_path / "p.png"), upright(index, orientation))


def test_png_orientation_behind_the_pixels(tmp_path):
    array = colours()
    data = png_bytes(array)
    tags = exif(6).tobytes()[6:]  # without "Exif\0\0"
    (tmp_path / "a.png").write_bytes(data[:-12] + png_chunk(b"eXIf", tags) + data[-12:])
    assert image_size(tmp_path / "a.png") == (WIDTH, HEIGHT)
    assert np.array_equal(read_image(tmp_path / "a.png"), upright(array, 6))


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_senseless_orientation_is_ignored(tmp_path, orientation):
    Image.fromarray(colours()).save(tmp_path / "a.png", exif=exif(orientation))
    assert np.array_equal(read_image(tmp_path / "a.png"), colours())


# ---------------------------------------------------------------- 16 bit and float


def deep_values():
    return np.array(
        [[0, 127, 128, 129, 256, 257], [32767, 32768, 40000, 65406, 65407, 65535]], np.uint16
    )


def save_deep(path, kind):
    values = deep_values()
    if kind == "I":
        Image.fromarray(values.astype(np.int32)).save(path)
    elif kind == "I;16B":
        size = values.shape[::-1]
        Image.frombytes("I;16B", size, values.astype(">u2").tobytes()).save(path)
    else:
        Image.fromarray(values).save(path)
    return values


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "I;16"), ("a.tif", "I;16"), ("a.tif", "I"), ("a.tif", "I;16B"), ("a.pgm", "I;16")],
)
def test_16_bit_grey(tmp_path, name, kind):
    path = tmp_path / name
    values = save_deep(path, kind)
    expected = np.floor(values / 257 + 0.5).astype(np.uint8)
    assert sorted(set(expected.ravel()))[-2:] == [254, 255]
    for channels in (1, 3):
        read = read_image(path, channels)
        check_form(read, (2, 6, channels))
        assert all(np.array_equal(read[..., i], expected) for i in range(channels))
    rgba = read_image(path, 4)
    assert np.array_equal(rgba[..., 2], expected)
    assert (rgba[..., 3] == 255).all()
    mask = read_mask(path)
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


# ---------------------------------------------------------------- colour spaces, palettes, alpha


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


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.gif"])
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
    wide = np.repeat(np.repeat(inks, 16, axis=0), 16, axis=1)
    picture = Image.frombytes("CMYK", (80, 16), wide.tobytes())
    picture.save(tmp_path / "a.jpg", quality=95, subsampling=0)
    read = read_image(tmp_path / "a.jpg")[8, 8::16]
    assert np.abs(read.astype(int) - rgb[0]).max() <= 6


# ---------------------------------------------------------------- several frames


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
        *((read_mask, name) for name in ("a.gif", "a.png", "a.tif", "a.webp", "a.avif")),
        *((read_still, name) for name in ("a.gif", "a.png", "a.tif", "a.webp")),
        *((function, "a.tif") for function in (read_image, image_size)),
    ],
)
def test_several_frames_are_refused(tmp_path, function, name):
    refused(function, save_frames(tmp_path / name), "3 frames", "save each one")


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.avif"])
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


# ---------------------------------------------------------------- files that are no pictures


@pytest.mark.parametrize("function", [read_image, read_mask, image_size])
def test_each_kind_of_wrong_file_has_its_own_message(tmp_path, function):
    contents = {
        "empty.png": (b"", "empty file (0 bytes)"),
        "page.jpg": (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML page"),
        "old.jpg": (b"<HTML><body>404", "HTML page"),
        "pointer.png": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 12345\n",
            "git lfs pull",
        ),
        "drawing.png": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        "document.tif": (b"%PDF-1.7\n", "PDF"),
        "archive.png": (b"PK\x03\x04" + b"\0" * 40, "archive"),
        "film.jpg": (b"\0\0\0\x18ftypisom" + b"\0" * 40, "a video"),
        "noise.png": (b"\x01\x02\x03\x04 nothing", "begins with b'\\x01\\x02"),
        "figure.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "%!PS"),
    }
    messages = set()
    for name, (data, part) in contents.items():
        (tmp_path / name).write_bytes(data)
        messages.add(refused(function, tmp_path / name, part).split(": ", 1)[1])
    messages.add(refused(function, tmp_path / "missing.png", "found nothing").split(": ", 1)[1])
    (tmp_path / "folder.png").mkdir()
    messages.add(refused(function, tmp_path / "folder.png", "found a folder").split(": ", 1)[1])
    assert len(messages) == len(contents) + 1  # the two HTML pages share one


def test_unreadable_path_is_an_image_error(tmp_path):
    write_png(tmp_path / "a.png", colours())
    refused(read_image, tmp_path / "a.png" / "b.png", "expected a")
    refused(read_image, str(tmp_path / "a\0b.png"), "expected a readable")


@pytest.mark.parametrize("function", [read_image, read_mask])
@pytest.mark.parametrize(
    ("name", "share"),
    [(name, share) for name in ("a.jpg", "a.png", "a.tif", "a.bmp") for share in (0.5, 0.9, 0.99)],
)
def test_truncated_file(tmp_path, function, name, share):
    path = tmp_path / name
    Image.fromarray(colours(64, 64)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(function, path, "truncated", "again")


def test_png_that_lacks_only_its_end_mark_has_all_its_pixels(tmp_path):
    array = colours(64, 64)
    (tmp_path / "a.png").write_bytes(png_bytes(array)[:-12])
    assert np.array_equal(read_image(tmp_path / "a.png"), array)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tif"])
def test_truncated_header(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(colours()).save(path)
    path.write_bytes(path.read_bytes()[:14])
    for function in (read_image, read_mask, image_size):
        refused(function, path, "truncated")


def test_truncated_jpeg_is_an_error_whatever_pillow_was_told(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / "a.jpg"
    Image.fromarray(colours(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    Image.open(path).load()  # grey areas without a word
    refused(read_image, path, "truncated")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


# ---------------------------------------------------------------- very large pictures


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


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.gif", "a.bmp"])
def test_pillows_own_limit_stays_silent_and_is_restored(tmp_path, monkeypatch, name):
    for limit in (40, 10):  # a warning, an error
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        Image.fromarray(colours()[..., 0]).save(tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_image(tmp_path / name).shape == (HEIGHT, WIDTH, 3)
            assert image_size(tmp_path / name) == (HEIGHT, WIDTH)
        assert limit == Image.MAX_IMAGE_PIXELS


def test_pillows_settings_are_restored_after_overlapping_threads(tmp_path):
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_pillows_settings_are_restored_in_a_forked_child():
    before = Image.MAX_IMAGE_PIXELS
    with pillow_rules:
        child = os.fork()
        if child == 0:
            os._exit(0 if before == Image.MAX_IMAGE_PIXELS else 1)
    assert os.waitpid(child, 0)[1] == 0


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize("alpha", [None, 255, 0])
def test_colour_mask_of_equal_channels(tmp_path, alpha):
    mask = colours()[..., 0]
    bands = [mask] * 3 + ([] if alpha is None else [np.full_like(mask, alpha)])
    write_png(tmp_path / "a.png", np.stack(bands, -1))
    check_form(read_mask(tmp_path / "a.png"), mask.shape)
    assert np.array_equal(read_mask(tmp_path / "a.png"), mask)


def test_grey_jpeg_mask(tmp_path):
    mask = np.zeros((32, 32), np.uint8)
    mask[:, 16:] = 255
    for mode in ("L", "RGB"):
        Image.fromarray(mask).convert(mode).save(tmp_path / "a.jpg", quality=95)
        assert np.abs(read_mask(tmp_path / "a.jpg").astype(int) - mask).max() <= 3


def test_grey_alpha_mask(tmp_path):
    bands = colours(channels=2)
    path = tmp_path / "a.png"
    Image.frombytes("LA", (WIDTH, HEIGHT), bands.tobytes()).save(path)
    refused(read_mask, path, "varying alpha", "greyscale PNG")
    bands[..., 1] = 77
    Image.frombytes("LA", (WIDTH, HEIGHT), bands.tobytes()).save(path)
    check_form(read_mask(path), (HEIGHT, WIDTH))
    assert np.array_equal(read_mask(path), bands[..., 0])


def test_mask_in_the_alpha_channel_is_refused(tmp_path):
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[1:3, 1:3, 3] = 255
    write_png(tmp_path / "a.png", rgba)
    refused(read_mask, tmp_path / "a.png", "varying alpha", "not used as the mask", "getchannel")


def test_coloured_mask_is_refused_with_its_colours(tmp_path):
    mask = np.zeros((4, 4, 3), np.uint8)
    mask[0, 0] = 128, 0, 7
    write_png(tmp_path / "a.png", mask)
    message = refused(
        read_mask, tmp_path / "a.png", "(0, 0, 0), (128, 0, 7)", "single-channel or palette PNG"
    )
    assert "more" not in message
    write_png(tmp_path / "b.png", colours())
    message = refused(read_mask, tmp_path / "b.png", "and 49 more")
    assert message.count("(") == 5
    mask[0, 0] = 128, 128, 7  # two channels alike are not enough
    write_png(tmp_path / "c.png", mask)
    refused(read_mask, tmp_path / "c.png", "(128, 128, 7)")


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
    with pytest.raises(OSError, match=r"a\.png could not be written: no space left"):
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
