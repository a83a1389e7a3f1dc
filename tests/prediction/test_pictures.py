"""What the pictures of one image show."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net import render
from paddleseg_u2net.inference import classes_of
from paddleseg_u2net.prediction.jobs import ADDED, CUTOUT, PICTURES, PSEUDO, SALIENCY
from paddleseg_u2net.prediction.run import write_pictures
from tests.prediction.making import noise, saved

COLORS = render.color_map(256)


def paths(folder, kinds=PICTURES, suffix=".png"):
    return {kind: folder / f"{kind}{suffix if kind == ADDED else '.png'}" for kind in kinds}


def probability(classes, *shape):
    values = np.random.default_rng(1).random((classes, *shape)).astype(np.float32)
    return values if classes == 1 else values / values.sum(0)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("shape", [(23, 17), (3, 300_000), (700, 450)])
def test_strips_give_the_pictures_of_the_whole_image(tmp_path, classes, shape):
    image, found = noise(*shape, 3), probability(classes, *shape)
    write_pictures(paths(tmp_path), image, found, COLORS)
    numbers = classes_of(found)
    foreground = found[0] if classes == 1 else 1 - found[0]
    np.testing.assert_array_equal(saved(tmp_path, f"{PSEUDO}.png"), numbers)
    np.testing.assert_array_equal(saved(tmp_path, f"{SALIENCY}.png"), np.rint(foreground * 255))
    overlay = render.blend(image, numbers, COLORS)
    np.testing.assert_array_equal(saved(tmp_path, f"{ADDED}.png"), overlay)
    cut = render.cutout(image, np.rint(foreground * 255).astype(np.uint8))
    np.testing.assert_array_equal(saved(tmp_path, f"{CUTOUT}.png"), cut)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_overlays_are_in_colour_whatever_the_image_has(tmp_path, channels):
    image, found = noise(6, 7, channels), probability(1, 6, 7)
    write_pictures(paths(tmp_path, [ADDED]), image, found, COLORS)
    rgb = image[..., [0, 0, 0] if channels == 1 else [0, 1, 2]]
    expected = render.blend(np.ascontiguousarray(rgb), classes_of(found), COLORS)
    np.testing.assert_array_equal(saved(tmp_path, f"{ADDED}.png"), expected)


def test_values_beyond_probabilities_are_cut_off(tmp_path):
    found = np.array([[[-0.5, 0.5, 1.5]]], np.float32)
    write_pictures(paths(tmp_path, [SALIENCY]), None, found, COLORS)
    assert saved(tmp_path, f"{SALIENCY}.png").tolist() == [[0, 128, 255]]
    with pytest.raises(ValueError, match="nan"):
        write_pictures(paths(tmp_path, [SALIENCY]), None, found * np.nan, COLORS)
