"""E-measure against the paper's definition, PySODMetrics, and what must hold for every map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import EMeasure
from tests.oracles import metrics_literal as literal

from .helpers import blob_image, fed, random_image, shared_maps

SEEDS = st.integers(0, 2**32 - 1)


def untied_picture(rng, size=None):
    """A picture without a pixel exactly at twice the mean, where rounding would decide."""
    values, mask = random_image(rng, size)
    return np.clip(values + rng.uniform(-1e-3, 1e-3, mask.shape), 0, 1), mask


def measured(*picture, **settings):
    """E curve and adaptive E of one picture."""
    metric = EMeasure(**settings)
    metric.update(*picture)
    scores = metric.compute()
    return np.append(scores.e_curve, scores.adaptive_e)


def pysod(pictures, stretch="none"):
    """The same by PySODMetrics, one row a picture."""
    metric = pytest.importorskip("py_sod_metrics").Emeasure()
    for values, mask in pictures:
        gt = mask.astype(np.uint8) * 255 if stretch == "minmax" else mask
        metric.step(values, gt, normalize=stretch == "minmax")
    return np.column_stack([metric.changeable_ems, metric.adaptive_ems])


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans(), st.sampled_from(["n-1", "n"]))
def test_equals_the_literal_definition(seed, ignore, divisor):
    rng = np.random.default_rng(seed)
    values, mask = untied_picture(rng)
    counted = rng.random(mask.shape) < 0.7 if ignore else np.ones_like(mask)
    counted.flat[0] = True
    some = np.sort(rng.choice(256, 20, replace=False))[::-1]
    curve, adaptive = literal.e_measure(values, mask, counted, divisor, some)
    got = measured(values, mask, counted, divisor=divisor)
    np.testing.assert_allclose(got[np.append(255 - some, 256)], [*curve, adaptive], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_equals_pysodmetrics(seed):
    rng = np.random.default_rng(seed)
    values, mask = untied_picture(rng, rng.integers(2, 30, 2))
    np.testing.assert_allclose(measured(values, mask), pysod([(values, mask)])[0], atol=1e-12)
    levels = (255 * values).astype(np.uint8)
    got = measured(levels, mask, stretch="minmax")[:-1]  # bytes may be tied
    np.testing.assert_allclose(got, pysod([(levels, mask)], "minmax")[0, :-1], atol=1e-12)


def test_corner_cases_score_as_in_pysodmetrics():
    some = np.zeros((9, 8), bool)
    some[2:5, 1:4] = True
    for constant in (0, 0.25, 1):
        values = np.full((9, 8), float(constant))
        for mask in (some, ~some, np.zeros_like(some), np.ones_like(some)):
            got = measured(values, mask)
            np.testing.assert_allclose(got, pysod([(values, mask)])[0], atol=1e-12)
            np.testing.assert_array_equal(measured(values, mask, stretch="minmax"), got)
    # Nothing positive above the level 255, everything at the level 0.
    assert measured(values / 2, some, divisor="n")[[0, 255]] == pytest.approx(0.25)
    assert measured(values / 2, np.zeros_like(some), divisor="n")[[0, 255]].tolist() == [1, 0]
    assert measured(values / 2, np.ones_like(some), divisor="n")[[0, 255]].tolist() == [0, 1]


def test_scores_are_read_off_the_mean_curve():
    rng = np.random.default_rng(3)
    pictures = [blob_image(rng) for _ in range(3)]
    scores, mean = fed(EMeasure(), pictures).compute(), [measured(*one) for one in pictures]
    np.testing.assert_allclose(scores.e_curve, np.mean(mean, axis=0)[:-1], atol=1e-12)
    assert scores.max_e == scores.e_curve.max() and scores.mean_e == scores.e_curve.mean()


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["ecssd", "dss"])
def test_equals_pysodmetrics_on_real_maps(shared, name):
    pictures = list(shared_maps(shared, name))[::5]
    ours = [measured(*picture, stretch="minmax") for picture in pictures]
    # Its mean, hence its adaptive threshold, is rounded; a pixel at that threshold may go either
    # way. No picture of the two sets has one.
    np.testing.assert_allclose(ours, pysod(pictures, "minmax"), rtol=0, atol=1e-12)
