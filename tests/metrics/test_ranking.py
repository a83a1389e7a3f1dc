"""Areas under ROC and PR curves, over all pixels and image by image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics.ranking import AveragePrecision, MeanRoc, RocAuc
from tests.oracles import fixation_literal
from tests.oracles import metrics_literal as literal

from .helpers import fed, scored

BY_IMAGE = pytest.mark.parametrize("kind", [AveragePrecision, MeanRoc])
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def sigmoid_picture(rng, size=(9, 11), dtype=np.float32, spread=12.0):
    """A map as sigmoids make it, crowded near 0 and 1, and a mask that it mostly hits."""
    mask = rng.random(size) < rng.uniform(0.1, 0.6)
    mask.flat[:2] = True, False
    logits = rng.normal(np.where(mask, 4, -4), spread)
    return (1 / (1 + np.exp(-logits))).astype(dtype), mask


def byte_picture(rng, size=(9, 11)):
    values, mask = sigmoid_picture(rng, size, spread=4.0)
    return np.round(values * 255).astype(np.uint8), mask


def softmax_picture(rng, classes=4, size=(8, 7)):
    logits = rng.normal(0, 4, (classes, *size))
    label = rng.integers(0, classes, size)
    np.put_along_axis(logits, label[None], logits.max(axis=0) * 0.8, axis=0)
    exponents = np.exp(logits)
    return (exponents / exponents.sum(axis=0)).astype(np.float32), label


def roc(*pictures):
    return fed(RocAuc(), pictures).compute()


def area(metric):
    found = metric.compute()
    return found.auc_of_mean_curve if isinstance(metric, MeanRoc) else found


def sklearn_auc(values, inside):
    return pytest.importorskip("sklearn.metrics").roc_auc_score(
        inside.ravel(), values.ravel().astype(float)
    )


@few
@given(SEEDS, st.sampled_from([np.uint8, np.float16, np.float32, np.float64]))
def test_maps_of_eight_bits_are_exact(seed, dtype):
    rng = np.random.default_rng(seed)
    pictures = [byte_picture(rng, (6, 5)) for _ in range(2)]
    # Divided in double and then rounded, or divided in the narrow type: the same numbers.
    given_as = [(v if dtype is np.uint8 else (v / 255).astype(dtype), m) for v, m in pictures]
    scores = roc(*given_as)
    values, mask = (np.concatenate(arrays).ravel() for arrays in zip(*pictures))
    expected = fixation_literal.area(values[mask].tolist(), values[~mask].tolist())
    assert scores.auc == pytest.approx(expected, abs=1e-14)
    assert scores.auc == pytest.approx(sklearn_auc(values, mask), abs=1e-14)
    assert scores.auc_error == 0


@few
@given(SEEDS, st.sampled_from([np.float16, np.float32, np.float64]), st.floats(0.1, 30))
def test_other_maps_are_within_the_stated_bounds(seed, dtype, spread):
    rng = np.random.default_rng(seed)
    values, mask = sigmoid_picture(rng, dtype=dtype, spread=spread)
    if rng.random() < 0.5:  # all values near one another, to have many of them in one bin
        values = (0.3 + values / 1000).astype(dtype)
    levels, other = byte_picture(rng)
    for pictures in ([(values, mask)], [(values, mask), (levels, other)]):
        scores = roc(*pictures)
        flat = [v.astype(float) / (255 if v.dtype == np.uint8 else 1) for v, _ in pictures]
        flat, inside = np.concatenate(flat), np.concatenate([m for _, m in pictures])
        exact = sklearn_auc(flat, inside)
        assert abs(scores.auc - exact) <= scores.auc_error + 1e-14


def test_values_crowded_near_0_and_1_are_told_apart():
    rng = np.random.default_rng(3)
    mask = rng.random((300, 400)) < 0.3
    for shift in (-14, 9):  # all of the map below 1e-4, or above 0.99
        logits = rng.normal(np.where(mask, 1, -1) + shift, 1.0)
        values = (1 / (1 + np.exp(-logits))).astype(np.float32)
        scores, exact = roc((values, mask)), sklearn_auc(values, mask)
        assert abs(scores.auc - exact) < 1e-5 and scores.auc_error < 1e-3
        even = roc((np.round(values * 255) / 255, mask))
        assert abs(even.auc - exact) > 0.01  # so the map is hard enough


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_curve_counts_pixels_at_or_above_each_threshold(dtype):
    rng = np.random.default_rng(4)
    edges = roc(sigmoid_picture(rng)).thresholds[:0:-1]
    beside = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1)]).astype(dtype)
    deep = 10 ** rng.uniform(-44, 0, 500)
    values = np.concatenate([beside, deep, 1 - deep, [0.0, -0.0, 1.0, 0.5]]).astype(dtype)[None]
    mask = rng.random(values.shape) < 0.5
    scores = roc((values, mask))
    assert (np.diff(scores.thresholds) < 0).all() and scores.thresholds[-1] == 0
    for rate, some in (
        (scores.true_positive_rate, values[mask]),
        (scores.false_positive_rate, values[~mask]),
    ):
        below = np.searchsorted(np.sort(some.astype(float)), scores.thresholds)
        np.testing.assert_allclose(rate[0], 1 - below / some.size, rtol=0, atol=1e-12)
        assert rate[0, 0] == 0 and rate[0, -1] == pytest.approx(1)


@few
@given(SEEDS, st.integers(2, 5))
def test_every_class_is_ranked_against_the_rest(seed, classes):
    rng = np.random.default_rng(seed)
    values, label = softmax_picture(rng, classes)
    label.flat[: 2 * classes] = np.tile(np.arange(classes), 2)
    ignored = label.copy()
    ignored[0, 0] = ignored[3, 4] = 255
    kept = ignored != 255
    scores = scored(RocAuc(classes), values, ignored)
    for number in range(classes):
        exact = sklearn_auc(values[number][kept], label[kept] == number)
        assert abs(scores.class_auc[number] - exact) <= scores.class_auc_error[number] + 1e-14
    assert scores.auc == pytest.approx(scores.class_auc.mean(), abs=1e-14)
    assert scores.auc_error == pytest.approx(scores.class_auc_error.mean(), abs=1e-14)
    if classes == 2:
        # The second probability is one minus the first, to rounding.
        difference = abs(scores.class_auc[0] - scores.class_auc[1])
        assert difference <= scores.class_auc_error.sum() + 1e-12


def test_a_class_that_nobody_or_everybody_is_has_no_area():
    values, mask = sigmoid_picture(np.random.default_rng(7))
    for constant in (np.zeros_like(mask), np.ones_like(mask)):
        scores = roc((values, constant))
        assert np.isnan([scores.auc, scores.auc_error, *scores.class_auc]).all()
    three = np.stack([1 - values, values, values / 2])
    scores = scored(RocAuc(3), three, mask.astype(np.uint8))
    np.testing.assert_array_equal(np.isnan(scores.class_auc), [False, False, True])
    assert scores.auc == pytest.approx(scores.class_auc[:2].mean())
    assert np.isnan(RocAuc(2).compute().auc)


def test_ignored_pixels_and_soft_labels():
    rng = np.random.default_rng(8)
    values, mask = sigmoid_picture(rng)
    expected = roc((values, mask)).auc
    soft = np.where(mask, rng.uniform(0.5, 1, mask.shape), rng.uniform(0, 0.499, mask.shape))
    soft[mask & (rng.random(mask.shape) < 0.5)] = 0.5
    assert roc((values, soft)).auc == expected
    assert roc((values, mask.astype(np.int32))).auc == expected
    ignored = rng.random(mask.shape) < 0.2
    ignored.flat[:2] = False
    label = np.where(ignored, 255, mask).astype(np.uint8)
    for other in (0, 1, rng.random(mask.shape)):
        changed = np.where(ignored, other, values).astype(np.float32)
        scores = roc((changed, label), (changed, np.full_like(label, 255)))
        assert scores.auc == roc((values[~ignored][None], mask[~ignored][None])).auc


@few
@given(SEEDS, st.booleans())
def test_scores_by_image_equal_the_literal_definition(seed, ignore):
    rng = np.random.default_rng(seed)
    values, mask = sigmoid_picture(rng, (6, 7), np.float64, spread=3.0)
    chosen = rng.random(mask.shape) < 0.7 if ignore else np.ones_like(mask)
    chosen.flat[:2] = True
    some, inside = values[chosen], mask[chosen]
    precision = scored(AveragePrecision(), values, mask, chosen)
    assert precision == pytest.approx(literal.average_precision(some, inside), abs=1e-12)
    scores = scored(MeanRoc(), values, mask, chosen)
    expected = literal.rates(some, inside)
    np.testing.assert_allclose(scores.false_positive_rate, [x for x, _ in expected], atol=1e-12)
    np.testing.assert_allclose(scores.true_positive_rate, [y for _, y in expected], atol=1e-12)
    by_pairs = fixation_literal.area(*(np.floor(255 * some[part]) for part in (inside, ~inside)))
    assert scores.auc_of_mean_curve == pytest.approx(by_pairs, abs=1e-12)


def test_average_precision_equals_scikit_learn():
    theirs = pytest.importorskip("sklearn.metrics").average_precision_score
    pictures = [byte_picture(np.random.default_rng(seed), (50, 40)) for seed in range(5)]
    expected = np.mean([theirs(mask.ravel(), levels.ravel()) for levels, mask in pictures])
    assert fed(AveragePrecision(), pictures).compute() == pytest.approx(expected, abs=1e-12)


@BY_IMAGE
def test_images_without_a_curve_are_counted_and_left_out(kind):
    values, mask = sigmoid_picture(np.random.default_rng(13))
    empty, metric = np.zeros_like(mask), kind()
    metric.update(values, empty)
    assert (metric.images, metric.undefined) == (1, 1) and np.isnan(area(metric))
    metric.update(values, mask)
    metric.update(values, mask, ~mask)  # the object is ignored
    assert (metric.images, metric.undefined) == (3, 2)
    assert area(metric) == area(fed(kind(), [(values, mask)]))
    full = area(fed(kind(), [(values, ~empty)]))
    assert full == 1 if kind is AveragePrecision else np.isnan(full)
