"""Shapes with a class number, and the mask that they make when they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Protocol, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats import raster
from paddleseg_u2net.data_tools.formats.sample import AnnotationError, MaskSource

# Left, top, right, bottom in pixels from the image's corner.
Bounds = Tuple[float, float, float, float]

# Beyond, numbers cannot tell neighbouring pixels apart; products up to here do not overflow.
_FAR = 1e15


class Shape(Protocol):
    """Something to draw. Shapes are immutable and can be pickled."""

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""

    def paint(self, mask: np.ndarray) -> None:
        """Set the pixels of uint8 (H, W) that it covers to its class number.

        Raises:
            AnnotationError: it cannot be decoded.
        """


@dataclass(frozen=True, eq=False)
class Polygon(Shape):
    """A polygon with holes; `raster` says which pixels it covers.

    Attributes:
        number: Class number, 0..255.
        exterior: float (N, 2): x and y of the corners. Fewer than three cover nothing.
        holes: The same for what is cut out of this polygon; what was drawn before shows there.
        of_pixels: The numbers are columns and rows of pixels instead of coordinates, and the
            pixels of the outline belong to the polygon (or to the hole).
    """

    number: int
    exterior: np.ndarray
    holes: Tuple[np.ndarray, ...] = ()
    of_pixels: bool = False

    @property
    def bounds(self) -> Bounds:
        if len(self.exterior) == 0:
            return 0.0, 0.0, 0.0, 0.0
        left, top = self.exterior.min(axis=0).tolist()
        right, bottom = self.exterior.max(axis=0).tolist()
        more = int(self.of_pixels)
        return left, top, right + more, bottom + more

    @property
    def area(self) -> float:
        """In pixels, from the corners of the exterior; too small where it crosses itself."""
        if len(self.exterior) < 3:
            return 0.0
        x, y = (self.exterior - self.exterior[0]).T
        return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2

    def paint(self, mask: np.ndarray) -> None:
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
class Ellipse(Shape):
    """An upright ellipse: the pixels whose centres lie in it.

    Attributes:
        number: Class number, 0..255.
        centre: x and y.
        radii: Half its width and half its height, above 0.
    """

    number: int
    centre: Tuple[float, float]
    radii: Tuple[float, float]

    @property
    def bounds(self) -> Bounds:
        (x, y), (across, down) = self.centre, self.radii
        return x - across, y - down, x + across, y + down

    def paint(self, mask: np.ndarray) -> None:
        left, top, right, bottom = raster.box_of(np.array(self.bounds).reshape(2, 2), mask)
        away = (np.arange(top, bottom) + 0.5 - self.centre[1]) / self.radii[1]
        reach = self.radii[0] * np.sqrt(np.clip(1 - away**2, 0, None))
        reach[np.abs(away) > 1] = -1
        across = np.abs(np.arange(left, right) + 0.5 - self.centre[0])
        mask[top:bottom, left:right][across[None, :] <= reach[:, None]] = self.number


@dataclass(frozen=True, eq=False)
class Drawing(MaskSource):
    """The mask of an image whose objects are shapes.

    Attributes:
        shapes: In drawing order: a later one covers an earlier one.
        shape: Height and width of the image for which they were made.
        where: The file and the place in it, for messages.
    """

    shapes: Tuple[Shape, ...]
    shape: Tuple[int, int]
    where: str

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        if tuple(shape) != tuple(self.shape):
            turned = tuple(shape) == tuple(self.shape)[::-1]
            why = (
                "the tool ignored the rotation (EXIF orientation) in the image file: rotate the "
                "pixels themselves and label again, or remove the tag"
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


def rectangle(number: int, corners: np.ndarray, of_pixels: bool = False) -> Polygon:
    """The rectangle between two opposite corners (2, 2), whichever comes first."""
    (left, top), (right, bottom) = corners
    outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    return Polygon(number, outline, of_pixels=of_pixels)


def polygon(number: int, corners: np.ndarray) -> Optional[Polygon]:
    """The polygon of these corners (N, 2); None if it has no area."""
    return Polygon(number, corners) if raster.has_area(corners) else None


def points(value: Any, where: object) -> np.ndarray:
    """Read corners as label files have them: pairs, or x and y in turns.

    Returns:
        float64 (N, 2).

    Raises:
        AnnotationError: they are not finite numbers in pairs.
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
    return np.clip(pairs, -_FAR, _FAR)


def outside(bounds: Bounds, size: Tuple[int, int]) -> str:
    """``wholly`` or ``partly`` outside an image of ``size`` (height, width), or empty.

    Half a pixel is ignored: there is no pixel's centre in it.
    """
    left, top, right, bottom = bounds
    height, width = size
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return "wholly"
    if left < -0.5 or top < -0.5 or right > width + 0.5 or bottom > height + 0.5:
        return "partly"
    return ""
