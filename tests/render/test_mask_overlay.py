"""Masks drawn over images."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.render.mask_overlay import class_colors, fitted, masked

GREY = np.full((64, 96, 3), 120, np.uint8)
COLORS = class_colors(5)
IGNORE = 255


def label_of(value=1, dtype=np.uint8):
    label = np.zeros((64, 96), dtype)
    label[16:48, 32:80] = value
    return label


def test_colours_differ_from_each_other_and_have_an_order():
    colors = class_colors(40)
    assert colors.dtype == np.uint8 and len(np.unique(colors, axis=0)) == 40
    np.testing.assert_array_equal(class_colors(3), colors[:3])
    assert class_colors(1).shape == (1, 3)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((64, 96), 96, (64, 96)), ((3000, 1000), 90, (90, 30)), ((1, 1), 64, (64, 64)),
     ((1, 900), 64, (1, 64)), ((10, 20), 100, (50, 100))],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_proportions_are_kept(shape, size, expected, channels):
    image = np.zeros((*shape, channels), np.uint8)
    image[..., 0] = 200
    small = fitted(image, size)
    assert small.shape == (*expected, 3) and small.dtype == np.uint8
    assert (small[..., 0] == 200).all() and (small[..., 1] == (200 if channels == 1 else 0)).all()


def test_the_image_stays_visible_under_the_mask():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    drawn = masked(image, label_of(), 96, COLORS, IGNORE).astype(int)
    np.testing.assert_array_equal(drawn[:15], image[:15])
    inside = (slice(20, 44), slice(36, 76))
    for channel in range(3):
        seen, was = drawn[inside][..., channel].ravel(), image[inside][..., channel].ravel()
        assert np.corrcoef(seen, was)[0, 1] > 0.99 and 0.4 < seen.std() / was.std() < 0.8


def test_a_line_of_the_class_runs_along_the_inside_of_its_edge():
    drawn = masked(GREY, label_of(2), 96, COLORS, IGNORE)
    for row, column in ((16, 50), (47, 50), (30, 32), (30, 79)):
        np.testing.assert_array_equal(drawn[row, column], COLORS[2])
    for row, column in ((15, 50), (48, 50), (30, 31), (30, 80)):
        np.testing.assert_array_equal(drawn[row, column], 30)
    np.testing.assert_array_equal(drawn[13, 50], 120)


def test_thin_objects_do_not_vanish():
    label = np.zeros((640, 960), np.uint8)
    label[300:302] = 1
    drawn = masked(np.full((640, 960, 3), 120, np.uint8), label, 96, COLORS, IGNORE)
    np.testing.assert_array_equal(drawn[30, 50], COLORS[1])


def test_soft_masks_are_shades():
    label = np.tile(np.linspace(0, 1, 96, dtype=np.float32), (64, 1))
    drawn = masked(GREY, label, 96, COLORS, IGNORE).astype(int)
    red = np.delete(drawn[32, :, 0], range(44, 52))  # the line is there
    assert (np.diff(red) <= 0).all() and red[0] == 120 and red[-1] < 90
    np.testing.assert_array_equal(drawn[32, 48], COLORS[1])
    faint = masked(GREY, label / 4, 96, COLORS, IGNORE)
    assert not (faint == COLORS[1]).all(axis=2).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_ignored_pixels_are_striped(dtype):
    drawn = masked(GREY, label_of(IGNORE, dtype), 96, COLORS, IGNORE)
    inside = drawn[18:46, 34:78]
    assert (inside.min(axis=2) == inside.max(axis=2)).all()  # grey
    assert len(np.unique(inside)) == 2 and abs(int(inside.min()) - int(inside.max())) > 90
    assert 0.4 < (inside == inside.min()).mean() < 0.6
    np.testing.assert_array_equal(drawn[:15], GREY[:15])
