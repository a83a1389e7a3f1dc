"""What the network sees, against the formula written out."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.inference import Preprocess

MEANS = {1: (0.3,), 3: (0.485, 0.456, 0.406), 4: (0.1, 0.2, 0.3, 0.4)}
STDS = {1: (0.7,), 3: (0.229, 0.224, 0.225), 4: (0.5, 0.6, 0.7, 0.8)}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def literal(image, mean, std):
    """(x / 255 - mean) / std pixel by pixel, channels first."""
    wide = image.astype(np.float64)
    return ((wide / 255 - np.array(mean)) / np.array(std)).transpose(2, 0, 1)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_value_of_every_channel_is_the_formula(channels):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(channels, axis=2)
    found = Preprocess(mean=MEANS[channels], std=STDS[channels], channels=channels)(image)
    assert found.dtype == np.float32 and found.shape == (channels, 16, 16)
    np.testing.assert_allclose(found, literal(image, MEANS[channels], STDS[channels]), atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "mean", "std"),
    [
        (3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (1, (0.5,), (0.5,)),
        (4, (0.5,) * 4, (0.5,) * 4),
    ],
)
def test_default_mean_and_std(channels, mean, std):
    image = noise(4, 4, channels)
    np.testing.assert_allclose(
        Preprocess(channels=channels)(image), literal(image, mean, std), atol=1e-6
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(10, 6), (3, 9), (1, 1), (40, 40)])
def test_a_size_is_width_and_height(channels, size):
    found = Preprocess(size, channels=channels)(noise(5, 7, channels))
    assert found.shape == (channels, size[1], size[0])


def test_resizing_is_bilinear_with_half_pixel_centres():
    image = noise(6, 9, 3)
    found = Preprocess((14, 5), mean=(0, 0, 0), std=(1, 1, 1))(image) * 255
    expected = bilinear(image.astype(np.float64).transpose(2, 0, 1), 5, 14)
    np.testing.assert_allclose(found, expected, atol=1.01)  # rounded to whole grey levels


def bilinear(planes, height, width):
    for axis, length in ((1, height), (2, width)):
        old = planes.shape[axis]
        at = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, old - 1)
        shape = [1, 1, 1]
        shape[axis] = length
        part = (at - low).reshape(shape)
        planes = planes.take(low, axis) * (1 - part) + planes.take(high, axis) * part
    return planes


def test_a_picture_of_the_size_already_is_not_touched():
    image = noise(6, 8, 3)
    np.testing.assert_array_equal(Preprocess((8, 6))(image), Preprocess()(image))


def test_resize_false_keeps_the_pictures_size():
    image = noise(5, 7, 3)
    np.testing.assert_array_equal(Preprocess((8, 6))(image, resize=False), Preprocess()(image))


def test_pictures_that_are_views_are_read_as_they_look():
    image = noise(6, 8, 3)
    for view in (image[::-1], image[:, ::2], image.transpose(1, 0, 2), image[..., ::-1]):
        np.testing.assert_array_equal(Preprocess()(view), Preprocess()(view.copy()))
        small = Preprocess((4, 3))
        np.testing.assert_array_equal(small(view), small(view.copy()))


def test_the_picture_is_not_changed():
    image = noise(6, 8, 3)
    before = image.copy()
    Preprocess((4, 4))(image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("key", ["mean", "std"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_wrong_number_of_means_is_an_error_that_names_the_key(key, channels):
    match = rf"preprocess\.{key}: expected {channels} numbers, one per input channel, got 2"
    with pytest.raises(ValueError, match=match):
        Preprocess(channels=channels, **{key: (0.5, 0.5)})


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 1), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((1, 4, 5, 3), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        np.zeros((4, 5, 3), np.uint16),
    ],
)
def test_what_is_no_picture_of_the_channels_is_an_error(image):
    with pytest.raises(ValueError, match=r"expected a uint8 image \(H, W, 3\), got "):
        Preprocess()(image)


@pytest.mark.parametrize("size", [(1, 32766), (32766, 1)])
def test_the_longest_side(size):
    assert Preprocess(size)(np.zeros((2, 3, 3), np.uint8)).shape == (3, *size[::-1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": (32767, 1)}, r"preprocess\.size: expected .*, got \(32767, 1\)"),
        ({"size": (5, 0)}, r"preprocess\.size: "),
        ({"size": (1, 32767)}, r"preprocess\.size: "),
        ({"size": (5.5, 5)}, r"preprocess\.size: "),
        ({"size": (5, 5, 5)}, r"preprocess\.size: "),
        ({"std": (1, 0, 1)}, r"preprocess\.std: expected finite numbers above 0, got \[1, 0, 1\]"),
        ({"std": (1, -1, 1)}, r"preprocess\.std: expected finite numbers above 0"),
        ({"std": (1, "1", 1)}, r"preprocess\.std: expected finite numbers above 0"),
        ({"std": (1, 1e-320, 1)}, r"preprocess: .* numbers of 32 bits, got .*1e-320"),
        ({"mean": (1e300, 0, 0)}, r"preprocess: .* numbers of 32 bits, got .*1e\+300"),
        ({"mean": (0, float("nan"), 0)}, r"preprocess\.mean: expected finite numbers, got"),
        ({"mean": (0, float("-inf"), 0)}, r"preprocess\.mean: expected finite numbers, got"),
        ({"mean": (None, 0, 0)}, r"preprocess\.mean: expected finite numbers, got"),
    ],
)
def test_values_of_which_no_picture_comes(arguments, says):
    with pytest.raises(ValueError, match=says):
        Preprocess(**arguments)
