"""The three AUC of fixations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics.fixation.auc import AucBorji, AucJudd, ShuffledAuc
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from tests.metrics.helpers import scored
from tests.oracles import fixation_literal as literal


def random_image(rng, size=None, points=None, levels=None):
    """A map, with ties where it has few levels, and points that may repeat."""
    size = tuple(rng.integers(1, 9, 2).tolist()) if size is None else size
    levels = rng.choice([2, 4, 1000]) if levels is None else levels
    values = rng.integers(0, levels, size) / (levels - 1)
    number = rng.integers(1, 12) if points is None else points
    return values, Fixations.from_points(rng.integers(0, size, (number, 2)), size)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_judd_equals_all_pairs(seed):
    rng = np.random.default_rng(seed)
    values, fixations = random_image(rng)
    expected = literal.auc_judd(values, fixations.points)
    got = scored(AucJudd(), values, fixations)
    assert got == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_borji_is_the_mean_over_all_draws(seed):
    rng = np.random.default_rng(seed)
    values, fixations = random_image(rng, (3, 4), points=rng.integers(1, 3), levels=9974)
    values[2] = values[1]  # some ties
    expected = literal.auc_borji_over_all_draws(values, fixations.points, 0.1)
    assert scored(AucBorji(), values, fixations) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shuffled_counts_pairs_by_weight(seed):
    rng = np.random.default_rng(seed)
    values, fixations = random_image(rng)
    others = rng.integers(0, 3, values.shape) * rng.choice([1, 0.3])
    others.flat[0] += 1
    positives = [values[tuple(point)] for point in fixations.points]
    expected = literal.area(positives, values.ravel(), others.ravel())
    got = scored(ShuffledAuc(), values, fixations, others)
    assert got == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.7, 1.0])
def test_a_constant_map_is_chance(value):
    values, fixations = np.full((5, 6), value), Fixations.from_points([[1, 2], [4, 5]], (5, 6))
    for metric in (AucJudd(), AucBorji(), ShuffledAuc()):
        with np.errstate(all="raise"):
            assert scored(metric, values, fixations, np.ones((5, 6))) == 0.5


def test_a_value_on_a_threshold_reaches_it():
    for low, high in ((0.0, 1.0), (0.1, 0.7), (0.3, 0.9)):
        values = np.array([[low + (high - low) * k / 10 for k in range(11)]])
        for k in range(11):
            fixations = Fixations.from_points([[0, k]], (1, 11))
            got = scored(AucBorji(), values, fixations)
            assert got == pytest.approx((k + 0.5) / 11, abs=1e-12)


def test_undefined_is_counted():
    values = np.random.default_rng(6).random((3, 4))
    some = Fixations.from_points([[1, 1]], (3, 4))
    empty, density = Fixations.from_points([], (3, 4)), Fixations.from_density(np.ones((3, 4)))
    full = Fixations.from_mask(np.ones((3, 4), bool))
    for metric, images in (
        (AucJudd(), [(empty,), (density,), (full,), (some,)]),
        (AucBorji(), [(empty,), (density,), (some,)]),
        (ShuffledAuc(), [(empty, np.ones((3, 4))), (density, np.ones((3, 4))), (some,)]),
        (ShuffledAuc(), [(some, np.zeros((3, 4))), (some, np.eye(3, 4))]),
    ):
        defined = 0 if isinstance(metric, ShuffledAuc) and len(images) == 3 else 1
        for image in images:
            metric.update(values, *image)
        assert (metric.images, metric.undefined) == (len(images), len(images) - defined)
        assert np.isnan(metric.compute()) == (not defined)
