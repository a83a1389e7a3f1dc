"""S-measure, and what it has in common with the weighted F-measure."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import STRETCHES, SMeasure, WeightedFMeasure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from oracles import metrics_literal as literal

BOTH = pytest.mark.parametrize("kind", [SMeasure, WeightedFMeasure])
SETS = {
    "ecssd": ("data/ecssd_300/ground_truth_mask", "oracles/ecssd_u2netp_maps"),
    "dss": ("oracles/sod_matlab_dss/masks", "oracles/sod_matlab_dss/maps"),
}


def random_picture(rng, size):
    """A map with constant and saturated parts, and a mask of anything from nothing to all."""
    mask = rng.random(size) < rng.choice([0, 0.03, 0.3, 0.7, 1])
    values = np.clip(rng.normal(np.where(mask, 0.7, 0.2), rng.choice([0, 0.3, 0.6])), 0, 1)
    return values, mask


def random_size(rng):
    return tuple(rng.integers(1, 14, 2))


def blob_picture(rng, size=(40, 50)):
    """A picture as cameras have them: a round object, hit roughly."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    mask = (rows - rng.uniform(10, 30)) ** 2 + (columns - rng.uniform(10, 40)) ** 2 < 90
    values = np.clip(rng.normal(np.where(mask, 0.8, 0.1), 0.2), 0, 1)
    return values, mask


def scored(metric, *picture):
    metric.update(*picture)
    return metric.compute()


def pysod_scores(kind, pictures, stretch="none"):
    """Scores by PySODMetrics of each picture alone."""
    theirs = pytest.importorskip("py_sod_metrics")
    metric = {SMeasure: theirs.Smeasure, WeightedFMeasure: theirs.WeightedFmeasure}[kind]()
    for values, mask in pictures:
        gt = mask.astype(np.uint8) * 255 if stretch == "minmax" else mask
        metric.step(values, gt, normalize=stretch == "minmax")
    return metric.sms if kind is SMeasure else metric.weighted_fms


def shared_maps(shared, name):
    """Map (uint8) and mask (bool) of the 300 pictures of one set."""
    image = pytest.importorskip("PIL.Image")
    masks, maps = (shared / folder for folder in SETS[name])
    for path in sorted(maps.glob("*.png")):
        mask = np.array(image.open(masks / path.name))
        yield np.array(image.open(path)), mask if mask.dtype == bool else mask > 128


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_equals_the_literal_definition(seed, ignore):
    rng = np.random.default_rng(seed)
    values, mask = random_picture(rng, random_size(rng))
    counted = rng.random(mask.shape) < 0.7 if ignore else np.ones_like(mask)
    counted.flat[0] = True
    alpha = rng.choice([0.5, 0, 1, 0.3])
    # A constant part has no spread here, and one of rounding there.
    assert scored(SMeasure(alpha), values, mask, counted) == pytest.approx(
        literal.s_measure(values, mask, counted, alpha), abs=1e-7
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_pysodmetrics(seed):
    rng = np.random.default_rng(seed)
    size = rng.integers(4, 30, 2)
    values, mask = random_picture(rng, size)
    mask[1:, 1:] |= rng.random(size - 1) < 0.3
    # It divides by nothing where the centre lies in the last row or column.
    mask[-3:, :] = mask[:, -3:] = False
    # Whether parts of one value are constant to it, its rounding says.
    values = 0.99 * values + rng.uniform(0, 0.01, size)
    expected = pysod_scores(SMeasure, [(values, mask)])[0]
    assert scored(SMeasure(), values, mask) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("constant", [0, 0.25, 1])
def test_empty_and_full_masks_and_constant_maps_score_as_in_pysodmetrics(constant):
    some = np.zeros((9, 8), bool)
    some[2:5, 1:4] = True
    values = np.full((9, 8), float(constant))
    for mask in (some, ~some, np.zeros_like(some), np.ones_like(some)):
        for kind in (SMeasure, WeightedFMeasure):
            expected = pysod_scores(kind, [(values, mask)])[0]
            assert scored(kind(), values, mask) == pytest.approx(expected, abs=1e-6)
            # A constant map is not stretched.
            assert scored(kind(stretch="minmax"), values, mask) == scored(kind(), values, mask)
    assert scored(SMeasure(), values, np.zeros_like(some)) == 1 - constant
    assert scored(SMeasure(), values, np.ones_like(some)) == constant
    assert scored(WeightedFMeasure(), values, np.zeros_like(some)) == 0


@pytest.mark.parametrize("size", list(np.ndindex(6, 6)))
def test_pictures_of_any_few_pixels(size):
    size = size[0] + 1, size[1] + 1
    rng = np.random.default_rng(size)
    for _ in range(2):
        values, mask = random_picture(rng, size)
        for levels in (values, (255 * values).astype(np.uint8)):
            exact = levels / 255 if levels.dtype == np.uint8 else levels
            expected = literal.s_measure(exact, mask), literal.weighted_f(exact, mask)
            got = scored(SMeasure(), levels, mask), scored(WeightedFMeasure(), levels, mask)
            assert got == pytest.approx(expected, abs=1e-6)


def test_an_object_in_the_last_row_has_a_score():
    values, mask = np.full((6, 5), 0.2), np.zeros((6, 5), bool)
    mask[-1, 1:4] = True
    values[mask] = 0.9
    assert scored(SMeasure(), values, mask) == pytest.approx(literal.s_measure(values, mask))


def test_every_constant_is_constant():
    mask = np.zeros((30, 31), bool)
    mask[6, 8] = True
    for constant in (0.1, 0.3, 0.7, 1 / 3):
        values = np.full(mask.shape, constant)  # the mean of many of them is not always the same
        values[:7, :9] = mask[:7, :9]
        assert scored(SMeasure(alpha=0), values, mask) == pytest.approx(1)
        values[-1, -1] = 0.5
        assert scored(SMeasure(alpha=0), values, mask) == pytest.approx(1 - 23 * 22 / mask.size)
        levels = np.where(values == constant, 255 * constant, 255 * values).astype(np.uint8)
        assert scored(SMeasure(alpha=0), levels, mask) == pytest.approx(1 - 23 * 22 / mask.size)


def test_halves_of_a_centre_go_to_the_even_pixel():
    for left in range(4):
        mask = np.zeros((12, 12), bool)
        mask[5:7, left : left + 2] = True
        values = np.random.default_rng(left).random((12, 12))
        assert scored(SMeasure(), values, mask) == pytest.approx(literal.s_measure(values, mask))


@BOTH
def test_a_perfect_map_scores_one_and_its_negative_none(kind):
    _, mask = blob_picture(np.random.default_rng(1))
    assert scored(kind(), mask.astype(float), mask) == pytest.approx(1)
    # Off the rim of the picture, where errors spread outwards and lessen.
    mask[:4] = mask[-4:] = mask[:, :4] = mask[:, -4:] = False
    assert scored(kind(), 1.0 - mask, mask) == pytest.approx(0, abs=1e-6)


@BOTH
@pytest.mark.parametrize("stretch", ["none", "minmax"])
def test_ignored_pixels_may_be_anything(kind, stretch):
    rng = np.random.default_rng(2)
    values, mask = blob_picture(rng)
    values = 0.2 + 0.5 * values
    counted = rng.random(mask.shape) < 0.8
    expected = scored(kind(stretch=stretch), values, mask, counted)
    for other in (0.0, 1.0, rng.random(mask.shape)):
        changed, flipped = np.where(counted, values, other), mask ^ ~counted
        assert scored(kind(stretch=stretch), changed, flipped, counted) == expected


@BOTH
@pytest.mark.parametrize("stretch", ["none", "minmax"])
def test_an_ignored_border_changes_nothing(kind, stretch):
    values, mask = blob_picture(np.random.default_rng(3))
    values[:, :6] = values[:, 44:] = 0.1  # the object's rim shall not be the picture's
    mask[:, :6] = mask[:, 44:] = False
    mask[:6] = mask[34:] = False
    border = ((6, 2), (4, 8))
    bordered = [np.pad(array, border) for array in (values, mask, np.ones_like(mask))]
    assert scored(kind(stretch=stretch), *bordered) == pytest.approx(
        scored(kind(stretch=stretch), values, mask), abs=1e-7
    )


@BOTH
def test_bytes_halves_views_and_pillows_masks_score_alike(kind):
    rng = np.random.default_rng(4)
    values, mask = blob_picture(rng)
    levels = (values * 255).astype(np.uint8)
    for stretch in ("none", "minmax"):
        expected = scored(kind(stretch=stretch), levels / 255, mask)
        as_pillow_has_it = (mask.astype(np.uint8) * 255).view(bool)
        for picture in (
            (levels, mask),
            (levels, as_pillow_has_it),
            (np.asfortranarray(levels), np.repeat(mask, 2, axis=1)[:, ::2]),
            (levels[::-1][::-1], np.asfortranarray(mask), np.ones_like(as_pillow_has_it)),
        ):
            # Whole numbers there, floats here.
            assert scored(kind(stretch=stretch), *picture) == pytest.approx(expected, abs=1e-12)
        for dtype, tolerance in ((np.float32, 1e-6), (np.float16, 2e-3)):
            got = scored(kind(stretch=stretch), (levels / 255).astype(dtype), mask)
            assert got == pytest.approx(expected, abs=tolerance)


@BOTH
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), stretch=st.sampled_from(STRETCHES))
def test_bytes_and_floats_score_alike_with_pixels_ignored(kind, seed, stretch):
    rng = np.random.default_rng(seed)
    values, mask = random_picture(rng, random_size(rng))
    levels = (values * rng.integers(1, 200)).astype(np.uint8) + np.uint8(rng.integers(50))
    counted = rng.random(mask.shape) < 0.7
    counted.flat[0] = True
    assert scored(kind(stretch=stretch), levels, mask, counted) == pytest.approx(
        scored(kind(stretch=stretch), levels / 255, mask, counted), abs=1e-12
    )


@BOTH
def test_stretching(kind):
    values, mask = blob_picture(np.random.default_rng(5))
    values[0, :2] = 0, 1
    expected = scored(kind(), values, mask)
    dim = 0.25 + values / 8
    assert scored(kind(stretch="minmax"), dim, mask) == pytest.approx(expected, abs=1e-6)
    assert abs(scored(kind(), dim, mask) - expected) > 0.1


@BOTH
def test_arguments_are_left_as_they_are(kind):
    picture = (*blob_picture(np.random.default_rng(6)), np.arange(2000).reshape(40, 50) % 3 > 0)
    copies = [array.copy() for array in picture]
    kind(stretch="minmax").update(*picture)
    kind().update(*picture)
    for array, copy in zip(picture, copies):
        np.testing.assert_array_equal(array, copy)


@BOTH
def test_merged_shards_equal_one_pass(kind):
    rng = np.random.default_rng(7)
    pictures = [blob_picture(rng) for _ in range(7)]
    whole, total = kind(), kind()
    for picture in pictures:
        whole.update(*picture)
    for start in range(3):
        part, shard = kind(), kind()
        for picture in pictures[start::3]:
            part.update(*picture)
        shard.load_state(part.state())
        total.merge(shard)
    assert total.images == whole.images == 7
    alone = [scored(kind(), *picture) for picture in pictures]
    assert total.compute() == pytest.approx(np.mean(alone), abs=1e-12)
    assert whole.compute() == pytest.approx(np.mean(alone), abs=1e-12)
    total.reset()
    assert total.images == 0 and np.isnan(total.compute())


GOOD, MASK = np.full((2, 3), 0.5), np.ones((2, 3), bool)


@BOTH
@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ((GOOD, MASK.T), r"\(2, 3\).*\(3, 2\)"),
        ((GOOD, MASK.astype(np.uint8)), "bool mask.*uint8"),
        ((GOOD.astype(int), MASK), "float dtype.*int64"),
        ((GOOD + 1, MASK), r"in \[0, 1\].*1.5"),
        ((GOOD - 1, MASK), "-0.5"),
        ((np.where(np.eye(2, 3), np.nan, GOOD), MASK), "nan"),
        ((GOOD.ravel(), MASK.ravel()), r"\(H, W\).*\(6,\)"),
        ((GOOD[:0], MASK[:0]), "at least one pixel"),
        ((GOOD, MASK, MASK.T), r"valid.*\(2, 3\).*\(3, 2\)"),
        ((GOOD, MASK, GOOD), "valid.*bool.*float64"),
        ((GOOD, MASK, ~MASK), "at least one pixel"),
    ],
)
def test_refuses_and_counts_nothing(kind, picture, message):
    metric = kind()
    with pytest.raises(ValueError, match=message):
        metric.update(*picture)
    assert not any(value.any() for value in metric.state().values())


def test_refuses_other_arguments():
    with pytest.raises(ValueError, match=r"alpha in \[0, 1\].*1.5"):
        SMeasure(alpha=1.5)
    with pytest.raises(ValueError, match="alpha"):
        SMeasure().merge(SMeasure(alpha=0.25))
    with pytest.raises(ValueError, match="stretch"):
        SMeasure().merge(SMeasure(stretch="minmax"))


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "s", "weighted_f"), [("ecssd", 0.93025, 0.90005), ("dss", 0.75137, 0.71824)]
)
def test_gives_the_reference_values(shared, name, s, weighted_f):
    metrics = SMeasure(stretch="minmax"), WeightedFMeasure(stretch="minmax")
    for values, mask in shared_maps(shared, name):
        for metric in metrics:
            metric.update(values, mask)
    assert metrics[0].images == 300
    assert metrics[0].compute() == pytest.approx(s, abs=6e-6)
    assert metrics[1].compute() == pytest.approx(weighted_f, abs=6e-6)


@pytest.mark.realdata
def test_equals_the_matlab_code_of_the_field(shared):
    """Its convention: the map divided by its maximum."""
    loadmat = pytest.importorskip("scipy.io").loadmat
    matlab = loadmat(shared / "oracles/sod_matlab_dss/DSS.mat")
    total = SMeasure()
    for i, (levels, mask) in enumerate(shared_maps(shared, "dss")):
        one = SMeasure()
        one.update(levels / max(levels.max(), 1), mask)
        assert one.compute() == pytest.approx(matlab["S_measure_image"][i, 0], abs=1e-9), i
        total.merge(one)
    assert total.compute() == pytest.approx(matlab["S_measure"].item(), abs=1e-9)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("kind", "tolerance"), [(SMeasure, 1e-9), (WeightedFMeasure, 1e-6)])
def test_equals_pysodmetrics_on_real_maps(shared, name, kind, tolerance):
    pictures = list(shared_maps(shared, name))
    ours = [scored(kind(stretch="minmax"), *picture) for picture in pictures]
    theirs = pysod_scores(kind, pictures, stretch="minmax")
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


@pytest.mark.slow
@BOTH
def test_takes_less_time_than_pysodmetrics(kind):
    rng = np.random.default_rng(8)
    pictures = [blob_picture(rng, (300, 400)) for _ in range(5)]

    def seconds(run):
        start = time.process_time()
        run()
        return time.process_time() - start

    ours = min(seconds(lambda: [kind().update(*one) for one in pictures]) for _ in range(3))
    theirs = min(seconds(lambda: pysod_scores(kind, pictures)) for _ in range(3))
    assert ours < theirs
