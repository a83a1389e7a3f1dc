"""Specks go, pinholes are filled, objects stay; on drawn shapes and beside scikit-image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from paddleseg_u2net.removal import Options
from paddleseg_u2net.removal.alpha import cleaned, refined


def drawn(*discs, size=(120, 160)):
    """Opacity of discs (x, y, radius, value), one over another."""
    alpha = np.zeros(size, np.uint8)
    for x, y, radius, value in discs:
        cv2.circle(alpha, (x, y), radius, value, -1)
    return alpha


def soft(alpha, sigma=2.0):
    return cv2.GaussianBlur(alpha, (0, 0), sigma)


BODY, CHILD, SPECK = (50, 60, 40, 255), (120, 60, 12, 255), (145, 20, 2, 255)


def test_a_speck_goes_and_a_second_object_stays():
    expected = drawn(BODY, CHILD)
    np.testing.assert_array_equal(cleaned(drawn(BODY, CHILD, SPECK), 0.05), expected)
    np.testing.assert_array_equal(cleaned(drawn(BODY, CHILD, SPECK), 0.2), drawn(BODY))


def test_soft_edges_stay_and_the_specks_go():
    kept, alpha = soft(drawn(BODY)), soft(drawn(BODY, SPECK))
    assert np.abs(alpha.astype(int) - kept).max() > 50
    np.testing.assert_array_equal(cleaned(alpha, 0.05), kept)


def test_a_pinhole_is_filled_and_a_gap_stays():
    pinhole, gap = (40, 60, 1, 0), (60, 60, 12, 0)
    np.testing.assert_array_equal(cleaned(drawn(BODY, pinhole), 0.05), drawn(BODY))
    np.testing.assert_array_equal(cleaned(drawn(BODY, gap), 0.05), drawn(BODY, gap))


def test_a_soft_pinhole_is_filled_to_its_rim():
    alpha, expected = soft(drawn(BODY, (40, 60, 1, 0)), 0.8), soft(drawn(BODY), 0.8)
    assert 0 < alpha[60, 40] < 128 < alpha[60, 41] < 140  # its dip is wider than the hole
    assert np.abs(cleaned(alpha, 0.1).astype(int) - expected).max() <= 3


def test_translucent_bodies_and_strands_stay():
    alpha = soft(drawn(BODY, (50, 60, 20, 160)))
    cv2.line(alpha, (92, 62), (150, 80), 60, 1)
    cv2.line(alpha, (140, 77), (150, 80), 200, 2)  # more than half opaque only at its end
    np.testing.assert_array_equal(cleaned(alpha, 0.05), alpha)


@pytest.mark.parametrize("alpha", [np.zeros((7, 9), np.uint8), np.full((7, 9), 100, np.uint8)])
def test_without_an_object_nothing_changes(alpha):
    np.testing.assert_array_equal(cleaned(alpha, 0.5), alpha)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_scikit_images_definition(seed):
    morphology = pytest.importorskip("skimage.morphology")
    measure = pytest.importorskip("skimage.measure")
    rng = np.random.default_rng(seed)
    inside = cv2.GaussianBlur(rng.normal(size=(150, 200)), (0, 0), 3) > 0
    inside[:1] = inside[-1:] = inside[:, :1] = inside[:, -1:] = False  # holes have a rim
    areas = [region.area for region in measure.regionprops(measure.label(inside, connectivity=2))]
    for share in (0.0, 0.02, 0.3, 1.0):
        least = max(int(np.ceil(share * max(areas))), 1)
        expected = morphology.remove_small_objects(inside, max_size=least - 1, connectivity=2)
        largest_hole = int(np.ceil(share * 0.02 * max(areas))) - 1
        expected = morphology.remove_small_holes(
            expected, max_size=max(largest_hole, 0), connectivity=1
        )
        found = cleaned(inside.astype(np.uint8) * 255, share)
        np.testing.assert_array_equal(found, expected * np.uint8(255))


def test_the_option_is_checked_and_used():
    picture, alpha = np.zeros((120, 160, 3), np.uint8), drawn(BODY, SPECK)
    np.testing.assert_array_equal(refined(picture, alpha, Options())[0], alpha)
    np.testing.assert_array_equal(refined(picture, alpha, Options(clean=0.05))[0], drawn(BODY))
    for wrong in (-0.1, 1.5, float("nan"), True, "5%"):
        with pytest.raises(ValueError, match="clean: expected a number from 0 to 1, the least"):
            Options(clean=wrong)
