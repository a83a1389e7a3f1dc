"""Right and wrong pixels: their kinds, and what is drawn of them."""

import numpy as np
import pytest

from paddleseg_u2net.render.mistakes import (
    COLORS,
    FALSE,
    HIT,
    IGNORED,
    MISSED,
    OTHER,
    RIGHT,
    kinds,
    mistakes,
)


def test_every_pair_of_classes_is_of_one_kind():
    label, predicted = np.meshgrid([0, 1, 2, 255], [0, 1, 2], indexing="ij")
    assert kinds(predicted, label, 255).tolist() == [
        [RIGHT, FALSE, FALSE],
        [MISSED, HIT, OTHER],
        [MISSED, OTHER, HIT],
        [IGNORED] * 3,
    ]
    # a class that is ignored is no mistake either
    assert kinds(np.array([[2]]), np.array([[0]]), 0).tolist() == [[IGNORED]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_colours_lie_over_a_grey_image_of_the_same_size(channels):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (700, 500, channels), np.uint8)  # of more than one strip
    kind = rng.integers(0, 6, image.shape[:2]).astype(np.uint8)
    drawn = mistakes(image, kind)
    assert drawn.shape == (700, 500, 3) and drawn.dtype == np.uint8
    grey = image[..., :3].astype(float).mean(2)
    assert (drawn[kind == RIGHT] == np.rint(grey[kind == RIGHT])[:, None]).all()
    for number, color in COLORS.items():
        expected = 0.4 * grey[kind == number][:, None] + 0.6 * np.array(color)
        assert np.abs(drawn[kind == number] - expected).max() < 0.51
    # stripes down from the right, of two greys, in one piece over strips
    down, across = np.nonzero(kind == IGNORED)
    assert set(np.unique(drawn[kind == IGNORED])) == {70, 215}
    assert ((drawn[down, across, 0] == 70) == ((down + across) % 8 < 4)).all()
