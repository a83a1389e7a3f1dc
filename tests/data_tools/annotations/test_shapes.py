"""Shapes against masks computed by hand, a slow oracle and the COCO tools."""

import numpy as np
import pytest

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.annotations.shapes import (
    Drawing,
    Ellipse,
    Polygon,
    points,
    rectangle,
)
from paddleseg_u2net.io.images import read_mask


def box(number, *corners) -> Polygon:
    return rectangle(number, np.reshape(corners, (2, 2)))


def _drawn(*shapes, size=(5, 6)) -> list:
    """The mask as lines of digits, ``.`` for the background."""
    mask = Drawing(shapes, size, "a.json").read(size)
    assert mask.dtype == np.uint8 and mask.shape == size
    return ["".join("." if value == 0 else str(value) for value in row) for row in mask]


def _polygon(number, *corners, holes=(), **options) -> Polygon:
    return Polygon(
        number,
        np.array(corners, float).reshape(-1, 2),
        tuple(np.array(hole, float) for hole in holes),
        **options,
    )


def test_a_pixel_is_covered_if_its_centre_is_inside():
    assert _drawn(box(1, 1, 1, 4, 3)) == ["......", ".111..", ".111..", "......", "......"]
    assert _drawn(box(1, 1.4, 1.6, 3.6, 3.4)) == ["......", "......", ".111..", "......", "......"]


def test_a_centre_on_the_line_belongs_to_the_left_and_upper():
    # Two boxes that share edges through the centres of pixels share no pixel and leave none out.
    left, right = box(1, 0.5, 0.5, 2.5, 2.5), box(2, 2.5, 0.5, 4.5, 2.5)
    below = box(3, 0.5, 2.5, 4.5, 4.5)
    assert _drawn(left, right, below) == ["......", ".1122.", ".1122.", ".3333.", ".3333."]


def test_what_is_enclosed_twice_is_outside():
    twice = _polygon(1, (0, 0), (6, 0), (6, 5), (0, 5), (0, 0), (2, 2), (2, 4), (4, 4), (4, 2))
    assert _drawn(twice)[2:4] == ["11..11", "11..11"]
    crossing = _polygon(1, (0, 0), (6, 4), (6, 0), (0, 4))
    assert _drawn(crossing) == ["1....1", "11..11", "11..11", "1....1", "......"]


def test_holes_cut_only_their_own_polygon():
    under = box(2, 0, 0, 6, 5)
    ring = _polygon(1, (1, 1), (5, 1), (5, 4), (1, 4), holes=[[(2, 2), (4, 2), (4, 3), (2, 3)]])
    assert _drawn(under, ring) == ["222222", "211112", "212212", "211112", "222222"]
    assert _drawn(ring) == ["......", ".1111.", ".1..1.", ".1111.", "......"]
    beside = _polygon(1, (1, 1), (3, 1), (3, 2), (1, 2), holes=[[(2, 0), (6, 0), (6, 5), (2, 5)]])
    assert _drawn(under, beside)[1] == "212222"


def test_polygons_of_pixels_have_their_outline():
    assert _drawn(_polygon(1, (1, 1), (4, 1), (4, 3), (1, 3), of_pixels=True)) == [
        "......",
        ".1111.",
        ".1111.",
        ".1111.",
        "......",
    ]
    # A hole has its outline too, and one pixel is a polygon.
    ring = _polygon(
        1, (0, 0), (5, 0), (5, 4), (0, 4), holes=[[(2, 2), (3, 2), (3, 2)]], of_pixels=True
    )
    assert _drawn(ring) == ["111111", "111111", "11..11", "111111", "111111"]
    assert _drawn(_polygon(1, (2, 1), (2, 1), (2, 1), of_pixels=True))[1] == "..1..."
    line = _polygon(1, (-2, -2), (9, 9), (-2, -2), of_pixels=True)
    assert _drawn(line) == ["1.....", ".1....", "..1...", "...1..", "....1."]


def test_what_is_outside_is_cut_off_exactly():
    # Above the line x = y; the centres on it are on the left side, and so out.
    for far in (6, 100.25, 1e4, 1e6, 1e9, 1e12):
        mask = _drawn(_polygon(1, (-far, -far), (far, -far), (far, far)))
        assert mask == [".11111", "..1111", "...111", "....11", ".....1"], far
    huge = points([-1e300, -1e300, 1e300, 2], "here")  # is cut, so that nothing overflows
    assert _drawn(rectangle(1, huge)) == ["111111", "111111", *["......"] * 3]
    for gone in (box(1, -9, -9, 0, 0), box(1, 6, 0, 9, 9), box(1, 0, 5, 6, 9)):
        assert _drawn(gone) == ["......"] * 5


def test_ellipses():
    assert _drawn(Ellipse(1, (3, 2.5), (3, 1.5))) == [
        "......",
        ".1111.",
        "111111",
        ".1111.",
        "......",
    ]
    # From the centre of a pixel, up to and with the centres of its neighbours.
    assert _drawn(Ellipse(1, (0.5, 0.5), (1, 1)))[:3] == ["11....", "1.....", "......"]
    assert _drawn(Ellipse(1, (1e12, 0), (1e12, 1e12)))[0] == "111111"


def test_another_size_is_refused():
    drawn = Drawing((), (480, 640), "a.json")
    with pytest.raises(AnnotationError, match=r"a\.json: made for .*640 x 480 .*is 500 x 480"):
        drawn.read((480, 500))
    with pytest.raises(AnnotationError, match="EXIF"):
        drawn.read((640, 480))
    assert drawn.file is None


def _winds_around(x, y, corners) -> int:
    """How often the edges cross the ray to the right, and how near the nearest edge is."""
    crossings, nearest = 0, np.inf
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0)):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossings += 1
        along = np.clip(
            ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1
        )
        nearest = min(nearest, np.hypot(x0 + along * (x1 - x0) - x, y0 + along * (y1 - y0) - y))
    return crossings % 2, nearest


def test_polygons_agree_with_a_slow_oracle():
    random = np.random.default_rng(3)
    looked_at = 0
    for _ in range(20):
        corners = random.uniform(-8, 28, (random.integers(3, 10), 2))
        mask = np.zeros((15, 20), np.uint8)
        Polygon(1, corners).paint(mask)
        for row, column in np.ndindex(*mask.shape):
            inside, nearest = _winds_around(column + 0.5, row + 0.5, corners)
            if nearest > 1e-6:
                assert mask[row, column] == inside
                looked_at += 1
    assert looked_at > 5900


@pytest.mark.realdata
def test_outlines_of_real_masks_give_them_back(shared):
    """OpenCV's outlines name the outermost pixels, as Supervisely's polygons do."""
    cv2 = pytest.importorskip("cv2")
    for path in sorted((shared / "data/optic_disc_seg/Annotations").iterdir())[:10]:
        mask = read_mask(path)
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        shapes = tuple(_polygon(1, *outline.reshape(-1, 2), of_pixels=True) for outline in found)
        drawn = Drawing(shapes, mask.shape, str(path)).read(mask.shape)
        assert drawn.sum() > 1000 and np.array_equal(drawn, mask)
