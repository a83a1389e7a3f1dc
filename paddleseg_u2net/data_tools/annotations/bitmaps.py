"""Shapes given pixel by pixel: run lengths, and PNG files inside of label files."""

from __future__ import annotations

import base64
import io
import zlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.data_tools.annotations.sample import wrong
from paddleseg_u2net.data_tools.annotations.shapes import Bounds, Shape
from paddleseg_u2net.io.images import MAX_PIXELS

_PNG = b"\x89PNG\r\n\x1a\n"
# A PNG of one colour is 1000 times smaller than its pixels; anything larger is malicious.
_MOST_BYTES = 64 << 20
_DAMAGE = (OSError, ValueError, SyntaxError, zlib.error, Image.DecompressionBombError)


@dataclass(frozen=True, eq=False)
class Bitmap(Shape):
    """Pixels in a window of the image, of which ``top`` and ``left`` may be negative."""

    number: int
    shape: Tuple[int, int]
    top: int
    left: int

    @abstractmethod
    def pixels(self) -> np.ndarray:
        """Decode the pixels: bool (H, W)."""

    @property
    def bounds(self) -> Bounds:
        """As `Shape.bounds`."""
        return self.left, self.top, self.left + self.shape[1], self.top + self.shape[0]

    def paint(self, mask: np.ndarray) -> None:
        """As `Shape.paint`."""
        top, left = max(self.top, 0), max(self.left, 0)
        pixels = self.pixels()[top - self.top :, left - self.left :]
        window = mask[top:, left:][: pixels.shape[0], : pixels.shape[1]]
        window[pixels[: window.shape[0], : window.shape[1]]] = self.number


@dataclass(frozen=True, eq=False)
class Runs(Bitmap):
    """How many pixels in a row are outside, inside, outside and so on, as `check_runs` gives."""

    counts: np.ndarray
    by_rows: bool = False  # as in CVAT's format; else down the columns, as in COCO's

    @property
    def area(self) -> float:
        """In pixels."""
        return float(self.counts[1::2].sum(dtype=np.int64))

    def pixels(self) -> np.ndarray:
        """As `Bitmap.pixels`."""
        flat = np.repeat((np.arange(len(self.counts)) % 2).astype(bool), self.counts)
        return flat.reshape(self.shape) if self.by_rows else flat.reshape(self.shape[::-1]).T


@dataclass(frozen=True, eq=False)
class PngBitmap(Bitmap):
    """The pixels of a PNG that are not transparent, or where it has no transparency, not black.

    The window shows the first rows and columns.
    """

    png: bytes
    where: str
    graded: bool = False  # opacity (brightness, where it has none) counts from half on

    def pixels(self) -> np.ndarray:
        """As `Bitmap.pixels`."""
        height, width = self.shape
        try:
            with Image.open(io.BytesIO(self.png), formats=["PNG"]) as image:
                found = _opacity(image) >= 128 if self.graded else _covered(image)
        except _DAMAGE as error:
            raise wrong(self.where, "a whole bitmap", error, "export it again") from error
        return found[:height, :width]


def _opacity(image: Any) -> np.ndarray:
    """uint8 (H, W). Supervisely writes opacity as grey, with black as the transparent colour."""
    grey = np.asarray(image.convert("L"))
    indexed = image.mode == "P" and "transparency" in image.info
    if not indexed and image.mode not in ("RGBA", "LA", "PA"):
        return grey
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    return grey if alpha.min() == 255 and grey.min() < grey.max() else alpha


def _covered(image: Any) -> np.ndarray:
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
        return np.asarray(image.convert("RGBA"))[..., 3] > 0
    if image.mode == "P":
        image = image.convert("RGB")
    values = np.asarray(image)
    return values.reshape(*values.shape[:2], -1).any(axis=2)


def decode_png(text: str, where: str, packed: bool = False) -> Tuple[bytes, Tuple[int, int]]:
    """Decode base64 of a PNG, packed again with zlib or not; its content, height and width."""
    try:
        data = base64.b64decode(text)
        data = _unpacked(data) if packed and data[:8] != _PNG else data
        # The header has a fixed place: signature, length, "IHDR", width, height.
        if data[:8] != _PNG or data[12:16] != b"IHDR" or len(data) < 33:
            raise ValueError(f"{data[:12]!r}")
    except (ValueError, zlib.error) as error:
        expected = f"base64 text of a{' packed' if packed else ''} PNG as the bitmap"
        raise wrong(where, expected, error, "export it again") from error
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if width * height > MAX_PIXELS:
        expected = f"a bitmap of at most {MAX_PIXELS} pixels"
        raise wrong(where, expected, f"{width} x {height}", "export it again")
    return data, (height, width)


def _unpacked(data: bytes) -> bytes:
    reader = zlib.decompressobj()
    content = reader.decompress(data, _MOST_BYTES)
    if not reader.eof:
        raise ValueError("one cut off" if len(content) < _MOST_BYTES else "one far too large")
    return content


def unpack_runs(text: str, where: object) -> np.ndarray:
    """Decode COCO's packed run lengths, int64 (N,), which `check_runs` has to check.

    Six bits a character, each length from the third on as a difference to the one two before:
    https://github.com/cocodataset/cocoapi, common/maskApi.h.
    """
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        return codes
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        expected = "whole packed run lengths (characters 0 to o)"
        raise wrong(where, expected, f"{text!r:.20}", "export it again")
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    digits = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * digits), starts)
    # The highest bit of the last character is the sign.
    values -= np.where(codes[ends] & 16, np.left_shift(1, 5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def check_runs(counts: Any, shape: Tuple[int, int], where: object) -> np.ndarray:
    """Check that run lengths fill a window of ``shape`` (height, width) exactly; uint32 (N,)."""
    try:
        array = np.asarray(counts)
        whole = array.ndim == 1 and np.array_equal(array, np.rint(array)) and array.min() >= 0
    except (TypeError, ValueError):
        whole = False
    if not whole:
        lengths = "run lengths (whole numbers from 0 on)"
        raise wrong(where, lengths, f"{counts!s:.60}", "export it again")
    total, expected = int(array.sum(dtype=np.float64)), shape[0] * shape[1]
    if total != expected:
        lengths = f"run lengths for {shape[1]} x {shape[0]} = {expected} pixels"
        raise wrong(where, lengths, total, "export it again")
    return array.astype(np.uint32)
