"""Image files opened with Pillow but not yet decoded, and what must not be decoded refused."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, Iterator, List, Optional, Sequence, Set, Tuple, Union

from PIL import Image, ImageFile

from paddleseg_u2net.io import files
from paddleseg_u2net.io.file_types import HEAD, file_type, found

PathLike = Union[str, "os.PathLike[str]"]

MAX_PIXELS = 200_000_000
_MAX_PIXELS_VARIABLE = "U2NET_MAX_PIXELS"
_most: ContextVar[Optional[int]] = ContextVar("_most", default=None)

# Pillow knows more formats, but some of them start other programs (EPS starts Ghostscript).
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
}
FORMAT_OF_SUFFIX = {suffix: name for name, suffixes in _SUFFIXES.items() for suffix in suffixes}
IMAGE_SUFFIXES = frozenset(FORMAT_OF_SUFFIX)
_CONTAINED = ("AVIF", "HEIF")  # in an ISO container; not every Pillow reads them
_READABLE = tuple(name for name in _SUFFIXES if name not in _CONTAINED)
# Of these, further frames are an animation or a burst; the pages of a TIFF are other pictures.
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "HEIF")
FLOATS = (
    "expected 8- or 16-bit values, found floating point values, whose black and white are not "
    "known; scale them and save an 8- or 16-bit file"
)
_BITS_TAG = 0x0102
# Pillow widens pixels of few bits to 8, but not the transparent value: the levels, and the factor.
_WIDENED = {"1": (2, 255), "L;2": (4, 85), "L;4": (16, 17)}
_DEEP = re.compile(";16[BLN]$")


class ImageError(ValueError):
    """An image that cannot be read or written as asked; the message begins with its path."""

    def __init__(self, path: PathLike, message: str) -> None:
        super().__init__(f"{os.fspath(path)}: {message}")


class TooManyPixels(ImageError):
    """An image that is larger than is allowed."""


@contextlib.contextmanager
def memory_named(name: PathLike) -> Iterator[None]:
    """Turn a lack of memory into an `ImageError` of the image that is worked on."""
    try:
        yield
    except MemoryError as error:
        message = "it needs more memory than there is; make it smaller, or work on fewer at a time"
        raise ImageError(name, message) from error


class _PillowRules:
    """While entered, Pillow's pixel limit is off (ours holds) and half pictures are errors.

    Both are settings of the process: the first thread to enter sets, the last restores them.
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


pillow_rules = _PillowRules()


def open_stream(path: PathLike) -> BinaryIO:
    """Open a regular file."""
    try:
        return files.open_file(path)
    except (OSError, ValueError) as error:
        there = files.what_is(path)
        if there == "a file":
            there += f" that cannot be opened ({getattr(error, 'strerror', error)})"
        raise ImageError(path, f"expected a picture file, found {there}; check the path") from error


def open_picture(stream: BinaryIO, path: PathLike) -> Any:
    """Open an image by its content as Pillow does: it is decoded later."""
    head = stream.read(HEAD)
    stream.seek(0)
    formats: Sequence[str] = _READABLE
    if head[4:8] == b"ftyp":
        Image.init()
        with contextlib.suppress(ImportError):
            from pillow_heif import register_heif_opener

            register_heif_opener()
        formats = [name for name in _CONTAINED if name in Image.OPEN]
    try:
        with pillow_rules:
            picture = Image.open(stream, formats=formats)
            getattr(picture, "n_frames", 1)  # which reads on
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(path, _why_not(head, error)) from error
    if picture.format == "PNG":
        _mend_png(picture, stream)
    if picture.format == "BMP" and _is_of_another_depth(picture, head):
        raise ImageError(
            path,
            "found a BMP of more bits than its few grey colours need, which Pillow reads wrongly; "
            "save it as PNG",
        )
    return picture


def check_readable(picture: Any, path: PathLike, still: bool = False) -> None:
    """Refuse what must not be decoded; ``still``: nor an animation."""
    check_pixel_count(picture.size, path)
    frames = getattr(picture, "n_frames", 1)
    # The further pictures of an MPO file are previews or depth maps of the first.
    if frames > 1 and (still or picture.format not in ANIMATED) and picture.format != "MPO":
        raise ImageError(
            path,
            f"expected a single picture, found {frames} frames or pages; "
            "save each one as a file of its own",
        )
    if picture.mode == "F":
        raise ImageError(path, FLOATS)
    if picture.mode == "LAB":
        raise ImageError(path, "expected grey or RGB, found LAB colours; save the picture as RGB")
    if picture.format == "TIFF" and _has_deep_planes(picture):
        raise ImageError(
            path,
            "found 16-bit colours in uncompressed planes, which Pillow cannot read; save it with "
            "the colours of a pixel together (PLANARCONFIG contiguous), or as PNG",
        )


@contextlib.contextmanager
def at_most_pixels(count: int) -> Iterator[None]:
    """Let no image of more pixels be read or made in the block, by this thread."""
    token = _most.set(count)
    try:
        yield
    finally:
        _most.reset(token)


def check_pixel_count(size: Tuple[int, int], path: PathLike) -> None:
    """Refuse an image of more pixels than `at_most_pixels` says, or than U2NET_MAX_PIXELS, or
    `MAX_PIXELS`.
    """
    most, count = _most.get(), size[0] * size[1]
    if most is not None and count > most:
        raise TooManyPixels(
            path,
            f"expected at most {most} pixels, found {count} ({size[0]} x {size[1]}); make the "
            "picture smaller",
        )
    text = os.environ.get(_MAX_PIXELS_VARIABLE) or str(MAX_PIXELS)
    if not text.isdecimal():
        raise ValueError(
            f"environment variable {_MAX_PIXELS_VARIABLE}: expected a whole number of pixels "
            f"such as {MAX_PIXELS}, got {text!r}"
        )
    if count > int(text):
        raise TooManyPixels(
            path,
            f"expected at most {text} pixels, found {count} ({size[0]} x {size[1]}); make the "
            f"picture smaller or set the environment variable {_MAX_PIXELS_VARIABLE} higher",
        )


def raw_mode(tile: Any) -> str:
    """How the pixels of a tile are stored, as Pillow calls it: ``RGB;16B``, ``L;4`` ..."""
    return str(tile[3][0] if isinstance(tile[3], tuple) else tile[3])


def has_deep_colours(picture: Any) -> bool:
    """Whether a Pillow picture, not yet decoded, has colours (or grey and alpha) of 16 bits."""
    tiles = getattr(picture, "tile", [])  # a picture that is of no file has none
    if picture.mode.startswith("I"):
        return False
    if picture.format == "PPM":
        return any(isinstance(tile[3], tuple) and tile[3][1] > 255 for tile in tiles)
    return any(_DEEP.search(raw_mode(tile)) for tile in tiles)


def _why_not(head: bytes, error: Exception) -> str:
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


def _mend_png(picture: Any, stream: BinaryIO) -> None:
    """Find EXIF data behind the pixels, and widen the transparent value as its pixels."""
    if "exif" not in picture.info:
        place = stream.tell()
        stream.seek(8)
        while len(header := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", header)
            if kind == b"eXIf":
                picture.info["exif"] = b"Exif\0\0" + stream.read(length)
                break
            stream.seek(length + 4, io.SEEK_CUR)
        stream.seek(place)
    key = picture.info.get("transparency")
    levels, factor = _WIDENED.get(raw_mode(picture.tile[0]), (0, 1))
    if isinstance(key, int) and key < levels:
        picture.info["transparency"] = key * factor


def _has_deep_planes(tiff: Any) -> bool:
    """Whether Pillow would take planes of 16 bits for those of 8."""
    planes = [tile for tile in tiff.tile if tile[0] == "raw" and len(raw_mode(tile)) == 1]
    return tiff.mode != "L" and bool(planes) and max(tiff.tag_v2.get(_BITS_TAG, (8,))) > 8


def _is_of_another_depth(bmp: Any, head: bytes) -> bool:
    """Whether Pillow takes a BMP for one of 1 or 8 bits because its palette is of as many greys."""
    bits = struct.unpack_from("<H", head, 24 if head[14] == 12 else 28)[0]
    return bits != {"1": 1, "L": 8}.get(bmp.mode, bits)


def find_images(folder: PathLike) -> List[Path]:
    """List the images among `files_below`, sorted, by their suffix in any letter case."""
    if not Path(folder).is_dir():
        there = files.what_is(folder)
        raise ImageError(folder, f"expected a folder of pictures, found {there}; check the path")
    return sorted(path for path in files_below(folder) if path.suffix.lower() in IMAGE_SUFFIXES)


def files_below(
    folder: PathLike,
    subfolders: Optional[List[Path]] = None,
    errors: Optional[List[ImageError]] = None,
) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders, those of a folder sorted.

    Hidden ones (".name") are skipped, links to folders are followed, each folder once. Pipes,
    devices and links to nothing are yielded too: opening them gives an error that names them.
    ``subfolders`` gets the folders below ``folder`` appended, ``errors`` those of folders that
    cannot be read, which are raised otherwise.
    """

    def refused(error: OSError) -> None:
        text = f"expected a readable folder: {error.strerror}; check its rights"
        found = ImageError(str(error.filename), text)
        if errors is None:
            raise found from error
        errors.append(found)

    seen: Set[str] = set()
    for root, below, names in os.walk(folder, followlinks=True, onerror=refused):
        place = str(Path(root).resolve())
        if place in seen:  # a link back up would never end
            below.clear()
            continue
        seen.add(place)
        below[:] = sorted(name for name in below if not name.startswith("."))
        if subfolders is not None:
            subfolders += [Path(root, name) for name in below]
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))
