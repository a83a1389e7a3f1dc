"""The earth mover's distance, and the transportation problem under it."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics.fixation import emd as module
from paddleseg_u2net.metrics.fixation.emd import EarthMoversDistance
from paddleseg_u2net.metrics.fixation.fixations import Fixations

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from oracles import fixation_literal as literal


def scored(metric, *image):
    metric.update(*image)
    return metric.compute()


def emd(values, density, cells=16):
    return scored(EarthMoversDistance(cells), values, Fixations.from_density(density))


def problem(rng, kind, size):
    """Masses and distances on a grid: even, with many ties, or of very unequal sizes."""
    sides = rng.integers(1, size, 2)
    if kind == "even":
        supply, demand = (np.full(side, 1.0 / side) for side in sides)
    elif kind == "unequal":
        supply, demand = (rng.random(side) ** 8 + 1e-6 for side in sides)
    else:
        supply, demand = (rng.random(side) for side in sides)
    here, there = (rng.integers(0, 12, (side, 2)) for side in sides)
    distance = np.hypot(*(here[:, None] - there).T).T
    return supply / supply.sum(), demand / demand.sum(), distance


def bell(size, row, column, spread):
    rows, columns = np.ogrid[: size[0], : size[1]]
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / spread)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["even", "unequal", "random"]))
def test_transport_is_the_optimum(seed, kind):
    pytest.importorskip("scipy")
    supply, demand, distance = problem(np.random.default_rng(seed), kind, 25)
    before = supply.copy(), demand.copy(), distance.copy()
    got = module.emd(supply, demand, distance)
    optimum = literal.transport(supply, demand, distance)
    accuracy = {"even": 1e-9, "random": 1e-6, "unequal": 5e-6}[kind] * (1 + distance.max())
    assert optimum - accuracy <= got <= optimum + 1e-8
    for array, copy in zip((supply, demand, distance), before):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("kind", ["even", "unequal", "random"])
def test_transport_needs_no_good_start(kind, monkeypatch):
    """Where OpenCV gives up, and of whatever flow it hands over."""
    pytest.importorskip("scipy")

    def fails(*_):
        raise cv2.error("no convergence")

    monkeypatch.setattr(module.cv2, "EMD", fails)
    for seed in range(8):
        supply, demand, distance = problem(np.random.default_rng(seed), kind, 40)
        got = module.emd(supply, demand, distance)
        assert got == pytest.approx(literal.transport(supply, demand, distance), abs=1e-9)


def test_better_than_opencv_where_that_stops_early():
    pytest.importorskip("scipy")
    surplus = bell((16, 20), 9, 9, 20) / bell((16, 20), 9, 9, 20).sum()
    surplus = surplus - bell((16, 20), 5, 6, 10) / bell((16, 20), 5, 6, 10).sum()
    here, there = np.argwhere(surplus > 0), np.argwhere(surplus < 0)
    supply, demand = surplus[surplus > 0], -surplus[surplus < 0]
    distance = np.hypot(*(here[:, None] - there).T).T
    optimum = literal.transport(supply, demand, distance)
    got = module.emd(supply, demand, distance)
    assert got == pytest.approx(optimum, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_the_linear_programme(seed):
    pytest.importorskip("scipy")
    rng = np.random.default_rng(seed)
    size, cells = rng.integers(1, 14, 2), int(rng.integers(1, 7))
    values, density = (rng.random(size) * (rng.random(size) < 0.7) for _ in range(2))
    values.flat[0] = density.flat[-1] = 1
    rows, columns = (min(n, max(1, round(cells * n / size.max()))) for n in size)
    expected = literal.emd(values, density, rows, columns)
    assert emd(values, density, cells) == pytest.approx(expected, abs=1e-8)


def test_in_one_row_it_is_the_area_between_the_sums():
    rng = np.random.default_rng(1)
    values, density = rng.random((1, 16)), rng.random((1, 16))
    between = np.cumsum(values / values.sum() - density / density.sum())
    expected = np.abs(between).sum() / np.hypot(1, 16)
    assert emd(values, density) == pytest.approx(expected, abs=1e-9)
    assert emd(values.T, density.T) == pytest.approx(expected, abs=1e-9)


def test_one_point_to_another_is_their_distance():
    size = (12, 16)
    for (a, b), (c, d) in (((0, 0), (11, 15)), ((3, 4), (3, 5)), ((5, 5), (5, 5))):
        values, density = np.zeros(size), np.zeros(size)
        values[a, b], density[c, d] = 0.3, 7
        assert emd(values, density) == pytest.approx(np.hypot(a - c, b - d) / 20, abs=1e-12)


def test_the_unit_is_the_diagonal_whatever_the_size():
    values, density = bell((12, 16), 3, 4, 9), bell((12, 16), 8, 10, 14)
    large = [np.kron(array, np.ones((5, 5))) for array in (values, density)]
    assert emd(*large) == pytest.approx(emd(values, density), abs=1e-9)


def test_near_misses_cost_less():
    mask = np.zeros((48, 64), bool)
    mask[10:20, 10:20] = True
    scores = [emd(np.roll(mask, shift, axis=1).astype(float), mask) for shift in range(0, 40, 8)]
    assert scores[0] == 0
    np.testing.assert_allclose(scores, np.arange(5) * 8 / 80, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_is_a_metric_and_knows_no_direction(seed):
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 9, 2)
    one, two, three = rng.uniform(1e-3, 1, (3, *size))
    there = emd(one, two)
    assert 0 <= there <= 1
    assert emd(two, one) == pytest.approx(there, abs=1e-6)
    assert emd(one, one) == 0
    assert emd(one, three) <= there + emd(two, three) + 1e-6
    for turn in (np.flipud, np.fliplr, np.transpose):
        assert emd(turn(one), turn(two)) == pytest.approx(there, abs=1e-6)


def test_corner_cases():
    some = np.random.default_rng(2).random((6, 7))
    assert np.isnan(emd(np.zeros((6, 7)), some))
    assert np.isnan(emd(some, np.zeros((6, 7))))
    assert np.isnan(scored(EarthMoversDistance(), some, Fixations.from_points([[0, 0]], (6, 7))))
    assert emd(np.ones((1, 1)), np.ones((1, 1))) == 0
    assert emd(some, some, cells=1) == 0
    uniform = emd(np.full((6, 7), 0.3), some)
    assert 0 < uniform == pytest.approx(emd(np.ones((6, 7)), some), abs=1e-9)
    assert emd(np.ones((1, 400)), np.ones((1, 400))) == 0
    tiny = np.full((6, 7), 1e-30)
    tiny[2, 3] = 1
    assert emd(tiny, some) == pytest.approx(emd(np.where(tiny == 1, 1.0, 0.0), some), abs=1e-9)


@pytest.mark.realdata
def test_real_maps_are_exact(shared):
    pytest.importorskip("scipy")
    image = pytest.importorskip("PIL.Image")
    for path in sorted((shared / "oracles/ecssd_u2netp_maps").glob("*.png"))[::50]:
        values = np.array(image.open(path))
        mask = np.array(image.open(shared / "data/ecssd_300/ground_truth_mask" / path.name)) > 128
        metric, truth = EarthMoversDistance(), Fixations.from_mask(mask)
        metric.update(values, truth)
        edges = [metric._edges(length, max(mask.shape)) for length in mask.shape]
        from paddleseg_u2net.metrics.fixation.emd import _reduced

        surplus = _reduced(values / values.sum(), edges) - _reduced(mask / mask.sum(), edges)
        here, there = np.argwhere(surplus > 0), np.argwhere(surplus < 0)
        cell = [edge[1] for edge in edges]
        distance = np.hypot(*((here * cell)[:, None] - there * cell).T).T / np.hypot(*mask.shape)
        optimum = literal.transport(surplus[surplus > 0], -surplus[surplus < 0], distance)
        assert metric.compute() == pytest.approx(optimum, abs=1e-8)
