"""What the first bytes of a picture file say about it.

The headers of JPEG and PNG, which nearly all files are, are read here: opening them with Pillow a
second time would cost a tenth of decoding a small picture.

Sources: ITU-T T.81, annex B (JPEG markers); W3C PNG specification, third edition, sec. 11.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from PIL import Image

from paddleseg_u2net.io.images import FORMAT_OF_SUFFIX, has_deep_colours

# Markers of JPEG frames: all of SOF0 .. SOF15 but DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ORIENTATION = 0x0112
_LONG_HEAD = 1 << 17
_PNG_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey", 6: "RGB"}
_PILLOW_COLOURS = {"1": "grey", "L": "grey", "LA": "grey", "P": "palette", "PA": "palette"}


class Header(NamedTuple):
    """How a picture is stored.

    Attributes:
        format: JPEG, PNG, BMP, TIFF, WEBP, ...; empty if the header could not be understood.
        colours: grey, RGB, palette, CMYK, or Pillow's name of another kind.
        bits: Of one channel: 1 to 16.
        alpha: Whether there is a channel of transparency.
        orientation: 1 to 8, as in EXIF; 1 is upright.
    """

    format: str = ""
    colours: str = ""
    bits: int = 8
    alpha: bool = False
    orientation: int = 1


def expected_format(suffix: str) -> str:
    """The format that a file of this suffix should have; empty for other suffixes."""
    return FORMAT_OF_SUFFIX.get(suffix.lower(), "")


def read_header(head: bytes, stream: Any) -> Header:
    """What a header says, as far as it can be understood.

    Args:
        head: The first kilobytes of the file.
        stream: The open file, for formats that are left to Pillow.
    """
    try:
        header = Header()
        if head.startswith(b"\xff\xd8"):
            header = _jpeg(head)
            if not header.format:  # previews and profiles stand before the frame
                stream.seek(0)
                header = _jpeg(stream.read(_LONG_HEAD))
        elif head.startswith(b"\x89PNG\r\n\x1a\n"):
            header = _png(head)
        if header.format:
            return header
        stream.seek(0)
        return _by_pillow(stream)
    except Exception:  # decoding tells what is wrong with the file, and does without this
        return Header()


def _jpeg(head: bytes) -> Header:
    """The header; an empty one if ``head`` ends before the frame begins."""
    orientation, place = 1, 2
    while place + 10 <= len(head) and head[place] == 0xFF:
        marker, length = head[place + 1], int.from_bytes(head[place + 2 : place + 4], "big")
        if marker == 0xFF:  # a byte that only fills
            place += 1
            continue
        if marker == 0xE1 and head[place + 4 : place + 10] == b"Exif\0\0":
            if place + 2 + length > len(head):
                break
            orientation = _orientation(head[place + 4 : place + 2 + length])
        if marker in _FRAMES:
            colours = {1: "grey", 3: "RGB", 4: "CMYK"}.get(head[place + 9], "")
            return Header("JPEG", colours, head[place + 4], False, orientation)
        place += 2 + length
    return Header()


def _png(head: bytes) -> Header:
    """The header; an empty one if ``head`` ends before the pixels begin."""
    bits, kind = head[24], head[25]
    orientation, alpha, place = 1, kind in (4, 6), 33
    while place + 8 <= len(head):
        length, chunk = int.from_bytes(head[place : place + 4], "big"), head[place + 4 : place + 8]
        if chunk == b"IDAT":
            return Header("PNG", _PNG_COLOURS.get(kind, ""), bits, alpha, orientation)
        if chunk == b"tRNS":
            alpha = True
        if chunk == b"eXIf":
            orientation = _orientation(b"Exif\0\0" + head[place + 8 : place + 8 + length])
        place += 12 + length
    return Header()


def _by_pillow(stream: Any) -> Header:
    with Image.open(stream) as picture:
        mode = picture.mode
        colours = _PILLOW_COLOURS.get(mode, mode.rstrip("AaX"))
        if mode.startswith("I"):
            colours = "grey"
        deep = mode.startswith("I") or has_deep_colours(picture)
        bits = 16 if deep else 1 if mode == "1" else 8
        alpha = mode[-1:] in ("A", "a") or "transparency" in picture.info
        # Not picture.getexif(): for PNG that decodes the whole picture.
        orientation = _sensible(Image.Image.getexif(picture).get(_ORIENTATION, 1))
        return Header(str(picture.format), colours, bits, alpha, orientation)


def _orientation(exif: bytes) -> int:
    tags = Image.Exif()
    tags.load(exif)
    return _sensible(tags.get(_ORIENTATION, 1))


def _sensible(value: Any) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
