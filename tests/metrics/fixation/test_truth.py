"""Fixations as ground truth, and the map of where people look anyway."""

from __future__ import annotations

import math

import numpy as np
import pytest

from paddleseg_u2net.metrics.fixation.fixations import Fixations, OtherFixations


def test_points_stand_as_given():
    points = [[2, 3], [0, 0], [2, 3]]
    fixations = Fixations.from_points(points, (3, 4))
    assert fixations.shape == (3, 4)
    assert fixations.points.dtype == np.int64 and fixations.points.tolist() == points
    assert fixations.density is None and fixations.valid is None
    assert Fixations.from_points([], (3, 4)).points.shape == (0, 2)


def test_a_density_spreads_each_point_by_a_gaussian():
    points, shape, sigma = [[5, 6], [5, 6], [0, 0]], (12, 14), 1.5
    density = Fixations.from_points(points, shape, sigma).density
    bell = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(-6, 7)]  # 4 sigma
    for row, column in np.ndindex(shape):
        expected = sum(
            bell[6 + row - y] * bell[6 + column - x] / sum(bell) ** 2
            for y, x in points
            if abs(row - y) <= 6 and abs(column - x) <= 6
        )
        assert density[row, column] == pytest.approx(expected, abs=1e-12)
    assert density[3, 3] > 0 and density[11, 13] == 0


def test_a_mask_is_one_fixation_per_pixel_of_the_object():
    mask = np.zeros((3, 4), bool)
    mask[1, 1:3] = True
    fixations = Fixations.from_mask((mask * np.uint8(255)).view(bool))  # as Pillow has it
    assert fixations.points.tolist() == [[1, 1], [1, 2]]
    np.testing.assert_array_equal(fixations.density, mask.astype(float))
    counted = np.ones_like(mask)
    counted[1, 1] = False
    fixations = Fixations.from_mask(mask, counted)
    assert fixations.points.tolist() == [[1, 2]] and fixations.density.sum() == 1
    assert len(Fixations.from_mask(np.zeros_like(mask)).points) == 0


def test_the_density_of_ignored_pixels_is_nothing():
    counted = np.array([[True, False]])
    assert Fixations((1, 2), density=np.ones((1, 2)), valid=counted).density.tolist() == [[1, 0]]
    levels = np.array([[0, 200]], np.uint8)
    assert Fixations.from_density(levels).density.dtype == np.float64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fixations((2, 3)), "points or a density, got neither"),
        (lambda: Fixations.from_points([[0, 3]], (2, 3)), r"rows first.*to \[0 3\]"),
        (lambda: Fixations.from_points([[-1, 0]], (2, 3)), r"from \[-1  0\]"),
        (lambda: Fixations.from_points([[0, 0, 0]], (2, 3)), r"\(N, 2\).*\(1, 3\)"),
        (lambda: Fixations.from_points([[0.5, 1.0]], (2, 3)), "whole numbers.*float64"),
        (
            lambda: Fixations.from_points([[0, 0]], (2, 3), sigma=math.nan),
            "sigma.*above 0, got nan",
        ),
        (lambda: Fixations.from_density(-np.ones((2, 3))), "0 or more"),
        (lambda: Fixations.from_density(np.full((2, 3), np.nan)), "NaN"),
        (lambda: Fixations.from_density(np.full((2, 3), np.inf)), "finite"),
        (lambda: Fixations((2, 3), density=np.zeros((3, 2))), r"\(2, 3\).*\(3, 2\)"),
        (lambda: Fixations.from_mask(np.zeros((2, 3), np.uint8)), "bool mask.*uint8"),
        (lambda: Fixations((1, 2), [[0, 1]], None, np.array([[True, False]])), "valid"),
    ],
)
def test_refuses_what_makes_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_shuffle_map_of_one_size_is_exact():
    rng = np.random.default_rng(1)
    shape = (20, 31)
    everyone = [Fixations.from_points(rng.integers(0, shape, (9, 2)), shape) for _ in range(5)]
    shuffle, first, second = OtherFixations(shape), OtherFixations(shape), OtherFixations(shape)
    for i, fixations in enumerate(everyone):
        shuffle.add(fixations)
        (first, second)[i % 2].add(fixations)
    first.merge(second)
    np.testing.assert_array_equal(first.counts, shuffle.counts)
    expected = np.zeros(shape)
    for fixations in everyone[1:]:
        for row, column in fixations.points:
            expected[row, column] += 1
    np.testing.assert_array_equal(shuffle.weights(shape, everyone[0]), expected)
    assert shuffle.weights(shape).sum() == 45
    assert shuffle.weights((5, 4)).sum() == 45
    with pytest.raises(ValueError, match="added before"):
        OtherFixations(shape).weights(shape, everyone[0])
