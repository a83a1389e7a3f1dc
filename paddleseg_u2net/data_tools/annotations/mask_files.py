"""Mask files of every kind as mask sources: class numbers, black and white, grey, alpha, colours.

Files are read by ``io.images``, so orientation tags are applied to masks as to their images. The
size must be the image's; `MaskSizeError` tells the other size to callers that may resize the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.classes import IGNORE, Colour
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, MaskSource
from paddleseg_u2net.io import images
from paddleseg_u2net.text import short_list, short_values

JPEG = (".jpg", ".jpeg")

# Grey that went through JPEG or a scanner keeps its channels this close together.
_NEARLY_GREY = 24


class MaskSizeError(AnnotationError):
    """A mask is of another size than its image; ``shape`` is its own, (height, width)."""

    def __init__(self, message: str, shape: Tuple[int, int]) -> None:
        super().__init__(message)
        self.shape = shape


@dataclass(frozen=True)
class MaskFile(MaskSource):
    """A file and the function that reads the mask (H, W) in it.

    PNG files of the ``unchanged`` modes are this mask as they are, so that they can be linked.
    """

    path: Path
    decode: Callable[[Path], np.ndarray]
    unchanged: Tuple[str, ...] = ()

    @property
    def file(self) -> Optional[Path]:
        """The path if it is a PNG that all tools read alike; its values are not looked at."""
        if not self.unchanged or self.path.suffix.lower() != ".png":
            return None
        header = images.read_header(self.path)
        plain = header.format == "PNG" and header.upright and not header.alpha
        return self.path if plain and header.mode in self.unchanged else None

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """As `MaskSource.read`."""
        return _fitting(self.decode(self.path), shape, self.path)


def index_file(path: Path, numbers: Mapping[int, int]) -> MaskFile:
    """Make the source of a mask whose values (of palettes the indices) stand for classes."""
    same = all(value == number for value, number in numbers.items())
    return MaskFile(path, partial(_read_index, numbers), ("L", "P") if same else ())


def binary_file(path: Path) -> MaskFile:
    """Make the source of a mask of one object, white on black, cut at half of white.

    White is 255, in 16-bit files 65535 (255 if nothing is above it), and 1 where a lossless file
    has only 0 and 1. Values of half and more (128, 32768) are the object.
    """
    return MaskFile(path, _read_binary)


def soft_file(path: Path) -> MaskFile:
    """Make the source of a mask whose brightness is the object's probability, 8 or 16 bits."""
    return MaskFile(path, brightness, ("L", "I;16"))


def alpha_file(path: Path) -> MaskFile:
    """Make the source of a mask that is the opacity of its file, rounded to 8 bits."""
    return MaskFile(path, _read_alpha)


def instance_file(path: Path) -> MaskFile:
    """Make the source of a mask with a number or colour for each object; only 0 is background."""
    return MaskFile(path, _read_instances)


def colour_file(path: Path, table: Mapping[Colour, int], tolerance: int = 0) -> MaskFile:
    """Make the source of a mask whose colours, of palettes too, stand for classes.

    A colour that is not in the table becomes the nearest one if no channel differs by more than
    ``tolerance``. Where the mask is fully transparent it is background.
    """
    return MaskFile(path, partial(_read_colours, table, tolerance))


def is_grey(header: images.Header) -> bool:
    """Whether an image has one channel of values, without a palette."""
    return header.mode in ("L", "LA") or header.mode.startswith("I")


def _read_index(numbers: Mapping[int, int], path: Path) -> np.ndarray:
    stored = images.read_mask(path)
    lookup = np.full(int(np.iinfo(stored.dtype).max) + 1, -1, np.int16)
    for value, number in numbers.items():
        if 0 <= value < len(lookup):
            lookup[value] = number
    found = lookup[stored]
    if found.min() < 0:
        unknown = np.unique(stored[found < 0])
        raise AnnotationError(
            f"{path}: expected the values {short_values(numbers)}, got also "
            f"{short_values(unknown)} in {int((found < 0).sum())} pixels; correct the mask, or say "
            "what its values mean"
        )
    return found.astype(np.uint8)


def _read_instances(path: Path) -> np.ndarray:
    header = images.read_header(path)
    if header.lossy:
        raise AnnotationError(
            f"{path}: expected a PNG, got {header.format}, where black is not exactly 0, "
            "so that objects cannot be told from noise; export the masks as PNG"
        )
    if header.mode in ("RGB", "RGBA") and not header.deep:
        return images.read_image(path, 3).any(axis=2).astype(np.uint8)
    return (images.read_mask(path) > 0).astype(np.uint8)


def _read_binary(path: Path) -> np.ndarray:
    grey = brightness(path)
    highest = int(grey.max())
    if highest == 1 and not images.read_header(path).lossy:
        return grey.astype(np.uint8)
    return (grey >= (128 if highest <= 255 else 32768)).astype(np.uint8)


def _read_alpha(path: Path) -> np.ndarray:
    alpha = opacity(path)
    if alpha is None:
        raise AnnotationError(
            f"{path}: expected an image with a transparent background, nothing in it is "
            "transparent, so it holds no mask; export it as PNG with alpha, or leave it out"
        )
    return alpha


def opacity(path: Path) -> Optional[np.ndarray]:
    """Read uint8 (H, W), 255 where opaque; None where the whole image is."""
    if not images.read_header(path).alpha:
        return None
    alpha = np.ascontiguousarray(images.read_image(path, 4)[..., 3])
    return None if alpha.min() == 255 else alpha


def brightness(path: Path) -> np.ndarray:
    """Read grey values of a mask as it looks, uint8 or uint16 (H, W), 1-bit files as 0 and 255.

    A palette of greys gives those greys: tools that shrink files sort palettes as they like, so
    that index 0 may be white. A palette of colours gives its indices.
    """
    found = images.read_header(path)
    if is_grey(found) or found.deep:
        return images.read_mask(path)
    picture = images.read_image(path, 3)
    spread = picture.max(axis=2) - picture.min(axis=2)
    if spread.max() <= _NEARLY_GREY:
        return images.read_image(path, 1)[..., 0]
    if found.mode == "P":
        return images.read_mask(path)
    y, x = np.unravel_index(int(spread.argmax()), spread.shape)
    raise AnnotationError(
        f"{path}: expected black, white and grey, got the colour "
        f"{tuple(int(value) for value in picture[y, x])} at x {x}, y {y}; use a colour table, or "
        "save the mask in grey"
    )


def _read_colours(table: Mapping[Colour, int], tolerance: int, path: Path) -> np.ndarray:
    alpha = opacity(path)
    codes = _packed(images.read_colours(path))
    by_code = sorted((int(_packed(np.array(colour))), n) for colour, n in table.items())
    keys, classes = (np.array(column) for column in zip(*by_code))
    place = np.searchsorted(keys, codes).clip(max=len(keys) - 1)
    unknown = keys[place] != codes
    if alpha is not None:
        unknown &= alpha > 0
    if unknown.any():
        place[unknown] = _nearest(codes, unknown, keys, tolerance, path)
    found = classes.astype(np.uint8)[place]
    if alpha is not None:
        found[alpha == 0] = 0
    return found


def _nearest(
    codes: np.ndarray, unknown: np.ndarray, keys: np.ndarray, tolerance: int, path: Path
) -> np.ndarray:
    """Places in ``keys`` of the colours nearest to the unknown ones."""
    colours, back = np.unique(codes[unknown], return_inverse=True)
    nearest = np.zeros(len(colours), np.intp)
    for index, colour in enumerate(_unpacked(colours)):
        difference = np.abs(_unpacked(keys) - colour)
        within = difference.max(axis=1) <= tolerance
        if not within.any():
            y, x = np.argwhere((codes == colours[index]) & unknown)[0].tolist()
            table = short_list(map(tuple, _unpacked(keys).tolist()), 8)
            lossy = images.read_header(path).lossy
            repair = "export a PNG, as this format changes colours" if lossy else "add it there"
            raise AnnotationError(
                f"{path}: the colour {tuple(colour.tolist())} at x {x}, y {y} is not in the colour "
                f"table within {tolerance} ({table}); {repair}, or allow a --tolerance"
            )
        nearest[index] = np.where(within, (difference**2).sum(axis=1), 1 << 20).argmin()
    return nearest[back.reshape(-1)]


def _packed(colours: np.ndarray) -> np.ndarray:
    """One int32 for each RGB pixel, (H, W)."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def _unpacked(codes: Any) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)


def merge(sources: Sequence[MaskSource], soft: bool) -> MaskSource:
    """Make one source of all masks of an image, as where each object has a file of its own."""
    return sources[0] if len(sources) == 1 else Merged(tuple(sources), soft)


@dataclass(frozen=True)
class Merged(MaskSource):
    """Masks over each other: of classes a later one covers, of ``soft`` ones the largest counts."""

    sources: Tuple[MaskSource, ...]
    soft: bool

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """As `MaskSource.read`."""
        masks = [source.read(shape) for source in self.sources]
        if self.soft and len({mask.dtype for mask in masks}) > 1:
            masks = [m if m.dtype == np.uint16 else m.astype(np.uint16) * 257 for m in masks]
        return reduce(np.maximum if self.soft else _over, masks)


def _over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    # What is ignored gives way to objects.
    empty = (above == 0) | ((above == IGNORE) & (below != 0))
    return np.where(empty, below, above)


def _fitting(mask: np.ndarray, shape: Tuple[int, int], path: Path) -> np.ndarray:
    if mask.shape[:2] == tuple(shape):
        return mask
    high, wide = mask.shape[:2]
    raise MaskSizeError(
        f"{path}: expected a mask of {shape[1]} x {shape[0]}, as its image, got {wide} x {high}; "
        "export it in that size, or have it resized with --mismatched_masks resize",
        (high, wide),
    )
