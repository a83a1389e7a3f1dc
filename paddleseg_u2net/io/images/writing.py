"""Arrays to image files, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Optional, Sequence

import numpy as np
from PIL import Image

from paddleseg_u2net.io.files import write_bytes
from paddleseg_u2net.io.images.headers import NO_TAGS, Tags
from paddleseg_u2net.io.images.opening import FORMAT_OF_SUFFIX, ImageError, PathLike

_WRITTEN = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
WRITABLE_SUFFIXES = frozenset(s for s, name in FORMAT_OF_SUFFIX.items() if name in _WRITTEN)


def write_png(
    path: PathLike,
    array: np.ndarray,
    palette: Optional[Sequence[int]] = None,
    level: int = 6,
    tags: Tags = NO_TAGS,
) -> None:
    """Write a PNG file, whole or not at all; missing folders are created.

    Args:
        path: where to; the suffix is not looked at.
        array: `uint8` of shape (H, W) or (H, W, 1) = grey, (H, W, 3) = RGB, (H, W, 4) = RGBA.
        palette: 768 numbers 0..255 (red, green, blue of the values 0, 1, ...), for (H, W) only;
            `read_mask` then gives back the array and viewers show the colours.
        level: 0 (fast, large) to 9 (slow, small); photographs are written at 1 in a fifth of
            the time of 6 with 4 % more bytes, masks in half of it with 20 % more.
        tags: the ICC profile of the array's colours and its resolution, see `read_tags`.

    Raises:
        ImageError: the array or the palette is not of that kind.
        OSError: the file cannot be written (see `files.atomic_path`).
    """
    picture = _as_picture(path, array)
    if palette is not None:
        if picture.mode != "L":
            raise ImageError(
                path, f"a palette needs an array of shape (H, W), got {np.shape(array)}"
            )
        if len(palette) != 768 or not all(0 <= value <= 255 for value in palette):
            raise ImageError(
                path, f"palette: expected 768 numbers 0..255, got {len(palette)} numbers"
            )
        picture.putpalette([int(value) for value in palette])
    dpi = {"dpi": tags.dpi} if tags.dpi else {}
    _save(path, picture, "PNG", compress_level=level, icc_profile=tags.profile, **dpi)


def write_image(path: PathLike, array: np.ndarray, quality: int = 95) -> None:
    """Write a picture in the format of the suffix, whole or not at all.

    Args:
        path: ends in one of `WRITABLE_SUFFIXES`, in any letter case; missing folders are created.
        array: `uint8` of shape (H, W) or (H, W, 1) = grey, (H, W, 3) = RGB, (H, W, 4) = RGBA.
        quality: 1..100, for JPEG and WebP only; both lose detail.

    Raises:
        ImageError: the suffix is unknown, the array is not of that kind, or JPEG is asked to
            hold transparency.
        OSError: the file cannot be written (see `files.atomic_path`).
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        expected = " ".join(sorted(WRITABLE_SUFFIXES))
        raise ImageError(path, f"expected one of the suffixes {expected}")
    format_name = FORMAT_OF_SUFFIX[suffix]
    picture = _as_picture(path, array)
    if format_name == "JPEG" and picture.mode == "RGBA":
        raise ImageError(path, "JPEG has no transparency; write a PNG or give 3 channels")
    options = {"quality": quality} if format_name in ("JPEG", "WEBP") else {}
    _save(path, picture, format_name, **options)


def _as_picture(path: PathLike, array: np.ndarray) -> Any:
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits or 0 in array.shape:
        raise ImageError(
            path,
            f"expected a uint8 array of shape (H, W), (H, W, 3) or (H, W, 4), got "
            f"{array.dtype} of shape {array.shape}",
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _save(path: PathLike, picture: Any, format_name: str, **options: Any) -> None:
    # Through memory, for Pillow's own writing hides why a write failed (such as a full disk).
    buffer = io.BytesIO()
    picture.save(buffer, format_name, **options)
    write_bytes(path, buffer.getvalue())
