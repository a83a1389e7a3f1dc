"""MAE, F, E, S and weighted F against PySODMetrics 1.6.2, image by image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import MAE, EMeasure, FMeasure, SMeasure, WeightedFMeasure

from .helpers import SETS, assert_same_state, fed, random_image, shared_maps

F = {
    "f": "changeable_fms",
    "precision": "precisions",
    "recall": "recalls",
    "adaptive_f": "adaptive_fms",
}
E = {"e": "changeable_ems", "adaptive_e": "adaptive_ems"}
# Its name, its lists by the name of our sum, and how near they are.
KINDS = {
    MAE: ("MAE", {"score": "maes"}, 1e-9),
    FMeasure: ("Fmeasure", F, 1e-9),
    EMeasure: ("Emeasure", E, 1e-12),
    SMeasure: ("Smeasure", {"score": "sms"}, 1e-9),
    WeightedFMeasure: ("WeightedFmeasure", {"score": "weighted_fms"}, 1e-6),
}
EVERY = pytest.mark.parametrize("kind", KINDS)


def assert_equal_to_pysodmetrics(kind, images, stretch="none", adaptive=True):
    name, lists, tolerance = KINDS[kind]
    theirs, ours = getattr(pytest.importorskip("py_sod_metrics"), name)(), []
    for values, mask in images:
        gt = mask.astype(np.uint8) * 255 if stretch == "minmax" else mask
        theirs.step(values, gt, normalize=stretch == "minmax")
        ours.append(fed(kind(stretch=stretch), [(values, mask)]).state())
    for name, attribute in lists.items():
        if adaptive or not name.startswith("adaptive"):
            expected = np.reshape(getattr(theirs, attribute), (len(ours), -1))
            found = [one[name] for one in ours]
            np.testing.assert_allclose(found, expected, 0, tolerance, err_msg=name)


@EVERY
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_maps(kind, seed):
    rng = np.random.default_rng(seed)
    size = rng.integers(4, 30, 2)
    values, mask = random_image(rng, size)
    if kind is SMeasure:
        mask[1:, 1:] |= rng.random(size - 1) < 0.3
        # It divides by nothing where the centre lies in the last row or column.
        mask[-3:, :] = mask[:, -3:] = False
    # Whether parts of one value are constant to it, and what lies at twice the mean, its rounding
    # says.
    values = 0.99 * values + rng.uniform(0, 0.01, size)
    assert_equal_to_pysodmetrics(kind, [(values, mask)])
    if kind is not SMeasure:
        levels = (255 * values).astype(np.uint8)  # its stretching starts from bytes
        assert_equal_to_pysodmetrics(kind, [(levels, mask)], "minmax", adaptive=False)


@EVERY
@pytest.mark.parametrize("constant", [0, 0.25, 1])
def test_corner_cases(kind, constant):
    some = np.zeros((9, 8), bool)
    some[2:5, 1:4] = True
    values = np.full(some.shape, float(constant))
    images = [(values, mask) for mask in (some, ~some, np.zeros_like(some), np.ones_like(some))]
    assert_equal_to_pysodmetrics(kind, images)
    # A constant map is not stretched.
    assert_same_state(fed(kind(stretch="minmax"), images), fed(kind(), images), 0)


@pytest.mark.realdata
@pytest.mark.parametrize("name", SETS)
@EVERY
def test_real_maps(shared, name, kind):
    # None of them has a pixel at exactly twice its mean, where rounding would decide.
    assert_equal_to_pysodmetrics(kind, list(shared_maps(shared, name))[::5], "minmax")
