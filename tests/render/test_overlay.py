from __future__ import annotations

import zlib  # noqa: F401  (Paddle 2.6.2 crashes where it is loaded before zlib)

import cv2
import numpy as np
import pytest

from paddleseg_u2net.render import blend, color_map, heat, pseudo_color, saliency


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("paddleseg.utils.visualize")


@pytest.mark.parametrize("num_classes", [1, 2, 19, 256])
def test_color_map_is_paddlesegs(theirs, num_classes):
    expected = np.array(theirs.get_color_map_list(num_classes), np.uint8).reshape(-1, 3)
    ours = color_map(num_classes)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, expected)


def test_color_map_with_custom_colors_is_paddlesegs(theirs):
    custom = [0, 0, 0, 255, 255, 255, 1, 2, 3]
    expected = np.array(theirs.get_color_map_list(256, custom_color=custom), np.uint8)
    np.testing.assert_array_equal(color_map(256, custom), expected.reshape(-1, 3))
    np.testing.assert_array_equal(
        color_map(256, np.reshape(custom, (3, 3))), expected.reshape(-1, 3)
    )


def test_color_map_known_values():
    np.testing.assert_array_equal(color_map(4)[:3], [[128, 0, 0], [0, 128, 0], [128, 128, 0]])
    np.testing.assert_array_equal(color_map(2, []), color_map(2))


@pytest.mark.parametrize(
    ("num_classes", "custom", "text"),
    [
        (0, None, "num_classes"),
        (3, [1, 2], "whole colours"),
        (3, [[1, 2], [3, 4], [5, 6]], "whole colours"),
        (1, [0] * 6, "2 colours for 1"),
        (3, [0, 0, 256], "0 to 255"),
        (3, [0, -1, 0], "0 to 255"),
    ],
)
def test_wrong_color_maps(num_classes, custom, text):
    with pytest.raises(ValueError, match=text):
        color_map(num_classes, custom)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_])
def test_pseudo_color(kind):
    classes = np.array([[0, 1, 1], [1, 0, 0]]).astype(kind)
    colors = np.array([[1, 2, 3], [250, 0, 7]], np.uint8)
    picture = pseudo_color(classes, colors)
    assert picture.dtype == np.uint8 and picture.shape == (2, 3, 3)
    np.testing.assert_array_equal(picture[0], [[1, 2, 3], [250, 0, 7], [250, 0, 7]])
    np.testing.assert_array_equal(picture[1], [[250, 0, 7], [1, 2, 3], [1, 2, 3]])


@pytest.mark.parametrize(
    "classes",
    [np.array([[2]]), np.array([[-1]]), np.array([[0.0]]), np.array([0]), np.zeros((1, 1, 1), int)],
    ids=["no colour", "negative", "float", "1-d", "3-d"],
)
def test_pseudo_color_refuses(classes):
    with pytest.raises(ValueError, match="classes"):
        pseudo_color(classes, color_map(2))


@pytest.mark.parametrize("colors", [np.zeros((2, 3)), np.zeros(6, np.uint8)])
def test_pseudo_color_refuses_colors(colors):
    with pytest.raises(ValueError, match="colors"):
        pseudo_color(np.zeros((2, 2), int), colors)


@pytest.mark.parametrize("weight", [0.6, 0.0, 0.25, 1.0])
def test_blend_is_paddlesegs(theirs, tmp_path, weight):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    classes = rng.integers(0, 256, (37, 53), dtype=np.uint8)
    path = str(tmp_path / "image.png")
    cv2.imwrite(path, image[..., ::-1])
    expected = theirs.visualize(path, classes, theirs.get_color_map_list(256), weight=weight)
    ours = blend(image, classes, color_map(), weight)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, expected[..., ::-1])


def test_blend_known_value():
    image = np.full((1, 1, 3), 100, np.uint8)
    colors = np.array([[0, 50, 200]], np.uint8)
    np.testing.assert_array_equal(blend(image, np.zeros((1, 1), int), colors), [[[60, 80, 140]]])


@pytest.mark.parametrize(
    ("image", "classes", "weight", "text"),
    [
        (np.zeros((2, 2, 3)), np.zeros((2, 2), int), 0.6, "image"),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 2), int), 0.6, "image"),
        (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3), int), 0.6, "fit"),
        (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), int), 1.5, "weight"),
    ],
)
def test_blend_refuses(image, classes, weight, text):
    with pytest.raises(ValueError, match=text):
        blend(image, classes, color_map(2), weight)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_saliency_rounds(kind):
    grey = saliency(np.array([[0, 1, 0.25, 0.125]], kind))  # 63.75 and 31.875
    assert grey.dtype == np.uint8
    assert grey.tolist() == [[0, 255, 64, 32]]
    steps = (np.arange(256) / 255).astype(kind)[None]
    np.testing.assert_array_equal(saliency(steps)[0], np.arange(256))


def test_saliency_forgives_rounding_errors_only():
    assert saliency(np.array([[-1e-6, 1 + 1e-6]])).tolist() == [[0, 255]]
    for wrong in (-0.01, 1.01, np.nan, np.inf):
        with pytest.raises(ValueError, match="0 to 1"):
            saliency(np.array([[0.5, wrong]]))


@pytest.mark.parametrize("wrong", [np.zeros((2, 2), np.uint8), np.zeros((1, 2, 2))])
def test_saliency_refuses(wrong):
    with pytest.raises(ValueError, match="floats"):
        saliency(wrong)


def test_heat_grows_lighter_evenly():
    picture = heat(np.linspace(0, 1, 256)[None])
    assert picture.dtype == np.uint8 and picture.shape == (1, 256, 3)
    lightness = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert lightness[0] < 10 and lightness[-1] > 240
    assert (np.diff(lightness) >= -1).all()
    # Not reddish at the lower, then bluish at the upper end: RGB, not BGR.
    assert picture[0, 160, 0] > picture[0, 160, 2] + 80
