"""The earth mover's distance, and the transportation problem under it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics.fixation import emd as module
from paddleseg_u2net.metrics.fixation.emd import EarthMoversDistance
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from tests.metrics.helpers import scored
from tests.oracles import fixation_literal as literal


def emd(values, density):
    return scored(EarthMoversDistance(), values, Fixations.from_density(density))


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


def test_transport_needs_no_start_of_opencv(monkeypatch):
    pytest.importorskip("scipy")

    def fails(*_):
        raise cv2.error("no convergence")

    monkeypatch.setattr(cv2, "EMD", fails)
    supply, demand, distance = problem(np.random.default_rng(0), "unequal", 40)
    got = module.emd(supply, demand, distance)
    assert got == pytest.approx(literal.transport(supply, demand, distance), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_the_linear_programme(seed):
    pytest.importorskip("scipy")
    rng = np.random.default_rng(seed)
    size = rng.permutation([rng.integers(1, 20), rng.integers(1, 4)])
    values, density = (rng.random(size) * (rng.random(size) < 0.7) for _ in range(2))
    values.flat[0] = density.flat[-1] = 1
    rows, columns = (min(n, max(1, round(14 * n / size.max()))) for n in size)
    expected = literal.emd(values, density, rows, columns)
    assert emd(values, density) == pytest.approx(expected, abs=1e-8)


def test_corner_cases():
    some = np.random.default_rng(2).random((6, 7))
    assert np.isnan(emd(np.zeros((6, 7)), some))
    assert np.isnan(emd(some, np.zeros((6, 7))))
    assert np.isnan(scored(EarthMoversDistance(), some, Fixations.from_points([[0, 0]], (6, 7))))
    assert emd(np.ones((1, 1)), np.ones((1, 1))) == 0
    assert emd(some, some) == 0
    uniform = emd(np.full((6, 7), 0.3), some)
    assert 0 < uniform == pytest.approx(emd(np.ones((6, 7)), some), abs=1e-9)
    assert emd(np.ones((1, 400)), np.ones((1, 400))) == 0
    tiny = np.full((6, 7), 1e-30)
    tiny[2, 3] = 1
    assert emd(tiny, some) == pytest.approx(emd(np.where(tiny == 1, 1.0, 0.0), some), abs=1e-9)


def reduced(array, rows, columns):
    """Sums over cells of whole pixels, once each pixel is that many."""
    for cells in (rows, columns):
        array = np.repeat(array, cells, axis=0).reshape(cells, len(array), -1).sum(axis=1).T
    return array / array.sum()


@pytest.mark.realdata
def test_real_maps_are_exact(shared):
    pytest.importorskip("scipy")
    image = pytest.importorskip("PIL.Image")
    for path in sorted((shared / "oracles/ecssd_u2netp_maps").glob("*.png"))[::50]:
        values = np.array(image.open(path))
        mask = np.array(image.open(shared / "data/ecssd_300/ground_truth_mask" / path.name)) > 128
        got = scored(EarthMoversDistance(), values, Fixations.from_mask(mask))
        grid = [round(14 * length / max(mask.shape)) for length in mask.shape]
        surplus = reduced(values.astype(float), *grid) - reduced(mask.astype(float), *grid)
        here, there = np.argwhere(surplus > 0), np.argwhere(surplus < 0)
        cell = np.divide(mask.shape, grid)
        distance = np.hypot(*((here * cell)[:, None] - there * cell).T).T / np.hypot(*mask.shape)
        optimum = literal.transport(surplus[surplus > 0], -surplus[surplus < 0], distance)
        assert got == pytest.approx(optimum, abs=1e-8)
