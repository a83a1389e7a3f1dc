"""Arrays to image files, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Optional, Sequence

import cv2
import numpy as np
from PIL import Image

from paddleseg_u2net.io.files import write_bytes
from paddleseg_u2net.io.images.headers import Header
from paddleseg_u2net.io.images.metadata import Metadata
from paddleseg_u2net.io.images.opening import FORMAT_OF_SUFFIX, PathLike
from paddleseg_u2net.io.images.png_packing import metadata_chunks

_PNG_HEAD = 8 + 25  # the signature, and the chunk IHDR
_WRITTEN = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
WRITABLE_SUFFIXES = frozenset(s for s, name in FORMAT_OF_SUFFIX.items() if name in _WRITTEN)


def write_png(
    path: PathLike,
    array: np.ndarray,
    palette: Optional[Sequence[int]] = None,
    level: int = 6,
    like: Optional[Header] = None,
) -> None:
    """Write a PNG file, whole or not at all, whatever the suffix; missing folders are created.

    Args:
        array: `uint8` of shape (H, W) or (H, W, 1) = grey, (H, W, 3) = RGB, (H, W, 4) = RGBA.
        palette: 768 numbers 0..255 (red, green, blue of the values 0, 1, ...), for (H, W) only;
            `read_mask` then gives back the array and viewers show the colours.
        level: 0 (fast, large) to 9 (slow, small); photographs are written at 1 in a fifth of
            the time of 6 with 4 % more bytes, masks in half of it with 20 % more.
        like: the header of an image whose colour profile and resolution it gets.
    """
    write_bytes(path, png_bytes(array, palette, level, like))


def png_bytes(
    array: np.ndarray,
    palette: Optional[Sequence[int]] = None,
    level: int = 6,
    like: Optional[Header] = None,
) -> bytes:
    """Return the content of the PNG file that `write_png` writes."""
    picture = _as_picture(array)
    if palette is not None:
        picture.putpalette(list(palette))
    options = {"icc_profile": like.profile, "dpi": like.dpi} if like else {}
    given = {name: value for name, value in options.items() if value}
    return _encoded(picture, "PNG", compress_level=level, **given)


def picture_bytes(array: np.ndarray, format_name: str, **options: Any) -> bytes:
    """Return the content of a file of one of Pillow's formats, with Pillow's options for it."""
    return _encoded(_as_picture(array), format_name, **options)


def deep_png_bytes(array: np.ndarray, metadata: Metadata, level: int = 6) -> bytes:
    """Return the content of a PNG file of uint16 (H, W, 3) or (H, W, 4): Pillow writes none."""
    ordered = np.ascontiguousarray(array[..., [2, 1, 0, 3][: array.shape[2]]])
    written, content = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, level])
    if not written:
        raise ValueError("OpenCV wrote no PNG")
    plain = content.tobytes()
    return plain[:_PNG_HEAD] + metadata_chunks(metadata) + plain[_PNG_HEAD:]


def write_image(path: PathLike, array: np.ndarray) -> None:
    """Write an image in the format of the suffix, one of `WRITABLE_SUFFIXES` in any letter case.

    Else as `write_png`; JPEG has no transparency.
    """
    format_name = FORMAT_OF_SUFFIX[Path(path).suffix.lower()]
    options = {"quality": 95} if format_name in ("JPEG", "WEBP") else {}
    # Through memory, for Pillow's own writing hides why a write failed (such as a full disk).
    write_bytes(path, _encoded(_as_picture(array), format_name, **options))


def _as_picture(array: np.ndarray) -> Any:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return Image.fromarray(np.ascontiguousarray(array))


def _encoded(picture: Any, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_name, **options)
    return buffer.getvalue()
