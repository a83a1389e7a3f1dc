"""Mask files of every kind, and what is refused of each."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.mask_files import (
    AlphaFile,
    BinaryFile,
    ColourFile,
    IndexFile,
    InstanceFile,
    MaskSizeError,
    SoftFile,
)
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.io.images import ImageError

SHAPE = (4, 6)


def array(*rows):
    return np.array(rows, np.uint8)


def grey(path, values, mode=None, **options):
    picture = Image.fromarray(np.asarray(values))
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def ramp(*values, dtype=np.uint8):
    """(4, 6) of these values in turns."""
    return np.resize(np.array(values, dtype), SHAPE)


def palette_file(path, indices, colours, **options):
    picture = Image.fromarray(indices.astype(np.uint8), "L")
    picture.putpalette([channel for colour in colours for channel in colour])
    picture.save(path, **options)
    return path


def sideways(path, values):
    """A PNG whose tag says that it must be turned by a quarter to the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(path, exif=exif)
    return path


# ---------------------------------------------------------------- class numbers


def test_values_become_class_numbers(tmp_path):
    path = grey(tmp_path / "m.png", ramp(0, 38, 75, 255))
    source = IndexFile(path, {0: 0, 38: 1, 75: 2, 255: 255})
    mask = source.read(SHAPE)
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, ramp(0, 1, 2, 255))
    assert source.file is None


def test_values_without_a_class_are_listed_and_counted(tmp_path):
    path = grey(tmp_path / "m.png", ramp(0, 1, 7, 9))
    with pytest.raises(AnnotationError, match=r"m\.png.*0, 1, 255.*7, 9 in 12 pixels"):
        IndexFile(path, {0: 0, 1: 1, 255: 255}).read(SHAPE)


@pytest.mark.parametrize("mode", ["1", "16"])
def test_files_of_one_and_sixteen_bits_hold_class_numbers(tmp_path, mode):
    values = ramp(0, 1)
    path = tmp_path / "m.png"
    if mode == "1":
        grey(path, values.astype(bool))
    else:
        grey(path, values.astype(np.uint16))
    assert np.array_equal(IndexFile(path, {0: 0, 1: 1}).read(SHAPE), values)


def test_a_palette_file_gives_its_indices(tmp_path):
    path = palette_file(tmp_path / "m.png", ramp(0, 1, 2), [(9, 9, 9), (0, 0, 0), (255, 0, 0)])
    assert np.array_equal(IndexFile(path, {0: 0, 1: 1, 2: 2}).read(SHAPE), ramp(0, 1, 2))


IDENTITY = {0: 0, 1: 1, 255: 255}


def test_a_plain_file_of_class_numbers_can_be_linked(tmp_path):
    plain = grey(tmp_path / "m.png", ramp(0, 1))
    assert IndexFile(plain, IDENTITY).file == plain
    indexed = palette_file(tmp_path / "p.PNG", ramp(0, 1), [(0, 0, 0), (255, 0, 0)])
    assert IndexFile(indexed, IDENTITY).file == indexed


def test_other_files_cannot_be_linked(tmp_path):
    values = ramp(0, 1)
    assert IndexFile(grey(tmp_path / "m.png", values), {0: 0, 1: 2}).file is None
    assert IndexFile(grey(tmp_path / "m.bmp", values), IDENTITY).file is None
    assert IndexFile(grey(tmp_path / "j.jpg", values), IDENTITY).file is None
    assert IndexFile(grey(tmp_path / "w.png", values.astype(np.uint16)), IDENTITY).file is None
    assert IndexFile(grey(tmp_path / "b.png", values.astype(bool)), IDENTITY).file is None
    assert IndexFile(sideways(tmp_path / "e.png", values), IDENTITY).file is None
    clear = palette_file(
        tmp_path / "t.png", values, [(0, 0, 0), (9, 9, 9)], transparency=bytes([0, 255])
    )
    assert IndexFile(clear, IDENTITY).file is None
    grey(tmp_path / "x.png", values).rename(tmp_path / "x.tif")
    assert IndexFile(tmp_path / "x.tif", IDENTITY).file is None


# ---------------------------------------------------------------- sizes and damage

SOURCES = [
    lambda path: IndexFile(path, dict.fromkeys(range(256), 0)),
    BinaryFile,
    SoftFile,
    InstanceFile,
    lambda path: ColourFile(path, {(value, value, value): 0 for value in range(256)}),
]


@pytest.mark.parametrize("make", SOURCES)
def test_every_source_wants_the_size_of_the_image(tmp_path, make):
    path = grey(tmp_path / "m.png", ramp(0, 255))
    with pytest.raises(MaskSizeError, match=r"m\.png.*mask of 7 x 4.*got 6 x 4"):
        make(path).read((4, 7))


@pytest.mark.parametrize(
    ("shape", "hint"), [((6, 4), "is rotated"), ((8, 12), "scaled"), ((4, 12), "another image")]
)
def test_the_reason_of_another_size_is_guessed(tmp_path, shape, hint):
    path = grey(tmp_path / "m.png", ramp(0, 1))
    with pytest.raises(MaskSizeError, match=hint):
        IndexFile(path, IDENTITY).read(shape)


@pytest.mark.parametrize("make", SOURCES)
def test_every_source_turns_a_tagged_mask_upright(tmp_path, make):
    values = ramp(0)
    values[0, 0] = 255
    path = sideways(tmp_path / "m.png", values)
    assert make(path).read((6, 4)).shape == (6, 4)


@pytest.mark.parametrize("make", [*SOURCES, AlphaFile])
def test_a_damaged_file_is_named(tmp_path, make):
    path = grey(tmp_path / "m.png", np.random.default_rng(0).integers(0, 2, (90, 90), np.uint8))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises((ImageError, AnnotationError), match=r"m\.png"):
        make(path).read((90, 90))


# ---------------------------------------------------------------- black and white


def test_half_of_white_is_the_object(tmp_path):
    path = grey(tmp_path / "m.png", ramp(0, 1, 127, 128, 255))
    assert np.array_equal(BinaryFile(path).read(SHAPE), ramp(0, 0, 0, 1, 1))
    assert BinaryFile(path).file is None


def test_half_of_sixteen_bit_white_is_the_object(tmp_path):
    path = grey(tmp_path / "m.png", ramp(0, 255, 32767, 32768, 65535, dtype=np.uint16))
    assert np.array_equal(BinaryFile(path).read(SHAPE), ramp(0, 0, 0, 1, 1))
    path = grey(tmp_path / "n.png", ramp(0, 127, 128, 255, dtype=np.uint16))
    assert np.array_equal(BinaryFile(path).read(SHAPE), ramp(0, 0, 1, 1))


def test_one_is_white_where_nothing_is_above_it(tmp_path):
    path = grey(tmp_path / "m.png", ramp(0, 1))
    assert np.array_equal(BinaryFile(path).read(SHAPE), ramp(0, 1))
    bits = grey(tmp_path / "b.png", ramp(0, 1).astype(bool))
    assert np.array_equal(BinaryFile(bits).read(SHAPE), ramp(0, 1))


def test_jpeg_is_cut_at_half(tmp_path):
    values = np.zeros((40, 40), np.uint8)
    values[8:24, 8:24] = 255
    path = grey(tmp_path / "m.jpg", values, mode="RGB", quality=60)
    assert np.array_equal(BinaryFile(path).read((40, 40)), values // 255)


def test_a_palette_of_colours_counts_by_its_indices(tmp_path):
    path = palette_file(tmp_path / "m.png", ramp(0, 1), [(0, 0, 0), (128, 0, 0)])
    assert np.array_equal(BinaryFile(path).read(SHAPE), ramp(0, 1))


def test_colours_are_no_brightness(tmp_path):
    picture = np.zeros((*SHAPE, 3), np.uint8)
    picture[1, 2] = 255, 0, 0
    path = grey(tmp_path / "m.png", picture)
    for make in (BinaryFile, SoftFile):
        with pytest.raises(AnnotationError, match=r"m\.png.*\(255, 0, 0\) at x 2, y 1"):
            make(path).read(SHAPE)


def test_soft_files_keep_their_values(tmp_path):
    path = grey(tmp_path / "m.png", ramp(0, 100, 255))
    assert np.array_equal(SoftFile(path).read(SHAPE), ramp(0, 100, 255))
    assert SoftFile(path).file == path
    wide = grey(tmp_path / "w.png", ramp(0, 1000, 65535, dtype=np.uint16))
    mask = SoftFile(wide).read(SHAPE)
    assert mask.dtype == np.uint16
    assert np.array_equal(mask, ramp(0, 1000, 65535, dtype=np.uint16))
    assert SoftFile(wide).file == wide
    assert SoftFile(grey(tmp_path / "m.jpg", ramp(0, 255))).file is None
    bits = grey(tmp_path / "b.png", ramp(0, 1).astype(bool))
    assert np.array_equal(SoftFile(bits).read(SHAPE), ramp(0, 255))
    assert SoftFile(bits).file is None


def test_objects_with_numbers_are_one_object(tmp_path):
    path = grey(tmp_path / "m.png", ramp(0, 1, 2, 3))
    assert np.array_equal(InstanceFile(path).read(SHAPE), ramp(0, 1, 1, 1))
    assert InstanceFile(path).file is None
    wide = grey(tmp_path / "w.png", ramp(0, 256, 1000, dtype=np.uint16))
    assert np.array_equal(InstanceFile(wide).read(SHAPE), ramp(0, 1, 1))
    picture = np.zeros((*SHAPE, 3), np.uint8)
    picture[0, 0, 2] = 3
    coloured = InstanceFile(grey(tmp_path / "c.png", picture)).read(SHAPE)
    assert coloured.sum() == coloured[0, 0] == 1
    # Penn-Fudan's palettes have colours for numbers, some of them black
    indexed = palette_file(tmp_path / "p.png", ramp(0, 1), [(0, 0, 0), (0, 0, 0)])
    assert np.array_equal(InstanceFile(indexed).read(SHAPE), ramp(0, 1))


# ---------------------------------------------------------------- alpha


def cut_out(path, alpha, mode="RGBA"):
    alpha = np.asarray(alpha, np.uint8)
    channels = len(Image.new(mode, (1, 1)).getbands()) - 1
    rest = np.full((*alpha.shape, channels), 50, np.uint8)
    Image.fromarray(np.dstack([rest, alpha]), mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opacity_is_the_mask(tmp_path, mode):
    path = cut_out(tmp_path / "m.png", ramp(0, 100, 255), mode)
    assert np.array_equal(AlphaFile(path).read(SHAPE), ramp(0, 100, 255))
    assert AlphaFile(path).file is None


def test_transparency_of_a_palette_is_the_mask(tmp_path):
    path = palette_file(
        tmp_path / "m.png",
        ramp(0, 1, 2),
        [(1, 2, 3), (4, 5, 6), (7, 8, 9)],
        transparency=bytes([0, 90, 255]),
    )
    assert np.array_equal(AlphaFile(path).read(SHAPE), ramp(0, 90, 255))


def test_sixteen_bit_alpha_is_rounded(tmp_path):
    pixels = np.zeros((*SHAPE, 4), ">u2")
    pixels[..., 3] = ramp(0, 0x4FFF, 0xFFFF, dtype=np.uint16)
    path = tmp_path / "m.png"
    path.write_bytes(sixteen_bit_rgba(pixels))
    assert np.array_equal(AlphaFile(path).read(SHAPE), ramp(0, 0x50, 0xFF))


def sixteen_bit_rgba(pixels) -> bytes:
    """A PNG that Pillow cannot write."""
    height, width = pixels.shape[:2]

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def test_an_opaque_file_holds_no_mask(tmp_path):
    opaque = cut_out(tmp_path / "a.png", ramp(255))
    for path in (opaque, grey(tmp_path / "b.png", ramp(0, 255))):
        with pytest.raises(AnnotationError, match=rf"{path.name}.*nothing in it is transparent"):
            AlphaFile(path).read(SHAPE)


# ---------------------------------------------------------------- colours

TABLE = {(0, 0, 0): 0, (200, 0, 0): 1, (0, 0, 200): 2, (224, 224, 192): 255}


def painted(path, *colours, **options):
    pixels = np.array([colours[i % len(colours)] for i in range(24)], np.uint8)
    Image.fromarray(pixels.reshape(*SHAPE, -1)).save(path, **options)
    return path


def test_colours_become_class_numbers(tmp_path):
    path = painted(tmp_path / "m.png", *TABLE)
    mask = ColourFile(path, TABLE).read(SHAPE)
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, ramp(0, 1, 2, 255))
    assert ColourFile(path, TABLE).file is None


def test_the_colours_of_a_palette_count(tmp_path):
    path = palette_file(tmp_path / "m.png", ramp(0, 1, 2), [(0, 0, 200), (0, 0, 0), (200, 0, 0)])
    assert np.array_equal(ColourFile(path, TABLE).read(SHAPE), ramp(2, 0, 1))


def test_a_colour_without_a_class_is_named_with_its_place(tmp_path):
    pixels = np.zeros((*SHAPE, 3), np.uint8)
    pixels[2, 3:6] = 7, 8, 9
    pixels[3, 1] = 255, 255, 255
    path = grey(tmp_path / "m.png", pixels)
    with pytest.raises(
        AnnotationError,
        match=r"m\.png.*\(7, 8, 9\) in 3 pixels, first at x 3, y 2 and 1 more colours.*tolerance",
    ):
        ColourFile(path, TABLE).read(SHAPE)


def test_a_tolerance_takes_the_nearest_colour(tmp_path):
    path = painted(tmp_path / "m.png", (0, 10, 0), (190, 10, 10), (10, 0, 195), (0, 0, 0))
    assert np.array_equal(ColourFile(path, TABLE, 10).read(SHAPE), ramp(0, 1, 2, 0))
    with pytest.raises(AnnotationError, match="within 9"):
        ColourFile(path, TABLE, 9).read(SHAPE)


def test_the_nearest_colour_is_the_one_within_the_tolerance(tmp_path):
    # (0, 0, 12) is nearer by distance, but too far in one channel
    table = {(0, 0, 12): 1, (9, 9, 9): 2}
    path = painted(tmp_path / "m.png", (0, 0, 0))
    assert ColourFile(path, table, 10).read(SHAPE).min() == 2
    assert ColourFile(path, table, 12).read(SHAPE).max() == 1


def test_smeared_colours_are_explained(tmp_path):
    path = painted(tmp_path / "m.jpg", (0, 0, 0), (200, 0, 0), (0, 0, 200), quality=50)
    with pytest.raises(AnnotationError, match="JPEG changes values: export as PNG"):
        ColourFile(path, TABLE).read(SHAPE)
    assert set(np.unique(ColourFile(path, TABLE, 255).read(SHAPE))) <= {0, 1, 2, 255}


def test_what_is_transparent_is_background(tmp_path):
    path = painted(tmp_path / "m.png", (200, 0, 0, 255), (9, 9, 9, 0), (0, 0, 200, 40))
    assert np.array_equal(ColourFile(path, TABLE).read(SHAPE), ramp(1, 0, 2))


# ---------------------------------------------------------------- headers
