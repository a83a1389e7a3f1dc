"""Shapes with a class number, where pixel (x, y) is the square from there to (x + 1, y + 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Protocol, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, MaskSource, wrong

# Left, top, right, bottom in whole pixels; right and bottom are the first outside.
Box = Tuple[int, int, int, int]
# The same, of any numbers.
Bounds = Tuple[float, float, float, float]

# Beyond, numbers cannot tell neighbouring pixels apart; products up to here do not overflow.
_FAR = 1e15


class Shape(Protocol):
    """Something to draw. Shapes are immutable and can be pickled."""

    @property
    def bounds(self) -> Bounds:
        """What it reaches, in or outside of the image."""

    @property
    def area(self) -> float:
        """In pixels, where shapes are sorted by it."""
        return 0.0

    def paint(self, mask: np.ndarray) -> None:
        """Set the pixels of uint8 (H, W) that it covers to its class number."""


@dataclass(frozen=True, eq=False)
class Polygon(Shape):
    """A polygon; `fill` says which pixels it covers. Below its holes shows what was drawn before.

    If ``of_pixels`` the numbers are columns and rows of pixels instead of coordinates, and the
    pixels of an outline belong to the polygon, or to the hole.
    """

    number: int
    exterior: np.ndarray  # float (N, 2): x and y of the corners
    holes: Tuple[np.ndarray, ...] = ()
    of_pixels: bool = False

    @property
    def bounds(self) -> Bounds:
        """As `Shape.bounds`."""
        left, top = self.exterior.min(axis=0).tolist()
        right, bottom = self.exterior.max(axis=0).tolist()
        more = int(self.of_pixels)
        return left, top, right + more, bottom + more

    @property
    def area(self) -> float:
        """In pixels, from the corners of the exterior; too small where it crosses itself."""
        x, y = (self.exterior - self.exterior[0]).T
        return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2

    def paint(self, mask: np.ndarray) -> None:
        """As `Shape.paint`."""
        left, top, right, bottom = box = _box_of(self.exterior, mask)
        if left == right or top == bottom:
            return
        covered = self._covered(self.exterior, box)
        for hole in self.holes:
            covered &= ~self._covered(hole, box)
        mask[top:bottom, left:right][covered] = self.number

    def _covered(self, points: np.ndarray, box: Box) -> np.ndarray:
        if not self.of_pixels:
            return fill(points, box)
        whole = np.floor(points + 0.5)
        return fill(whole + 0.5, box) | outline(whole, box)


@dataclass(frozen=True, eq=False)
class Ellipse(Shape):
    """An upright ellipse, of radii above 0: the pixels whose centres lie in it."""

    number: int
    centre: Tuple[float, float]
    radii: Tuple[float, float]

    @property
    def bounds(self) -> Bounds:
        """As `Shape.bounds`."""
        (x, y), (across, down) = self.centre, self.radii
        return x - across, y - down, x + across, y + down

    def paint(self, mask: np.ndarray) -> None:
        """As `Shape.paint`."""
        left, top, right, bottom = _box_of(np.array(self.bounds).reshape(2, 2), mask)
        away = (np.arange(top, bottom) + 0.5 - self.centre[1]) / self.radii[1]
        reach = self.radii[0] * np.sqrt(np.clip(1 - away**2, 0, None))
        reach[np.abs(away) > 1] = -1
        across = np.abs(np.arange(left, right) + 0.5 - self.centre[0])
        mask[top:bottom, left:right][across[None, :] <= reach[:, None]] = self.number


@dataclass(frozen=True, eq=False)
class Drawing(MaskSource):
    """The mask of an image whose objects are shapes, a later one covering an earlier one."""

    shapes: Tuple[Shape, ...]
    shape: Tuple[int, int]  # height and width of the image for which they were made
    where: str

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """As `MaskSource.read`."""
        if tuple(shape) != tuple(self.shape):
            raise AnnotationError(
                f"{self.where}: made for an image of {self.shape[1]} x {self.shape[0]} pixels, but "
                f"it is {shape[1]} x {shape[0]}; take the image that was labelled. If it has an "
                "EXIF orientation, turn its pixels themselves and label again"
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
    """The polygon of these corners (N, 2); None if they are no more than a dot or a line."""
    if len(corners) < 3:
        return None
    rays = corners - corners[0]
    longest = rays[np.argmax(np.abs(rays).max(axis=1))]
    has_area = np.any(rays[:, 0] * longest[1] != rays[:, 1] * longest[0])
    return Polygon(number, corners) if has_area else None


def points(value: Any, where: object) -> np.ndarray:
    """Read corners as label files have them, in pairs or x and y in turns: float64 (N, 2)."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(1)
    if not (array.ndim == 1 and len(array) % 2 == 0) and array.shape[1:] != (2,):
        raise wrong(where, "points, an x and a y each", f"{value!s:.60}")
    if not np.isfinite(array).all():
        raise wrong(where, "finite coordinates", "NaN or infinity")
    return np.clip(array.reshape(-1, 2), -_FAR, _FAR)


def _box_of(points: np.ndarray, mask: np.ndarray) -> Box:
    """Return the pixels of a mask (H, W) that (N, 2) points can reach."""
    limits = np.array(mask.shape[::-1])
    low = np.clip(np.floor(points.min(axis=0)), 0, limits)
    high = np.clip(np.ceil(points.max(axis=0)) + 1, low, limits)
    left, top, right, bottom = np.concatenate([low, high]).astype(int).tolist()
    return left, top, right, bottom


def fill(points: np.ndarray, box: Box) -> np.ndarray:
    """Find the pixels of a box that a polygon covers: those whose centre lies inside, even-odd.

    A centre on the line itself belongs to a left or an upper neighbour, so polygons that share an
    edge share no pixel. The COCO tools follow the same rule, except that they first move the
    outline to a grid of a fifth of a pixel.

    ``points`` are float (N, 2), up to 1e15; the answer is bool (bottom - top, right - left).
    """
    left, top, right, bottom = box
    start, end = points, np.roll(points, -1, axis=0)
    # Always downwards: the same edge of two polygons gives the same numbers.
    down = (start[:, 1] < end[:, 1])[:, None]
    start, end = np.where(down, start, end), np.where(down, end, start)
    first = np.clip(np.floor(start[:, 1] + 0.5), top, bottom).astype(np.int64)
    counts = np.clip(np.floor(end[:, 1] + 0.5), top, bottom).astype(np.int64) - first
    edges, rows = _each_step(first, counts)
    (x0, y0), (x1, y1) = start[edges].T, end[edges].T
    x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
    # Edges that meet in a centre must agree on it to the last bit.
    x = np.where(rows + 0.5 == y1, x1, x)
    columns = np.clip(np.floor(x + 0.5), left, right).astype(np.int64)
    # A column more takes what begins right of the box; nothing right of a row's last change.
    changes = np.zeros((bottom - top, right - left + 1), np.uint8)
    places, times = np.unique((rows - top) * changes.shape[1] + columns - left, return_counts=True)
    changes.reshape(-1)[places[times % 2 == 1]] = 1
    return np.bitwise_xor.accumulate(changes[:, :-1], axis=1).view(bool)


def outline(points: np.ndarray, box: Box) -> np.ndarray:
    """Find the pixels of a box that lie on the closed line, one pixel wide, through pixels.

    ``points`` are whole numbers (N, 2), columns and rows; the answer is that of `fill`.
    """
    left, top, right, bottom = box
    covered = np.zeros((bottom - top, right - left), bool)
    following = np.roll(points, -1, axis=0)
    flat = np.abs(following - points)
    lies = flat[:, 0] >= flat[:, 1]
    across = _steps(points[lies], following[lies], left, right)
    down = _steps(points[~lies, ::-1], following[~lies, ::-1], top, bottom)
    for x, y in (across, down[::-1]):
        inside = (left <= x) & (x < right) & (top <= y) & (y < bottom)
        covered[y[inside] - top, x[inside] - left] = True
    return covered


def _steps(
    start: np.ndarray, end: np.ndarray, low: int, high: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Points of lines, one for each whole first coordinate in low..high - 1."""
    forward = (start[:, 0] <= end[:, 0])[:, None]
    start, end = np.where(forward, start, end), np.where(forward, end, start)
    first = np.clip(start[:, 0], low, high).astype(np.int64)
    counts = np.clip(end[:, 0] + 1, low, high).astype(np.int64) - first
    slopes = (end[:, 1] - start[:, 1]) / np.maximum(end[:, 0] - start[:, 0], 1)
    lines, along = _each_step(first, counts)
    across = start[lines, 1] + (along - start[lines, 0]) * slopes[lines]
    return along, np.floor(across + 0.5).astype(np.int64)


def _each_step(first: np.ndarray, counts: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """For lines of ``counts`` numbers from ``first`` on: line and number, one pair for each."""
    lines = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return lines, first[lines] + np.arange(len(lines)) - before[lines]
