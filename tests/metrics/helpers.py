"""Images for the tests of metrics, and one way to score them."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.metrics import Fixations

SETS = {
    "ecssd": ("data/ecssd_300/ground_truth_mask", "oracles/ecssd_u2netp_maps"),
    "dss": ("oracles/sod_matlab_dss/masks", "oracles/sod_matlab_dss/maps"),
}


def scored(metric, *image):
    metric.update(*image)
    return metric.compute()


def fed(metric, images):
    for image in images:
        metric.update(*image)
    return metric


def random_image(rng, size=None):
    """A map with constant and saturated parts, and a mask of anything from nothing to all."""
    size = tuple(rng.integers(1, 14, 2)) if size is None else size
    mask = rng.random(size) < rng.choice([0, 0.03, 0.3, 0.7, 1])
    values = np.clip(rng.normal(np.where(mask, 0.7, 0.2), rng.choice([0, 0.3, 0.6])), 0, 1)
    return values, mask


def blob_image(rng, size=(40, 50)):
    """An image as cameras have them: a round object, hit roughly."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    mask = (rows - rng.uniform(10, 30)) ** 2 + (columns - rng.uniform(10, 40)) ** 2 < 90
    values = np.clip(rng.normal(np.where(mask, 0.8, 0.1), 0.2), 0, 1)
    return values, mask


def random_valid(rng, shape):
    """Holes or a band that is ignored; not everything."""
    valid = rng.random(shape) < rng.choice([0.5, 0.9])
    if rng.random() < 0.5:
        valid[:] = True
        start = rng.integers(0, shape[1])
        valid[:, start : start + rng.integers(1, 4)] = False
    valid.flat[rng.integers(valid.size)] = True
    return valid


def fixated_image(rng, size=(12, 17)):
    """A map in bytes, points with a density, and where people look elsewhere."""
    levels = rng.integers(0, 256, size).astype(np.uint8)
    points = rng.integers(0, size, (9, 2))
    truth = Fixations(size, points, rng.random(size))
    return levels, truth, rng.integers(0, 3, size).astype(float)


def shared_maps(shared, name, above=128):
    """Map (uint8) and mask (bool) of the 300 images of one set."""
    image = pytest.importorskip("PIL.Image")
    masks, maps = (shared / folder for folder in SETS[name])
    for path in sorted(maps.glob("*.png")):
        mask = np.array(image.open(masks / path.name))
        yield np.array(image.open(path)), mask if mask.dtype == bool else mask > above


def assert_same_state(one, other, tolerance):
    for name, value in other.state().items():
        np.testing.assert_allclose(one.state()[name], value, 0, tolerance, err_msg=name)
