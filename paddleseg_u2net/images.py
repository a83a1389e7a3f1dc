"""Picture files to arrays and back.

Every way in which a picture can be read wrongly is settled here, once: orientation tags, 16-bit
values, palettes, transparency, colour spaces, several frames in one file, damaged files and
files that are no pictures. Arrays are always upright, RGB (never BGR) and `uint8`, except that
masks keep the values of the file. Every error is an `ImageError` that begins with the path.

Decoding is left to Pillow alone. OpenCV gives the same pixels, but it is slower on JPEG and
turns a truncated JPEG into grey areas without a word.
"""

from __future__ import annotations

import io
import os
import struct
import threading
from pathlib import Path
from typing import Any, BinaryIO, Iterator, List, Optional, Sequence, Set, Tuple, Union

import numpy as np
from PIL import Image, ImageFile

from paddleseg_u2net import files

__all__ = [
    "FORMAT_OF_SUFFIX",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageError",
    "color_profile",
    "convert_image",
    "decode_image",
    "files_below",
    "find_images",
    "image_size",
    "read_image",
    "read_mask",
    "write_image",
    "write_png",
]

PathLike = Union[str, "os.PathLike[str]"]

MAX_PIXELS = 200_000_000
_MAX_PIXELS_VARIABLE = "U2NET_MAX_PIXELS"

# Pillow knows more formats, but some of them start other programs (EPS starts Ghostscript).
_READABLE = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
FORMAT_OF_SUFFIX = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
IMAGE_SUFFIXES = frozenset(FORMAT_OF_SUFFIX)
_MULTIPLIED_BY_ALPHA = {"La": "LA", "RGBa": "RGBA"}
_PILLOW_MODE = {1: "L", 3: "RGB", 4: "RGBA"}
_ORIENTATION_TAG, _WIDTH_TAG, _HEIGHT_TAG = 0x0112, 0x0100, 0x0101
_SIDEWAYS = (5, 6, 7, 8)
_FLOATS = (
    "expected 8- or 16-bit values, found floating point values, whose black and white are not "
    "known; scale them and save an 8- or 16-bit file"
)


class ImageError(ValueError):
    """A picture that cannot be read or written as asked.

    The message reads "<path>: what was expected, what came, how to mend it".
    """

    def __init__(self, path: PathLike, message: str) -> None:
        super().__init__(f"{os.fspath(path)}: {message}")


# ---------------------------------------------------------------- reading


def read_image(path: PathLike, channels: int = 3) -> np.ndarray:
    """Read a picture as it is meant to be seen.

    Orientation tags (EXIF) are applied. 16-bit grey is divided by 257 and rounded. Palettes,
    CMYK, YCbCr, LAB and 1-bit pictures are converted. For 1 and 3 channels transparency is
    dropped, not blended with a background, as OpenCV and Pillow's `convert` do. Colour profiles
    are not applied. Of a camera's multi-picture JPEG (MPO) the main picture is read.

    Args:
        path: a JPEG, PNG, BMP, TIFF, WebP, still GIF or PNM file; its content counts, not its
            suffix.
        channels: 1 = luma grey, 3 = RGB, 4 = RGBA (opaque where the file has no transparency).

    Returns:
        A writable, contiguous `uint8` array of shape (height, width, channels), 0..255.

    Raises:
        ImageError: the file is missing, a folder, empty, truncated, no picture, of floating
            point values, of several frames, or of more than `MAX_PIXELS` pixels (the
            environment variable U2NET_MAX_PIXELS replaces that limit).
        ValueError: `channels` is not 1, 3 or 4.
    """
    _check_channels(channels)
    return decode_image(_content(path), channels, path)


def decode_image(content: bytes, channels: int = 3, name: PathLike = "picture") -> np.ndarray:
    """As `read_image`, of a file's content; ``name`` is what errors begin with."""
    _check_channels(channels)
    return _array(*_decoded(content, name), channels, name)


def convert_image(picture: Any, channels: int = 3, name: PathLike = "picture") -> np.ndarray:
    """As `read_image`, of a Pillow picture; its orientation tag is applied if it still has one.

    The picture itself is not changed. Of several frames it is the one that it stands at.
    """
    _check_channels(channels)
    if picture.mode == "F":
        raise ImageError(name, _FLOATS)
    _check_pixel_count(picture.size, name)
    with _our_pillow_rules:
        _load(picture, name)
    # Pillow itself has turned TIFF files upright.
    orientation = 1 if picture.format == "TIFF" else _orientation(picture)
    if picture.mode != _PILLOW_MODE[channels]:
        picture = picture.copy()
    return _array(_unmultiplied(picture), orientation, channels, name)


def _check_channels(channels: int) -> None:
    if channels not in _PILLOW_MODE:
        raise ValueError(f"channels: expected 1, 3 or 4, got {channels!r}")


def _array(picture: Any, orientation: int, channels: int, path: PathLike) -> np.ndarray:
    """A decoded picture as `read_image` gives it."""
    if picture.mode.startswith("I"):
        array = _spread(_sixteen_to_eight_bit(_sixteen_bit(picture, path)), channels)
    else:
        array = np.array(_in_mode(picture, _PILLOW_MODE[channels], path))
    return _upright(array.reshape(array.shape[0], array.shape[1], channels), orientation)


def image_size(path: PathLike) -> Tuple[int, int]:
    """Give (height, width) of the array that `read_image` would return, from the header only.

    Raises:
        ImageError: as `read_image`, except for damage that shows only while decoding.
    """
    with _opened(path) as stream, _our_pillow_rules:
        picture = _parsed(stream, path)
        width, height = _stored_size(picture)
        return (width, height) if _orientation(picture) in _SIDEWAYS else (height, width)


def color_profile(path: PathLike) -> Optional[bytes]:
    """The ICC profile of a picture's colours, for a file of the colours that `read_image` gives.

    None where there is none, or where reading converts the colours (CMYK, LAB, grey), so that it
    says nothing of what is returned.

    Raises:
        ImageError: as `image_size`.
    """
    with _opened(path) as stream, _our_pillow_rules:
        picture = _parsed(stream, path)
        profile = picture.info.get("icc_profile")
        return profile if profile and picture.mode in ("RGB", "RGBA", "P") else None


def read_mask(path: PathLike) -> np.ndarray:
    """Read a mask: one value per pixel, as stored in the file.

    1-bit files give 0 and 1, palette files their indices (not their colours), 8-bit grey
    0..255 and 16-bit grey 0..65535. (Pillow widens 2- and 4-bit grey to 0..255.) Colour files
    whose three channels are equal everywhere give that channel. Transparency must be the same
    everywhere, for then it cannot be the mask. Orientation tags are applied as in
    `read_image`, so that picture and mask fit. JPEG is read, though its values are not exact.

    Returns:
        A writable, contiguous array of shape (height, width), `uint16` for 16-bit files, else
        `uint8`.

    Raises:
        ImageError: as `read_image`; or the mask is coloured or has varying transparency.
    """
    picture, orientation = _decode(path)
    if picture.mode in ("1", "L", "P"):
        array = np.array(picture).astype(np.uint8, copy=False)
    elif picture.mode.startswith("I"):
        array = _sixteen_bit(picture, path)
    elif picture.mode in ("LA", "PA"):
        bands = np.array(picture)
        _check_alpha_unused(bands[..., 1], path)
        array = bands[..., 0]
    else:
        array = _single_channel(picture, path)
    return _upright(array, orientation)


def find_images(folder: PathLike) -> List[Path]:
    """List the pictures below a folder, sorted, by their suffix in any letter case.

    Hidden files and folders (".name") are skipped. Links to folders are followed, each folder
    once.

    Raises:
        ImageError: `folder` is missing, is not a folder, or cannot be listed.
    """
    top = Path(folder)
    if not top.is_dir():
        found = "a file" if top.exists() else "nothing"
        raise ImageError(folder, f"expected a folder of pictures, found {found}; check the path")
    return sorted(path for path in files_below(top) if path.suffix.lower() in IMAGE_SUFFIXES)


def files_below(folder: PathLike) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders, those of a folder sorted.

    Hidden files and folders (".name") are skipped. Links to folders are followed, each folder
    once.

    Raises:
        ImageError: a folder cannot be listed.
    """
    seen: Set[str] = set()
    for root, subfolders, names in os.walk(folder, followlinks=True, onerror=_raise_listing_error):
        place = str(Path(root).resolve())
        if place in seen:  # a link back up would never end
            subfolders.clear()
            continue
        seen.add(place)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def _raise_listing_error(error: OSError) -> None:
    raise ImageError(
        str(error.filename), f"expected a readable folder: {error.strerror}; check its rights"
    ) from error


# ---------------------------------------------------------------- opening and decoding


class _PillowRules:
    """While entered, Pillow's pixel limit is off (ours holds) and half pictures are errors.

    Both are settings of the whole process, so the first to enter sets them and the last to
    leave restores them; threads may overlap.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved: Tuple[Any, Any] = (None, None)

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._saved = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
                Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = self._saved

    def reset_in_child(self) -> None:
        """Forget the threads of the parent process, which do not exist in a forked child."""
        if self._users:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = self._saved
        self._lock = threading.Lock()
        self._users = 0


_our_pillow_rules = _PillowRules()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_our_pillow_rules.reset_in_child)


def _opened(path: PathLike) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise ImageError(path, "expected a picture file, found nothing; check the path") from None
    except (OSError, ValueError) as error:
        if Path(path).is_dir():
            found = "found a folder; name a file in it"
            raise ImageError(path, f"expected a picture file, {found}") from None
        raise ImageError(
            path, f"expected a readable picture file: {error}; check the path and its rights"
        ) from error


def _decode(path: PathLike) -> Tuple[Any, int]:
    """Give the decoded Pillow picture and the orientation (1..8) still to be applied to it."""
    return _decoded(_content(path), path)


def _content(path: PathLike) -> bytes:
    with _opened(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise ImageError(path, f"the file cannot be read: {error}; check the disk") from error


def _decoded(content: bytes, path: PathLike) -> Tuple[Any, int]:
    with _our_pillow_rules:
        # From memory, for Pillow's many small reads are slower from a file.
        picture = _parsed(io.BytesIO(content), path)
        orientation = _orientation(picture)
        _load(picture, path)
    if picture.format == "TIFF":  # Pillow itself turns these upright while it loads them
        orientation = 1
    return _unmultiplied(picture), orientation


def _load(picture: Any, path: PathLike) -> None:
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(
            path,
            f"expected a whole picture, but the file is truncated or damaged ({error}); "
            "fetch or export it again",
        ) from error


def _unmultiplied(picture: Any) -> Any:
    """Without alpha in the colours."""
    if picture.mode in _MULTIPLIED_BY_ALPHA:
        return picture.convert(_MULTIPLIED_BY_ALPHA[picture.mode])
    return picture


def _parsed(stream: BinaryIO, path: PathLike) -> Any:
    """Read the header of a picture and refuse what must not be decoded."""
    head = stream.read(512)
    if not head:
        raise ImageError(
            path, "expected a picture, found an empty file (0 bytes); fetch or export it again"
        )
    stream.seek(0)
    try:
        picture = Image.open(stream, formats=_READABLE)
        frames = getattr(picture, "n_frames", 1)
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(path, _what_it_is(head, error)) from error
    _check_pixel_count(picture.size, path)
    # The further pictures of an MPO file are previews or depth maps of the first.
    if frames > 1 and picture.format != "MPO":
        raise ImageError(
            path,
            f"expected a single picture, found {frames} frames or pages; "
            "save each one as a file of its own",
        )
    if picture.mode == "F":
        raise ImageError(path, _FLOATS)
    if picture.format == "PNG" and "exif" not in picture.info:
        _add_late_exif(picture, stream)
    return picture


def _check_pixel_count(size: Tuple[int, int], path: PathLike) -> None:
    limit = _pixel_limit()
    count = size[0] * size[1]
    if count > limit:
        raise ImageError(
            path,
            f"expected at most {limit} pixels, found {count} ({size[0]} x {size[1]}); make the "
            f"picture smaller or set the environment variable {_MAX_PIXELS_VARIABLE} higher",
        )


def _pixel_limit() -> int:
    text = os.environ.get(_MAX_PIXELS_VARIABLE, "")
    if not text:
        return MAX_PIXELS
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"environment variable {_MAX_PIXELS_VARIABLE}: expected a whole number of pixels "
            f"such as {MAX_PIXELS}, got {text!r}"
        ) from None


def _what_it_is(head: bytes, error: Exception) -> str:
    """Say what a file is that Pillow does not open."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs"):
        return "expected a picture, found a git-lfs pointer; run 'git lfs pull' to fetch it"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return (
            "expected a picture, found an HTML page, probably the error page of a download; "
            "fetch the picture again"
        )
    if text.startswith((b"<svg", b"<?xml")):
        return "expected a picture, found SVG or other XML; export it as PNG"
    if text.startswith(b"%pdf"):
        return "expected a picture, found a PDF document; export its page as PNG"
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return "expected a picture, found a packed archive; unpack it first"
    if head[4:8] == b"ftyp":
        return "expected a picture, found HEIC, AVIF or a video; save it as JPEG or PNG"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*", b"MM\0*", b"RIFF", b"GIF8")):
        return (
            f"the header of the picture is truncated, damaged or of a kind that Pillow cannot "
            f"read ({error}); fetch it again, or save it as a plain 8-bit PNG"
        )
    return (
        f"expected a picture, found something else that begins with {head[:16]!r}; "
        "give a JPEG, PNG, BMP, TIFF or WebP file"
    )


# ---------------------------------------------------------------- orientation


def _orientation(picture: Any) -> int:
    """Give the EXIF orientation, 1..8; 1 where there is none or none that makes sense."""
    try:
        # Not picture.getexif(): for PNG that decodes the whole picture first.
        value = Image.Image.getexif(picture).get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF data is no reason to refuse a sound picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _stored_size(picture: Any) -> Tuple[int, int]:
    """Give (width, height) before the orientation is applied."""
    if picture.format == "TIFF":  # newer Pillow versions have already swapped picture.size
        return picture.tag_v2[_WIDTH_TAG], picture.tag_v2[_HEIGHT_TAG]
    return picture.size


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels as an EXIF orientation asks; contiguous and writable."""
    if orientation in (2, 3, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7):
        array = array[::-1]
    if orientation in (5, 7):
        array = array.swapaxes(0, 1)
    if orientation == 6:
        array = np.rot90(array, -1)
    if orientation == 8:
        array = np.rot90(array)
    return np.ascontiguousarray(array)


def _add_late_exif(picture: Any, stream: BinaryIO) -> None:
    """Find EXIF data that stands behind the pixels of a PNG, where Pillow sees it too late."""
    place = stream.tell()
    stream.seek(8)
    while True:
        header = stream.read(8)
        if len(header) < 8:
            break
        length, kind = struct.unpack(">I4s", header)
        if kind == b"eXIf":
            picture.info["exif"] = b"Exif\0\0" + stream.read(length)
            break
        stream.seek(length + 4, io.SEEK_CUR)
    stream.seek(place)


# ---------------------------------------------------------------- values and channels


def _in_mode(picture: Any, mode: str, path: PathLike) -> Any:
    """Convert a decoded picture to mode L, RGB or RGBA."""
    if picture.mode == mode:
        return picture
    if mode != "RGBA":
        # Otherwise Pillow warns about transparent palettes although we drop transparency.
        picture.info.pop("transparency", None)
    if picture.mode == "LAB":
        picture = _lab_to_rgb(picture, path)
    return picture.convert(mode)


def _lab_to_rgb(picture: Any, path: PathLike) -> Any:
    try:
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
    except ImportError as error:
        raise ImageError(
            path, "LAB colours need a Pillow with LittleCMS; save the picture as RGB"
        ) from error


def _sixteen_bit(picture: Any, path: PathLike) -> np.ndarray:
    """Give the values of a Pillow picture of mode I or I;16* as uint16."""
    values = np.array(picture)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(
            path,
            f"expected 8- or 16-bit values, found 32-bit values from {low} to {high}; scale "
            "them and save an 8- or 16-bit file",
        )
    return values.astype(np.uint16)


def _sixteen_to_eight_bit(values: np.ndarray) -> np.ndarray:
    # 65535 / 257 = 255 exactly; + 128 rounds to the nearest.
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _spread(grey: np.ndarray, channels: int) -> np.ndarray:
    array = np.repeat(grey[..., None], channels, axis=2)
    if channels == 4:
        array[..., 3] = 255
    return array


def _single_channel(picture: Any, path: PathLike) -> np.ndarray:
    """Give the one channel of a colour picture that is grey everywhere."""
    if picture.mode == "RGBA":
        array = np.array(picture)
        _check_alpha_unused(array[..., 3], path)
    else:
        array = np.array(_in_mode(picture, "RGB", path))
    red, green, blue = (array[..., index] for index in range(3))
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        raise ImageError(
            path,
            f"expected a single-channel or palette PNG as a mask, found the colours "
            f"{_some_colours(array[..., :3])}; save the class number of each pixel instead of "
            "a colour",
        )
    return red


def _some_colours(array: np.ndarray) -> str:
    packed = array.astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)
    colours = np.unique(packed)
    names = [str((int(c) >> 16, int(c) >> 8 & 255, int(c) & 255)) for c in colours[:5]]
    more = f" and {len(colours) - 5} more" if len(colours) > 5 else ""
    return ", ".join(names) + more


def _check_alpha_unused(alpha: np.ndarray, path: PathLike) -> None:
    if alpha.min() != alpha.max():
        raise ImageError(
            path,
            "expected a mask without transparency, found varying alpha, which is not used as "
            "the mask; save the alpha channel as a greyscale PNG if it is the mask "
            "(Pillow: image.getchannel('A').save(...)), else remove it",
        )


# ---------------------------------------------------------------- writing


def write_png(
    path: PathLike,
    array: np.ndarray,
    palette: Optional[Sequence[int]] = None,
    level: int = 6,
    profile: Optional[bytes] = None,
) -> None:
    """Write a PNG file, whole or not at all; missing folders are created.

    Args:
        path: where to; the suffix is not looked at.
        array: `uint8` of shape (H, W) or (H, W, 1) = grey, (H, W, 3) = RGB, (H, W, 4) = RGBA.
        palette: 768 numbers 0..255 (red, green, blue of the values 0, 1, ...), for (H, W) only;
            `read_mask` then gives back the array and viewers show the colours.
        level: 0 (fast, large) to 9 (slow, small); photographs are written at 1 in a fifth of
            the time of 6 with 4 % more bytes, masks in half of it with 20 % more.
        profile: the ICC profile of the array's colours, see `color_profile`.

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
    _save(path, picture, "PNG", compress_level=level, icc_profile=profile)


def write_image(path: PathLike, array: np.ndarray, quality: int = 95) -> None:
    """Write a picture in the format of the suffix, whole or not at all.

    Args:
        path: ends in one of `IMAGE_SUFFIXES`, in any letter case; missing folders are created.
        array: `uint8` of shape (H, W) or (H, W, 1) = grey, (H, W, 3) = RGB, (H, W, 4) = RGBA.
        quality: 1..100, for JPEG and WebP only; both lose detail.

    Raises:
        ImageError: the suffix is unknown, the array is not of that kind, or JPEG is asked to
            hold transparency.
        OSError: the file cannot be written (see `files.atomic_path`).
    """
    format_name = FORMAT_OF_SUFFIX.get(Path(path).suffix.lower())
    if format_name is None:
        raise ImageError(path, f"expected one of the suffixes {' '.join(sorted(IMAGE_SUFFIXES))}")
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
    files.write_bytes(path, buffer.getvalue())
