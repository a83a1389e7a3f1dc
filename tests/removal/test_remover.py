"""One picture, finished: what is kept of it, and what is told of its object."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.removal import Options, Remover
from paddleseg_u2net.render import cutout


class Bright:
    """A network that finds what is bright: logits of 50 times the first channel's sign."""

    output_type = "logits"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return 50 * np.sign(batch[:, :1])


@pytest.fixture
def remover() -> Remover:
    preprocess = Preprocess(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5], type="paddleseg")
    return Remover(Pipeline(Bright(), preprocess))


def square(size=(20, 30), box=(6, 4, 16, 14), inside=(250, 200, 190), outside=(20, 60, 90)):
    """A picture (H, W, 3) of a bright box (left, top, right, bottom)."""
    picture = np.full((*size, 3), outside, np.uint8)
    picture[box[1] : box[3], box[0] : box[2]] = inside
    return picture


def test_foreground_background_and_mask(remover):
    picture = square()
    found = remover(picture)
    expected = np.zeros((20, 30), np.uint8)
    expected[4:14, 6:16] = 255
    np.testing.assert_array_equal(found.alpha, expected)
    np.testing.assert_array_equal(found.picture, cutout(picture, expected))
    assert found.box == (6, 4, 16, 14) and found.area == 100 / 600
    mask = remover(picture, Options(only="mask"))
    np.testing.assert_array_equal(mask.picture, expected)
    background = remover(picture, Options(only="background")).picture
    np.testing.assert_array_equal(background[..., 3], 255 - expected)
    assert (background[0, 0] == (20, 60, 90, 255)).all() and not background[8, 8].any()


def test_nothing_that_is_bright(remover):
    found = remover(np.zeros((5, 7, 3), np.uint8))
    assert found.box is None and found.area == 0 and not found.picture.any()


def test_own_transparency_stays(remover):
    picture = np.dstack([square(), np.full((20, 30), 100, np.uint8)])
    found = remover(picture).picture
    assert found[8, 8].tolist() == [250, 200, 190, 100] and not found[0, 0].any()


def test_a_wrong_option_is_named():
    with pytest.raises(ValueError, match="only: expected one of foreground, background, mask"):
        Options(only="subject")


def test_16_bits_are_seen_as_8_and_stay(remover):
    picture = square().astype(np.uint16) * 257 + 100
    found, expected = remover(picture), remover(square())
    np.testing.assert_array_equal(found.alpha, expected.alpha)
    assert found.picture.dtype == np.uint16
    np.testing.assert_array_equal(found.picture[4:14, 6:16, :3], picture[4:14, 6:16])
    np.testing.assert_array_equal(found.picture[..., 3], expected.alpha.astype(np.uint16) * 257)
    assert remover(picture, Options(only="mask")).picture.dtype == np.uint8
