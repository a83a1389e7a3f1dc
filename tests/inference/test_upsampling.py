"""Guided upsampling against the paper's equations written out, and on what it is there for."""

import tracemalloc

import cv2
import numpy as np
import pytest

from paddleseg_u2net.inference import upsampling
from paddleseg_u2net.inference.preprocess import resize_planes
from paddleseg_u2net.inference.upsampling import guided


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def soft_maps(classes, *shape, seed=1):
    """Random maps that sum to 1 where there are several."""
    maps = np.random.default_rng(seed).random((classes, *shape)).astype(np.float32)
    return maps if classes == 1 else maps / maps.sum(0)


def window(place, shape, radius):
    return tuple(slice(max(0, at - radius), min(n, at + radius + 1)) for at, n in zip(place, shape))


def paper(plane, image, radius, epsilon):
    """Guided filtering at full size, a window at a time: mean a (h, w, C) and mean b (h, w).

    He, Sun & Tang 2013: eq. 19 is (covariance + epsilon 1) a = mean(I p) - mean(I) mean(p), eq. 20
    is b = mean(p) - a . mean(I), eq. 21 is the result, mean(a) . I + mean(b).
    """
    shape = plane.shape
    colours = image.astype(np.float64) / 255
    channels = colours.shape[2]
    all_a, all_b = np.zeros((*shape, channels)), np.zeros(shape)
    for place in np.ndindex(shape):
        part = window(place, shape, radius)
        inside, p = colours[part].reshape(-1, channels), plane[part].reshape(-1).astype(np.float64)
        mean = inside.mean(0)
        covariance = (inside - mean).T @ (inside - mean) / len(inside)
        right = (inside * p[:, None]).mean(0) - mean * p.mean()
        all_a[place] = np.linalg.solve(covariance + epsilon * np.eye(channels), right)
        all_b[place] = p.mean() - all_a[place] @ mean
    a, b = np.zeros_like(all_a), np.zeros_like(all_b)
    for place in np.ndindex(shape):
        part = window(place, shape, radius)
        a[place] = all_a[part].reshape(-1, channels).mean(0)
        b[place] = all_b[part].mean()
    return (a * colours).sum(2) + b


def mixture(maps, radius):
    """How mixed the window around each pixel is, in words of the docstring."""
    result = np.zeros(maps.shape[1:])
    for place in np.ndindex(result.shape):
        part = window(place, result.shape, radius)
        mean = [plane[part].mean(dtype=np.float64) for plane in maps]
        mean = [*mean, 1 - mean[0]] if len(mean) == 1 else mean
        result[place] = min(1, 2 * (1 - sum(m * m for m in mean)))
    return result


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("radius, epsilon", [(1, 1e-4), (2, 1e-2), (30, 1e-3)])
@pytest.mark.parametrize("shape", [(11, 14), (1, 9), (6, 1), (1, 1)])
def test_without_enlarging_or_blending_it_is_the_papers_filter(
    monkeypatch, shape, radius, epsilon, channels
):
    monkeypatch.setattr(upsampling, "_mixed", lambda means: np.ones(means.shape[1:]))
    image, maps = noise(*shape, channels), soft_maps(1, *shape)
    expected = paper(maps[0], image, radius, epsilon)
    found = guided(maps, image, radius, epsilon)
    assert found.dtype == np.float32 and found.shape == maps.shape
    np.testing.assert_allclose(found[0], np.clip(expected, 0, 1), atol=2e-6)


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_windows_of_one_class_keep_the_map(classes):
    image, maps = noise(9, 12, 3), soft_maps(classes, 9, 12)
    maps[:, :, :6] = np.eye(classes + 1, dtype=np.float32)[0, :classes, None, None]
    mixed = mixture(maps, 1)
    expected = [mixed * paper(plane, image, 1, 1e-3) + (1 - mixed) * plane for plane in maps]
    expected = np.clip(expected, 0, 1)
    if classes > 1:
        expected /= expected.sum(0)
    found = guided(maps, image, 1, 1e-3)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found[:, :, :5], maps[:, :, :5], atol=1e-6)


def drawn(side=480, seed=3):
    """A sharp star on a texture of other colours; the mask (side, side) and the image."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 10, endpoint=False) + 0.2
    reach = side * np.where(np.arange(10) % 2, 0.2, 0.42)
    corners = side / 2 + np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1)
    mask = cv2.fillPoly(np.zeros((side, side), np.uint8), [np.round(corners).astype(np.int32)], 1)
    texture = cv2.resize(rng.normal(0, 12, (side // 4, side // 4, 3)), (side, side))
    colours = np.where(mask[..., None] > 0, (200, 90, 60), (70, 120, 140)) + texture
    return mask > 0, np.clip(colours, 0, 255).astype(np.uint8)


def mean_distance(found, mask):
    """Mean distance in pixels between the outline of a found object and that of the mask."""

    def rim(inside):
        eroded = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8))
        return inside & (eroded == 0)

    far = cv2.distanceTransform((~rim(mask)).astype(np.uint8), cv2.DIST_L2, 5)
    back = cv2.distanceTransform((~rim(found)).astype(np.uint8), cv2.DIST_L2, 5)
    return (far[rim(found)].mean() + back[rim(mask)].mean()) / 2


@pytest.mark.parametrize("size", [20, 80])
def test_edges_follow_the_image(size):
    mask, image = drawn()
    small = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.7)[None]
    plain, found = resize_planes(small, mask.shape)[0], guided(small, image)[0]
    plain_distance = mean_distance(plain >= 0.5, mask)
    assert mean_distance(found >= 0.5, mask) < 0.7 * plain_distance
    assert np.abs(found - mask).mean() < np.abs(plain - mask).mean()
    wrong = np.count_nonzero((found >= 0.5) != mask)
    assert wrong < 0.6 * np.count_nonzero((plain >= 0.5) != mask)


def test_the_inside_of_an_object_takes_on_no_texture():
    _, image = drawn()
    small = np.zeros((1, 40, 40), np.float32)
    small[:, 10:30, 10:30] = 1
    found = guided(small, image)[0]
    assert (found[150:330, 150:330] > 1 - 1e-6).all() and (found[:90] < 1e-6).all()


@pytest.mark.parametrize("classes", [1, 3])
def test_memory_is_little_more_than_the_result(classes):
    image, maps = noise(1500, 2000, 3), soft_maps(classes, 64, 64)
    plane = 4 * 1500 * 2000
    guided(maps, image[:64, :64])
    tracemalloc.start()
    try:
        guided(maps, image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (classes + 1) * plane


@pytest.mark.parametrize(
    "small, shape, classes, channels",
    [
        ((1, 1), (1, 1), 1, 3),
        ((1, 1), (30, 40), 2, 1),
        ((2, 3), (30, 40), 5, 4),
        ((32, 32), (1, 10000), 1, 4),
        ((32, 32), (10000, 1), 2, 3),
        ((32, 32), (20, 60), 5, 1),
        ((32, 32), (1, 1), 2, 3),
        ((32, 32), (32, 32), 1, 1),
    ],
)
def test_any_sizes_give_probabilities(small, shape, classes, channels):
    maps, image = soft_maps(classes, *small), noise(*shape, channels)
    before = maps.copy(), image.copy()
    found = guided(maps, image, radius=3)
    assert found.shape == (classes, *shape) and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    if classes > 1:
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(maps, before[0])
    np.testing.assert_array_equal(image, before[1])


def test_a_map_larger_than_the_picture_is_only_reduced():
    maps = soft_maps(2, 30, 40)
    expected = [cv2.resize(plane, (20, 15), interpolation=cv2.INTER_AREA) for plane in maps]
    np.testing.assert_array_equal(guided(maps, noise(15, 20, 3)), expected)
