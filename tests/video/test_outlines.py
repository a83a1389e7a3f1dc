"""Maps at their frames' size: the guided filter's literal form; where nothing is to do."""

import cv2
import numpy as np
import pytest

from paddleseg_u2net.inference.upsampling import guided
from paddleseg_u2net.video import outlines


def _disc(shape: tuple, middle: tuple, radius: float, soft: float) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    away = np.hypot((y / shape[0] - middle[0]) * 3, (x / shape[1] - middle[1]) * 4)
    return np.clip((radius - away) / soft + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("middle", [(0.5, 0.5), (0.1, 0.95), (1.0, 0.3)])
def test_it_is_the_guided_filter(middle):
    rng = np.random.default_rng(3)
    noise = cv2.resize(rng.integers(0, 90, (12, 16, 3)).astype(np.uint8), (96, 72))
    picture = noise + (120 * _disc((72, 96), middle, 0.6, 0.02))[..., None].astype(np.uint8)
    canvas = _disc((40, 40), middle, 0.6, 0.3)
    expected = guided(canvas[None], picture, outlines._RADIUS, float(outlines._EPSILON))[0]
    found = outlines.enlarged(canvas, picture)
    # OpenCV's warp knows 32 places between two pixels, its resize all of them.
    assert np.abs(found - expected)[8:-8, 8:-8].max() < 0.02
    assert np.abs(found - expected).mean() < 0.002
    plain = cv2.resize(canvas, (96, 72))
    assert np.abs(plain - expected).mean() > 10 * np.abs(found - expected).mean()


def test_a_map_without_an_outline_is_only_enlarged():
    picture = np.random.default_rng(0).integers(0, 255, (72, 96, 3)).astype(np.uint8)
    for value in (0.0, 1.0):
        assert np.all(outlines.enlarged(np.full((40, 40), value, np.float32), picture) == value)


def test_a_map_larger_than_its_frame_is_made_smaller():
    canvas = _disc((40, 40), (0.5, 0.5), 0.6, 0.3)
    found = outlines.enlarged(canvas, np.zeros((30, 50, 3), np.uint8))
    assert np.array_equal(found, cv2.resize(canvas, (50, 30)))
