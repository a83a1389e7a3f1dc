"""What all eight fixation metrics have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics.fixation.auc import AucBorji, AucJudd, ShuffledAuc
from paddleseg_u2net.metrics.fixation.density import (
    CorrelationCoefficient,
    KullbackLeiblerDivergence,
    NormalisedScanpathSaliency,
    Similarity,
)
from paddleseg_u2net.metrics.fixation.emd import EarthMoversDistance
from paddleseg_u2net.metrics.fixation.fixation_pair import FixationPair
from paddleseg_u2net.metrics.fixation.fixations import Fixations

KINDS = (
    AucJudd,
    AucBorji,
    ShuffledAuc,
    NormalisedScanpathSaliency,
    CorrelationCoefficient,
    Similarity,
    KullbackLeiblerDivergence,
    EarthMoversDistance,
)
ALL = pytest.mark.parametrize("kind", KINDS)


def scored(metric, *image):
    metric.update(*image)
    return metric.compute()


def random_image(rng, size=(12, 17)):
    """A map in bytes, points with a density, and where people look elsewhere."""
    levels = rng.integers(0, 256, size).astype(np.uint8)
    points = rng.integers(0, size, (9, 2))
    truth = Fixations(size, points, rng.random(size))
    return levels, truth, rng.integers(0, 3, size).astype(float)


def turned(truth, turn):
    """The same fixations on the picture that is turned so."""
    height, width = truth.shape
    places = turn(np.arange(height * width).reshape(height, width))
    rank = np.argsort(places.ravel())
    here = rank[truth.points[:, 0] * width + truth.points[:, 1]]
    points = np.stack(np.divmod(here, places.shape[1]), axis=1)
    counted = None if truth.valid is None else turn(truth.valid)
    return Fixations(places.shape, points, turn(truth.density), counted)


@ALL
def test_bytes_halves_and_views_score_alike(kind):
    levels, truth, others = random_image(np.random.default_rng(1))
    expected = scored(kind(), levels, truth, others)
    assert np.isfinite(expected)
    for values in (levels / 255, np.asfortranarray(levels), np.repeat(levels, 2, axis=1)[:, ::2]):
        got = scored(kind(), values, truth, np.asfortranarray(others))
        assert got == pytest.approx(expected, abs=1e-9)
    for dtype, tolerance in ((np.float32, 1e-5), (np.float16, 2e-2)):
        got = scored(kind(), (levels / 255).astype(dtype), truth, others)
        assert got == pytest.approx(expected, abs=tolerance)


@ALL
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_turning_the_picture_changes_nothing(kind, seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 12, 2).tolist())
    levels, truth, others = random_image(rng, size)
    expected = scored(kind(), levels, truth, others)
    for turn in (np.flipud, np.fliplr, np.transpose, np.rot90):
        got = scored(kind(), turn(levels), turned(truth, turn), turn(others))
        assert got == pytest.approx(expected, abs=1e-6, nan_ok=True)


@ALL
def test_ignored_pixels_may_be_anything(kind):
    rng = np.random.default_rng(2)
    levels, truth, others = random_image(rng)
    counted = np.ones(truth.shape, bool)
    counted[:, :5] = False
    points = truth.points[truth.points[:, 1] >= 5]
    expected = None
    for other in (0, 255, 77):
        changed = np.where(counted, levels, other).astype(np.uint8)
        density = np.where(counted, truth.density, other)
        image = changed, Fixations(truth.shape, points, density, counted), others + ~counted * other
        got = scored(kind(), *image)
        expected = got if expected is None else expected
        assert got == expected
    if kind is EarthMoversDistance:  # its unit and grid are the whole picture's
        return
    cut = Fixations((12, 12), points - [0, 5], truth.density[:, 5:])
    got = scored(kind(), levels[:, 5:], cut, others[:, 5:])
    assert got == pytest.approx(expected, abs=1e-12)


@ALL
def test_ignoring_works_on_masks(kind):
    rng = np.random.default_rng(3)
    mask, counted = rng.random((9, 11)) < 0.4, rng.random((9, 11)) < 0.7
    values, others = rng.random((9, 11)), rng.random((9, 11))
    expected = scored(kind(), values, Fixations.from_mask(mask, counted), others)
    flipped = Fixations.from_mask(mask ^ ~counted, counted)
    assert scored(kind(), values, flipped, others) == expected


@ALL
def test_merged_shards_equal_one_pass(kind):
    rng = np.random.default_rng(4)
    images = [random_image(rng) for _ in range(6)]
    images.append((images[0][0], Fixations.from_mask(np.zeros((12, 17), bool))))
    whole, total, backwards = kind(), kind(), kind()
    for image in images:
        whole.update(*image)
    for image in images[::-1]:
        backwards.update(*image)
    for start in range(3):
        part, shard = kind(), kind()
        for image in images[start::3]:
            part.update(*image)
        shard.load_state(part.state())
        total.merge(shard)
    alone = [scored(kind(), *image) for image in images[:-1]]
    for metric in (whole, total, backwards):
        assert (metric.images, metric.undefined) == (7, 1)
        assert metric.compute() == pytest.approx(np.mean(alone), abs=1e-12)
    total.reset()
    assert total.images == 0 and np.isnan(total.compute())


@ALL
def test_one_map_serves_all(kind):
    image = random_image(np.random.default_rng(5))
    fixated = FixationPair(*image)
    for other in KINDS:
        other().update_pair(fixated)
    metric = kind()
    metric.update_pair(fixated)
    assert metric.compute() == scored(kind(), *image)


@ALL
def test_arguments_are_left_as_they_are(kind):
    levels, truth, others = random_image(np.random.default_rng(6))
    values = levels / 255
    copies = [array.copy() for array in (values, truth.points, truth.density, others)]
    kind().update(values, truth, others)
    for array, copy in zip((values, truth.points, truth.density, others), copies):
        np.testing.assert_array_equal(array, copy)


@ALL
def test_one_pixel(kind):
    truth = Fixations((1, 1), np.array([[0, 0]]), np.ones((1, 1)))
    got = scored(kind(), np.full((1, 1), 0.5), truth, np.ones((1, 1)))
    expected = {
        AucBorji: 0.5,
        ShuffledAuc: 0.5,
        KullbackLeiblerDivergence: 0,
        EarthMoversDistance: 0,
    }
    assert got == pytest.approx(expected.get(kind, np.nan), abs=1e-12, nan_ok=True)


GOOD, TRUTH = np.full((2, 3), 0.5), Fixations.from_points([[0, 0]], (2, 3))


@ALL
@pytest.mark.parametrize(
    ("image", "message"),
    [
        ((GOOD.T, TRUTH), r"\(2, 3\).*\(3, 2\).*resize"),
        ((GOOD.astype(int), TRUTH), "float dtype.*int64"),
        ((GOOD + 1, TRUTH), r"in \[0, 1\].*1.5"),
        ((GOOD - 1, TRUTH), "-0.5"),
        ((np.where(np.eye(2, 3), np.nan, GOOD), TRUTH), "nan"),
        ((GOOD[None], TRUTH), r"\(1, 2, 3\)"),
        ((GOOD, TRUTH, GOOD.T), r"other images.*\(2, 3\).*\(3, 2\)"),
        ((GOOD, TRUTH, -GOOD), "other images.*-0.5"),
        ((GOOD, TRUTH, GOOD * np.nan), "NaN"),
    ],
)
def test_refuses_and_counts_nothing(kind, image, message):
    metric = kind()
    with pytest.raises(ValueError, match=message):
        metric.update(*image)
    assert not any(value.any() for value in metric.state().values())


@pytest.mark.realdata
def test_pictures_take_milliseconds(shared):
    """Loosely, for slow and busy machines: eight metrics of 400 x 300 take some 20 ms."""
    import time

    image = pytest.importorskip("PIL.Image")
    levels = np.array(image.open(shared / "oracles/ecssd_u2netp_maps/0001.png"))
    mask = np.array(image.open(shared / "data/ecssd_300/ground_truth_mask/0001.png")) > 128
    seconds = []
    for _ in range(5):
        start = time.process_time()
        fixated = FixationPair(levels, Fixations.from_mask(mask), mask.astype(float))
        for kind in KINDS:
            kind().update_pair(fixated)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.1
