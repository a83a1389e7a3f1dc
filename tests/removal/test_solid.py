"""Bodies become opaque; edges, hair, holes and glasses stay as they are."""

from __future__ import annotations

import cv2
import numpy as np

from paddleseg_u2net.removal import Options
from paddleseg_u2net.removal.alpha import refined, solidified

PIXEL = 2.0  # of a picture that is twice as large as its map


def body(size=(200, 300), radius=80, blur=3.0):
    """A disc as a network maps it: it falls over three pixels of the map."""
    alpha = np.zeros(size, np.uint8)
    cv2.circle(alpha, (150, 100), radius, 255, -1)
    return cv2.GaussianBlur(alpha, (0, 0), blur)


def dimmed(alpha, centre, radius, value, blur=4.0):
    """With a soft patch in which the opacity is only ``value``."""
    patch = np.zeros(alpha.shape, np.float32)
    cv2.circle(patch, centre, radius, 1, -1)
    patch = cv2.GaussianBlur(patch, (0, 0), blur)
    return np.rint(alpha * (1 - patch * (1 - value / 255))).astype(np.uint8)


def test_a_doubt_inside_is_closed():
    whole = body()
    for value in (90, 150, 230):
        found = solidified(dimmed(whole, (150, 100), 25, value), PIXEL)
        np.testing.assert_array_equal(found[60:140, 110:190], 255)


def test_sharp_edges_and_what_is_outside_stay():
    whole = body()
    found = solidified(whole, PIXEL)
    assert np.abs(found.astype(int) - whole).max() <= 1
    dim = dimmed(whole, (150, 100), 25, 150)
    rim = np.hypot(*(np.mgrid[:200, :300] - np.array([100, 150])[:, None, None])) > 78
    np.testing.assert_array_equal(solidified(dim, PIXEL)[rim], dim[rim])


def test_a_hole_stays():
    alpha = dimmed(body(), (150, 100), 25, 0)
    found = solidified(alpha, PIXEL).astype(int)
    assert np.abs(found - alpha)[alpha < 128].max() == 0
    assert np.abs(found - alpha).max() < 20  # its edge is one of the object's


def test_wide_soft_rims_stay():
    alpha = body(radius=60, blur=14)  # hair: a cloud that falls over some 18 pixels of the map
    found = solidified(alpha, PIXEL)
    rim = (alpha > 10) & (alpha < 215)
    np.testing.assert_array_equal(found[rim], alpha[rim])


def test_a_glass_stays():
    glass = np.zeros((200, 300), np.uint8)
    cv2.circle(glass, (150, 100), 80, 235, -1)
    cv2.circle(glass, (150, 100), 72, 150, -1)
    glass = cv2.GaussianBlur(glass, (0, 0), 1.5)
    np.testing.assert_array_equal(solidified(glass, PIXEL), glass)
    faint = np.where(glass > 150, glass, glass // 3)  # less than half opaque anyway
    np.testing.assert_array_equal(solidified(faint, PIXEL), faint)


def test_large_pictures_are_looked_at_small():
    small = dimmed(body(), (150, 100), 25, 150)
    large = cv2.resize(small, (1800, 1200), interpolation=cv2.INTER_LINEAR)
    found, expected = solidified(large, 12.0), solidified(small, PIXEL)
    expected = cv2.resize(expected, (1800, 1200), interpolation=cv2.INTER_LINEAR)
    assert np.abs(found.astype(int) - expected).mean() < 0.5
    assert (found[400:800, 700:1100] == 255).all()


def test_nothing_and_everything_stay():
    for value in (0, 100, 255):
        alpha = np.full((30, 40), value, np.uint8)
        np.testing.assert_array_equal(solidified(alpha, 1.0), alpha)
    alpha = np.full((1, 1), 200, np.uint8)
    assert solidified(alpha, 1.0).shape == (1, 1)


def test_the_option_is_used():
    alpha = dimmed(body(), (150, 100), 25, 150)
    picture = np.zeros((200, 300, 3), np.uint8)
    assert refined(picture, alpha, Options(), PIXEL)[0][100, 150] == alpha[100, 150] < 200
    assert refined(picture, alpha, Options(solid=True), PIXEL)[0][100, 150] == 255
