"""Promises that every metric keeps: inputs, ignored pixels, sums of shards, refusals."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import (
    MAE,
    SCORES,
    STRETCHES,
    BoundaryIoU,
    ConfusionMatrix,
    EMeasure,
    FixationMetric,
    Fixations,
    FMeasure,
    MapMaskPair,
    MetricReport,
    RelaxedBoundaryF,
    RocAuc,
    WeightedFMeasure,
)
from paddleseg_u2net.metrics.fixation.emd import EarthMoversDistance
from paddleseg_u2net.metrics.metric import MapMetric

from .helpers import (
    assert_same_state,
    blob_image,
    fed,
    fixated_image,
    random_image,
    random_valid,
    scored,
)

KINDS = list(dict.fromkeys(score.metric for score in SCORES.values()))
MAPS = [kind for kind in KINDS if issubclass(kind, MapMetric)]
STRETCHED = [kind for kind in MAPS if "stretch" in inspect.signature(kind).parameters]
FIXATIONS = [kind for kind in KINDS if issubclass(kind, FixationMetric)]
OF_MAPS = pytest.mark.parametrize("kind", MAPS)
OF_STRETCHED = pytest.mark.parametrize("kind", STRETCHED)
OF_FIXATIONS = pytest.mark.parametrize("kind", FIXATIONS)


@OF_MAPS
def test_bytes_halves_views_and_pillows_masks_score_alike(kind):
    values, mask = blob_image(np.random.default_rng(4))
    levels = (values * 255).astype(np.uint8)
    exact = levels / 255
    expected = fed(kind(), [(exact, mask)])
    as_pillow_has_it = (mask.astype(np.uint8) * 255).view(bool)  # True is the byte 255
    for image in (
        (levels, mask),
        (levels, as_pillow_has_it),
        (np.asfortranarray(levels), np.repeat(mask, 2, axis=1)[:, ::2]),
        (levels[::-1][::-1], np.asfortranarray(mask), np.ones_like(as_pillow_has_it)),
    ):
        assert_same_state(fed(kind(), [image]), expected, 1e-12)
    assert_same_state(fed(kind(), [(exact.astype(np.float32), mask)]), expected, 1e-5)
    half = (levels // 16 * 16 / 256).astype(np.float16)
    expected = fed(kind(), [(half.astype(np.float64), mask)])
    assert_same_state(fed(kind(), [(half, mask)]), expected, 1e-5)


@OF_MAPS
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_ignored_pixels_may_be_anything(kind, seed):
    rng = np.random.default_rng(seed)
    values, mask = random_image(rng)
    values, valid = 0.2 + 0.5 * values, random_valid(rng, mask.shape)
    scale = rng.choice([1, 255])  # as floats or as bytes
    dtype = np.uint8 if scale == 255 else float
    values = (scale * values).astype(dtype)
    for stretch in STRETCHES if kind in STRETCHED else [None]:
        arguments = {"stretch": stretch} if stretch else {}
        expected = fed(kind(**arguments), [(values, mask, valid)])
        for other in (0.0, 1.0, rng.random(mask.shape)):
            changed = np.where(valid, values, scale * other).astype(dtype)
            flipped = mask ^ ~valid
            found = fed(kind(**arguments), [(changed, flipped, valid)])
            assert_same_state(found, expected, 0)


@OF_STRETCHED
def test_stretching(kind):
    values, mask = blob_image(np.random.default_rng(5))
    values[0, :2] = 0, 1
    expected = fed(kind(), [(values, mask)])
    dim = 0.25 + values / 8
    assert_same_state(fed(kind(stretch="minmax"), [(dim, mask)]), expected, 0.02)
    assert_same_state(fed(kind(stretch="max"), [(values / 2, mask)]), expected, 1e-6)


@OF_MAPS
def test_arguments_are_left_as_they_are_and_one_pair_serves_all(kind):
    image = (*blob_image(np.random.default_rng(6)), np.arange(2000).reshape(40, 50) % 3 > 0)
    copies = [array.copy() for array in image]
    expected = fed(kind(), [image])
    pair = MapMaskPair(*image)
    for other in MAPS:
        other().update_pair(pair)
    metric = kind()
    metric.update_pair(pair)
    assert_same_state(metric, expected, 0)
    for array, copy in zip((*image, pair.mask), (*copies, copies[1] & copies[2])):
        np.testing.assert_array_equal(array, copy)


@OF_MAPS
def test_merged_shards_equal_one_pass_in_any_order(kind):
    rng = np.random.default_rng(7)
    images = [blob_image(rng) for _ in range(7)] + [(np.zeros((5, 5)), np.zeros((5, 5), bool))]
    whole, total = fed(kind(), images), kind()
    for start in (2, 0, 1):
        shard = kind()
        shard.load_state(fed(kind(), images[start::3]).state())
        total.merge(shard)
    assert total.images == whole.images == 8
    assert_same_state(total, whole, 1e-10)
    total.reset()
    assert_same_state(total, kind(), 0)


GOOD, MASK = np.full((2, 3), 0.5), np.ones((2, 3), bool)
TRUTH = Fixations.from_points([[0, 0]], (2, 3))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ((GOOD, MASK.T), r"its mask, \(3, 2\).*\(2, 3\)"),
        ((GOOD, MASK.astype(np.uint8)), "bool mask.*uint8"),
        ((GOOD.astype(int), MASK), "float dtype.*int64"),
        ((GOOD + 1, MASK), r"in \[0, 1\].*1.5"),
        ((GOOD - 1, MASK), "-0.5"),
        ((np.where(np.eye(2, 3), np.nan, GOOD), MASK), "nan"),
        ((GOOD.ravel(), MASK.ravel()), r"\(H, W\).*\(6,\)"),
        ((GOOD[:0], MASK[:0]), r"not empty.*\(0, 3\)"),
        ((GOOD, MASK, MASK.T), r"valid.*\(2, 3\).*\(3, 2\)"),
        ((GOOD, MASK, GOOD), "valid.*bool.*float64"),
        ((GOOD, MASK, ~MASK), "at least one pixel"),
        ((GOOD.T, None, None, TRUTH), r"fixations, \(2, 3\).*\(3, 2\).*resize"),
        ((GOOD, None, None, TRUTH, GOOD.T), r"other images.*\(2, 3\).*\(3, 2\)"),
    ],
)
def test_refuses(image, message):
    with pytest.raises(ValueError, match=message):
        MapMaskPair(*image)


@OF_FIXATIONS
def test_fixations_of_bytes_halves_and_views_score_alike(kind):
    levels, truth, others = fixated_image(np.random.default_rng(1))
    expected = scored(kind(), levels, truth, others)
    assert np.isfinite(expected)
    for values in (levels / 255, np.asfortranarray(levels), np.repeat(levels, 2, axis=1)[:, ::2]):
        got = scored(kind(), values, truth, np.asfortranarray(others))
        assert got == pytest.approx(expected, abs=1e-9)
    for dtype, tolerance in ((np.float32, 1e-5), (np.float16, 2e-2)):
        got = scored(kind(), (levels / 255).astype(dtype), truth, others)
        assert got == pytest.approx(expected, abs=tolerance)


@OF_FIXATIONS
def test_fixations_on_ignored_pixels_may_be_anything(kind):
    rng = np.random.default_rng(2)
    levels, truth, others = fixated_image(rng)
    valid = np.ones(truth.shape, bool)
    valid[:, :5] = False
    points = truth.points[truth.points[:, 1] >= 5]
    found = set()
    for other in (0, 255, 77):
        changed = np.where(valid, levels, other).astype(np.uint8)
        density = np.where(valid, truth.density, other)
        fixations = Fixations(truth.shape, points, density, valid)
        found.add(scored(kind(), changed, fixations, others + ~valid * other))
    (expected,) = found
    if kind is not EarthMoversDistance:  # whose unit and grid are the whole image's
        cut = Fixations((12, 12), points - [0, 5], truth.density[:, 5:])
        got = scored(kind(), levels[:, 5:], cut, others[:, 5:])
        assert got == pytest.approx(expected, abs=1e-12)
    mask = rng.random(valid.shape) < 0.4
    by_mask = (Fixations.from_mask(each, valid) for each in (mask, mask ^ ~valid))
    first, second = (scored(kind(), levels, fixations, others) for fixations in by_mask)
    assert first == second


@OF_FIXATIONS
def test_fixations_of_shards_merge_and_one_pair_serves_all(kind):
    rng = np.random.default_rng(4)
    images = [fixated_image(rng) for _ in range(6)]
    images.append((images[0][0], Fixations.from_mask(np.zeros((12, 17), bool))))
    whole, backwards, total = fed(kind(), images), fed(kind(), images[::-1]), kind()
    for start in range(3):
        shard = kind()
        shard.load_state(fed(kind(), images[start::3]).state())
        total.merge(shard)
    alone = [scored(kind(), *image) for image in images[:-1]]
    for metric in (whole, total, backwards):
        assert (metric.images, metric.undefined) == (7, 1)
        assert metric.compute() == pytest.approx(np.mean(alone), abs=1e-12)
    total.reset()
    assert total.images == 0 and np.isnan(total.compute())
    levels, truth, others = images[0]
    pair = MapMaskPair(levels, fixations=truth, others=others)
    for other in FIXATIONS:
        other().update_pair(pair)
    metric = kind()
    metric.update_pair(pair)
    assert metric.compute() == alone[0]


def test_metrics_of_other_arguments_are_not_merged():
    for other in (WeightedFMeasure(beta2=2), MAE(), object()):
        with pytest.raises(ValueError, match="expected a WeightedFMeasure with .* to merge"):
            WeightedFMeasure().merge(other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MAE(stretch="most"), "expected none or minmax or max, got 'most'"),
        (lambda: FMeasure(beta2=0), r"beta2: expected a number in \[1e-06, 1e\+06\], got 0"),
        (lambda: WeightedFMeasure(beta2=np.nan), "beta2: .*nan"),
        (lambda: EMeasure(divisor="N"), "divisor: expected n-1 or n, got 'N'"),
        (lambda: RelaxedBoundaryF(slack=-1), "slack: .*-1"),
        (lambda: BoundaryIoU(threshold=128), "threshold: .*128"),
        (lambda: ConfusionMatrix(0), "num_classes: expected a whole number"),
        (lambda: RocAuc(1.5), "num_classes: .*1.5"),
        (lambda: MetricReport(0), "num_classes: .*0"),
    ],
)
def test_refuses_arguments_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()
