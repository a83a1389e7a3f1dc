"""Hard edges are those of rembg's own formula, made of SciPy and scikit-image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from paddleseg_u2net.removal.alpha import hardened


def literal(alpha: np.ndarray) -> np.ndarray:
    """`post_process` of rembg 2.0.86."""
    ndimage = pytest.importorskip("scipy.ndimage")
    morphology = pytest.importorskip("skimage.morphology")
    opened = morphology.opening(alpha, morphology.disk(1))
    return np.where(ndimage.gaussian_filter(opened.astype(np.float64), 2) < 127, 0, 255)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 3), (33, 64), (90, 70)])
def test_every_pixel_is_rembgs(shape):
    rng = np.random.default_rng(shape[1])
    coarse = rng.integers(0, 256, [-(-side // 6) for side in shape]).astype(np.uint8)
    alpha = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    kept = alpha.copy()
    found = hardened(alpha)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, literal(alpha))
    np.testing.assert_array_equal(alpha, kept)


def test_what_is_thin_goes_and_the_rest_stays():
    alpha = np.zeros((60, 60), np.uint8)
    alpha[10:50, 10:40] = 255
    alpha[30, 40:] = 255
    found = hardened(alpha)
    assert found[30, 25] == 255 and found[30, 50] == 0
    assert set(np.unique(found)) == {0, 255}
