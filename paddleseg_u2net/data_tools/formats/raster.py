"""Which pixels a polygon covers.

The pixel in column x and row y is the square from (x, y) to (x + 1, y + 1). It is covered if its
centre lies inside, counted even-odd: where a polygon crosses itself, what is enclosed twice is
outside. A centre on the line itself belongs to a left or an upper neighbour, so polygons that
share an edge share no pixel. The COCO tools follow the same rule, except that they first move the
outline to a grid of a fifth of a pixel.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

# Left, top, right, bottom in whole pixels; right and bottom are the first outside.
Box = Tuple[int, int, int, int]


def box_of(points: np.ndarray, mask: np.ndarray) -> Box:
    """Return the pixels of a mask (H, W) that (N, 2) points can reach; empty if there are none."""
    if len(points) == 0:
        return 0, 0, 0, 0
    limits = np.array(mask.shape[::-1])
    low = np.clip(np.floor(points.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 1, low, limits).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def fill(points: np.ndarray, box: Box) -> np.ndarray:
    """Find the pixels of a box that a polygon covers.

    Args:
        points: float (N, 2), x and y of the corners; the last is joined to the first. Up to 1e15.
        box: The part of the image to look at.

    Returns:
        bool (bottom - top, right - left).
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
    places, times = np.unique(
        (rows - top) * changes.shape[1] + columns - left, return_counts=True
    )
    changes.reshape(-1)[places[times % 2 == 1]] = 1
    return np.bitwise_xor.accumulate(changes[:, :-1], axis=1).view(bool)


def outline(points: np.ndarray, box: Box) -> np.ndarray:
    """Find the pixels of a box that lie on the closed line through pixels.

    Args:
        points: Whole numbers (N, 2): column and row of pixels, joined by lines one pixel wide.
        box: As in `fill`.

    Returns:
        bool (bottom - top, right - left).
    """
    left, top, right, bottom = box
    covered = np.zeros((bottom - top, right - left), bool)
    following = np.roll(points, -1, axis=0)
    flat = np.abs(following - points)
    lies = flat[:, 0] >= flat[:, 1]
    x, y = _steps(points[lies], following[lies], left, right)
    _mark(covered, x - left, y - top)
    y, x = _steps(points[~lies, ::-1], following[~lies, ::-1], top, bottom)
    _mark(covered, x - left, y - top)
    return covered


def has_area(points: np.ndarray) -> bool:
    """Whether (N, 2) points are more than a dot or a straight line."""
    if len(points) < 3:
        return False
    rays = points - points[0]
    longest = rays[np.argmax(np.abs(rays).max(axis=1))]
    return bool(np.any(rays[:, 0] * longest[1] != rays[:, 1] * longest[0]))


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


def _mark(covered: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> None:
    height, width = covered.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    covered[rows[inside], columns[inside]] = True
