"""S-measure, and what it has in common with the weighted F-measure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import SMeasure, WeightedFMeasure
from tests.oracles import metrics_literal as literal

from .helpers import SETS, random_image, scored, shared_maps

BOTH = pytest.mark.parametrize("kind", [SMeasure, WeightedFMeasure])


def pysod_scores(kind, pictures, stretch="none"):
    """Scores by PySODMetrics of each picture alone."""
    theirs = pytest.importorskip("py_sod_metrics")
    metric = {SMeasure: theirs.Smeasure, WeightedFMeasure: theirs.WeightedFmeasure}[kind]()
    for values, mask in pictures:
        gt = mask.astype(np.uint8) * 255 if stretch == "minmax" else mask
        metric.step(values, gt, normalize=stretch == "minmax")
    return metric.sms if kind is SMeasure else metric.weighted_fms


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_equals_the_literal_definition(seed, ignore):
    rng = np.random.default_rng(seed)
    values, mask = random_image(rng)
    counted = rng.random(mask.shape) < 0.7 if ignore else np.ones_like(mask)
    counted.flat[0] = True
    # A constant part has no spread here, and one of rounding there.
    assert scored(SMeasure(), values, mask, counted) == pytest.approx(
        literal.s_measure(values, mask, counted), abs=1e-7
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_pysodmetrics(seed):
    rng = np.random.default_rng(seed)
    size = rng.integers(4, 30, 2)
    values, mask = random_image(rng, size)
    mask[1:, 1:] |= rng.random(size - 1) < 0.3
    # It divides by nothing where the centre lies in the last row or column.
    mask[-3:, :] = mask[:, -3:] = False
    # Whether parts of one value are constant to it, its rounding says.
    values = 0.99 * values + rng.uniform(0, 0.01, size)
    expected = pysod_scores(SMeasure, [(values, mask)])[0]
    assert scored(SMeasure(), values, mask) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("constant", [0, 0.25, 1])
def test_corner_cases_score_as_in_pysodmetrics(constant):
    some = np.zeros((9, 8), bool)
    some[2:5, 1:4] = True
    values = np.full((9, 8), float(constant))
    for mask in (some, ~some, np.zeros_like(some), np.ones_like(some)):
        for kind in (SMeasure, WeightedFMeasure):
            expected = pysod_scores(kind, [(values, mask)])[0]
            assert scored(kind(), values, mask) == pytest.approx(expected, abs=1e-6)
            # A constant map is not stretched.
            assert scored(kind(stretch="minmax"), values, mask) == scored(kind(), values, mask)
    assert scored(SMeasure(), values, np.zeros_like(some)) == 1 - constant
    assert scored(SMeasure(), values, np.ones_like(some)) == constant
    assert scored(WeightedFMeasure(), values, np.zeros_like(some)) == 0


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


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("kind", "tolerance"), [(SMeasure, 1e-9), (WeightedFMeasure, 1e-6)])
def test_equals_pysodmetrics_on_real_maps(shared, name, kind, tolerance):
    pictures = list(shared_maps(shared, name))[::5]
    ours = [scored(kind(stretch="minmax"), *picture) for picture in pictures]
    theirs = pysod_scores(kind, pictures, stretch="minmax")
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
