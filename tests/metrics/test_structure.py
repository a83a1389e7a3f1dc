"""S-measure and weighted F-measure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import SMeasure, WeightedFMeasure
from tests.oracles import metrics_literal as literal

from .helpers import blob_image, random_image, scored, shared_maps


def drawn(seed, ignore):
    """A random image, and which of its pixels are not ignored: at least the first."""
    rng = np.random.default_rng(seed)
    values, mask = random_image(rng)
    counted = rng.random(mask.shape) < 0.7 if ignore else np.ones_like(mask)
    counted.flat[0] = True
    return rng, values, mask, counted


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_equals_the_literal_definition(seed, ignore):
    _, values, mask, counted = drawn(seed, ignore)
    # A constant part has no spread here, and one of rounding there.
    assert scored(SMeasure(), values, mask, counted) == pytest.approx(
        literal.s_measure(values, mask, counted), abs=1e-7
    )


def test_every_constant_is_constant():
    mask = np.zeros((30, 31), bool)
    mask[6, 8] = True
    for constant in (0.1, 0.3, 0.7, 1 / 3):
        values = np.full(mask.shape, constant)  # the mean of many of them is not always the same
        values[:7, :9] = mask[:7, :9]
        before = scored(SMeasure(), values, mask)
        assert before == pytest.approx(literal.s_measure(values, mask))
        values[-1, -1] = 0.5  # now its quadrant scores 0
        assert scored(SMeasure(), values, mask) == pytest.approx(literal.s_measure(values, mask))
        assert before - scored(SMeasure(), values, mask) > 0.2


@pytest.mark.realdata
def test_equals_the_matlab_code_of_the_field(shared):
    """Its convention: the map divided by its maximum."""
    loadmat = pytest.importorskip("scipy.io").loadmat
    matlab = loadmat(shared / "oracles/sod_matlab_dss/DSS.mat")
    total = SMeasure()
    for i, (levels, mask) in enumerate(shared_maps(shared, "dss")):
        one = SMeasure()
        one.update(levels / max(levels.max(), 1), mask)
        assert one.compute() == pytest.approx(matlab["S_measure_image"][i, 0], abs=1e-9), i
        total.merge(one)
    assert total.compute() == pytest.approx(matlab["S_measure"].item(), abs=1e-9)


@pytest.mark.parametrize("constant", [0, 0.25, 1])
def test_masks_of_nothing_and_of_everything(constant):
    values, none = np.full((9, 8), float(constant)), np.zeros((9, 8), bool)
    assert scored(SMeasure(), values, none) == 1 - constant
    assert scored(SMeasure(), values, ~none) == constant
    assert scored(WeightedFMeasure(), values, none) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_weighted_f_equals_the_literal_definition(seed, ignore):
    rng, values, mask, counted = drawn(seed, ignore)
    beta2 = rng.choice([1, 0.3, 4])
    assert scored(WeightedFMeasure(beta2), values, mask, counted) == pytest.approx(
        literal.weighted_f(values, mask, counted, beta2), abs=1e-6
    )


def test_weighted_f_is_the_same_wherever_the_arrays_lie():
    values, mask = blob_image(np.random.default_rng(10))
    held, scores = [], set()
    for size in range(100, 3000, 29):
        held.append(np.empty(size, np.uint8))
        scores.add(scored(WeightedFMeasure(), values.copy(), mask.copy()))
    assert len(scores) == 1
