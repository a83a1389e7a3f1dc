"""A cut-out shows the foreground's own colours, also where the background shines through."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from paddleseg_u2net.render import cutout

module = sys.modules["paddleseg_u2net.render.cutout"]  # the room's name is the function's


def scene(height=90, width=120, soft=9):
    """(image, foreground's colours, opacity) of a disc with a soft edge on another pattern."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    own = np.stack([200 + 0.2 * rows, 120 - 0.3 * columns, 40 + 0.4 * rows], axis=2)
    other = np.stack([20 + 0.1 * columns, 200 - 0.5 * rows, 180 + 0.2 * columns], axis=2)
    opacity = (np.hypot(rows - height / 2, columns - width / 2) < height / 3).astype(np.float32)
    opacity = np.rint(cv2.GaussianBlur(opacity, (0, 0), soft / 3) * 255)
    share = opacity[..., None] / 255
    return (
        np.rint(share * own + (1 - share) * other).astype(np.uint8),
        own,
        opacity.astype(np.uint8),
    )


def error(colours, own, opacity):
    """The mean over mixed pixels, as seen: weighted by their opacity."""
    mixed = (opacity > 0) & (opacity < 255)
    difference = np.abs(colours.astype(np.float64) - own).mean(2)
    return np.average(difference[mixed], weights=opacity[mixed])


@pytest.mark.parametrize("soft", [3, 9, 30])
def test_the_old_background_leaves_no_rim(soft):
    image, own, opacity = scene(soft=soft)
    found = cutout(image, opacity)
    assert error(found[..., :3], own, opacity) < 0.2 * error(image, own, opacity)


def hair(height, width, detail, lines=150):
    """(image, foreground's colours, opacity) of a disc with fine lines, in patterned colours."""
    rng = np.random.default_rng(0)
    opacity = np.zeros((2 * height, 2 * width), np.uint8)
    cv2.circle(opacity, (width, height), height // 2, 255, -1)
    for angle, length in rng.uniform((0, 0.6), (2 * np.pi, 0.95), (lines, 2)):
        end = np.array([width, height]) + length * height * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(opacity, (width, height), tuple(map(int, end)), 255, 1, cv2.LINE_AA)
    opacity = cv2.resize(opacity, (width, height), interpolation=cv2.INTER_AREA)

    def pattern(middle):
        few = rng.uniform(-60, 60, (height // detail, width // detail, 3)).astype(np.float32)
        many = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.clip(many + np.float32(middle), 0, 255)

    own, other = pattern((180, 110, 60)), pattern((60, 130, 200))
    share = opacity[..., None] / 255
    return np.rint(share * own + (1 - share) * other).astype(np.uint8), own, opacity


@pytest.mark.parametrize(
    ("made", "arguments"),
    [(scene, {"soft": 9}), (scene, {"soft": 30})]
    + [
        (hair, {"height": height, "width": width, "detail": detail})
        for height, width, detail in ((90, 120, 8), (256, 256, 40), (600, 800, 8))
    ],
)
def test_colours_are_as_good_as_pymattings(made, arguments):
    estimate = pytest.importorskip("pymatting").estimate_foreground_ml
    image, own, opacity = made(**arguments)
    theirs = estimate(image / 255.0, opacity / 255.0) * 255
    ours = cutout(image, opacity)[..., :3]
    assert error(ours, own, opacity) <= 1.1 * error(theirs, own, opacity) + 0.2


def test_opacity_is_the_map_and_foreground_keeps_its_bits():
    image, _, opacity = scene()
    before = image.copy(), opacity.copy()
    found = cutout(image, opacity)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(opacity, before[1])
    np.testing.assert_array_equal(found[..., 3], opacity)
    whole = opacity >= 254
    assert (opacity == 254).any()
    np.testing.assert_array_equal(found[whole][:, :3], image[whole])
    assert not found[opacity == 0].any()


def test_what_is_transparent_stays_so():
    image, _, opacity = scene()
    own = np.random.default_rng(0).integers(0, 256, opacity.shape, dtype=np.uint8)
    own[:, :40] = 0
    found = cutout(np.dstack([image, own]), opacity)
    np.testing.assert_array_equal(found[..., 3], np.rint(own / 255.0 * opacity))
    seen = found[..., 3] > 0
    np.testing.assert_array_equal(found[seen][:, :3], cutout(image, opacity)[seen][:, :3])
    assert not found[~seen].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 600), (600, 1), (3, 2), (1, 50000), (50000, 2)])
def test_the_smallest_and_the_thinnest_images(shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    opacity = rng.integers(0, 256, shape, dtype=np.uint8)
    found = cutout(image, opacity)
    assert found.shape == (*shape, 4) and found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., 3], opacity)


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_stay(channels):
    image, _, opacity = scene()
    rng = np.random.default_rng(0)
    deep = image.astype(np.uint16) * 257 + rng.integers(-128, 129, image.shape).astype(np.uint16)
    deep = np.clip(deep.astype(int), 0, 65535).astype(np.uint16)
    if channels == 4:
        own = rng.integers(0, 65536, (*opacity.shape, 1), np.uint16)
        deep = np.concatenate([deep, own], axis=2)
    found = cutout(deep, opacity)
    assert found.dtype == np.uint16
    whole = opacity >= 254
    seen = whole & (found[..., 3] > 0)
    np.testing.assert_array_equal(found[seen][:, :3], deep[seen][:, :3])
    share = opacity / 255 * (deep[..., 3] if channels == 4 else 65535)
    assert np.abs(found[..., 3] - share).max() <= 0.51
    assert not found[opacity == 0].any()
    expected = cutout(np.rint(deep / 257).astype(np.uint8), opacity)
    visible = (opacity > 40) & (found[..., 3] > 0) & (expected[..., 3] > 0)
    assert np.abs(found[..., :3] / 257 - expected[..., :3])[visible].max() < 8


@pytest.mark.parametrize("shape", [(90, 120), (91, 123)])
def test_strips_have_no_seams(monkeypatch, shape):
    """Colours that are enlarged, a few rows at a time, have the bits of the whole."""
    image, _, opacity = scene(*shape)
    monkeypatch.setattr(module, "_ESTIMATED", 1000)
    monkeypatch.setattr(module, "_AT_ONCE", 10**6)
    whole = cutout(image, opacity)
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    np.testing.assert_array_equal(cutout(image, opacity), whole)
    mixed = (opacity > 0) & (opacity < 254)
    assert np.abs(whole[..., :3].astype(float) - image)[mixed].mean() > 10
