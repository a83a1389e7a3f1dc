"""Relaxed boundary F, Boundary IoU and mean boundary accuracy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.metrics import MapMaskPair
from paddleseg_u2net.metrics.boundary import BoundaryIoU, MeanBoundaryAccuracy, RelaxedBoundaryF
from tests.oracles import boundary_literal as literal

from .helpers import blob_image, random_image, random_valid, scored, shared_maps

KINDS = {
    RelaxedBoundaryF: literal.relaxed_boundary,
    BoundaryIoU: literal.boundary_iou,
    MeanBoundaryAccuracy: literal.mean_boundary_accuracy,
}
EVERY = pytest.mark.parametrize("kind", KINDS)


def some_picture(rng, size=None):
    """Noise, or an object of any place and size that is hit roughly."""
    size = tuple(rng.integers(1, 20, 2)) if size is None else size
    if rng.random() < 0.4:
        return random_image(rng, size)
    rows, columns = np.ogrid[: size[0], : size[1]]
    both = []
    centre, radius = rng.uniform(-2, max(size) + 2, 2), rng.uniform(0, max(size))
    for _ in range(2):
        centre, radius = centre + rng.normal(0, 1, 2), radius + rng.normal()
        both.append((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < max(radius, 0) ** 2)
    return both[0] * 0.6 + 0.1, both[1]


def same(ours, theirs, tolerance=1e-12):
    return ours == pytest.approx(theirs, abs=tolerance, nan_ok=True)


@EVERY
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ignore=st.booleans())
def test_equals_the_literal_definition(kind, seed, ignore):
    rng = np.random.default_rng(seed)
    values, mask = some_picture(rng)
    counted = random_valid(rng, mask.shape) if ignore else None
    arguments = {"threshold": rng.choice([0.5, 0.3])}
    if kind is RelaxedBoundaryF:
        arguments.update(slack=rng.choice([0, 1, 2.5, 3]), beta2=rng.choice([0.3, 1]))
    expected = KINDS[kind](values, mask, counted, **arguments)
    assert same(scored(kind(**arguments), values, mask, counted), expected)
    assert np.isnan(expected) or 0 <= expected <= 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_relaxed_f_equals_scipys_erosion_and_distance(seed):
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(seed)
    values, mask = some_picture(rng, (40, 50))
    rims = [one ^ ndimage.binary_erosion(one) for one in (values >= 0.5, mask)]
    if not all(rim.any() for rim in rims):
        return
    precision, recall = (
        np.mean(ndimage.distance_transform_edt(~other)[rim] <= 3)
        for rim, other in (rims, rims[::-1])
    )
    expected = 1.3 * precision * recall / (0.3 * precision + recall + 1e-300)
    assert same(scored(RelaxedBoundaryF(), values, mask), expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_boundary_iou_equals_scipys_repeated_erosion(seed):
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(seed)
    values, mask = some_picture(rng, (90, 120))  # a diagonal of 150: three erosions
    bands = [
        one & ~ndimage.binary_erosion(one, np.ones((3, 3)), iterations=3)
        for one in (values >= 0.5, mask)
    ]
    if bands[0].any() or bands[1].any():
        expected = (bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum()
        assert scored(BoundaryIoU(), values, mask) == expected


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_boundary_accuracy_equals_opencvs_gradient(seed):
    rng = np.random.default_rng(seed)
    size = 600, 900  # radii 1, 1, 2, 3, 4
    values, mask = (
        cv2.resize(part.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        for part in blob_image(rng)
    )
    values, mask = values.clip(0, 1), mask > 0.5
    shares = []
    for radius in (1, 1, 2, 3, 4):
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        disc = abs(x) <= np.rint(np.sqrt(radius**2 - y**2))
        edge = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, disc.astype(np.uint8))
        shares.append(np.mean((values >= 0.5)[edge > 0] == mask[edge > 0]))
    assert same(scored(MeanBoundaryAccuracy(), values, mask), np.mean(shares))


def test_values_by_hand():
    mask = np.zeros((40, 40), bool)
    mask[10:21, 10:21] = True
    values = np.roll(mask, 4, axis=1).astype(float)
    # Each boundary has 40 pixels. Of the map's, these are within 3 of the mask's: seven columns of
    # the two rows that both have, three columns more of each, and in the left column the three
    # pixels next to each row. The same the other way round, so F = P = R.
    assert scored(RelaxedBoundaryF(), values, mask) == pytest.approx((14 + 6 + 6) / 40)
    assert scored(RelaxedBoundaryF(slack=4), values, mask) == 1
    # One erosion: rings of 40 pixels each, of which two rows of seven columns are common.
    assert scored(BoundaryIoU(), values, mask) == 14 / 66
    # Radius 1: 40 pixels within, 44 without; an empty map is right on those without.
    assert scored(MeanBoundaryAccuracy(), np.zeros(mask.shape), mask) == 44 / 84


def test_smaller_radii_may_see_no_boundary():
    mask = np.zeros((600, 900), bool)  # radii 1, 1, 2, 3, 4
    mask[:, :400] = True
    counted = np.ones_like(mask)
    counted[:, 400:403] = False
    # Radius 4 alone sees across, from column 399 to 403 in the middle row of its disc.
    values = mask.astype(float)
    values[:300, 399] = 0
    assert scored(MeanBoundaryAccuracy(), values, mask, counted) == 0.75
    counted[:, 403] = False
    assert np.isnan(scored(MeanBoundaryAccuracy(), values, mask, counted))


@pytest.mark.realdata
def test_gives_the_reference_values(shared):
    """The authors' published recipes, run on the same maps, gave the same to 1e-6."""
    expected = {
        RelaxedBoundaryF: 0.839136,
        BoundaryIoU: 0.743651,
        MeanBoundaryAccuracy: 0.721339,
    }
    metrics = [kind() for kind in KINDS]
    for values, mask in shared_maps(shared, "ecssd"):
        picture = MapMaskPair(values, mask)
        for metric in metrics:
            metric.update_pair(picture)
    for metric in metrics:
        assert (metric.images, metric.undefined) == (300, 0)
        assert metric.compute() == pytest.approx(expected[type(metric)], abs=1e-6)
