"""What an image file says of itself, read without decoding it."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple, Optional, Tuple

from PIL import Image

from paddleseg_u2net.io.images.opening import (
    PathLike,
    check_readable,
    has_deep_colours,
    open_picture,
    open_stream,
    raw_mode,
)

_ORIENTATION_TAG, _WIDTH_TAG, _HEIGHT_TAG = 0x0112, 0x0100, 0x0101
_INCH, _UNITS = 2, {2: 1.0, 3: 2.54}  # of resolutions: per inch, per centimetre
_ACROSS_TAG, _DOWN_TAG, _UNIT_TAG = 0x011A, 0x011B, 0x0128
_SIDEWAYS = (5, 6, 7, 8)
_FEW_BITS = re.compile(r"^(?:1|[LP];([124]))$")


class Header(NamedTuple):
    """How an image is stored.

    Attributes:
        format, mode: Pillow's names, such as JPEG and RGB; empty where nothing is known.
        size: (height, width) of the upright image.
        bits: Of one channel: 1 to 16.
        alpha: Whether pixels may be transparent, by a channel or by a transparent value.
        orientation: 1 to 8, as in EXIF; 1 is upright.
        deep: Whether it has colours, or grey and alpha, of 16 bits.
        coloured: Whether its palette has other colours than greys.
        profile: ICC profile; None also where reading converts the colours (CMYK, grey).
        dpi: Pixels per inch across and down, as the image is seen; None where it is not said.
    """

    format: str = ""
    mode: str = ""
    size: Tuple[int, int] = (0, 0)
    bits: int = 8
    alpha: bool = False
    orientation: int = 1
    deep: bool = False
    coloured: bool = False
    profile: Optional[bytes] = None
    dpi: Optional[Tuple[float, float]] = None

    @property
    def lossy(self) -> bool:
        """Whether values may have changed on the way into the file."""
        return self.format in ("JPEG", "MPO", "WEBP")


def read_header(path: PathLike) -> Header:
    """Read the header of an image, also of one that cannot be decoded here."""
    with open_stream(path) as stream:
        return header_of(open_picture(stream, path))


def header_of(picture: Any) -> Header:
    """The header of a Pillow picture; of a file's, before it is decoded."""
    mode, orientation = picture.mode, orientation_of(picture)
    width, height = picture.size
    if picture.format == "TIFF":  # newer Pillow versions have already swapped picture.size
        width, height = picture.tag_v2[_WIDTH_TAG], picture.tag_v2[_HEIGHT_TAG]
    deep, dpi = has_deep_colours(picture), _resolution(picture)
    tiles = getattr(picture, "tile", [])
    few = _FEW_BITS.match(raw_mode(tiles[0])) if tiles else None
    return Header(
        str(picture.format),
        mode,
        (width, height) if orientation in _SIDEWAYS else (height, width),
        16 if deep or mode.startswith("I") else int(few[1] or 1) if few else 8,
        mode[-1:] in ("A", "a") or "transparency" in picture.info,
        orientation,
        deep,
        mode in ("P", "PA") and _is_coloured(picture.palette),
        (picture.info.get("icc_profile") or None) if mode in ("RGB", "RGBA", "P") else None,
        dpi[::-1] if dpi and orientation in _SIDEWAYS else dpi,
    )


def _is_coloured(palette: Any) -> bool:
    mode, data = palette.getdata()  # picture.getpalette() would decode the picture
    if mode.endswith(";L"):  # all of red, then all of green
        size = len(data) // 3
        red, green, blue = (data[start * size : (start + 1) * size] for start in range(3))
    else:
        red, green, blue = (data[start :: len(mode)] for start in range(3))
    return not red == green == blue


def orientation_of(picture: Any) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or none that makes sense."""
    try:
        # Not picture.getexif(): for PNG that decodes the whole picture first.
        value = Image.Image.getexif(picture).get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF data is no reason to refuse a sound image
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def image_size(path: PathLike) -> Tuple[int, int]:
    """Give (height, width) of the array that `read_image` would return, from the header only."""
    with open_stream(path) as stream:
        picture = open_picture(stream, path)
        check_readable(picture, path)
        return header_of(picture).size


def _resolution(picture: Any) -> Optional[Tuple[float, float]]:
    try:
        # Of a TIFF file that tells none Pillow says 1 dpi.
        told = "dpi" in picture.info and picture.format != "TIFF"
        found = picture.info["dpi"] if told else _exif_resolution(picture)
        across, down = (float(value) for value in found)
    except Exception:  # missing, damaged, or a fraction of 0
        return None
    sensible = all(math.isfinite(value) and 1 <= value <= 1e6 for value in (across, down))
    return (across, down) if sensible else None


def _exif_resolution(picture: Any) -> Tuple[float, float]:
    """Of formats that have no other place for it; KeyError if there is none."""
    exif = Image.Image.getexif(picture)
    factor = _UNITS[exif.get(_UNIT_TAG, _INCH)]
    return exif[_ACROSS_TAG] * factor, exif[_DOWN_TAG] * factor
