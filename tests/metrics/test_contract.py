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
EVERY = pytest.mark.parametrize("kind", MAPS + FIXATIONS)
OF_MAPS = pytest.mark.parametrize("kind", MAPS)


def image_of(kind, rng):
    """What the metric's update takes, the map in bytes."""
    if kind in FIXATIONS:
        return fixated_image(rng)
    values, mask = blob_image(rng)
    return (values * 255).astype(np.uint8), mask, rng.random(mask.shape) < 0.8


@EVERY
def test_bytes_halves_and_views_score_alike(kind):
    levels, truth, other = image_of(kind, np.random.default_rng(4))
    expected = fed(kind(), [(levels / 255, truth, other)])
    views = np.asfortranarray(levels), np.repeat(levels, 2, axis=1)[:, ::2], levels[::-1][::-1]
    for values in (levels, *views):
        image = values, truth, np.asfortranarray(other)
        assert_same_state(fed(kind(), [image]), expected, 1e-9)
    single = (levels / 255).astype(np.float32)
    assert_same_state(fed(kind(), [(single, truth, other)]), expected, 1e-5)
    half = (levels // 16 * 16 / 256).astype(np.float16)
    expected = fed(kind(), [(half.astype(np.float64), truth, other)])
    assert_same_state(fed(kind(), [(half, truth, other)]), expected, 1e-5)


@OF_MAPS
def test_masks_may_be_pillows_and_views(kind):
    levels, mask, valid = image_of(kind, np.random.default_rng(4))
    expected = fed(kind(), [(levels, mask, valid)])
    pillow, counted = ((one.astype(np.uint8) * 255).view(bool) for one in (mask, valid))
    for truth in (pillow, np.asfortranarray(mask), np.repeat(mask, 2, axis=1)[:, ::2]):
        assert_same_state(fed(kind(), [(levels, truth, counted)]), expected, 0)


@EVERY
def test_arguments_are_left_as_they_are_and_one_pair_serves_all(kind):
    levels, truth, other = image = image_of(kind, np.random.default_rng(6))
    if kind in FIXATIONS:
        pair = MapMaskPair(levels, fixations=truth, others=other)
        arrays = levels, truth.points, truth.density, other
    else:
        pair, arrays = MapMaskPair(*image), image
    copies = [array.copy() for array in arrays]
    expected, metric = fed(kind(), [image]), kind()
    for one in FIXATIONS if kind in FIXATIONS else MAPS:
        one().update_pair(pair)
    metric.update_pair(pair)
    assert_same_state(metric, expected, 0)
    for array, copy in zip(arrays, copies):
        np.testing.assert_array_equal(array, copy)


@EVERY
def test_merged_shards_equal_one_pass_in_any_order(kind):
    rng = np.random.default_rng(7)
    images = [image_of(kind, rng) for _ in range(7)]
    nothing = np.zeros(images[0][0].shape, bool)
    images.append((images[0][0], Fixations.from_mask(nothing) if kind in FIXATIONS else nothing))
    whole, total = fed(kind(), images), kind()
    for start in (2, 0, 1):
        shard = kind()
        shard.load_state(fed(kind(), images[start::3]).state())
        total.merge(shard)
    assert total.images == whole.images == 8 and total.undefined == whole.undefined
    assert_same_state(total, whole, 1e-10)
    if kind in FIXATIONS:
        alone = [scored(kind(), *image) for image in images[:-1]]
        assert total.undefined == 1 and total.compute() == pytest.approx(np.mean(alone), abs=1e-12)
    total.reset()
    assert_same_state(total, kind(), 0)


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


@pytest.mark.parametrize("kind", STRETCHED)
def test_stretching(kind):
    values, mask = blob_image(np.random.default_rng(5))
    values[0, :2] = 0, 1
    expected = fed(kind(), [(values, mask)])
    dim = 0.25 + values / 8
    assert_same_state(fed(kind(stretch="minmax"), [(dim, mask)]), expected, 0.02)
    assert_same_state(fed(kind(stretch="max"), [(values / 2, mask)]), expected, 1e-6)


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


@pytest.mark.parametrize("kind", FIXATIONS)
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
