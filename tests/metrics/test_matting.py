"""Scores of alpha mattes: by hand, by literal versions, by somebody else's code."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import SCORES, MapMaskPair, MetricReport
from tests.oracles import matting_literal as literal

from .helpers import assert_same_state, fed, random_valid, scored

KEYS = [key for key, score in SCORES.items() if score.family == "matting"]
EVERY = pytest.mark.parametrize("key", KEYS)


def kind(key):
    return SCORES[key].metric


def mattes(seed, shape=(24, 33)):
    """A soft matte and another one near it, both from 0 to 1, as 8-bit files have them."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros(shape)
    for _ in range(rng.integers(1, 4)):
        place = tuple(int(rng.integers(side)) for side in shape[::-1])
        cv2.circle(alpha, place, int(rng.integers(2, 9)), 1, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.5, 2))
    matte = np.clip(np.roll(alpha, 1, 1) + rng.normal(0, 0.1, shape), 0, 1)
    found = [np.rint(255 * (one - one.min()) / np.ptp(one)) for one in (matte, alpha)]
    return [one.astype(np.uint8) for one in found]


def test_by_hand():
    matte, alpha = np.zeros((10, 20)), np.zeros((10, 20))
    alpha[2:4, 5:10] = 0.8
    matte[2:4, 5:10] = 0.5
    values = {key: scored(kind(key)(), matte, alpha) for key in KEYS}
    assert values["SAD"] == pytest.approx(10 * 0.3 / 1000)
    assert values["MAD"] == pytest.approx(1000 * 10 * 0.3 / 200)
    assert values["MSE"] == pytest.approx(1000 * 10 * 0.09 / 200)
    # Together up to 0.5: of the matte nothing is beyond, of the alpha 0.3.
    assert values["Conn"] == pytest.approx(10 * 0.3 / 1000)
    assert values["Grad"] > 0
    for key in KEYS:
        assert scored(kind(key)(), alpha, alpha) == 0


def test_what_is_less_than_a_step_off_is_connected():
    alpha = np.full((5, 5), 0.5)
    assert scored(kind("Conn")(), alpha + 0.14, alpha) == 0
    assert scored(kind("Conn")(), alpha + 0.16, alpha) == pytest.approx(25 * 0.16 / 1000)


def test_what_floats_free_is_all_its_value_off():
    alpha = np.zeros((9, 9))
    alpha[:, :3] = 1
    matte = alpha.copy()
    matte[4, 6] = alpha[4, 6] = 0.9
    matte[4, 6] = 0.7
    assert scored(kind("Conn")(), matte, alpha) == pytest.approx(0.2 / 1000)
    matte[4, 3:6] = alpha[4, 3:6] = 1  # a bridge
    assert scored(kind("Conn")(), matte, alpha) == pytest.approx(0.2 / 1000)
    matte[4, 6] = 0.8
    assert scored(kind("Conn")(), matte, alpha) == 0


@pytest.mark.parametrize("seed", range(12))
def test_as_written_down(seed):
    matte, alpha = (one / 255 for one in mattes(seed))
    for key, oracle in (
        ("SAD", literal.sad),
        ("Grad", literal.gradient),
        ("Conn", literal.connectivity),
    ):
        found = scored(kind(key)(), matte, alpha)
        assert found == pytest.approx(oracle(matte, alpha), rel=1e-9, abs=1e-15), key


def test_of_regions_of_one_size_the_first_counts():
    alpha = np.zeros((6, 40))
    for row, column in ((3, 2), (0, 30), (1, 8), (4, 20)):
        alpha[row : row + 2, column : column + 2] = 1
    matte = np.where(np.arange(40) < 25, alpha, alpha * 0.7)
    assert scored(kind("Conn")(), matte, alpha) == pytest.approx(
        literal.connectivity(matte, alpha), rel=1e-12
    )


def test_as_mmeval_has_it(monkeypatch):
    mmeval = pytest.importorskip("mmeval")  # 0.2.1, which is right about floats only
    wu = cv2.connectedComponentsWithStatsWithAlgorithm
    # OpenCV 4.5.5's own choice of an algorithm ends the process.
    monkeypatch.setattr(
        cv2, "connectedComponentsWithStats", lambda a, connectivity: wu(a, connectivity, 4, 0)
    )
    theirs = {
        "SAD": (mmeval.SumAbsoluteDifferences, 1),
        "MSE": (mmeval.MattingMeanSquaredError, 1000),
        "Grad": (mmeval.GradientError, 1),
        "Conn": (mmeval.ConnectivityError, 1),
    }
    for seed in range(8):
        matte, alpha = (one / 255 for one in mattes(seed, (60, 80)))
        # They have 0.6000000000000001 for a threshold.
        matte, alpha = (np.where(one == 0.6, 0.61, one) for one in (matte, alpha))
        unknown = [np.full(alpha.shape, 128, np.uint8)]
        for key, (other, factor) in theirs.items():
            more = () if key == "SAD" else (unknown,)
            (expected,) = other()([matte], [alpha], *more).values()
            found = scored(kind(key)(), matte, alpha)
            assert found == pytest.approx(factor * expected, rel=1e-9), key


@EVERY
def test_bytes_views_and_masks_score_alike(key):
    matte, alpha = mattes(3)
    expected = fed(kind(key)(), [(matte / 255, alpha / 255)])
    views = np.asfortranarray(alpha), np.repeat(alpha, 2, axis=1)[:, ::2], alpha[::-1][::-1]
    for truth in (alpha, *views):
        assert_same_state(fed(kind(key)(), [(matte, truth)]), expected, 1e-12)
    single = [(one / 255).astype(np.float32) for one in (matte, alpha)]
    assert_same_state(fed(kind(key)(), [single]), expected, 1e-4)
    metric = kind(key)()
    metric.update_pair(MapMaskPair(matte, alpha > 99))
    hard = fed(kind(key)(), [(matte, (alpha > 99).astype(np.uint8) * np.uint8(255))])
    assert_same_state(metric, hard, 1e-12)


@EVERY
def test_shards_merge_and_arguments_stay(key):
    images = [mattes(seed) for seed in range(5)]
    copies = [[one.copy() for one in image] for image in images]
    whole, total = fed(kind(key)(), images), kind(key)()
    for start in (2, 0, 1):
        total.merge(fed(kind(key)(), images[start::3]))
    assert total.images == 5
    assert_same_state(total, whole, 1e-10)
    np.testing.assert_array_equal(images, copies)


@EVERY
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_ignored_pixels_may_be_anything(key, seed):
    rng = np.random.default_rng(seed)
    matte, alpha = mattes(seed)
    valid = random_valid(rng, alpha.shape)
    expected = fed(kind(key)(), [(matte, alpha, valid)])
    noise = rng.integers(0, 256, alpha.shape).astype(np.uint8)
    other = [np.where(valid, one, noise) for one in (matte, alpha)]
    assert_same_state(fed(kind(key)(), [(*other, valid)]), expected, 0)


def test_a_report_of_soft_labels_reads_them_whole():
    matte, alpha = (one / 255 for one in mattes(1))
    label = np.where(np.arange(33) < 5, 255, alpha)
    report = MetricReport(names=["matting", "MAE"])
    report.update(matte, label)
    values, valid = report.values(), label != 255
    assert values["MAD"] == pytest.approx(1000 * abs(matte - alpha)[valid].mean())
    assert values["MAE"] == pytest.approx(abs(matte - (alpha >= 0.5))[valid].mean())
    assert report.reads_alpha and report.cuts_masks
    alone = MetricReport(names=["matting"])
    assert not alone.cuts_masks
    alone.update_pair(MapMaskPair(matte, alpha=alpha))
    assert alone.values()["MAD"] == pytest.approx(1000 * abs(matte - alpha).mean())


def test_of_two_classes_the_label_is_the_alpha():
    probability = np.random.default_rng(0).random((6, 7))
    label = np.arange(42).reshape(6, 7) % 2
    report = MetricReport(2, names=["MAD"])
    report.update(np.stack([1 - probability, probability]), label)
    assert report.values()["MAD"] == pytest.approx(1000 * abs(probability - label).mean())


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (np.ones((3, 2)), r"shape of its alpha, \(3, 2\), got \(2, 3\)"),
        (np.full((2, 3), 1.5), r"alpha matte.* in \[0, 1\].*1.5"),
        (np.ones((2, 3), int), "an alpha matte .*int64"),
    ],
)
def test_refuses(alpha, message):
    with pytest.raises(ValueError, match=message):
        MapMaskPair(np.ones((2, 3)), alpha=alpha)
