"""Image files as tests make them, and what is expected of arrays and errors."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import ImageError

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


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


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
