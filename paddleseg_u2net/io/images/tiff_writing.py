"""TIFF files of 8 and 16 bits a colour: Pillow writes none of 16, OpenCV none with metadata."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from paddleseg_u2net.io.images.metadata import EXIF_IFDS, Metadata, is_of_pixels

_ROWS = 256  # at a time
# Numbers of tags and of their values.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS = 256, 257, 258, 259, 262
_STARTS, _SAMPLES, _STRIP_ROWS, _LENGTHS, _PREDICTOR, _EXTRA = 273, 277, 278, 279, 317, 338
_ACROSS, _DOWN, _UNIT, _XMP, _PROFILE = 282, 283, 296, 700, 34675
_DEFLATE, _DIFFERENCES, _NOT_MULTIPLIED, _INCH = 8, 2, 2, 2
_GREY, _RGB = 1, 2
_BYTES, _ANYTHING = 1, 7


def tiff_bytes(array: np.ndarray, metadata: Metadata, level: int = 6) -> bytes:
    """The content of a TIFF file of uint8 or uint16, (H, W), (H, W, 3) or (H, W, 4)."""
    height, width = array.shape[:2]
    channels = array.size // (height * width)
    pixels = _packed(array, level)
    tags = _tags_of(metadata)
    tags[_WIDTH], tags[_HEIGHT] = width, height
    tags[_BITS], tags[_SAMPLES] = (8 * array.itemsize,) * channels, channels
    tags[_COLOURS] = _GREY if channels == 1 else _RGB
    tags[_COMPRESSION], tags[_PREDICTOR] = _DEFLATE, _DIFFERENCES
    if channels == 4:
        tags[_EXTRA] = _NOT_MULTIPLIED
    # One strip: Pillow, which adds where it begins, knew no more of them before 10.
    tags[_STRIP_ROWS], tags[_LENGTHS], tags[_STARTS] = height, len(pixels), 0
    buffer = io.BytesIO()
    tags.save(buffer)
    return buffer.getvalue() + pixels


def _tags_of(metadata: Metadata) -> Any:
    tags = ImageFileDirectory_v2()
    if metadata.exif:
        exif = Image.Exif()
        exif.load(metadata.exif)
        for tag in (tag for tag in exif if not is_of_pixels(tag)):
            tags[tag] = exif.get_ifd(tag) if tag in EXIF_IFDS else exif[tag]
    for tag, kind, value in (
        (_PROFILE, _ANYTHING, metadata.profile),
        (_XMP, _BYTES, metadata.xmp),
    ):
        if value:
            tags.tagtype[tag], tags[tag] = kind, value
    if metadata.dpi:
        tags[_ACROSS], tags[_DOWN], tags[_UNIT] = *metadata.dpi, _INCH
    return tags


def _packed(array: np.ndarray, level: int) -> bytes:
    """Differences from the pixel before, which deflate far better than values."""
    packer, parts = zlib.compressobj(level), []
    for top in range(0, len(array), _ROWS):
        rows = array[top : top + _ROWS]
        differences = rows.astype(rows.dtype.newbyteorder("<"))  # a copy
        differences[:, 1:] -= rows[:, :-1]
        parts.append(packer.compress(differences.tobytes()))
    return b"".join([*parts, packer.flush()])
