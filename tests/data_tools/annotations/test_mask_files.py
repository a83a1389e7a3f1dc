"""Mask files of every kind, and what is refused of each."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.mask_files import (
    ENCODINGS,
    MaskSizeError,
    colour_file,
    index_file,
)
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError

binary_file, soft_file, alpha_file, instance_file = ENCODINGS.values()

SHAPE = (4, 6)
IDENTITY = {0: 0, 1: 1, 2: 2, 255: 255}
TABLE = {(0, 0, 0): 0, (200, 0, 0): 1, (0, 0, 200): 2, (224, 224, 192): 255}
THREE = [(0, 0, 200), (0, 0, 0), (200, 0, 0)]


def ramp(*values, dtype=np.uint8):
    """(4, 6) of these values, or colours, in turns."""
    values = np.array(values, dtype)
    return values[np.arange(24) % len(values)].reshape(*SHAPE, *values.shape[1:])


def grey(path, values, mode=None, **options):
    picture = Image.fromarray(np.asarray(values))
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def palette_file(path, indices, colours, **options):
    picture = Image.fromarray(indices.astype(np.uint8), "L")
    picture.putpalette([channel for colour in colours for channel in colour])
    picture.save(path, **options)
    return path


def sideways(path, values):
    """A PNG whose tag says that it must be turned by a quarter to the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return grey(path, values, exif=exif)


def index(path):
    return index_file(path, IDENTITY)


def colours(path):
    return colour_file(path, TABLE)


@pytest.mark.parametrize(
    ("make", "stored", "dtype", "wanted"),
    [
        (index, (0, 1, 255), np.uint8, (0, 1, 255)),
        (index, (0, 1), bool, (0, 1)),
        (index, (0, 1), np.uint16, (0, 1)),
        (lambda path: index_file(path, {0: 0, 38: 1, 75: 2}), (0, 38, 75), np.uint8, (0, 1, 2)),
        (binary_file, (0, 1, 127, 128, 255), np.uint8, (0, 0, 0, 1, 1)),
        (binary_file, (0, 255, 32767, 32768, 65535), np.uint16, (0, 0, 0, 1, 1)),
        (binary_file, (0, 127, 128, 255), np.uint16, (0, 0, 1, 1)),
        (binary_file, (0, 1), np.uint8, (0, 1)),
        (soft_file, (0, 100, 255), np.uint8, (0, 100, 255)),
        (soft_file, (0, 1000, 65535), np.uint16, (0, 1000, 65535)),
        (soft_file, (0, 1), bool, (0, 255)),
        (instance_file, (0, 1, 2, 3), np.uint8, (0, 1, 1, 1)),
        (instance_file, (0, 256, 1000), np.uint16, (0, 1, 1)),
        (instance_file, [(0, 0, 0), (0, 0, 3)], np.uint8, (0, 1)),
        (colours, list(TABLE), np.uint8, (0, 1, 2, 255)),
        (colours, [(200, 0, 0, 255), (9, 9, 9, 0), (0, 0, 200, 40)], np.uint8, (1, 0, 2)),
        (alpha_file, [(5, 5, 5, 0), (5, 5, 5, 100), (5, 5, 5, 255)], np.uint8, (0, 100, 255)),
        (alpha_file, [(5, 0), (5, 100), (5, 255)], np.uint8, (0, 100, 255)),
    ],
)
def test_what_values_become(tmp_path, make, stored, dtype, wanted):
    path = grey(tmp_path / "m.png", ramp(*stored, dtype=dtype))
    mask = make(path).read(SHAPE)
    assert mask.dtype == (np.uint16 if max(wanted) > 255 else np.uint8)
    assert np.array_equal(mask, ramp(*wanted, dtype=np.uint16))


@pytest.mark.parametrize(
    ("make", "palette", "wanted"),
    [
        (index, THREE, (0, 1, 2)),  # the indices, never the colours
        (binary_file, [(0, 0, 0), (128, 0, 0), (0, 0, 0)], (0, 0, 0)),
        (instance_file, [(0, 0, 0)] * 3, (0, 1, 1)),  # Penn-Fudan has such
        (colours, THREE, (2, 0, 1)),
    ],
)
def test_what_palettes_become(tmp_path, make, palette, wanted):
    path = palette_file(tmp_path / "m.png", ramp(0, 1, 2), palette)
    assert np.array_equal(make(path).read(SHAPE), ramp(*wanted))


def test_which_files_can_be_linked(tmp_path):
    values = ramp(0, 1)
    plain = grey(tmp_path / "m.png", values)
    wide = grey(tmp_path / "w.png", values.astype(np.uint16))
    bits = grey(tmp_path / "b.png", values.astype(bool))
    indexed = palette_file(tmp_path / "p.PNG", values, THREE)
    clear = palette_file(tmp_path / "t.png", values, THREE, transparency=bytes([0, 255]))
    grey(tmp_path / "x.png", values).rename(tmp_path / "x.tif")
    others = [grey(tmp_path / name, values) for name in ("m.bmp", "j.jpg")]
    others += [clear, bits, sideways(tmp_path / "e.png", values), tmp_path / "x.tif"]
    assert (index(plain).file, index(indexed).file) == (plain, indexed)
    assert (soft_file(plain).file, soft_file(wide).file) == (plain, wide)
    assert [index(path).file for path in [*others, wide]] == [None] * 7
    assert [soft_file(path).file for path in others] == [None] * 6
    assert index_file(plain, {0: 0, 1: 2}).file is None
    for make in (binary_file, instance_file, alpha_file, colours):
        assert make(plain).file is None


@pytest.mark.parametrize("make", [index, binary_file])
def test_every_source_wants_the_size_of_the_image(tmp_path, make):
    path = grey(tmp_path / "m.png", ramp(0, 255))
    with pytest.raises(MaskSizeError, match=r"m\.png.*mask of 7 x 4.*got 6 x 4"):
        make(path).read((4, 7))
    assert make(sideways(tmp_path / "turned.png", ramp(0, 255))).read((6, 4)).shape == (6, 4)


RED = [(0, 0, 0)] * 8 + [(255, 0, 0)] + [(0, 0, 0)] * 15


@pytest.mark.parametrize(
    ("make", "stored", "said"),
    [
        (index, (0, 1, 7, 9), r"m\.png.*0, 1, 2, 255.*7, 9 in 12 pixels"),
        (soft_file, RED, r"m\.png.*\(255, 0, 0\) at x 2, y 1"),
        (alpha_file, (0, 255), r"m\.png.*got nothing that is transparent"),
        (
            colours,
            [*[(0, 0, 0)] * 15, *[(7, 8, 9)] * 3, (0, 0, 0), (255, 255, 255), *[(0, 0, 0)] * 4],
            r"m\.png.*\(7, 8, 9\) at x 3, y 2; .*tolerance",
        ),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path, make, stored, said):
    path = grey(tmp_path / "m.png", ramp(*stored))
    with pytest.raises(AnnotationError, match=said):
        make(path).read(SHAPE)


def test_a_tolerance_takes_the_nearest_colour(tmp_path):
    path = grey(tmp_path / "m.png", ramp((0, 10, 0), (190, 10, 10), (10, 0, 195), (0, 0, 0)))
    assert np.array_equal(colour_file(path, TABLE, 10).read(SHAPE), ramp(0, 1, 2, 0))
    with pytest.raises(AnnotationError, match="within 9"):
        colour_file(path, TABLE, 9).read(SHAPE)
