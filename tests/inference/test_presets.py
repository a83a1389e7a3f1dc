"""Named ways to the network's input and back, against the libraries that their authors use."""

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.inference import PRESETS, Preprocess
from paddleseg_u2net.render import foreground

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def noise(*shape, seed=0, high=256):
    return np.random.default_rng(seed).integers(0, high, shape, dtype=np.uint8)


def soft_map(*shape, seed=0):
    """A float32 map with all of (0.1, 0.9) in it."""
    return (np.random.default_rng(seed).random(shape) * 0.8 + 0.1).astype(np.float32)


def authors_input(image, size):
    """As their data loader: scikit-image's resize, then the maximum, then ImageNet's numbers."""
    transform = pytest.importorskip("skimage.transform")
    # older versions of scikit-image had no anti-aliasing
    small = transform.resize(image, size[::-1], mode="constant", anti_aliasing=False)
    return ((small / small.max() - MEAN) / STD).transpose(2, 0, 1)


@pytest.mark.parametrize("shape", [(41, 90), (15, 20), (1, 5)])
@pytest.mark.parametrize("size", [(64, 64), (30, 50)])
@pytest.mark.parametrize("high", [256, 90])
def test_official_input_is_that_of_the_authors_loader(shape, size, high):
    image = noise(*shape, 3, high=high)
    found = Preprocess(size, type="official")(image)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, authors_input(image, size), atol=2e-5)


def test_official_input_of_a_picture_that_keeps_its_size():
    image = noise(5, 6, 3, high=100)
    expected = ((image / image.max() - MEAN) / STD).transpose(2, 0, 1)
    for found in (
        Preprocess(type="official")(image),
        Preprocess((6, 5), type="official")(image),
        Preprocess((40, 40), type="official")(image, resize=False),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def authors_map(probability, shape):
    """As their test script: stretched, 8 bits, Pillow's resize."""
    low, high = probability.min(), probability.max()
    grey = Image.fromarray(((probability - low) / (high - low) * 255).astype(np.uint8))
    return np.asarray(grey.resize(shape[::-1], Image.BILINEAR))


@pytest.mark.parametrize("shape", [(40, 33), (16, 16), (5, 60)])
def test_official_maps_are_those_of_the_authors_script(shape):
    probability = soft_map(16, 16)
    found = PRESETS["official"].restore(probability[None], shape)
    assert found.shape == (1, *shape) and found.dtype == np.float32
    np.testing.assert_array_equal(found[0] * 255, authors_map(probability, shape))
    grey = Preprocess(type="official").grey(probability[None], shape)
    np.testing.assert_array_equal(grey[0], authors_map(probability, shape))
    np.testing.assert_array_equal(foreground(found), grey[0])


@pytest.mark.parametrize(
    "height, size, low",
    [(511, (64, 64), 0), (512, (9, 64), 100), (513, (64, 64), 0), (4321, (30, 7), 100)],
)
def test_official_input_of_a_tall_image_is_of_all_rows(height, size, low):
    image = noise(height, 11, 3, high=156) + np.uint8(low)
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    inside = 1 + np.minimum((np.arange(size[0]) + 0.5) * 11 / size[0] - 0.5, 0)
    small *= np.minimum(inside, inside[::-1]).astype(np.float32)[:, None]
    found = PRESETS["official"].resize(image, size)
    np.testing.assert_allclose(found, np.maximum(small, image.min()), rtol=1e-6)


def test_zoo_input_and_map():
    image = noise(50, 41, 3)
    small = cv2.resize(image, (20, 30), interpolation=cv2.INTER_AREA)
    expected = ((small / 255 - MEAN) / STD).transpose(2, 0, 1)
    found = Preprocess((20, 30), type="zoo")(image)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    probability = soft_map(1, 16, 16)
    full = (probability - probability.min()) / (probability.max() - probability.min())
    expected = cv2.resize(full[0], (33, 40), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(PRESETS["zoo"].restore(probability, (40, 33))[0], expected, 1e-5)


@pytest.mark.parametrize("value", [0, 1, 255])
@pytest.mark.parametrize("size", [None, (8, 8)])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", PRESETS)
def test_pictures_of_one_grey_are_finite(kind, channels, size, value):
    image = np.full((5, 6, channels), value, np.uint8)
    found = Preprocess(size, channels=channels, type=kind)(image)
    assert np.isfinite(found).all()
    if value == 0:  # black is 0, whatever it is divided by
        mean, std = Preprocess(channels=channels).mean, Preprocess(channels=channels).std
        expected = -np.array(mean) / np.array(std)
        np.testing.assert_allclose(found.mean((1, 2)), expected, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", PRESETS)
def test_constant_maps_stay_what_they_are(kind, value):
    found = PRESETS[kind].restore(np.full((1, 4, 4), value, np.float32), (6, 6))
    np.testing.assert_allclose(found, value, atol=1 / 255)


def test_an_unknown_type_is_an_error_with_the_known_ones():
    with pytest.raises(ValueError, match=r"preprocess\.type: there is no 'rembg'; known: paddl"):
        Preprocess(type="rembg")
