"""What image files say of themselves, read without decoding them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import decode_file, read_header
from tests.io.image_making import exif


@pytest.fixture
def header(tmp_path):
    """Saves a picture and reads its header, alone and with the pixels."""

    def read(picture, kind, **options):
        path = tmp_path / "picture"
        picture.save(path, kind, **options)
        found = read_header(path)
        assert decode_file(path).header == found
        return found

    return read


@pytest.mark.parametrize(
    ("mode", "kind", "bits", "alpha"),
    [
        ("CMYK", "JPEG", 8, False),
        ("LA", "PNG", 8, True),
        ("1", "PNG", 1, False),
        ("P", "PNG", 1, False),
        ("I;16", "PNG", 16, False),
        ("I;16", "TIFF", 16, False),
        ("RGBA", "WEBP", 8, True),
    ],
)
def test_a_header_says_how_the_picture_is_stored(header, mode, kind, bits, alpha):
    picture = Image.new(mode, (5, 4))
    if kind == "WEBP":
        picture.putpixel((0, 0), (1, 2, 3, 100))
    found = header(picture, kind)
    assert (found.format, found.bits, found.alpha) == (kind, bits, alpha)
    assert found.size == (4, 5) and found.orientation == 1
    assert found.lossy == (kind in ("JPEG", "WEBP"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_orientation_is_found(header, kind, orientation):
    profile = np.random.default_rng(0).bytes(20000)  # longer than what is read at once
    found = header(Image.new("RGB", (5, 4)), kind, exif=exif(orientation), icc_profile=profile)
    assert (found.format, found.orientation) == (kind, orientation)
    assert found.size == ((5, 4) if orientation > 4 else (4, 5))


def test_a_header_is_read_without_the_pixels(tmp_path):
    path = tmp_path / "a.bmp"
    picture = Image.fromarray(np.arange(120, dtype=np.uint8).reshape(8, 15))
    picture.putpalette(list(range(256)) * 3)
    picture.save(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert read_header(path).coloured and read_header(path).size == (8, 15)


def test_palettes(header):
    picture = Image.new("P", (5, 4))
    assert header(picture, "PNG", transparency=0).alpha
    assert not header(picture, "PNG").coloured
    picture.putpalette([1, 2, 3])
    assert header(picture, "PNG").coloured


def test_damaged_exif_data_is_ignored(header):
    picture = Image.new("RGB", (5, 4))
    assert header(picture, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff").orientation == 1


def test_colours_of_16_bits_in_a_tiff(tmp_path):
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), np.zeros((4, 5, 3), np.uint16))
    found = read_header(path)
    assert (found.format, found.mode, found.bits, found.deep) == ("TIFF", "RGB", 16, True)
