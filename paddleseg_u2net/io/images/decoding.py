"""Image files decoded to arrays, as images or as masks."""

from __future__ import annotations

import io
from typing import Any, Optional

import cv2
import numpy as np
from PIL import Image

from paddleseg_u2net.io.images.headers import Header, header_of
from paddleseg_u2net.io.images.opening import (
    ANIMATED,
    FLOATS,
    ImageError,
    PathLike,
    check_pixel_count,
    check_readable,
    memory_named,
    open_picture,
    open_stream,
    pillow_rules,
)
from paddleseg_u2net.log import logger
from paddleseg_u2net.text import short_list

_AT_ONCE = 2**22  # pixels
_MULTIPLIED_BY_ALPHA = {"La": "LA", "RGBa": "RGBA"}
_PILLOW_MODE = {1: "L", 3: "RGB", 4: "RGBA"}
_OPENCV_ORDER = {1: [0, 0, 0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # it is blue, green, red


def read_image(path: PathLike, channels: int = 3) -> np.ndarray:
    """Read an image as it is meant to be seen: upright, in RGB.

    Values of 16 bits are divided by 257 and rounded. For 1 and 3 channels transparency is dropped,
    not blended with a background, as OpenCV and Pillow's `convert` do. Colour profiles are not
    applied. Of a camera's multi-picture JPEG (MPO) the main picture is read, of an animation the
    first frame, which the log says.

    Args:
        path: A JPEG, PNG, BMP, TIFF, WebP, GIF or PNM file, AVIF where Pillow reads it (11.3 and
            newer), HEIC with pillow-heif (the extra ``heif``); its content counts, not its suffix.
        channels: 1 = luma grey, 3 = RGB, 4 = RGBA (opaque where the file has no transparency).

    Returns:
        A writable, contiguous `uint8` array of shape (height, width, channels), 0..255.

    Raises:
        ImageError: It is no whole image file, of floating point values, of several pages, larger
            than memory allows, or of more than `MAX_PIXELS` pixels (the environment variable
            U2NET_MAX_PIXELS replaces that limit).
    """
    return decode_file(path).image(channels)


def read_still(path: PathLike, channels: int = 3) -> np.ndarray:
    """As `read_image`, but an animation is an error: no mask belongs to all of its frames."""
    return decode_file(path, still=True).image(channels)


def decode_image(content: bytes, channels: int = 3, name: PathLike = "picture") -> np.ndarray:
    """As `read_image`, of a file's content; ``name`` is what errors begin with."""
    return decode(content, name).image(channels)


def convert_image(picture: Any, channels: int = 3, name: PathLike = "picture") -> np.ndarray:
    """As `read_image`, of a Pillow picture, which is not changed; of the frame that it stands at.

    Of 16-bit colours Pillow has kept the high bytes.
    """
    return decoded_picture(picture, name).image(channels)


def decoded_picture(picture: Any, name: PathLike = "picture") -> DecodedImage:
    """As `decode_file`, of a Pillow picture."""
    if picture.mode == "F":
        raise ImageError(name, FLOATS)
    check_pixel_count(picture.size, name)
    _load(picture, name)
    return DecodedImage(picture, header_of(picture), None, name)


def read_colours(path: PathLike) -> np.ndarray:
    """As `read_image` of 3 channels, for colours that stand for something: none may be rounded."""
    decoded = decode_file(path, still=True)
    deep = decoded.deep
    if decoded.header.deep and (deep is None or (deep[..., :3] % 257).any()):
        raise ImageError(
            path,
            "expected colours of 8 bits, found such of 16 bits that 8 do not hold; save them with "
            "8 bits, or class numbers as a grey PNG",
        )
    return decoded.image(3)


def read_mask(path: PathLike) -> np.ndarray:
    """Read a mask: one value per pixel, as stored in the file.

    1-bit files give 0 and 1, palette files their indices (not their colours; but 0 for black and
    1 for white, if there is nothing else in a palette that begins with white), 8-bit grey
    0..255 and 16-bit grey 0..65535. (Pillow widens 2- and 4-bit grey to 0..255.) Colour files
    whose three channels are equal everywhere give that channel. Transparency must be the same
    everywhere, for then it cannot be the mask. It is turned upright as in `read_image`. JPEG is
    read, though its values are not exact.

    Returns:
        A writable, contiguous array of shape (height, width), `uint16` for 16-bit files, else
        `uint8`.

    Raises:
        ImageError: As `read_image`; or the mask is coloured, has varying transparency or several
            frames.
    """
    return decode_file(path, still=True).mask()


class DecodedImage:
    """A decoded file, of which the image or the mask can be had.

    ``deep``: 16-bit colours, uint16 (H, W, 3 or 4), not turned; None where there are none, or where
    Pillow has their high bytes only.
    """

    def __init__(
        self, picture: Any, header: Header, deep: Optional[np.ndarray], path: PathLike
    ) -> None:
        if picture.mode in _MULTIPLIED_BY_ALPHA:
            picture = picture.convert(_MULTIPLIED_BY_ALPHA[picture.mode])
        self.header, self.deep = header, deep
        self.picture, self._path = picture, path

    def image(self, channels: int = 3) -> np.ndarray:
        """The array that `read_image` gives."""
        if channels not in _PILLOW_MODE:
            raise ValueError(f"channels: expected 1, 3 or 4, got {channels!r}")
        with memory_named(self._path):
            array = self._colours(channels)
            return self.upright(array.reshape(*array.shape[:2], channels))

    def mask(self) -> np.ndarray:
        """The array that `read_mask` gives."""
        with memory_named(self._path):
            return self.upright(self._values())

    def pixels(self, channels: int) -> np.ndarray:
        """Stored pixels, not turned, uint8 (H, W, 3 or 4)."""
        return _pixels(self.picture, _PILLOW_MODE[channels])

    def deep_colours(self) -> Optional[np.ndarray]:
        """Stored 16-bit colours or greys, not turned, uint16 (H, W, 3 or 4); None of others."""
        key = self.picture.info.get("transparency")
        if self.picture.mode.startswith("I"):
            grey = _sixteen_bit(self.picture, self._path)
            bands = [grey] * 3
            seen = grey != key if isinstance(key, int) else None
        elif self.deep is None:
            return None
        else:
            bands = [self.deep[..., index] for index in range(self.deep.shape[2])]
            seen = (self.deep != key).any(axis=2) if isinstance(key, tuple) else None
        if seen is not None:
            bands.append(seen * np.uint16(65535))
        return np.dstack(bands)

    def _colours(self, channels: int) -> np.ndarray:
        picture, mode = self.picture, _PILLOW_MODE[channels]
        key = picture.info.get("transparency")
        if picture.mode.startswith("I"):
            grey = _sixteen_bit(picture, self._path)
            array = np.repeat(eight_bit(grey)[..., None], channels, axis=2)
            if channels == 4:
                array[..., 3] = np.where(grey == key, 0, 255) if isinstance(key, int) else 255
            return array
        if self.deep is None:
            return _pixels(picture, mode)
        bands = eight_bit(self.deep)
        picture = Image.frombytes(picture.mode, picture.size, bands.tobytes())
        array = np.array(_in_mode(picture, mode))
        if channels == 4 and isinstance(key, tuple):
            array[..., 3][(self.deep == key).all(axis=2)] = 0
        return array

    def _values(self) -> np.ndarray:
        picture, path = self.picture, self._path
        if picture.mode in ("1", "L", "P"):
            values = np.array(picture).astype(np.uint8, copy=False)
            return _by_colour(values, picture) if picture.mode == "P" else values
        if picture.mode.startswith("I"):
            return _sixteen_bit(picture, path)
        if picture.mode in ("LA", "PA"):
            bands = np.array(picture)
            _check_alpha_unused(bands[..., 1], path)
            return bands[..., 0]
        if self.header.deep and self.deep is None:
            raise ImageError(
                path,
                "expected a mask of one channel, found 16-bit colours that cannot be read exactly; "
                "save the class number of each pixel in a grey or palette PNG",
            )
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        return _single_channel(_pixels(picture, mode) if self.deep is None else self.deep, path)

    def upright(self, array: np.ndarray) -> np.ndarray:
        """Turn stored pixels as the orientation asks; contiguous and writable."""
        # Pillow itself turns TIFF files upright while it loads them.
        orientation = 1 if self.header.format == "TIFF" else self.header.orientation
        if orientation >= 5:
            array = array.swapaxes(0, 1)
        if orientation in (2, 3, 6, 7):
            array = array[:, ::-1]
        if orientation in (3, 4, 7, 8):
            array = array[::-1]
        return np.ascontiguousarray(array)


def decode_file(path: PathLike, still: bool = False, warn: bool = True) -> DecodedImage:
    """Decode a file once, for its header and its image or mask.

    ``still``: no animation; ``warn``: else the log says that the first frame of one is read.
    """
    with memory_named(path), open_stream(path) as file:
        try:
            content = file.read()
        except OSError as error:
            raise ImageError(path, f"the file cannot be read: {error}; check the disk") from error
        return decode(content, path, still, warn)


def decode(content: bytes, path: PathLike, still: bool = False, warn: bool = True) -> DecodedImage:
    """As `decode_file`, of a file's content; ``path`` is what errors begin with."""
    # From memory, for Pillow's many small reads are slower from a file.
    picture = open_picture(io.BytesIO(content), path)
    check_readable(picture, path, still)
    if warn and getattr(picture, "n_frames", 1) > 1 and picture.format in ANIMATED:
        logger.warning(f"{path}: {picture.n_frames} frames; the first is read")
    header = header_of(picture)
    multiplied = picture.mode in _MULTIPLIED_BY_ALPHA
    _load(picture, path)
    deep = _deep_values(content, picture) if header.deep and not multiplied else None
    return DecodedImage(picture, header, deep, path)


def _load(picture: Any, path: PathLike) -> None:
    try:
        with pillow_rules:
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


def _pixels(picture: Any, mode: str) -> np.ndarray:
    """The pixels in mode L, RGB or RGBA, uint8 (H, W) or (H, W, bands).

    Converting takes several copies, so of large pictures some rows are converted at a time.
    """
    width, height = picture.size
    rows = max(1, _AT_ONCE // width)
    if height <= rows:
        return np.array(_in_mode(picture, mode))
    array = np.empty((height, width, len(mode)), np.uint8)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        array[top : top + rows] = _pixels(strip, mode).reshape(-1, width, len(mode))
    return array


def _in_mode(picture: Any, mode: str) -> Any:
    """Convert a decoded picture to mode L, RGB or RGBA."""
    if picture.mode == mode:
        return picture
    if mode != "RGBA" and "transparency" in picture.info:
        # Otherwise Pillow warns about transparent palettes although we drop transparency.
        picture = picture.copy()
        del picture.info["transparency"]
    return picture.convert(mode)


def _sixteen_bit(picture: Any, path: PathLike) -> np.ndarray:
    """The values of a Pillow picture of mode I or I;16* as uint16."""
    values = np.array(picture)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(
            path,
            f"expected 8- or 16-bit values, found 32-bit values from {low} to {high}; scale "
            "them and save an 8- or 16-bit file",
        )
    return values.astype(np.uint16)


def _by_colour(indices: np.ndarray, picture: Any) -> np.ndarray:
    """Indices; 0 for black and 1 for white where these are in an order that tools chose freely."""
    palette = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    white, black = (palette == 255).all(axis=1), (palette == 0).all(axis=1)
    # Some files have fewer colours than numbers.
    complete = indices.max(initial=0) < len(palette)
    if complete and white[0] and (white | black).all():
        return white.astype(np.uint8)[indices]
    return indices


def _single_channel(bands: np.ndarray, path: PathLike) -> np.ndarray:
    """The one channel of colours (H, W, 3 or 4) that are grey everywhere."""
    if bands.shape[2] == 4:
        _check_alpha_unused(bands[..., 3], path)
    red, green, blue = (bands[..., index] for index in range(3))
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        packed = bands[..., :3].astype(np.uint64) @ np.array([1 << 32, 1 << 16, 1], np.uint64)
        colours = np.unique(packed)
        named = [tuple(int(c) >> shift & 65535 for shift in (32, 16, 0)) for c in colours[:5]]
        raise ImageError(
            path,
            f"expected a single-channel or palette PNG as a mask, found the colours "
            f"{short_list(named, 5, len(colours))}; save the class number of each pixel instead of "
            "a colour",
        )
    return red


def _check_alpha_unused(alpha: np.ndarray, path: PathLike) -> None:
    if alpha.min() != alpha.max():
        raise ImageError(
            path,
            "expected a mask without transparency, found varying alpha; if that is the mask, save "
            "it alone as a grey PNG (Pillow: image.getchannel('A').save(...)), else remove it",
        )


def _deep_values(content: bytes, high: Any) -> Optional[np.ndarray]:
    """16-bit colours, uint16 (H, W, 3 or 4); None where OpenCV cannot decode them.

    ``high`` is the same image, decoded by Pillow to the high bytes.
    """
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    values = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if values is None or values.dtype != np.uint16:
        return None
    values = values.reshape(*values.shape[:2], -1)
    values = values[..., _OPENCV_ORDER[values.shape[2]]]
    expected = np.asarray(high)
    if high.mode == "LA":
        expected = expected[..., [0, 0, 0, 1]]
    values = values[..., : expected.shape[2]]  # OpenCV makes alpha of a transparent colour
    if values.shape != expected.shape:
        return None
    # PNG's high bytes are cut, PNM's are rounded.
    apart = np.abs((values >> 8).astype(np.int16) - expected).max()
    return np.ascontiguousarray(values) if apart <= 1 else None


def eight_bit(values: np.ndarray) -> np.ndarray:
    """Values 0..65535 as uint8, round(value / 257), which is libpng's `png_set_scale_16`."""
    result = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 256):  # wider numbers of a large picture take gigabytes
        result[top : top + 256] = (values[top : top + 256].astype(np.uint32) + 128) // 257
    return result
