from __future__ import annotations

import zlib  # noqa: F401  (Paddle 2.6.2 crashes where it is loaded before zlib)

import cv2
import numpy as np
import pytest

from paddleseg_u2net.render import blend, color_map, foreground, saliency


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
    for given in (custom, np.reshape(custom, (3, 3))):
        np.testing.assert_array_equal(color_map(256, given), expected.reshape(-1, 3))
    np.testing.assert_array_equal(color_map(2, []), color_map(2))


@pytest.mark.parametrize(
    ("num_classes", "custom", "text"),
    [
        (3, [1, 2], "whole colours"),
        (3, [[1, 2], [3, 4], [5, 6]], "whole colours"),
        (1, [0] * 6, "at most 1 whole"),
        (3, [0, 0, 256], "0 to 255"),
        (3, [0, -1, 0], "0 to 255"),
    ],
)
def test_wrong_color_maps(num_classes, custom, text):
    with pytest.raises(ValueError, match=text):
        color_map(num_classes, custom)


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


@pytest.mark.parametrize("classes", [1, 3])
def test_foreground_is_all_but_the_background(classes):
    probability = np.random.default_rng(0).random((classes, 700, 500), np.float32)
    shown = probability[0] if classes == 1 else 1 - probability[0]
    np.testing.assert_array_equal(foreground(probability), saliency(shown))
