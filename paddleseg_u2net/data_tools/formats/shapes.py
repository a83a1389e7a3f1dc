"""Shapes with a class number, and the mask that they give when they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Protocol, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats import raster, rle
from paddleseg_u2net.data_tools.formats.sample import AnnotationError

# Left, top, right, bottom in pixels from the image's corner.
Bounds = Tuple[float, float, float, float]

_FAR = 1e15  # so that products do not overflow
_NOWHERE = (0.0, 0.0, 0.0, 0.0)


class Shape(Protocol):
    """Something to draw. Shapes are not to be changed, and can be pickled."""

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""

    def paint(self, mask: np.ndarray) -> None:
        """Give the pixels of uint8 (H, W) that it covers its class number."""


@dataclass(frozen=True, eq=False)
class Polygon:
    """A polygon with holes; `raster` says which pixels it covers.

    Attributes:
        number: Class number, 0..255.
        exterior: float (N, 2): x and y of the corners. Fewer than three cover nothing.
        holes: The same for what is cut out of this polygon; what was drawn before shows there.
        of_pixels: The numbers are columns and rows of pixels instead of places, and the pixels
            of the outline belong to the polygon (or to the hole).
    """

    number: int
    exterior: np.ndarray
    holes: Tuple[np.ndarray, ...] = ()
    of_pixels: bool = False

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""
        if len(self.exterior) == 0:
            return _NOWHERE
        left, top = self.exterior.min(axis=0).tolist()
        right, bottom = self.exterior.max(axis=0).tolist()
        more = int(self.of_pixels)
        return left, top, right + more, bottom + more

    @property
    def area(self) -> float:
        """In pixels, from the corners; too small where the outline crosses itself."""
        return _area(self.exterior) - sum(_area(hole) for hole in self.holes)

    def paint(self, mask: np.ndarray) -> None:
        """Give the pixels of uint8 (H, W) that it covers its class number."""
        box = raster.box_of(self.exterior, mask)
        left, top, right, bottom = box
        if left == right or top == bottom:
            return
        covered = self._covered(self.exterior, box)
        for hole in self.holes:
            covered &= ~self._covered(hole, box)
        mask[top:bottom, left:right][covered] = self.number

    def _covered(self, points: np.ndarray, box: raster.Box) -> np.ndarray:
        if not self.of_pixels:
            return raster.fill(points, box)
        whole = np.floor(points + 0.5)
        return raster.fill(whole + 0.5, box) | raster.outline(whole, box)


@dataclass(frozen=True, eq=False)
class Ellipse:
    """An upright ellipse: the pixels whose centres lie in it.

    Attributes:
        number: Class number, 0..255.
        centre: x and y.
        radii: Half its width and half its height; 0 covers nothing.
    """

    number: int
    centre: Tuple[float, float]
    radii: Tuple[float, float]

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""
        (x, y), (across, down) = self.centre, self.radii
        return x - across, y - down, x + across, y + down

    def paint(self, mask: np.ndarray) -> None:
        """Give the pixels of uint8 (H, W) that it covers its class number."""
        corners = np.array(self.bounds).reshape(2, 2)
        left, top, right, bottom = raster.box_of(corners, mask)
        if left == right or top == bottom or min(self.radii) <= 0:
            return
        away = (np.arange(top, bottom) + 0.5 - self.centre[1]) / self.radii[1]
        reach = self.radii[0] * np.sqrt(np.clip(1 - away**2, 0, None))
        reach[np.abs(away) > 1] = -1
        across = np.abs(np.arange(left, right) + 0.5 - self.centre[0])
        mask[top:bottom, left:right][across[None, :] <= reach[:, None]] = self.number


@dataclass(frozen=True, eq=False)
class Bitmap:
    """Pixels, one by one.

    Attributes:
        number: Class number, 0..255.
        pixels: bool (H, W).
        top: Row of its first row in the image; may be negative, as ``left``.
        left: Column of its first column in the image.
    """

    number: int
    pixels: np.ndarray
    top: int = 0
    left: int = 0

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""
        height, width = self.pixels.shape
        return self.left, self.top, self.left + width, self.top + height

    def paint(self, mask: np.ndarray) -> None:
        """Give the pixels of uint8 (H, W) that it covers its class number."""
        below, beside = max(self.top, 0), max(self.left, 0)
        inner = self.pixels[below - self.top :, beside - self.left :]
        window = mask[below:, beside:][: inner.shape[0], : inner.shape[1]]
        window[inner[: window.shape[0], : window.shape[1]]] = self.number


@dataclass(frozen=True, eq=False)
class Runs:
    """Pixels as run lengths, which take little memory.

    Attributes:
        number: Class number, 0..255.
        counts: What `rle.checked` gave for ``shape``.
        shape: Height and width of what they fill.
        top: Row of its first row in the image; may be negative, as ``left``.
        left: Column of its first column in the image.
        by_rows: They run along the rows instead of down the columns.
    """

    number: int
    counts: np.ndarray
    shape: Tuple[int, int]
    top: int = 0
    left: int = 0
    by_rows: bool = False

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""
        return self.left, self.top, self.left + self.shape[1], self.top + self.shape[0]

    @property
    def area(self) -> float:
        """In pixels."""
        return float(self.counts[1::2].sum(dtype=np.int64))

    def paint(self, mask: np.ndarray) -> None:
        """Give the pixels of uint8 (H, W) that it covers its class number."""
        pixels = rle.decode(self.counts, self.shape, self.by_rows)
        Bitmap(self.number, pixels, self.top, self.left).paint(mask)


@dataclass(frozen=True, eq=False)
class Drawn:
    """The mask of an image whose objects are shapes.

    Attributes:
        shapes: In drawing order: a later one covers an earlier one.
        shape: Height and width of the image for which they were made; None: not known.
        where: The file and the place in it, for messages.
    """

    shapes: Tuple[Shape, ...]
    shape: Optional[Tuple[int, int]]
    where: str

    @property
    def file(self) -> Optional[Path]:
        """None: the mask is nowhere before it is drawn."""
        return None

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """The mask for an image of ``shape`` (height, width).

        Returns:
            uint8 (H, W) of class numbers, 0 where there is no shape.

        Raises:
            AnnotationError: the shapes were made for another size, or one cannot be decoded.
        """
        if self.shape is not None and tuple(shape) != tuple(self.shape):
            turned = tuple(shape) == tuple(self.shape)[::-1]
            why = (
                "the tool did not heed the turn (EXIF orientation) in the image file: turn the "
                "pixels themselves and label again, or take the turn out of the file"
                if turned
                else "take the image that was labelled, or label this one"
            )
            raise AnnotationError(
                f"{self.where}: made for an image of {self.shape[1]} x {self.shape[0]} pixels, but "
                f"it is {shape[1]} x {shape[0]}; {why}"
            )
        mask = np.zeros(shape, np.uint8)
        for item in self.shapes:
            item.paint(mask)
        return mask


def box(number: int, left: float, top: float, right: float, bottom: float) -> Polygon:
    """A rectangle between two opposite corners, whichever comes first."""
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return Polygon(number, np.array(corners, np.float64))


def points(value: Any, where: object) -> np.ndarray:
    """Corners as label files have them: pairs, or x and y in turns.

    Returns:
        float64 (N, 2).

    Raises:
        AnnotationError: they are no finite numbers in pairs.
    """
    try:
        array = np.asarray(value, np.float64)
        pairs = array.reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        pairs = None
    if pairs is None or not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 2)):
        raise AnnotationError(
            f"{where}: expected points, an x and a y each, got {str(value)[:60]}; correct it there"
        )
    if not np.isfinite(pairs).all():
        raise AnnotationError(
            f"{where}: a coordinate is no finite number (NaN or infinite); correct it there"
        )
    return pairs


def outside(shape: Shape, size: Tuple[int, int]) -> str:
    """``wholly`` or ``partly`` outside an image of ``size`` (height, width), or empty.

    Half a pixel does not count: there is no pixel's centre in it.
    """
    left, top, right, bottom = shape.bounds
    height, width = size
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return "wholly"
    if left < -0.5 or top < -0.5 or right > width + 0.5 or bottom > height + 0.5:
        return "partly"
    return ""


def _area(corners: np.ndarray) -> float:
    if len(corners) < 3:
        return 0.0
    x, y = (np.clip(corners, -_FAR, _FAR) - np.clip(corners[0], -_FAR, _FAR)).T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
