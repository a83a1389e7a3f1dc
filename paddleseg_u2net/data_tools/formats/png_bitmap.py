"""Bitmaps that label files carry as PNG inside of text; unpacked only when they are drawn."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.data_tools.formats.sample import AnnotationError
from paddleseg_u2net.data_tools.formats.shapes import Bitmap, Bounds
from paddleseg_u2net.io.images import MAX_PIXELS

_PNG = b"\x89PNG\r\n\x1a\n"
# A PNG of one colour is 1000 times smaller than its pixels; more must be a trap.
_MOST_BYTES = 64 << 20
_HALF = 128


@dataclass(frozen=True, eq=False)
class PngBitmap:
    """The pixels of a PNG that are not transparent, or where it has no transparency, not black.

    Attributes:
        number: Class number, 0..255.
        png: The content of the file.
        shape: Height and width of what is drawn of it, from its first row and column on.
        top: Row of its first row in the image; may be negative, as ``left``.
        left: Column of its first column in the image.
        where: The file and the place in it, for messages.
        graded: Whether opacity (brightness, where it has none) is in grades, of which half and
            more count.
    """

    number: int
    png: bytes
    shape: Tuple[int, int]
    top: int
    left: int
    where: str
    graded: bool = False

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""
        return self.left, self.top, self.left + self.shape[1], self.top + self.shape[0]

    def paint(self, mask: np.ndarray) -> None:
        """Give the pixels of uint8 (H, W) that it covers its class number.

        Raises:
            AnnotationError: the PNG is damaged.
        """
        height, width = self.shape
        pixels = self._pixels()[:height, :width]
        Bitmap(self.number, pixels, self.top, self.left).paint(mask)

    def _pixels(self) -> np.ndarray:
        try:
            with Image.open(io.BytesIO(self.png), formats=["PNG"]) as picture:
                return _opacity(picture) >= _HALF if self.graded else _covered(picture)
        except (
            OSError,
            ValueError,
            SyntaxError,
            zlib.error,
            Image.DecompressionBombError,
        ) as error:
            raise AnnotationError(
                f"{self.where}: the bitmap is damaged ({error}); export it again"
            ) from error


def from_base64(
    number: int, text: Any, top: int, left: int, where: str, packed: bool = False
) -> PngBitmap:
    """The bitmap in a label file.

    Args:
        number: Class number.
        text: Base64 of a PNG.
        top: Row of its first row in the image.
        left: Column of its first column in the image.
        where: For messages.
        packed: Whether the PNG may be packed again with zlib.

    Raises:
        AnnotationError: it is no such text, or the PNG is larger than any image may be.
    """
    try:
        data = base64.b64decode(text, validate=False)
        data = _unpacked(data) if packed and data[:8] != _PNG else data
    except (TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise AnnotationError(
            f"{where}: the bitmap is no base64 text of a{' packed' if packed else ''} PNG "
            f"({error}); export it again"
        ) from error
    # The header has a fixed place: signature, length, "IHDR", width, height.
    if data[:8] != _PNG or data[12:16] != b"IHDR" or len(data) < 33:
        raise AnnotationError(
            f"{where}: expected a PNG as the bitmap, got {data[:12]!r}; export it again"
        )
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if width * height > MAX_PIXELS:
        raise AnnotationError(
            f"{where}: a bitmap of {width} x {height} pixels is larger than images may be "
            f"({MAX_PIXELS} pixels); export it again"
        )
    return PngBitmap(number, data, (height, width), top, left, where)


def _unpacked(data: bytes) -> bytes:
    reader = zlib.decompressobj()
    content = reader.decompress(data, _MOST_BYTES)
    if not reader.eof:
        raise ValueError("it is cut off" if len(content) < _MOST_BYTES else "it is far too large")
    return content


def _opacity(picture: Any) -> np.ndarray:
    """uint8 (H, W). Supervisely writes grades as grey, of which it calls black transparent."""
    grey = np.asarray(picture.convert("L"))
    indexed = picture.mode == "P" and "transparency" in picture.info
    if not indexed and picture.mode not in ("RGBA", "LA", "PA"):
        return grey
    alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    return grey if alpha.min() == 255 and grey.min() < grey.max() else alpha


def _covered(picture: Any) -> np.ndarray:
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA"):
        return np.asarray(picture.convert("RGBA"))[..., 3] > 0
    if picture.mode == "P":
        picture = picture.convert("RGB")
    values = np.asarray(picture)
    return values.reshape(*values.shape[:2], -1).any(axis=2)
