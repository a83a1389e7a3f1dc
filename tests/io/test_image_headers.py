"""What the first bytes of picture files say, held against Pillow."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.image_headers import Header, expected_format, read_header


def header(picture, kind, head=4096, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return read_header(stream.getvalue()[:head], stream)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [
        ("RGB", "JPEG", Header("JPEG", "RGB")),
        ("L", "JPEG", Header("JPEG", "grey")),
        ("CMYK", "JPEG", Header("JPEG", "CMYK")),
        ("RGB", "PNG", Header("PNG", "RGB")),
        ("RGBA", "PNG", Header("PNG", "RGB", 8, True)),
        ("LA", "PNG", Header("PNG", "grey", 8, True)),
        ("L", "PNG", Header("PNG", "grey")),
        ("1", "PNG", Header("PNG", "grey", 1)),
        ("P", "PNG", Header("PNG", "palette", 1)),
        ("I;16", "PNG", Header("PNG", "grey", 16)),
        ("RGB", "BMP", Header("BMP", "RGB")),
        ("I;16", "TIFF", Header("TIFF", "grey", 16)),
        ("CMYK", "TIFF", Header("TIFF", "CMYK")),
        ("RGBA", "WEBP", Header("WEBP", "RGB", 8, True)),
    ],
)
def test_a_header_says_how_the_picture_is_stored(mode, kind, expected):
    picture = Image.new(mode, (5, 4))
    if kind == "WEBP":
        picture.putpixel((0, 0), (1, 2, 3, 100))
    assert header(picture, kind) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_orientation_is_found(kind, orientation):
    found = header(Image.new("RGB", (5, 4)), kind, exif=exif(orientation))
    assert (found.format, found.orientation) == (kind, orientation)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_header_that_is_longer_than_its_beginning_is_read_to_the_end(kind):
    profile = np.random.default_rng(0).bytes(20000)
    found = header(Image.new("L", (5, 4)), kind, 4096, icc_profile=profile, exif=exif(6))
    assert found == Header(kind, "grey", 8, False, 6)


def test_palettes_with_transparency_have_alpha():
    picture = Image.new("P", (5, 4))
    assert header(picture, "PNG", transparency=0).alpha


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"<html>", b"GIF89a"]
)
def test_what_is_no_picture_has_an_empty_header(data):
    assert read_header(data, io.BytesIO(data)) == Header()


def test_damaged_exif_data_is_passed_over():
    stream = io.BytesIO()
    Image.new("RGB", (5, 4)).save(stream, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    found = read_header(stream.getvalue(), stream)
    assert found.orientation == 1


def test_colours_of_16_bits_in_a_tiff(tmp_path):
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), np.zeros((4, 5, 3), np.uint16))
    found = read_header(path.read_bytes(), io.BytesIO(path.read_bytes()))
    assert (found.format, found.colours, found.bits) == ("TIFF", "RGB", 16)


def test_the_format_of_a_suffix():
    assert expected_format(".JPG") == "JPEG"
    assert expected_format(".gif") == "GIF"
    assert expected_format(".svg") == ""
