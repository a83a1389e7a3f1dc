"""What the network sees, against the formula written out."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.inference import Preprocess
from tests.inference.test_pipeline import interpolated

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


def test_resizing_is_bilinear_with_half_pixel_centres():
    image = noise(6, 9, 3)
    found = Preprocess((14, 5), mean=(0, 0, 0), std=(1, 1, 1))(image) * 255
    (expected,) = interpolated(image.astype(np.float32).transpose(2, 0, 1)[None], (5, 14))
    np.testing.assert_allclose(found, expected, atol=1.01)  # rounded to whole grey levels


def test_what_is_no_picture_of_the_channels_is_an_error():
    for shape, dtype in (((4, 5), np.uint8), ((4, 5, 4), np.uint8), ((4, 5, 3), np.float32)):
        with pytest.raises(ValueError, match=r"expected a uint8 image \(H, W, 3\), got "):
            Preprocess()(np.zeros(shape, dtype))


@pytest.mark.parametrize("size", [(1, 32766), (32766, 1)])
def test_the_longest_side(size):
    assert Preprocess(size)(np.zeros((2, 3, 3), np.uint8)).shape == (3, *size[::-1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": (32767, 1)}, r"size \[width, height\] of 1 to 32766 .*got size \(32767, 1\)"),
        ({"size": (5, 0)}, r"got size \(5, 0\)"),
        ({"size": (5.5, 5)}, "got size"),
        ({"size": (5, 5, 5)}, "got size"),
        ({"mean": (0.5, 0.5)}, "3 numbers each"),
        ({"std": (1, 0, 1)}, r"std above 0; .*std \[1, 0, 1\]"),
        ({"std": (1, "1", 1)}, "std above 0"),
        ({"std": (1, 1e-320, 1)}, "give finite ones"),
        ({"mean": (0, float("nan"), 0)}, "give finite ones"),
    ],
)
def test_values_of_which_no_picture_comes(arguments, says):
    with pytest.raises(ValueError, match=says):
        Preprocess(**arguments)
