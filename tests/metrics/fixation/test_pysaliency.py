"""The fixation metrics against pysaliency, the code of the MIT/Tuebingen benchmark.

pip install numba && pip install --no-deps pysaliency==0.2.22
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics.fixation.auc import AucJudd, ShuffledAuc
from paddleseg_u2net.metrics.fixation.density import (
    CorrelationCoefficient,
    KullbackLeiblerDivergence,
    NormalisedScanpathSaliency,
    Similarity,
)
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from tests.metrics.helpers import scored


@functools.cache
def pysaliency(name):
    """One of its files alone: the whole package wants torch, MATLAB helpers and old setuptools."""
    package = importlib.util.find_spec("pysaliency")
    if package is None or package.origin is None:
        pytest.skip("pysaliency is not installed")
    pytest.importorskip("numba")
    path = Path(package.origin).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"pysaliency_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_equal_to_pysaliency(values, truth, others):
    theirs = pysaliency("metrics")

    # Its general_roc, of which this is the mean, needs a NumPy below 2.4.
    areas = pysaliency("numba_utils").general_rocs_per_positive_numba
    rows, columns = truth.points.T
    positives = values[rows, columns]
    unfixated = np.ones(values.shape, bool)
    unfixated[rows, columns] = False
    negatives = np.repeat(values.ravel(), others.ravel().astype(int))

    # It divides by n, and does not move the minimum to 0.
    nss = theirs.NSS(values, columns, rows).mean() * np.sqrt(1 - 1 / values.size)
    sim = theirs.SIM(*((array - array.min()) for array in (values, truth.density)))
    for metric, expected in (
        (AucJudd(), areas(positives, values[unfixated]).mean()),
        (ShuffledAuc(), areas(positives, negatives).mean()),
        (NormalisedScanpathSaliency(), nss),
        (CorrelationCoefficient(), theirs.CC(values, truth.density)),
        (Similarity(), sim),
    ):
        got = scored(metric, values, truth, others)
        assert got == pytest.approx(expected, abs=1e-9), metric

    with np.errstate(divide="ignore", invalid="ignore"):
        expected = theirs.MIT_KLDiv(values, truth.density)
    if np.isfinite(expected):
        got = scored(KullbackLeiblerDivergence(), values, truth)
        assert got == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_maps(seed):
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 30, 2)
    levels = rng.choice([3, 20, 10**6])
    values = rng.integers(0, levels, size) / (levels - 1)
    values[0, :2] = 0, 1
    points = rng.integers(0, size, (rng.integers(1, 20), 2))
    points = points[~((points == 1).all(axis=1))].reshape(-1, 2)  # one pixel without
    points = np.concatenate([points, [[0, 0]]])
    others = rng.integers(0, 3, size)
    others[0, 0] = 1
    assert_equal_to_pysaliency(values, Fixations(size, points, rng.random(size) + 1e-3), others)
