"""Finished pictures to files: formats, quality, and what goes along with the pixels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple, Union

import numpy as np
from PIL import Image, PngImagePlugin

from paddleseg_u2net.io.images import (
    ImageError,
    Metadata,
    PathLike,
    deep_png_bytes,
    eight_bit,
    memory_named,
    packed_png,
    picture_bytes,
    tiff_bytes,
)
from paddleseg_u2net.io.images.metadata import resolution_exif, with_xmp, without_orientation
from paddleseg_u2net.removal.composing import over

LOSSLESS = "lossless"
# Without ISA-L, and of masks. By runs alone photographs are packed in a quarter of the time of 6
# with 3 % more bytes, masks and drawings with as many; 1 with zlib's usual search takes longer, and
# a fifth more bytes.
_PACKING, _BY_RUNS = 1, zlib.Z_RLE
_EXIF_PREFIX = b"Exif\0\0"


@dataclass(frozen=True)
class Encoding:
    """How finished pictures become files.

    Colour profile and resolution go along in every format. Nothing else does, unless
    ``keep_exif``: not the place, the camera's number, the owner's name, a thumbnail.

    Args:
        format: one of `FORMATS`, or another suffix of theirs, such as ``jpeg``.
        quality: 1 to 100 of a lossy format, None for its usual one; ``"lossless"`` where the format
            can be.
        keep_exif: whether EXIF data and XMP go along. The orientation in them becomes that of the
            upright picture, its size that of the finished one; thumbnails go, since they show
            what was taken away.

    Raises:
        ValueError: there is no such format or quality, or what writes the format is not installed;
            the message says what is allowed, or what to install.
    """

    format: str = "png"
    quality: Optional[Union[int, str]] = None
    keep_exif: bool = False

    def __post_init__(self) -> None:
        name = format_of_suffix(f".{self.format}") or self.format  # jpeg is jpg
        object.__setattr__(self, "format", name)
        if self.format not in FORMATS:
            raise ValueError(f"format: expected one of {', '.join(FORMATS)}, got {self.format!r}")
        known = FORMATS[self.format]
        given = self.quality
        if given == LOSSLESS:
            if not known.lossless:
                can = ", ".join(name for name, other in FORMATS.items() if other.lossless)
                raise ValueError(f"quality: {self.format} is never lossless; such are {can}")
        elif given is not None:
            if known.quality is None:
                raise ValueError(
                    f"quality: {self.format} is lossless and has none, got {given!r}; leave it out"
                )
            whole = isinstance(given, int) and not isinstance(given, bool)
            if not whole or not 1 <= given <= 100:  # type: ignore[operator]
                raise ValueError(
                    f"quality: expected a whole number of 1 to 100, or {LOSSLESS}, got {given!r}"
                )
        known.check()

    def notes(self, picture: np.ndarray) -> Tuple[str, ...]:
        """What of a finished picture this format cannot hold, for the user."""
        known, found = FORMATS[self.format], []
        if not known.alpha and _is_transparent(picture):
            found.append(
                f"{self.format} has no transparency: what was transparent is white; choose another "
                "background, or png"
            )
        if not known.deep and picture.dtype == np.uint16:
            found.append(f"{self.format} has 8 bits a colour: 16 were rounded to them")
        return tuple(found)


class Format(NamedTuple):
    """A format of files.

    Args:
        suffixes: of its files, the usual one first.
        media_type: as HTTP calls it.
        alpha: whether it has transparency; without, what is transparent becomes white.
        deep: whether it holds 16 bits a colour; without, they are rounded to 8.
        lossless: whether it can keep every digit.
        quality: of a lossy file, where none is asked for; None if it is always lossless.
        longest: side in pixels that it holds.
        write: an array, the metadata and the quality to a file's content.
        check: raises a ValueError where what writes it is not installed.
    """

    suffixes: Tuple[str, ...]
    media_type: str
    alpha: bool
    deep: bool
    lossless: bool
    quality: Optional[int]
    longest: int
    write: Callable[[np.ndarray, Metadata, Union[int, str]], bytes]
    check: Callable[[], None] = lambda: None


def encode(
    picture: np.ndarray,
    metadata: Optional[Metadata] = None,
    encoding: Optional[Encoding] = None,
    name: PathLike = "picture",
) -> bytes:
    """Give the content of a finished picture's file.

    Args:
        picture: uint8 or uint16: (H, W, 3), RGB; (H, W, 4), RGBA, not multiplied by opacity; or
            uint8 (H, W), a mask.
        metadata: of the file that it was made of; a mask gets no colour profile.
        encoding: the format and its settings; usually PNG.
        name: what an error begins with.

    Raises:
        ImageError: the format does not hold such a picture.
    """
    metadata, encoding = metadata or Metadata(), encoding or Encoding()
    known = FORMATS[encoding.format]
    height, width = picture.shape[:2]
    if max(height, width) > known.longest:
        raise ImageError(
            name,
            f"{encoding.format} holds sides of at most {known.longest} pixels, the picture has "
            f"{width} x {height}; choose png or tiff, or make it smaller",
        )
    with memory_named(name):
        if not known.deep and picture.dtype == np.uint16:
            picture = eight_bit(picture)
        if not known.alpha and picture.ndim == 3 and picture.shape[2] == 4:
            white = np.full((1, 1, 3), np.iinfo(picture.dtype).max, picture.dtype)
            picture = over(picture, white)
        kept = metadata.of_finished((width, height)) if encoding.keep_exif else metadata.plain()
        if picture.ndim == 2:
            kept = kept._replace(profile=None)
        quality = known.quality if encoding.quality is None else encoding.quality
        try:
            return known.write(picture, kept, LOSSLESS if quality is None else quality)
        except (OSError, ValueError, RuntimeError) as error:
            raise ImageError(
                name, f"it cannot be written as {encoding.format} ({error}); choose another format"
            ) from error


def format_of_suffix(suffix: str) -> Optional[str]:
    """The name of the format of files with a suffix such as ``.jpeg``; None if there is none."""
    found = (name for name, known in FORMATS.items() if suffix.lower() in known.suffixes)
    return next(found, None)


def _is_transparent(picture: np.ndarray) -> bool:
    rgba = picture.ndim == 3 and picture.shape[2] == 4
    return rgba and bool((picture[..., 3] < np.iinfo(picture.dtype).max).any())


def _png(picture: np.ndarray, metadata: Metadata, quality: Union[int, str]) -> bytes:
    # Masks are small, and a fifth larger that way.
    packed = packed_png(picture, metadata) if picture.ndim == 3 else None
    if packed is not None:
        return packed
    if picture.dtype == np.uint16:
        return deep_png_bytes(picture, metadata, _PACKING)
    texts = PngImagePlugin.PngInfo()
    if metadata.xmp:
        texts.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    options = _given(icc_profile=metadata.profile, dpi=metadata.dpi, exif=metadata.exif)
    return picture_bytes(
        picture, "PNG", pnginfo=texts, compress_level=_PACKING, compress_type=_BY_RUNS, **options
    )


def _tiff(picture: np.ndarray, metadata: Metadata, quality: Union[int, str]) -> bytes:
    return tiff_bytes(picture, metadata)


def _jpeg(picture: np.ndarray, metadata: Metadata, quality: Union[int, str]) -> bytes:
    # Colours of every pixel: with those of four together, edges before a background bleed.
    exif = _EXIF_PREFIX + metadata.exif if metadata.exif else None
    options = _given(icc_profile=metadata.profile, dpi=metadata.dpi, exif=exif)
    content = picture_bytes(
        picture, "JPEG", quality=quality, subsampling=0, optimize=True, **options
    )
    return with_xmp(content, metadata.xmp) if metadata.xmp else content


def _webp(picture: np.ndarray, metadata: Metadata, quality: Union[int, str]) -> bytes:
    options = _contained(metadata)
    if quality == LOSSLESS:
        return picture_bytes(picture, "WEBP", lossless=True, exact=True, **options)
    return picture_bytes(picture, "WEBP", quality=quality, **options)


def _avif(picture: np.ndarray, metadata: Metadata, quality: Union[int, str]) -> bytes:
    options = _contained(metadata)
    if "exif" in options:  # else Pillow takes it out itself, and writes all the others anew
        options["exif"] = without_orientation(options["exif"])
    options.update(quality=quality)
    if picture.ndim == 2:
        return picture_bytes(picture, "AVIF", **options)
    options.update(subsampling="4:4:4")
    if picture.shape[2] == 4:
        try:  # opacity without loss, else what is transparent is so nearly only
            return picture_bytes(picture, "AVIF", advanced={"alpha:lossless": "1"}, **options)
        except ValueError:  # another encoder than aom
            pass
    return picture_bytes(picture, "AVIF", **options)


def _heic(picture: np.ndarray, metadata: Metadata, quality: Union[int, str]) -> bytes:
    options = _contained(metadata)
    if picture.ndim == 3:
        options.update(chroma=444)
    return picture_bytes(picture, "HEIF", quality=quality, **options)


def _contained(metadata: Metadata) -> Dict[str, Any]:
    """Options for formats that tell a resolution in EXIF data only."""
    exif = metadata.exif
    if exif is None and metadata.dpi:
        exif = resolution_exif(metadata.dpi)
    return _given(icc_profile=metadata.profile, exif=exif, xmp=metadata.xmp)


def _given(**options: Any) -> Dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def _check_avif() -> None:
    Image.init()
    if "AVIF" not in Image.SAVE:
        raise ValueError("format: avif needs a newer Pillow: pip install 'pillow>=11.3'")


def _check_heic() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ValueError(
            "format: heic needs pillow-heif: pip install 'paddleseg_u2net[heif]'"
        ) from error
    register_heif_opener()


FORMATS: Dict[str, Format] = {
    "png": Format((".png",), "image/png", True, True, True, None, 2**31 - 1, _png),
    "webp": Format((".webp",), "image/webp", True, False, True, 90, 16383, _webp),
    "avif": Format((".avif",), "image/avif", True, False, False, 80, 65535, _avif, _check_avif),
    "heic": Format(
        (".heic", ".heif"), "image/heic", True, False, False, 90, 65535, _heic, _check_heic
    ),
    "jpg": Format((".jpg", ".jpeg"), "image/jpeg", False, False, False, 92, 65535, _jpeg),
    "tiff": Format((".tiff", ".tif"), "image/tiff", True, True, True, None, 2**31 - 1, _tiff),
}
"""The formats of finished pictures, by the names that ``--format`` takes."""
