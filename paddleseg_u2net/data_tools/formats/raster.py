"""Which pixels a polygon covers.

The pixel in column x and row y is the square from (x, y) to (x + 1, y + 1). It is covered if its
centre lies inside, counted even-odd: where a polygon crosses itself, what is enclosed twice is
outside. A centre on the line itself belongs to a left or an upper neighbour (so polygons that
share an edge share no pixel). That is the rule which the COCO tools follow, except that they first
move the outline to a grid of a fifth of a pixel.
"""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np

# Left, top, right, bottom in whole pixels; right and bottom are the first outside.
Box = Tuple[int, int, int, int]

# Beyond, numbers cannot tell neighbouring pixels apart; nothing overflows below.
_FAR = 1e15
_AT_ONCE = 1 << 20


def box_of(points: np.ndarray, mask: np.ndarray) -> Box:
    """The pixels of a mask (H, W) that (N, 2) points can reach, empty if there are none."""
    if len(points) == 0:
        return 0, 0, 0, 0
    limits = np.array(mask.shape[::-1])
    low = np.clip(np.floor(points.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 1, low, limits).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def fill(points: np.ndarray, box: Box) -> np.ndarray:
    """The pixels of a box that a polygon covers.

    Args:
        points: float (N, 2), x and y of the corners; the last is joined to the first. Any finite
            numbers.
        box: The part of the image to look at.

    Returns:
        bool (bottom - top, right - left).
    """
    left, top, right, bottom = box
    height, width = bottom - top, right - left
    # A column more takes what begins right of the box; nothing right of a row's last change.
    changes = np.zeros((height, width + 1), np.uint8)
    flat = changes.reshape(-1)
    for rows, columns in _crossings(np.clip(points, -_FAR, _FAR), box):
        places, times = np.unique(rows * (width + 1) + columns, return_counts=True)
        flat[places[times % 2 == 1]] ^= 1
    return np.bitwise_xor.accumulate(changes[:, :width], axis=1).view(bool)


def outline(points: np.ndarray, box: Box) -> np.ndarray:
    """The pixels of a box that lie on the closed line through pixels.

    Args:
        points: Whole numbers (N, 2): column and row of pixels, joined by lines one pixel wide.
        box: As in `fill`.

    Returns:
        bool (bottom - top, right - left).
    """
    left, top, right, bottom = box
    covered = np.zeros((bottom - top, right - left), bool)
    points = np.clip(points, -_FAR, _FAR)
    following = np.roll(points, -1, axis=0)
    flat = np.abs(following - points)
    lies = flat[:, 0] >= flat[:, 1]
    for x, y in _steps(points[lies], following[lies], left, right):
        _mark(covered, x - left, y - top)
    for y, x in _steps(points[~lies, ::-1], following[~lies, ::-1], top, bottom):
        _mark(covered, x - left, y - top)
    return covered


def has_area(points: np.ndarray) -> bool:
    """Whether (N, 2) points are more than a dot or a straight line."""
    if len(points) < 3:
        return False
    rays = np.clip(points, -_FAR, _FAR) - np.clip(points[0], -_FAR, _FAR)
    longest = rays[np.argmax(np.abs(rays).max(axis=1))]
    return bool(np.any(rays[:, 0] * longest[1] != rays[:, 1] * longest[0]))


def _crossings(points: np.ndarray, box: Box) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Rows and columns, counted from the box's corner, at which the edges are crossed."""
    left, top, right, bottom = box
    start, end = points, np.roll(points, -1, axis=0)
    # Always downwards: the same edge of two polygons gives the same numbers.
    down = (start[:, 1] < end[:, 1])[:, None]
    start, end = np.where(down, start, end), np.where(down, end, start)
    first = np.clip(np.floor(start[:, 1] + 0.5), top, bottom).astype(np.int64)
    counts = np.clip(np.floor(end[:, 1] + 0.5), top, bottom).astype(np.int64) - first
    met = counts > 0
    start, end, first, counts = start[met], end[met], first[met], counts[met]
    slopes = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    for edges, rows in _in_turn(first, counts):
        x = start[edges, 0] + (rows + 0.5 - start[edges, 1]) * slopes[edges]
        # Edges that meet in a centre must agree on it to the last bit.
        x = np.where(rows + 0.5 == end[edges, 1], end[edges, 0], x)
        columns = np.clip(np.floor(x + 0.5), left, right).astype(np.int64)
        yield rows - top, columns - left


def _steps(
    start: np.ndarray, end: np.ndarray, low: int, high: int
) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Points of lines, one for each whole first coordinate in low..high - 1."""
    forward = (start[:, 0] <= end[:, 0])[:, None]
    start, end = np.where(forward, start, end), np.where(forward, end, start)
    first = np.clip(start[:, 0], low, high).astype(np.int64)
    counts = np.clip(end[:, 0] + 1, low, high).astype(np.int64) - first
    slopes = (end[:, 1] - start[:, 1]) / np.maximum(end[:, 0] - start[:, 0], 1)
    for lines, along in _in_turn(first, counts):
        across = start[lines, 1] + (along - start[lines, 0]) * slopes[lines]
        yield along, np.floor(np.clip(across, -_FAR, _FAR) + 0.5).astype(np.int64)


def _in_turn(first: np.ndarray, counts: np.ndarray) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """For lines of ``counts`` numbers from ``first`` on: line and number, in handy portions."""
    ends = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        before = int(ends[begin - 1]) if begin else 0
        stop = max(int(np.searchsorted(ends, before + _AT_ONCE, side="right")), begin + 1)
        part = counts[begin:stop]
        lines = np.repeat(np.arange(begin, stop), part)
        within = np.arange(len(lines)) - np.repeat(ends[begin:stop] - part - before, part)
        yield lines, first[lines] + within
        begin = stop


def _mark(covered: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> None:
    height, width = covered.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    covered[rows[inside], columns[inside]] = True
