"""MAE, F and E."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import MAE, STRETCHES, EMeasure, FMeasure, MapMaskPair
from tests.oracles import metrics_literal as literal

from .helpers import blob_image, fed, random_image

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


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from(["n-1", "n"]))
def test_e_equals_the_literal_definition(seed, ignore, divisor):
    rng = np.random.default_rng(seed)
    values, mask = untied_picture(rng)
    counted = rng.random(mask.shape) < 0.7 if ignore else np.ones_like(mask)
    counted.flat[0] = True
    some = np.sort(rng.choice(256, 20, replace=False))[::-1]
    curve, adaptive = literal.e_measure(values, mask, counted, divisor, some)
    got = measured(values, mask, counted, divisor=divisor)
    np.testing.assert_allclose(got[np.append(255 - some, 256)], [*curve, adaptive], atol=1e-12)


def test_scores_are_read_off_the_mean_curve():
    rng = np.random.default_rng(3)
    pictures = [blob_image(rng) for _ in range(3)]
    scores, mean = fed(EMeasure(), pictures).compute(), [measured(*one) for one in pictures]
    np.testing.assert_allclose(scores.e_curve, np.mean(mean, axis=0)[:-1], atol=1e-12)
    assert scores.max_e == scores.e_curve.max() and scores.mean_e == scores.e_curve.mean()


@pytest.mark.parametrize(("mask", "high", "low"), [(0.5, 0.25, 0.25), (0, 1, 0), (1, 0, 1)])
def test_e_where_nothing_or_everything_is_positive(mask, high, low):
    """Nothing above the level 255, everything at the level 0."""
    values, mask = np.full((1, 2), 0.5), np.array([[mask > 0, mask == 1]])
    assert measured(values, mask, divisor="n")[[0, 255]] == pytest.approx([high, low])
