"""NSS, CC, SIM and KLD."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics.fixation.density import (
    CorrelationCoefficient,
    KullbackLeiblerDivergence,
    NormalisedScanpathSaliency,
    Similarity,
)
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from tests.metrics.helpers import scored
from tests.oracles import fixation_literal as literal


def random_image(rng):
    """A map and a density, not constant, with zeros in both, and points."""
    size = (rng.integers(1, 9), rng.integers(2, 9))
    values = rng.random(size) * (rng.random(size) < 0.8)
    density = rng.random(size) * (rng.random(size) < 0.8) * rng.choice([1e-3, 1, 1e6])
    values[0, :2], density[0, :2] = (0.2, 0.7), (density.max() + 1, 0.1)
    points = rng.integers(0, size, (rng.integers(1, 9), 2))
    return values, Fixations(size, points, density)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_the_literal_definition(seed):
    values, truth = random_image(np.random.default_rng(seed))
    for metric, expected in (
        (NormalisedScanpathSaliency(), literal.nss(values, truth.points)),
        (CorrelationCoefficient(), literal.cc(values, truth.density)),
        (Similarity(), literal.sim(values, truth.density)),
        (KullbackLeiblerDivergence(), literal.kld(values, truth.density)),
    ):
        assert scored(metric, values, truth) == pytest.approx(expected, abs=1e-11), metric


def test_a_mask_is_a_uniform_density():
    mask = np.zeros((10, 20), bool)
    mask[2:4, 5:10] = True  # 10 of 200
    truth = Fixations.from_mask(mask)
    for values, sim, kld, nss in (
        (mask.astype(float), 1, 0, 19 / math.sqrt(19 * 200 / 199)),
        (1.0 - mask, 0, math.log(0.1 / 2.2204e-16), -1 / math.sqrt(19 * 200 / 199) * 19),
    ):
        assert scored(Similarity(), values, truth) == pytest.approx(sim, abs=1e-12)
        assert scored(KullbackLeiblerDivergence(), values, truth) == pytest.approx(kld, abs=1e-9)
        assert scored(NormalisedScanpathSaliency(), values, truth) == pytest.approx(nss)
    assert scored(KullbackLeiblerDivergence(), np.ones(mask.shape), truth) == pytest.approx(
        math.log(20)
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_constant_maps_and_densities(value):
    constant, some = np.full((7, 9), value), np.random.default_rng(3).random((7, 9))
    truth = Fixations((7, 9), np.array([[1, 2]]), some)
    flat = Fixations.from_density(np.full((7, 9), 0.1))
    nothing = Fixations.from_density(np.zeros((7, 9)))
    for metric in (NormalisedScanpathSaliency, CorrelationCoefficient):
        assert np.isnan(scored(metric(), constant, truth))
    assert np.isnan(scored(CorrelationCoefficient(), some, flat))
    assert np.isnan(scored(Similarity(), some, flat))
    for metric in (CorrelationCoefficient, Similarity, KullbackLeiblerDivergence):
        assert np.isnan(scored(metric(), some, nothing))
        assert np.isnan(scored(metric(), some, Fixations.from_points([[0, 0]], (7, 9))))
    assert np.isnan(scored(NormalisedScanpathSaliency(), some, flat))
    assert np.isnan(scored(NormalisedScanpathSaliency(), some, Fixations.from_points([], (7, 9))))
    if value:
        assert np.isnan(scored(Similarity(), constant, truth))
    else:  # a black map is the worst there is
        assert scored(Similarity(), constant, truth) == 0
    kld = literal.kld(constant, some)
    assert scored(KullbackLeiblerDivergence(), constant, truth) == pytest.approx(kld)


def test_a_map_that_differs_by_one_bit_is_constant():
    density = np.zeros((4, 5))
    density[1:3, 2] = 1
    almost = np.where(density > 0, np.nextafter(1, 0), 1.0)
    metric = Similarity()
    metric.update(almost, Fixations.from_density(density))
    assert metric.undefined == 1 or metric.compute() < 0.1
