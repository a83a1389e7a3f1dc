"""Mask files as mask sources: class numbers, black and white, grey, alpha, colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.classes import IGNORE, Colour
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, MaskSource, wrong
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
    """A file and the function that reads the mask (H, W) in it."""

    path: Path
    decode: Callable[[Path], np.ndarray]
    unchanged: Tuple[str, ...] = ()  # modes of PNG files that are this mask as they are

    @property
    def file(self) -> Optional[Path]:
        """The path if it is a PNG that all tools read alike; its values are not looked at."""
        if not self.unchanged or self.path.suffix.lower() != ".png":
            return None
        header = images.read_header(self.path)
        plain = header.format == "PNG" and header.orientation == 1 and not header.alpha
        return self.path if plain and header.mode in self.unchanged else None

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """As `MaskSource.read`."""
        mask = self.decode(self.path)
        high, wide = mask.shape
        if (high, wide) != tuple(shape):
            expected = f"a mask of {shape[1]} x {shape[0]}, as its image, got {wide} x {high}"
            repair = "export it so, or have it resized with --mismatched_masks resize"
            raise MaskSizeError(f"{self.path}: expected {expected}; {repair}", (high, wide))
        return mask


def index_file(path: Path, numbers: Mapping[int, int]) -> MaskFile:
    """Make the source of a mask whose values (of palettes the indices) stand for classes."""
    same = all(value == number for value, number in numbers.items())
    return MaskFile(path, partial(_read_index, numbers), ("L", "P") if same else ())


def colour_file(path: Path, table: Mapping[Colour, int], tolerance: int = 0) -> MaskFile:
    """Make the source of a mask whose colours stand for classes; transparent is background.

    A colour that is not in the table becomes the nearest within ``tolerance`` in each channel.
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
    unknown = stored[found < 0]
    if unknown.size:
        got = f"also {short_values(np.unique(unknown))} in {unknown.size} pixels"
        repair = "correct the mask, or say what its values mean"
        raise wrong(path, f"the values {short_values(numbers)}", got, repair)
    return found.astype(np.uint8)


def _read_instances(path: Path) -> np.ndarray:
    """A number or colour for each object; only 0 is background."""
    header = images.read_header(path)
    if header.lossy:
        why = "where black is not exactly 0, so that objects cannot be told from noise"
        raise wrong(path, "a PNG", f"{header.format}, {why}", "export the masks as PNG")
    if header.mode in ("RGB", "RGBA") and not header.deep:
        return images.read_image(path, 3).any(axis=2).astype(np.uint8)
    return (images.read_mask(path) > 0).astype(np.uint8)


def _read_binary(path: Path) -> np.ndarray:
    """One object, white on black, cut at half of white, which is the object.

    White is 255, in 16-bit files 65535 (255 if nothing is above it), and 1 where a lossless file
    has only 0 and 1.
    """
    grey = brightness(path)
    highest = int(grey.max())
    if highest == 1 and not images.read_header(path).lossy:
        return grey.astype(np.uint8)
    return (grey >= (128 if highest <= 255 else 32768)).astype(np.uint8)


def _read_alpha(path: Path) -> np.ndarray:
    alpha = opacity(path)
    if alpha is None:
        repair = "export it as PNG with alpha, or leave it out"
        raise wrong(path, "a transparent background", "nothing that is transparent", repair)
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
    got = f"the colour {tuple(picture[y, x].tolist())} at x {x}, y {y}"
    repair = "use a colour table, or save the mask in grey"
    raise wrong(path, "black, white and grey", got, repair)


# What masks of one class may hold, and their sources.
ENCODINGS: Mapping[str, Callable[[Path], MaskFile]] = {
    "binary": partial(MaskFile, decode=_read_binary),  # black and white
    "soft": partial(MaskFile, decode=brightness, unchanged=("L", "I;16")),  # probability
    "alpha": partial(MaskFile, decode=_read_alpha),  # the opacity of cut-outs
    "instance": partial(MaskFile, decode=_read_instances),  # anything but 0 is the object
}


def _read_colours(table: Mapping[Colour, int], tolerance: int, path: Path) -> np.ndarray:
    colours, alpha = images.read_colours(path), opacity(path)
    seen = np.full(colours.shape[:2], True) if alpha is None else alpha > 0
    red, green, blue = colours[seen].astype(np.int32).T
    codes = red << 16 | green << 8 | blue
    numbers = np.zeros(1 << 24, np.uint8)  # by code; sorting the pixels instead would take longer
    present = np.zeros(1 << 24, bool)
    present[codes] = True
    for code in np.flatnonzero(present).tolist():
        colour = (code >> 16, code >> 8 & 255, code & 255)
        number = _number(colour, table, tolerance)
        if number is None:
            y, x = np.argwhere(seen & (colours == colour).all(axis=2))[0].tolist()
            expected = f"colours within {tolerance} of {short_list(sorted(table), 8)}"
            lossy = images.read_header(path).lossy
            repair = "export a PNG, as this format changes colours" if lossy else "add it to them"
            repair += ", or allow a --tolerance"
            raise wrong(path, expected, f"{colour} at x {x}, y {y}", repair)
        numbers[code] = number
    found = np.zeros(seen.shape, np.uint8)
    found[seen] = numbers[codes]
    return found


def _number(colour: Colour, table: Mapping[Colour, int], tolerance: int) -> Optional[int]:
    """The class of the nearest colour in the table, if there is one within the tolerance."""
    if colour in table or tolerance <= 0:
        return table.get(colour)
    keys = sorted(table)
    difference = np.abs(np.array(keys) - colour)
    within = difference.max(axis=1) <= tolerance
    nearest = np.where(within, (difference**2).sum(axis=1), 1 << 20).argmin()
    return table[keys[nearest]] if within.any() else None


def merge(sources: Sequence[MaskSource], soft: bool) -> MaskSource:
    """Make one source of all masks of an image, as where each object has a file of its own."""
    return sources[0] if len(sources) == 1 else _Merged(tuple(sources), soft)


@dataclass(frozen=True)
class _Merged(MaskSource):
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
