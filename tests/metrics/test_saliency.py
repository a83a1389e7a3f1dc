from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import MAE, STRETCHES, FMeasure, MapMaskPair
from tests.oracles import metrics_literal as literal

F_SCORES = ("max_f", "max_f_of_mean_pr", "mean_f", "adaptive_f")


def random_pair(rng, size=(23, 31)):
    """A map that is right more often than wrong, with saturated pixels as sigmoids have."""
    mask = rng.random(size) < rng.uniform(0.1, 0.6)
    values = np.clip(rng.normal(np.where(mask, 0.7, 0.2), 0.3), 0, 1)
    return values, mask


def scored(pairs, stretch="none"):
    mae, f_measure = MAE(stretch), FMeasure(stretch=stretch)
    for values, mask in pairs:
        picture = MapMaskPair(values, mask)
        mae.update_pair(picture)
        f_measure.update_pair(picture)
    return mae, f_measure


def all_scores(pairs, stretch="none"):
    mae, f_measure = scored(pairs, stretch)
    result = f_measure.compute()
    return {"mae": mae.compute(), **{name: getattr(result, name) for name in F_SCORES}}


def assert_scores(ours, theirs, tolerance):
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], abs=tolerance), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(STRETCHES))
def test_floats_equal_the_literal_definition(seed, stretch):
    rng = np.random.default_rng(seed)
    pairs = [random_pair(rng, (5, 7)) for _ in range(2)]
    expected = [(literal.stretch(v, stretch), m) for v, m in pairs]
    assert_scores(all_scores(pairs, stretch), literal.saliency(expected), 1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(STRETCHES), st.integers(1, 255))
def test_bytes_equal_floats_of_the_same_map(seed, stretch, high):
    rng = np.random.default_rng(seed)
    levels = rng.integers(rng.integers(0, high), high, (31, 37), dtype=np.uint8)
    mask = rng.random(levels.shape) < 0.4
    assert_scores(
        all_scores([(levels, mask)], stretch),
        all_scores([(levels / 255, mask)], stretch),
        1e-12,
    )


def test_floats_of_bytes_keep_their_levels():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask = np.zeros((16, 16), bool)
    for dtype in (np.float32, np.float64):
        pair = MapMaskPair(levels.astype(dtype) / dtype(255), mask)
        histogram = pair.statistics().background_histogram
        np.testing.assert_array_equal(histogram, np.ones(256))


def test_twice_the_mean_counts_where_floating_point_loses_it():
    """PySODMetrics 1.6.2 gives 0: 234 is twice the mean of the stretched map, but for rounding."""
    levels = np.array([[234, 0, 240], [234, 61, 33], [126, 118, 7]], np.uint8)
    mask = np.array([[1, 1, 0], [1, 0, 1], [0, 0, 1]], bool)
    assert 2 * int(levels.sum()) == 9 * 234
    above = levels >= 234
    precision, recall = (above & mask).sum() / above.sum(), (above & mask).sum() / mask.sum()
    expected = 1.3 * precision * recall / (0.3 * precision + recall)
    assert expected == pytest.approx(0.5777777777777778, abs=1e-15)
    for stretch in ("none", "minmax"):
        found = all_scores([(levels, mask)], stretch)["adaptive_f"]
        assert found == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("stretch", ["none", "minmax"])
def test_equals_pysodmetrics_per_image_and_over_the_set(stretch):
    theirs = pytest.importorskip("py_sod_metrics")
    rng = np.random.default_rng(11)
    pairs = [random_pair(rng, (90, 70)) for _ in range(12)]
    pairs += [(pairs[0][0], np.zeros((90, 70), bool)), (np.zeros((90, 70)), pairs[0][1])]
    if stretch == "minmax":  # its stretching starts from bytes
        pairs = [((v * rng.uniform(100, 255)).astype(np.uint8), m) for v, m in pairs]

    def reference(some):
        mae, f_measure = theirs.MAE(), theirs.Fmeasure()
        for values, mask in some:
            gt = mask.astype(np.uint8) * 255 if stretch == "minmax" else mask
            mae.step(values, gt, normalize=stretch == "minmax")
            f_measure.step(values, gt, normalize=stretch == "minmax")
        result = f_measure.get_results()
        f, p, r = result["fm"]["curve"], result["pr"]["p"], result["pr"]["r"]
        return {
            "mae": mae.get_results()["mae"],
            "max_f": f.max(),
            "max_f_of_mean_pr": (1.3 * p * r / np.maximum(0.3 * p + r, 1e-300)).max(),
            "mean_f": f.mean(),
            "adaptive_f": result["fm"]["adp"],
        }

    for pair in pairs:
        assert_scores(all_scores([pair], stretch), reference([pair]), 1e-9)
    assert_scores(all_scores(pairs, stretch), reference(pairs), 1e-9)
