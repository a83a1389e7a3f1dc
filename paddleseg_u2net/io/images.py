"""Picture files to arrays and back.

Every way in which a picture can be read wrongly is settled here, once: orientation tags, 16-bit
values, palettes, transparency, colour spaces, several frames in one file, damaged files and
files that are no pictures. Arrays are always upright, RGB (never BGR) and `uint8`, except that
masks keep the values of the file. Every error is an `ImageError` that begins with the path; so is
a want of memory.

Values of 16 bits become 8 bits by one rule, round(value / 257), which is libpng's
`png_set_scale_16`. Pillow decodes colours of 16 bits to their high bytes only; they are decoded a
second time to their low bytes.

Decoding is left to Pillow alone. OpenCV gives the same pixels, but it is slower on JPEG and
turns a truncated JPEG into grey areas without a word.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import struct
import sys
import threading
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import numpy as np
from PIL import Image, ImageFile

from paddleseg_u2net.io import files
from paddleseg_u2net.io.file_types import HEAD, file_type, found
from paddleseg_u2net.log import logger
from paddleseg_u2net.text import short_list

__all__ = [
    "FORMAT_OF_SUFFIX",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "NO_TAGS",
    "WRITABLE_SUFFIXES",
    "ImageError",
    "Tags",
    "convert_image",
    "decode_image",
    "files_below",
    "find_images",
    "has_deep_colours",
    "image_size",
    "memory_named",
    "open_header",
    "read_colours",
    "read_image",
    "read_mask",
    "read_still",
    "read_tags",
    "write_image",
    "write_png",
]

PathLike = Union[str, "os.PathLike[str]"]

MAX_PIXELS = 200_000_000
_MAX_PIXELS_VARIABLE = "U2NET_MAX_PIXELS"

# Pillow knows more formats, but some of them start other programs (EPS starts Ghostscript).
_READABLE = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
_CONTAINED = ("AVIF", "HEIF")  # in a container of ISO's; not every Pillow reads them
FORMAT_OF_SUFFIX = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pbm": "PPM",
    ".pnm": "PPM",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
IMAGE_SUFFIXES = frozenset(FORMAT_OF_SUFFIX)
_WRITTEN = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
WRITABLE_SUFFIXES = frozenset(s for s, name in FORMAT_OF_SUFFIX.items() if name in _WRITTEN)
# Of these, further frames are an animation or a burst; the pages of a TIFF are other pictures.
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "HEIF")
_AT_ONCE = 2**22  # pixels
_MULTIPLIED_BY_ALPHA = {"La": "LA", "RGBa": "RGBA"}
_PILLOW_MODE = {1: "L", 3: "RGB", 4: "RGBA"}
_ORIENTATION_TAG, _WIDTH_TAG, _HEIGHT_TAG, _BITS_TAG = 0x0112, 0x0100, 0x0101, 0x0102
_PLANES_TAG = 0x011C
_RESOLUTION_TAGS, _UNIT_TAG, _CENTIMETRE = (0x011A, 0x011B), 0x0128, 3
_SIDEWAYS = (5, 6, 7, 8)
# Pillow widens pixels of few bits to 8, but not the transparent value: the levels, and the factor.
_WIDENED = {"1": (2, 255), "L;2": (4, 85), "L;4": (16, 17)}
_DEEP = re.compile(";16[BLN]$")
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

    Orientation tags (EXIF) are applied. Values of 16 bits, grey or colour, are divided by 257 and
    rounded. Palettes, CMYK, YCbCr, LAB and 1-bit pictures are converted. For 1 and 3 channels
    transparency is dropped, not blended with a background, as OpenCV and Pillow's `convert` do.
    Colour profiles are not applied. Of a camera's multi-picture JPEG (MPO) the main picture is
    read, of an animation the first frame, which the log says.

    Args:
        path: a JPEG, PNG, BMP, TIFF, WebP, GIF or PNM file, AVIF where Pillow reads it (11.3 and
            newer), HEIC with pillow-heif (the extra ``heif``); its content counts, not its suffix.
        channels: 1 = luma grey, 3 = RGB, 4 = RGBA (opaque where the file has no transparency).

    Returns:
        A writable, contiguous `uint8` array of shape (height, width, channels), 0..255.

    Raises:
        ImageError: the file is missing, no regular file (a folder, a pipe, a device), empty,
            truncated, no picture, of floating point values, of several pages, of more than
            `MAX_PIXELS` pixels (the environment variable U2NET_MAX_PIXELS replaces that limit),
            or larger than memory allows.
        ValueError: `channels` is not 1, 3 or 4.
    """
    _check_channels(channels)
    with memory_named(path):
        return decode_image(_content(path), channels, path)


def read_still(path: PathLike, channels: int = 3) -> np.ndarray:
    """As `read_image`, but an animation is an error: no mask belongs to all of its frames."""
    _check_channels(channels)
    with memory_named(path):
        return _array(_decoded(_content(path), path, still=True), channels, path)


def decode_image(content: bytes, channels: int = 3, name: PathLike = "picture") -> np.ndarray:
    """As `read_image`, of a file's content; ``name`` is what errors begin with."""
    _check_channels(channels)
    with memory_named(name):
        return _array(_decoded(content, name), channels, name)


def convert_image(picture: Any, channels: int = 3, name: PathLike = "picture") -> np.ndarray:
    """As `read_image`, of a Pillow picture; its orientation tag is applied if it still has one.

    The picture itself is not changed. Of several frames it is the one that it stands at. Of 16-bit
    colours Pillow has kept the high bytes.
    """
    _check_channels(channels)
    if picture.mode == "F":
        raise ImageError(name, _FLOATS)
    _check_pixel_count(picture.size, name)
    with memory_named(name):
        with _our_pillow_rules:
            _load(picture, name)
        # Pillow itself has turned TIFF files upright.
        orientation = 1 if picture.format == "TIFF" else _orientation(picture)
        if picture.mode != _PILLOW_MODE[channels]:
            picture = picture.copy()
        return _array(_Decoded(_unmultiplied(picture), orientation), channels, name)


@contextlib.contextmanager
def memory_named(name: PathLike) -> Iterator[None]:
    """Let a want of memory be an `ImageError` of the picture that is worked on."""
    try:
        yield
    except MemoryError as error:
        raise ImageError(
            name,
            "it needs more memory than there is; make it smaller, or work on fewer pictures at a "
            "time",
        ) from error


def _check_channels(channels: int) -> None:
    if channels not in _PILLOW_MODE:
        raise ValueError(f"channels: expected 1, 3 or 4, got {channels!r}")


class _Decoded(NamedTuple):
    """A decoded Pillow picture, and what is still to be done with it.

    ``orientation``: 1 to 8, still to be applied. ``deep``: the values of colours of 16 bits,
    uint16 (H, W, bands), of which the picture has the high bytes. ``exact``: whether ``picture``,
    or ``deep``, has the very values of the file.
    """

    picture: Any
    orientation: int
    deep: Optional[np.ndarray] = None
    exact: bool = True


def _array(decoded: _Decoded, channels: int, path: PathLike) -> np.ndarray:
    """A decoded picture as `read_image` gives it."""
    picture, orientation, deep, _ = decoded
    key = picture.info.get("transparency")
    if picture.mode.startswith("I"):
        grey = _sixteen_bit(picture, path)
        array = _spread(_sixteen_to_eight_bit(grey), channels)
        if channels == 4 and isinstance(key, int):
            array[..., 3][grey == key] = 0
    elif deep is not None:
        bands = _sixteen_to_eight_bit(deep)
        picture = Image.frombytes(picture.mode, picture.size, bands.tobytes())
        array = np.array(_in_mode(picture, _PILLOW_MODE[channels], path))
        if channels == 4 and isinstance(key, tuple):
            array[..., 3][(deep == key).all(axis=2)] = 0
    else:
        array = _pixels(picture, _PILLOW_MODE[channels], path)
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


class Tags(NamedTuple):
    """What a picture file says of its pixels.

    ``profile``: the ICC profile of the colours that `read_image` gives; None where there is none,
    or where reading converts the colours (CMYK, LAB, grey), so that it says nothing of them.
    ``dpi``: pixels per inch across and down, as the picture is seen; None where it is not said.
    """

    profile: Optional[bytes] = None
    dpi: Optional[Tuple[float, float]] = None


NO_TAGS = Tags()


def read_tags(path: PathLike) -> Tags:
    """Read what a file of the pixels that `read_image` gives should say of them.

    Raises:
        ImageError: as `image_size`.
    """
    with _opened(path) as stream, _our_pillow_rules:
        picture = _parsed(stream, path)
        profile = picture.info.get("icc_profile")
        kept = profile if profile and picture.mode in ("RGB", "RGBA", "P") else None
        dpi = _resolution(picture)
        return Tags(kept, dpi[::-1] if dpi and _orientation(picture) in _SIDEWAYS else dpi)


def _resolution(picture: Any) -> Optional[Tuple[float, float]]:
    """Pixels per inch of a picture as it is stored, if it says them."""
    try:
        found = picture.info.get("dpi")
        if found is None:  # formats without a field of their own have it in EXIF
            exif = Image.Image.getexif(picture)
            per_inch = 2.54 if exif.get(_UNIT_TAG) == _CENTIMETRE else 1.0
            found = [float(exif[tag]) * per_inch for tag in _RESOLUTION_TAGS]
        across, down = (float(value) for value in found)
    except Exception:  # missing, damaged, or a fraction of 0
        return None
    sensible = all(math.isfinite(value) and 1 <= value <= 1e6 for value in (across, down))
    return (across, down) if sensible else None


def read_colours(path: PathLike) -> np.ndarray:
    """As `read_image` of 3 channels, for colours that stand for something.

    Raises:
        ImageError: as `read_image`; or its colours of 16 bits are not those of 8 bits times 257, so
            that rounding would change them.
    """
    with memory_named(path):
        decoded = _decoded(_content(path), path, still=True)
        deep = decoded.deep
        if not decoded.exact or (deep is not None and (deep[..., :3] % 257).any()):
            raise ImageError(
                path,
                "expected colours of 8 bits, found such of 16 bits that 8 do not hold; save them "
                "with 8 bits, or class numbers as a grey PNG",
            )
        return _array(decoded, 3, path)


def read_mask(path: PathLike) -> np.ndarray:
    """Read a mask: one value per pixel, as stored in the file.

    1-bit files give 0 and 1, palette files their indices (not their colours; but 0 for black and
    1 for white, if there is nothing else in a palette that begins with white), 8-bit grey
    0..255 and 16-bit grey 0..65535. (Pillow widens 2- and 4-bit grey to 0..255.) Colour files
    of 8 or 16 bits whose three channels are equal everywhere give that channel. Transparency must
    be the same everywhere, for then it cannot be the mask. Orientation tags are applied as in
    `read_image`, so that picture and mask fit. JPEG is read, though its values are not exact.

    Returns:
        A writable, contiguous array of shape (height, width), `uint16` for 16-bit files, else
        `uint8`.

    Raises:
        ImageError: as `read_image`; or the mask is coloured, has varying transparency or several
            frames.
    """
    with memory_named(path):
        decoded = _decoded(_content(path), path, still=True)
        return _upright(_values(decoded, path), decoded.orientation)


def _values(decoded: _Decoded, path: PathLike) -> np.ndarray:
    """The values of a mask, (H, W)."""
    picture = decoded.picture
    if picture.mode in ("1", "L", "P"):
        values = np.array(picture).astype(np.uint8, copy=False)
        return _by_colour(values, picture) if picture.mode == "P" else values
    if picture.mode.startswith("I"):
        return _sixteen_bit(picture, path)
    if picture.mode in ("LA", "PA"):
        bands = np.array(picture)
        _check_alpha_unused(bands[..., 1], path)
        return bands[..., 0]
    if decoded.deep is not None and picture.mode in ("RGB", "RGBA"):
        return _single_channel(decoded.deep, path)
    if not decoded.exact:
        raise ImageError(
            path,
            "expected a mask of one channel, found 16-bit colours that cannot be read exactly; "
            "save the class number of each pixel in a grey or palette PNG",
        )
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    return _single_channel(_pixels(picture, mode, path), path)


def _by_colour(indices: np.ndarray, picture: Any) -> np.ndarray:
    """Indices; 0 for black and 1 for white where these are in an order that tools chose freely."""
    palette = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    white = (palette == 255).all(axis=1)
    if not white[:1].any() or not (white | (palette == 0).all(axis=1)).all():
        return indices
    if indices.max(initial=0) >= len(palette):  # some files have fewer colours than numbers
        return indices
    return white.astype(np.uint8)[indices]


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


def files_below(folder: PathLike, subfolders: Optional[List[Path]] = None) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders, those of a folder sorted.

    Hidden files and folders (".name") are skipped. Links to folders are followed, each folder
    once. What is neither (a pipe, a device, a link to nothing) is there too, for whoever opens it
    to name it.

    Args:
        subfolders: gets the folders below ``folder`` added.

    Raises:
        ImageError: a folder cannot be listed.
    """
    seen: Set[str] = set()
    for root, below, names in os.walk(folder, followlinks=True, onerror=_raise_listing_error):
        place = str(Path(root).resolve())
        if place in seen:  # a link back up would never end
            below.clear()
            continue
        seen.add(place)
        below[:] = sorted(name for name in below if not name.startswith("."))
        if subfolders is not None:
            subfolders += [Path(root, name) for name in below]
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
        return files.open_file(path)
    except (FileNotFoundError, files.NotAFileError):
        if files.is_address(path):
            found = "an address; fetch the picture first and give its path"
        else:
            found = files.what_is(path)
            found += "; name a file in it" if found == "a folder" else "; check the path"
        raise ImageError(path, f"expected a picture file, found {found}") from None
    except (OSError, ValueError) as error:
        raise ImageError(
            path, f"expected a readable picture file: {error}; check the path and its rights"
        ) from error


def _content(path: PathLike) -> bytes:
    with _opened(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise ImageError(path, f"the file cannot be read: {error}; check the disk") from error


def _decoded(content: bytes, path: PathLike, still: bool = False) -> _Decoded:
    """Decode a file's content; ``still``: an animation is an error."""
    with _our_pillow_rules:
        # From memory, for Pillow's many small reads are slower from a file.
        picture = _parsed(io.BytesIO(content), path, still)
        if getattr(picture, "n_frames", 1) > 1 and picture.format in _ANIMATED:
            logger.warning(f"{path}: {picture.n_frames} frames; the first is read")
        orientation, is_deep = _orientation(picture), has_deep_colours(picture)
        _load(picture, path)
        deep = _deep_colours(content, picture, path) if is_deep else None
    if picture.format == "TIFF":  # Pillow itself turns these upright while it loads them
        orientation = 1
    return _Decoded(_unmultiplied(picture), orientation, deep, not is_deep or deep is not None)


def _load(picture: Any, path: PathLike) -> None:
    try:
        picture.load()
    except MemoryError as error:
        raise ImageError(
            path,
            f"there is not enough memory for its {picture.width} x {picture.height} pixels, or the "
            "rows are longer than Pillow takes; make it smaller, if its header tells the truth",
        ) from error
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


def _parsed(stream: BinaryIO, path: PathLike, still: bool = False) -> Any:
    """Read the header of a picture and refuse what must not be decoded."""
    head = stream.read(HEAD)
    stream.seek(0)
    try:
        picture = open_header(stream)
        frames = getattr(picture, "n_frames", 1)
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(path, _what_it_is(head, error)) from error
    _check_pixel_count(picture.size, path)
    # The further pictures of an MPO file are previews or depth maps of the first.
    if frames > 1 and (still or picture.format not in _ANIMATED) and picture.format != "MPO":
        raise ImageError(
            path,
            f"expected a single picture, found {frames} frames or pages; "
            "save each one as a file of its own",
        )
    if picture.mode == "F":
        raise ImageError(path, _FLOATS)
    if picture.format == "TIFF" and _is_misread(picture):
        raise ImageError(
            path,
            "found 16-bit colours in uncompressed planes, which Pillow cannot read; save it with "
            "the colours of a pixel together (PLANARCONFIG contiguous), or as PNG",
        )
    if picture.format == "BMP" and _is_of_another_depth(picture, head):
        raise ImageError(
            path,
            "found a BMP of more bits than its few grey colours need, which Pillow reads wrongly; "
            "save it as PNG",
        )
    if picture.format == "PNG":
        if "exif" not in picture.info:
            _add_late_exif(picture, stream)
        key = picture.info.get("transparency")
        levels, factor = _WIDENED.get(_raw_mode(picture.tile[0]), (0, 1))
        if isinstance(key, int) and key < levels:
            picture.info["transparency"] = key * factor
    return picture


def _is_of_another_depth(picture: Any, head: bytes) -> bool:
    """Whether Pillow takes a BMP for one of 1 or 8 bits because its palette is of as many greys."""
    bits = struct.unpack_from("<H", head, 24 if head[14] == 12 else 28)[0]
    return bits != {"1": 1, "L": 8}.get(picture.mode, bits)


def open_header(stream: BinaryIO) -> Any:
    """Open a picture of a format that is read, by its content, as Pillow does: decoded later.

    Raises:
        Exception: Pillow does not know it, or it is damaged.
    """
    head = stream.read(12)
    stream.seek(0)
    formats: Sequence[str] = _READABLE
    if head[4:8] == b"ftyp":
        Image.init()
        with contextlib.suppress(ImportError):
            from pillow_heif import register_heif_opener

            register_heif_opener()
        formats = [name for name in _CONTAINED if name in Image.OPEN]
    with _our_pillow_rules:
        return Image.open(stream, formats=formats)


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
    known = file_type(head)
    if known is None or known.family != "image":
        return f"expected a picture, {found(head)}"
    if known.name == "avif" and "AVIF" not in Image.OPEN:
        return "expected a picture that Pillow reads, found AVIF: pip install 'pillow>=11.3'"
    if known.name == "heic" and "HEIF" not in Image.OPEN:
        return "found a HEIC picture, which needs pillow-heif: pip install 'paddleseg_u2net[heif]'"
    return (
        f"expected a whole picture, but the file is truncated or damaged, or {known.words} of a "
        f"kind that Pillow cannot read ({error}); fetch it again, or save it as a plain 8-bit PNG"
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


def _pixels(picture: Any, mode: str, path: PathLike) -> np.ndarray:
    """The pixels of a decoded picture in mode L, RGB or RGBA, uint8 (H, W) or (H, W, bands).

    Converting takes several copies, so of large pictures some rows are converted at a time.
    """
    width, height = picture.size
    rows = max(1, _AT_ONCE // width)
    if height <= rows:
        return np.array(_in_mode(picture, mode, path))
    array = np.empty((height, width, len(mode)), np.uint8)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        array[top : top + rows] = _pixels(strip, mode, path).reshape(-1, width, len(mode))
    return array


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


# ---------------------------------------------------------------- colours of 16 bits


def has_deep_colours(picture: Any) -> bool:
    """Whether a Pillow picture, not yet decoded, has colours (or grey and alpha) of 16 bits."""
    if picture.mode.startswith("I"):
        return False
    if picture.format == "PPM":
        return any(isinstance(tile[3], tuple) and tile[3][1] > 255 for tile in picture.tile)
    return any(_DEEP.search(_raw_mode(tile)) for tile in picture.tile)


def _is_misread(tiff: Any) -> bool:
    """Whether Pillow would take planes of 16 bits for those of 8."""
    planes = [tile for tile in tiff.tile if tile[0] == "raw" and len(_raw_mode(tile)) == 1]
    return tiff.mode != "L" and bool(planes) and max(tiff.tag_v2.get(_BITS_TAG, (8,))) > 8


def _raw_mode(tile: Any) -> str:
    return str(tile[3][0] if isinstance(tile[3], tuple) else tile[3])


def _with_raw_mode(tile: Any, mode: str) -> Any:
    arguments = (mode, *tile[3][1:]) if isinstance(tile[3], tuple) else mode
    changed = (*tile[:3], arguments)
    return tile._make(changed) if hasattr(tile, "_make") else changed


def _deep_colours(content: bytes, high: Any, path: PathLike) -> Optional[np.ndarray]:
    """The values of 16-bit colours, uint16 (H, W, bands).

    None where only the high bytes can be had: colours multiplied by alpha, compressed planes of a
    TIFF, and PPM files in text or of less white.

    Args:
        high: the same picture, decoded to the high bytes.
    """
    low = open_header(io.BytesIO(content))
    if low.format == "PPM":
        if low.tile[0][0] != "ppm" or low.tile[0][3][1] != 65535:
            return None
        values = np.frombuffer(content, ">u2", 3 * low.width * low.height, low.tile[0][2])
        return values.reshape(low.height, low.width, 3).astype(np.uint16)
    modes = {_raw_mode(tile) for tile in low.tile}
    if modes == {"LA;16B"}:  # four bytes a pixel: grey, then alpha
        low.tile = [_with_raw_mode(tile, "RGBA") for tile in low.tile]
        _load(low, path)
        bytes_ = np.array(low).astype(np.uint16)
        pairs = bytes_[..., 0::2] << 8 | bytes_[..., 1::2]
        return pairs[..., [0, 0, 0, 1]]
    planes = low.format == "TIFF" and low.tag_v2.get(_PLANES_TAG, 1) == 2
    if planes or any(mode.startswith("RGBa") for mode in modes):
        return None
    # In the other order of bytes the low one is taken for the high one.
    low.tile = [_with_raw_mode(tile, _swapped(_raw_mode(tile))) for tile in low.tile]
    _load(low, path)
    return np.array(high).astype(np.uint16) << 8 | np.array(low)


def _swapped(mode: str) -> str:
    native = "L" if sys.byteorder == "little" else "B"
    order = mode[-1].replace("N", native)
    return mode[:-1] + ("B" if order == "L" else "L")


def _single_channel(bands: np.ndarray, path: PathLike) -> np.ndarray:
    """The one channel of colours (H, W, 3 or 4) that are grey everywhere."""
    if bands.shape[2] == 4:
        _check_alpha_unused(bands[..., 3], path)
    red, green, blue = (bands[..., index] for index in range(3))
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        raise ImageError(
            path,
            f"expected a single-channel or palette PNG as a mask, found the colours "
            f"{_some_colours(bands[..., :3])}; save the class number of each pixel instead of "
            "a colour",
        )
    return red


def _some_colours(array: np.ndarray) -> str:
    packed = array.astype(np.uint64) @ np.array([1 << 32, 1 << 16, 1], dtype=np.uint64)
    colours = np.unique(packed)
    named = (tuple(int(c) >> shift & 65535 for shift in (32, 16, 0)) for c in colours)
    return short_list(named, 5)


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
    files.write_bytes(path, buffer.getvalue())
