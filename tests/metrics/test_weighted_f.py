"""What is the weighted F-measure's own; test_structure.py has what it shares with S."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import WeightedFMeasure
from paddleseg_u2net.metrics.weighted_f import _spread

from .helpers import blob_image, random_image, scored
from .test_structure import pysod_scores

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from oracles import metrics_literal as literal


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_equals_the_literal_definition(seed, ignore):
    rng = np.random.default_rng(seed)
    values, mask = random_image(rng)
    counted = rng.random(mask.shape) < 0.7 if ignore else np.ones_like(mask)
    counted.flat[0] = True
    beta2 = rng.choice([1, 0.3, 4])
    assert scored(WeightedFMeasure(beta2), values, mask, counted) == pytest.approx(
        literal.weighted_f(values, mask, counted, beta2), abs=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_pysodmetrics_ties_included(seed):
    rng = np.random.default_rng(seed)
    values, mask = random_image(rng, rng.integers(1, 40, 2))
    expected = pysod_scores(WeightedFMeasure, [(values, mask)])[0]
    assert scored(WeightedFMeasure(), values, mask) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.1, 0.5]))
def test_takes_the_error_of_the_pixel_that_scipy_calls_nearest(seed, density):
    transform = pytest.importorskip("scipy.ndimage").distance_transform_edt
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 40, 2)
    mask = rng.random(size) < density
    mask.flat[rng.integers(mask.size)] = True
    error = (rng.permutation(mask.size).reshape(size) + 1.0).astype(np.float32) * mask
    distance, (rows, columns) = transform(~mask, return_indices=True)
    squared = np.rint(distance**2)
    near = squared <= 18  # as far as a window of 7 x 7 can ask
    spread = _spread(error, mask)
    np.testing.assert_array_equal(spread[near], error[rows, columns][near])
    assert not spread[~near].any()


def test_the_cost_of_a_false_positive_doubles_with_the_distance():
    def wrong(column):
        """False positives by the score: R = 1, P = 1 / (1 + wrong)."""
        mask = np.zeros((1, 200), bool)
        mask[0, 0] = True
        values = mask.astype(float)
        values[0, column] = 1
        return 2 / scored(WeightedFMeasure(), values, mask) - 2

    assert wrong(5) == pytest.approx(1.5, abs=1e-6)
    assert wrong(10) == pytest.approx(1.75, abs=1e-6)
    assert wrong(199) == pytest.approx(2, abs=1e-6)


def test_one_missed_pixel_amid_hits_costs_less_than_one():
    mask = np.ones((21, 21), bool)
    values = mask.astype(float)
    values[10, 10] = 0
    recall = scored(WeightedFMeasure(beta2=1e12), values, mask)  # F is recall then
    gaussian = np.exp(-(np.arange(-3, 4) ** 2) / 50)
    assert (1 - recall) * mask.size == pytest.approx((1 / gaussian.sum()) ** 2, rel=1e-3)


def test_gives_the_same_score_wherever_the_arrays_lie():
    values, mask = blob_image(np.random.default_rng(10))
    held, scores = [], set()
    for size in range(100, 3000, 29):
        held.append(np.empty(size, np.uint8))
        scores.add(scored(WeightedFMeasure(), values.copy(), mask.copy()))
    assert len(scores) == 1


def test_does_not_depend_on_where_the_object_lies():
    values, mask = blob_image(np.random.default_rng(9))
    mask[:8] = mask[32:] = mask[:, :8] = mask[:, 42:] = False
    values = values * mask  # nothing off the object, nothing that a shift could push out
    expected = scored(WeightedFMeasure(), values, mask)
    for shift in ((3, 0), (-4, 2), (0, -5), (-5, 5)):
        moved = [np.roll(array, shift, axis=(0, 1)) for array in (values, mask)]
        assert scored(WeightedFMeasure(), *moved) == pytest.approx(expected, abs=1e-6)
