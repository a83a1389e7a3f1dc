"""What files are made of: formats that are not there everywhere, a profile, a head alone."""

from __future__ import annotations

import struct

import pytest
from PIL import ImageCms, features

from tests.io.image_making import png_chunk


def available(name: str) -> str:
    """The name of a format, or the test is skipped."""
    if name == "avif" and not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    if name == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    return name


def swapped_profile() -> bytes:
    """sRGB's profile whose red and blue have changed places."""
    own = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return own.replace(b"rXYZ", b"xxxx").replace(b"bXYZ", b"rXYZ").replace(b"xxxx", b"bXYZ")


def header_of(width: int, height: int) -> bytes:
    """A PNG file that says that it is this large."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", 0) + b"IDAT" + bytes(4)
