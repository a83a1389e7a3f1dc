"""EXIF data and XMP of a finished picture: what goes along, and what must not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import ImageError, decode_original
from paddleseg_u2net.io.images.metadata import upright_exif, with_xmp, without_orientation
from paddleseg_u2net.removal import FORMATS, Encoding, encode
from tests.io.formats import available

piexif = pytest.importorskip("piexif")
exifread = pytest.importorskip("exifread")

SECRETS = (b"Nikita's own", b"SN-0042-4711", b"MAKERSNOTE", b"THE OLD ONE")
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"
 secret="Nikita's own"><xmp:Thumbnails>THE OLD ONE</xmp:Thumbnails></rdf:Description></x:xmpmeta>"""
PACKET = b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>' + XMP + b'<?xpacket end="w"?>'


def thumbnail():
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(buffer, "JPEG", comment=b"THE OLD ONE")
    return buffer.getvalue()


def exif(orientation=6):
    """As a camera writes them: a place, numbers, an owner, notes of its own, a thumbnail."""
    return piexif.dump(
        {
            "0th": {
                piexif.ImageIFD.Make: b"Camera",
                piexif.ImageIFD.Artist: b"Nikita's own",
                piexif.ImageIFD.Orientation: orientation,
                piexif.ImageIFD.XResolution: (300, 1),
                piexif.ImageIFD.YResolution: (300, 1),
                piexif.ImageIFD.ResolutionUnit: 2,
            },
            "Exif": {
                piexif.ExifIFD.PixelXDimension: 64,
                piexif.ExifIFD.PixelYDimension: 48,
                piexif.ExifIFD.BodySerialNumber: b"SN-0042-4711",
                piexif.ExifIFD.MakerNote: b"MAKERSNOTE of some length",
            },
            "GPS": {
                piexif.GPSIFD.GPSLatitudeRef: b"N",
                piexif.GPSIFD.GPSLatitude: ((52, 1), (31, 1), (12, 1)),
            },
            "1st": {piexif.ImageIFD.Compression: 6},
            "thumbnail": thumbnail(),
        }
    )


def photograph(orientation=6):
    """A JPEG (48 high, 64 wide as stored) with all of it."""
    y, x = np.mgrid[:48, :64]
    picture = np.dstack([x * 4, y * 5, x + y]).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95, exif=exif(orientation))
    return with_xmp(buffer.getvalue(), PACKET)


def raw_exif(content):
    """EXIF data as Pillow finds them in a file; of TIFF the file itself."""
    picture = Image.open(io.BytesIO(content))
    if picture.format == "TIFF":
        return content
    data = picture.info["exif"]
    return data[6:] if data.startswith(b"Exif\0\0") else data


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nothing_private_goes_along(name, dtype):
    original = decode_original(photograph())
    picture = original.picture.astype(dtype) * (257 if dtype == np.uint16 else 1)
    content = encode(picture, original.metadata, Encoding(available(name)))
    assert not any(secret in content for secret in SECRETS)
    tags = exifread.process_file(io.BytesIO(content), details=True)
    assert not any("GPS" in tag or "Serial" in tag for tag in tags)
    back = Image.open(io.BytesIO(content))
    assert back.getexif().get(0x0112, 1) == 1 and back.size == (48, 64)
    np.testing.assert_allclose(decode_original(content).metadata.dpi, 300, atol=0.02)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_goes_along_if_that_is_asked_for(name, dtype):
    original = decode_original(photograph())
    picture = original.picture.astype(dtype) * (257 if dtype == np.uint16 else 1)
    picture = picture[:40, :30]
    encoding = Encoding(available(name), keep_exif=True)
    content = encode(picture, original.metadata, encoding)
    back = Image.open(io.BytesIO(content))
    found = back.getexif()
    assert found.get(0x0112, 1) == 1 and back.size == (30, 40)
    camera, place = found.get_ifd(0x8769), found.get_ifd(0x8825)
    assert found[0x010F] == "Camera" and found[0x013B] == "Nikita's own"
    assert camera[0xA431] == "SN-0042-4711" and b"MAKERSNOTE" in camera[0x927C]
    assert (camera[0xA002], camera[0xA003]) == (30, 40)
    assert [float(value) for value in place[2]] == [52, 31, 12]
    # To another reader, too.
    if name in ("png", "webp", "jpg", "tiff"):
        data = raw_exif(content)
        tags = exifread.process_file(io.BytesIO(data), details=True)
        assert str(tags["GPS GPSLatitude"]) == "[52, 31, 12]"
        assert str(tags["EXIF BodySerialNumber"]) == "SN-0042-4711"
        assert str(tags.get("Image Orientation", "Horizontal (normal)")) == "Horizontal (normal)"
    # The thumbnail shows what was taken away; the packet says how the old one lay.
    assert b"THE OLD ONE" not in content and b"JPEGThumbnail" not in content
    assert b'tiff:Orientation="1"' in content and b'tiff:Orientation="6"' not in content


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once(orientation):
    from PIL import ImageOps

    content = photograph(orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    original = decode_original(content)
    np.testing.assert_array_equal(original.picture, expected)
    for keep_exif in (False, True):
        back = encode(original.picture, original.metadata, Encoding("png", keep_exif=keep_exif))
        np.testing.assert_array_equal(decode_original(back).picture, expected)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(back)))
        np.testing.assert_array_equal(np.asarray(upright), expected)


@pytest.mark.parametrize("order", ["II", "MM"])
def test_makers_notes_stay_where_they_were(order):
    """They are found by their distance from the beginning."""
    data = exif()[6:]
    if order == "II":
        found = Image.Exif()
        found.endian = "<"
        found[0x010F], found[0x0112], found[0x8769] = (
            "Camera",
            6,
            {0x927C: b"MAKERSNOTE of some length", 0xA002: 70000, 0xA003: 48},
        )
        data = found.tobytes()[6:]
    assert data.startswith(order.encode())
    changed = upright_exif(data, (10, 20))
    assert len(changed) == len(data)
    assert changed.index(b"MAKERSNOTE") == data.index(b"MAKERSNOTE")
    tags = exifread.process_file(io.BytesIO(changed), details=True)
    assert str(tags["Image Orientation"]) == "Horizontal (normal)"
    assert str(tags["EXIF ExifImageWidth"]) == "10" and str(tags["EXIF ExifImageLength"]) == "20"
    assert b"THE OLD ONE" not in changed and "JPEGThumbnail" not in tags
    shorter = without_orientation(changed)
    assert shorter.index(b"MAKERSNOTE") == data.index(b"MAKERSNOTE")
    tags = exifread.process_file(io.BytesIO(shorter), details=True)
    assert "Image Orientation" not in tags and str(tags["Image Make"]) == "Camera"


def test_damaged_exif_data_harm_nothing():
    data = exif()[6:]
    generator = np.random.default_rng(0)
    for length in [*range(0, 60, 3), len(data) // 2]:
        upright_exif(data[:length], (5, 5))
    for _ in range(300):
        broken = bytearray(data)
        for place in generator.integers(0, len(data), 8):
            broken[place] = generator.integers(256)
        changed = upright_exif(bytes(broken), (5, 5))
        assert changed is None or len(changed) == len(data)
    original = decode_original(photograph().replace(b"MM\0*", b"MM\0?"))
    assert original.notes == ("its EXIF data are damaged, and left out",)
    assert original.metadata.exif is None
    metadata = original.metadata._replace(exif=data[:40])
    assert encode(original.picture, metadata, Encoding("png", keep_exif=True))


def test_a_tiff_file_gives_its_exif_data_without_its_own_tags():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(
        buffer, "TIFF", exif=exif(1), dpi=(200, 200)
    )
    original = decode_original(buffer.getvalue())
    content = encode(original.picture, original.metadata, Encoding("jpg", keep_exif=True))
    tags = exifread.process_file(io.BytesIO(content), details=True)
    assert str(tags["Image Make"]) == "Camera" and str(tags["GPS GPSLatitude"]) == "[52, 31, 12]"
    assert not any(tag in tags for tag in ("Image StripOffsets", "Image Compression"))
    np.testing.assert_allclose(original.metadata.dpi, 200)


def test_the_xmp_of_a_jpeg_is_that_of_pillow():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=exif(1), dpi=(300, 300))
    content = with_xmp(buffer.getvalue(), PACKET)
    back = Image.open(io.BytesIO(content))
    back.load()
    assert back.info.get("xmp", PACKET) == PACKET and back.getexif()[0x010F] == "Camera"
    assert decode_original(content).metadata.xmp == PACKET
    original = decode_original(content)
    long = original.metadata._replace(xmp=PACKET + bytes(70000))
    with pytest.raises(ImageError, match="a.jpg: .*XMP has .* bytes, more than JPEG takes"):
        encode(original.picture, long, Encoding("jpg", keep_exif=True), "a.jpg")
