"""What is the weighted F-measure's own; test_structure.py has what it shares with S."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import WeightedFMeasure
from tests.oracles import metrics_literal as literal

from .helpers import blob_image, random_image, scored
from .test_structure import pysod_scores


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


def test_gives_the_same_score_wherever_the_arrays_lie():
    values, mask = blob_image(np.random.default_rng(10))
    held, scores = [], set()
    for size in range(100, 3000, 29):
        held.append(np.empty(size, np.uint8))
        scores.add(scored(WeightedFMeasure(), values.copy(), mask.copy()))
    assert len(scores) == 1
