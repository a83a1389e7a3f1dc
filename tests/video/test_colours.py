"""The foreground's own colours at outlines: drawn discs of two colours over a background."""

from fractions import Fraction

import numpy as np

from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.video.colours import Colours
from paddleseg_u2net.video.flow import Motion, grid
from paddleseg_u2net.video.types import Matte

SHAPE = (48, 64)
FRONT, BACK = np.array([220.0, 60.0, 30.0]), np.array([20.0, 90.0, 200.0])


def _disc(x: float) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.clip(14 - np.hypot(rows - 24, columns - x) * 0.9, 0, 1)


def _matte(alpha: np.ndarray, front: np.ndarray, back: np.ndarray, motion=None) -> Matte:
    share = np.rint(alpha * 255)[..., None] / 255
    picture = np.rint(share * front + (1 - share) * back).astype(np.uint8)
    opacity = np.rint(alpha * 255).astype(np.uint8)
    return Matte(Frame(picture, Fraction(0), 0), opacity, 1.0, True, True, False, motion)


def test_a_plain_colour_comes_back_where_it_is_mixed():
    alpha = _disc(32)
    matte = _matte(alpha, FRONT, BACK)
    found = Colours()(matte)
    mixed = (matte.alpha > 0) & (matte.alpha < 255)
    assert mixed.sum() > 50
    assert np.abs(found[mixed] - FRONT).max() <= 2
    assert np.abs(matte.frame.picture[mixed] - FRONT).max() > 100
    assert np.array_equal(found[~mixed], matte.frame.picture[~mixed])


def test_colours_that_are_hidden_now_are_known_from_before():
    still = Motion(grid(*SHAPE).copy(), np.ones(SHAPE, np.float32))
    alpha = _disc(32)
    alone, told = Colours(), Colours()
    told(_matte(alpha, FRONT, BACK))
    # All of it is half transparent: this frame shows nowhere what its colour is.
    half = _matte(0.5 * alpha, FRONT, BACK, still)
    seen = (half.alpha > 0) & (half.alpha < 255)
    errors = [np.abs(colours(half)[seen] - FRONT).mean() for colours in (told, alone)]
    assert errors[0] < 2 < 20 < errors[1]


def test_frames_without_either_side_stay_as_they_are():
    for value in (0.0, 1.0, 0.5):
        matte = _matte(np.full(SHAPE, value), FRONT, BACK)
        found = Colours()(matte)
        assert found is not matte.frame.picture
        assert np.array_equal(found, matte.frame.picture)
