"""What goes along with the pixels of a picture: colour profile, resolution, EXIF data, XMP."""

from __future__ import annotations

import re
import struct
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from PIL import Image

from paddleseg_u2net.io.images.headers import Header

_PREFIX = b"Exif\0\0"
_XMP_SEGMENT, _LONGEST_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0", 65533
_ORIENTATION, _EXIF_IFD, _GPS_IFD, _XMP = 0x0112, 0x8769, 0x8825, 0x02BC
# Where the sizes of a picture stand, in its first directory and in that of EXIF.
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
_THUMBNAIL_AT, _THUMBNAIL_LENGTH = (0x0201, 0x0111), (0x0202, 0x0117)
_RESOLUTION, _INCH = (0x011A, 0x011B, 0x0128), 2
# Tags of a TIFF file's first directory that tell of its pixels, or of more pictures: size, how they
# are stored, thumbnails, further directories, profile, XMP; Photoshop's thumbnail and layers.
_OF_PIXELS = frozenset(
    {*range(254, 267), 273, *range(277, 285), *range(290, 294), 296, 297, 301, *range(317, 348)}
    | {*range(512, 534), 700, 33421, 33422, 34377, 34675, 37724}
)
_LAST_OF_EXIF = 50000  # above are those of raw files
EXIF_IFDS = (_EXIF_IFD, _GPS_IFD)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>))\s*\d+")
_XMP_THUMBNAILS = re.compile(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>", re.DOTALL)


class Metadata(NamedTuple):
    """What a picture file says beside its pixels.

    Args:
        profile: ICC profile of the colours; None: they are sRGB's, or unknown.
        dpi: pixels per inch, across and down.
        exif: EXIF data, from their byte order on, without a prefix.
        xmp: an XMP packet.
    """

    profile: Optional[bytes] = None
    dpi: Optional[Tuple[float, float]] = None
    exif: Optional[bytes] = None
    xmp: Optional[bytes] = None

    def plain(self) -> Metadata:
        """Colour profile and resolution alone."""
        return Metadata(self.profile, self.dpi)

    def of_finished(self, size: Tuple[int, int]) -> Metadata:
        """The same of an upright picture of another (width, height) that was made of the first."""
        exif = upright_exif(self.exif, size) if self.exif else None
        return self._replace(exif=exif, xmp=upright_xmp(self.xmp) if self.xmp else None)


def metadata_of(picture: Any, header: Header) -> Metadata:
    """What a decoded Pillow picture says beside its pixels."""
    info = picture.info
    if picture.format == "TIFF":
        exif, xmp = _tiff_exif(picture), picture.tag_v2.get(_XMP)
    else:
        exif = info.get("exif")
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or _jpeg_xmp(picture)
    if isinstance(exif, bytes) and exif.startswith(_PREFIX):
        exif = exif[len(_PREFIX) :]
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return Metadata(header.profile, header.dpi, exif or None, xmp or None)


def _jpeg_xmp(picture: Any) -> Optional[bytes]:
    """What Pillow of before 9.5 does not tell."""
    for name, data in getattr(picture, "applist", ()):
        if name == "APP1" and data.startswith(_XMP_SEGMENT):
            return bytes(data[len(_XMP_SEGMENT) :])
    return None


def with_xmp(jpeg: bytes, xmp: bytes) -> bytes:
    """A JPEG file with an XMP packet, which Pillow of before 11 does not write."""
    data = _XMP_SEGMENT + xmp
    if len(data) > _LONGEST_SEGMENT:
        raise ValueError(f"its XMP has {len(xmp)} bytes, more than JPEG takes; leave keep_exif out")
    # Behind the JFIF header, which is always the first segment.
    place = 4 + struct.unpack_from(">H", jpeg, 4)[0] if jpeg[2:4] == b"\xff\xe0" else 2
    return jpeg[:place] + struct.pack(">HH", 0xFFE1, len(data) + 2) + data + jpeg[place:]


def _tiff_exif(picture: Any) -> Optional[bytes]:
    """EXIF data alone: those of a TIFF file stand among the tags of its pixels."""
    try:
        own, found = picture.getexif(), Image.Exif()
        for tag in (tag for tag in own if not is_of_pixels(tag)):
            found[tag] = dict(own.get_ifd(tag)) if tag in EXIF_IFDS else own[tag]
        return found.tobytes() if len(found) else None
    except Exception:  # damaged EXIF data is no reason to refuse a sound picture
        return None


def is_of_pixels(tag: int) -> bool:
    """Whether a tag of a TIFF file tells of its pixels, and belongs to no other file."""
    return tag in _OF_PIXELS or tag > _LAST_OF_EXIF


def upright_exif(exif: bytes, size: Tuple[int, int]) -> Optional[bytes]:
    """EXIF data of an upright picture of another (width, height), without the first's thumbnail.

    They are changed in place: whoever writes them anew moves makers' notes, which are found by
    their distance from the beginning. None of damaged ones.
    """
    data = bytearray(exif)
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
        first = struct.unpack_from(order + "I", data, 4)[0]
        places = [first]
        for place in places:
            for tag, entry in _entries(data, order, place):
                if tag == _EXIF_IFD and len(places) == 1:
                    places.append(_value(data, order, entry))
                elif tag == _ORIENTATION:
                    _set(data, order, entry, 1)
                elif tag in _WIDTHS or tag in _HEIGHTS:
                    _set(data, order, entry, size[tag in _HEIGHTS])
        _drop_thumbnail(data, order, first)
    except (KeyError, struct.error, IndexError):
        return None
    return bytes(data) if _is_readable(bytes(data)) else None


def _is_readable(exif: bytes) -> bool:
    """Whether Pillow, which writes them into files of some formats anew, reads EXIF data."""
    try:
        found = Image.Exif()
        found.load(exif)
        for tag in EXIF_IFDS:
            found.get_ifd(tag)
        found.tobytes()
    except Exception:  # it raises what its readers happen to meet
        return False
    return True


def without_orientation(exif: bytes) -> bytes:
    """EXIF data (from `upright_exif`) whose first directory does not tell the orientation."""
    data = bytearray(exif)
    order = "<" if data[:2] == b"II" else ">"
    first = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, first)[0]
    end = first + 2 + 12 * count + 4
    for tag, entry in _entries(data, order, first):
        if tag == _ORIENTATION:
            data[entry : end - 12] = data[entry + 12 : end]
            data[end - 12 : end] = bytes(12)
            struct.pack_into(order + "H", data, first, count - 1)
            break
    return bytes(data)


def upright_xmp(xmp: bytes) -> bytes:
    """An XMP packet of an upright picture, without thumbnails."""
    return _XMP_THUMBNAILS.sub(b"", _XMP_ORIENTATION.sub(rb"\g<1>1", xmp))


def resolution_exif(dpi: Tuple[float, float]) -> bytes:
    """EXIF data that tell a resolution and nothing else, for formats that have no other place."""
    exif = Image.Exif()
    for tag, value in zip(_RESOLUTION, (*dpi, _INCH)):
        exif[tag] = value
    return exif.tobytes()[len(_PREFIX) :]


def _entries(data: bytearray, order: str, place: int) -> Iterator[Tuple[int, int]]:
    """The tags of a directory, and where their entries stand."""
    count = struct.unpack_from(order + "H", data, place)[0]
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        yield struct.unpack_from(order + "H", data, entry)[0], entry


def _value(data: bytearray, order: str, entry: int) -> int:
    kind = struct.unpack_from(order + "H", data, entry + 2)[0]
    return int(struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)[0])


def _set(data: bytearray, order: str, entry: int, value: int) -> None:
    """Write a number where a short or a long one stands."""
    kind, count = struct.unpack_from(order + "HI", data, entry + 2)
    if kind in (3, 4) and count == 1:
        fits = kind == 4 or value <= 65535
        struct.pack_into(order + ("H" if kind == 3 else "I"), data, entry + 8, value if fits else 0)


def _drop_thumbnail(data: bytearray, order: str, first: int) -> None:
    """Wipe the second directory, its values and the picture that it tells of."""
    count = struct.unpack_from(order + "H", data, first)[0]
    link = first + 2 + 12 * count
    if link + 4 > len(data):
        return
    second = struct.unpack_from(order + "I", data, link)[0]
    struct.pack_into(order + "I", data, link, 0)
    if not second:
        return
    found: Dict[int, int] = {}
    for tag, entry in list(_entries(data, order, second)):
        kind, many = struct.unpack_from(order + "HI", data, entry + 2)
        found[tag] = _value(data, order, entry)
        length = _SIZES.get(kind, 1) * many
        if length > 4:
            _wipe(data, struct.unpack_from(order + "I", data, entry + 8)[0], length)
    for at, length_tag in zip(_THUMBNAIL_AT, _THUMBNAIL_LENGTH):
        if at in found and length_tag in found:
            _wipe(data, found[at], found[length_tag])
    count = struct.unpack_from(order + "H", data, second)[0]
    _wipe(data, second, 2 + 12 * count + 4)


def _wipe(data: bytearray, place: int, length: int) -> None:
    end = min(place + length, len(data))
    if place < end:
        data[place:end] = bytes(end - place)
