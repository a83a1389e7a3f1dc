"""Finished frames of a video: closed forms, Pillow's mixing, and the blur of single pictures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Blur, Plain, Scene
from paddleseg_u2net.removal.crop import Frame as Shown
from paddleseg_u2net.video.composing import Composer, lay
from paddleseg_u2net.video.composing.backgrounds import OutOfFocus, Still, middle, placed
from paddleseg_u2net.video.types import Matte
from tests.io.image_making import noise

GREEN = Plain((0, 200, 10, 255))


def matte(picture, alpha, time=0):
    return Matte(Frame(picture, Fraction(time), 0), alpha, 1.0, True, True, False)


@pytest.fixture(scope="module")
def frame():
    """Noise, and an opacity that is nothing at the left, all at the right, with a soft edge."""
    ramp = np.clip((np.arange(64) - 20) * 9, 0, 255)
    alpha = np.repeat(ramp[None], 48, 0).astype(np.uint8)
    alpha[40:] = noise(8, 64)
    return noise(48, 64, 3), alpha


def by_hand(front, alpha, behind):
    """a F + (255 - a) B, over 255, rounded; no tie is possible, as 255 is odd."""
    share = alpha[..., None].astype(np.int64)
    sums = front.astype(np.int64) * share + behind.astype(np.int64) * (255 - share)
    return ((2 * sums + 255) // 510).astype(np.uint8)


@pytest.mark.parametrize("kind", ["frame", "nothing", "all", "noise"])
def test_colours_are_laid_to_the_nearest_value(frame, kind):
    picture, alpha = frame
    alphas = {"nothing": np.zeros_like(alpha), "all": np.full_like(alpha, 255)}
    alpha = {"frame": alpha, "noise": noise(48, 64, seed=3), **alphas}[kind]
    behind = noise(48, 64, 3, seed=5)
    onto = behind.copy()
    lay(picture, alpha, onto)
    np.testing.assert_array_equal(onto, by_hand(picture, alpha, behind))


def test_every_value_on_every_value_of_every_opacity():
    values = np.array([0, 1, 2, 100, 127, 128, 200, 254, 255], np.uint8)
    front = np.stack([np.tile(values, 9)] * 3, -1)[None].repeat(256, 0)
    behind = np.stack([np.repeat(values, 9)] * 3, -1)[None].repeat(256, 0)
    alpha = np.arange(256, dtype=np.uint8)[:, None].repeat(81, 1)
    onto = behind.copy()
    lay(front, alpha, onto)
    np.testing.assert_array_equal(onto, by_hand(front, alpha, behind))


def test_a_colour_behind_is_as_pillow_has_it(frame):
    picture, alpha = frame
    composer = Composer((64, 48), backdrop=Still(GREEN, (64, 48)))
    found = composer(matte(picture, alpha))
    assert composer.kind == "rgb"
    front = Image.fromarray(np.dstack([picture, alpha]))
    green = Image.new("RGBA", (64, 48), GREEN.colour)
    pillow = np.array(Image.alpha_composite(green, front))[..., :3]
    assert np.abs(found.astype(int) - pillow).max() <= 1  # it rounds opacity on the way
    np.testing.assert_array_equal(found[:40, :20], np.broadcast_to([0, 200, 10], (40, 20, 3)))


def test_frames_do_not_write_into_the_background(frame):
    picture, alpha = frame
    composer = Composer((64, 48), backdrop=Still(GREEN, (64, 48)))
    first = composer(matte(picture, alpha))
    composer(matte(255 - picture, 255 - alpha))
    np.testing.assert_array_equal(composer(matte(picture, alpha)), first)


def test_nothing_is_seen_of_what_is_transparent(frame):
    picture, alpha = frame
    composer = Composer((64, 48))
    found = composer(matte(picture, alpha))
    assert composer.kind == "rgba"
    np.testing.assert_array_equal(found[..., 3], alpha)
    np.testing.assert_array_equal(found[alpha > 0][:, :3], picture[alpha > 0])
    assert not found[alpha == 0].any()


def test_a_matte_is_the_opacity(frame):
    composer = Composer((64, 48), "matte")
    assert composer.kind == "grey"
    np.testing.assert_array_equal(composer(matte(*frame)), frame[1])
    with pytest.raises(ValueError, match="a matte has none"):
        Composer((64, 48), "matte", Still(GREEN, (64, 48)))
    with pytest.raises(ValueError, match="only: expected one of foreground, matte, got 'mask'"):
        Composer((64, 48), "mask")


def test_frames_stand_in_the_middle_of_a_larger_video(frame):
    picture, alpha = frame
    found = Composer((80, 48), backdrop=Still(GREEN, (80, 48)))(matte(picture, alpha))
    inner = Composer((64, 48), backdrop=Still(GREEN, (64, 48)))(matte(picture, alpha))
    np.testing.assert_array_equal(found[:, 8:72], inner)
    np.testing.assert_array_equal(found[:, :8], np.broadcast_to([0, 200, 10], (48, 8, 3)))
    for only, channels in (("matte", ()), ("foreground", (4,))):
        found = Composer((64, 61), only)(matte(picture, alpha))
        assert found.shape == (61, 64, *channels)
        assert not found[:6].any() and not found[54:].any()
        np.testing.assert_array_equal(found[6:54].reshape(48, 64, -1)[..., -1], alpha)


def test_a_background_that_shines_through(frame):
    picture, alpha = frame
    half = Plain((10, 20, 30, 100))
    composer = Composer((64, 48), backdrop=Still(half, (64, 48)))
    found = composer(matte(picture, alpha))
    assert composer.kind == "rgba"
    behind = Image.new("RGBA", (64, 48), half.colour)
    pillow = np.array(Image.alpha_composite(behind, Image.fromarray(np.dstack([picture, alpha]))))
    assert np.abs(found.astype(int) - pillow).max() <= 1


def test_the_foregrounds_own_colours_are_laid(frame):
    picture, alpha = frame
    seen = []

    def colours(given):
        seen.append(given)
        return np.full_like(picture, 77)

    found = Composer((64, 48), colours=colours)(matte(picture, alpha))
    assert (found[alpha > 0][:, :3] == 77).all() and seen[0].alpha is alpha


def test_a_picture_covers_the_frames():
    picture = np.zeros((10, 40, 3), np.uint8)
    picture[:, 15:25] = 200  # what a square sees of it
    still = Still(Scene(picture), (20, 20)).at(Fraction(0), picture, picture[..., 0])
    assert still.shape == (20, 20, 3) and (still == 200).all()


@pytest.mark.parametrize("blur", [Blur(), Blur(3, "px"), Blur(0.4, "px"), Blur(20, "px")])
def test_a_blur_is_that_of_single_pictures(blur):
    """A smooth picture with a disc in front: as `Blur`, which is slower, but for rounding."""
    rows, columns = np.mgrid[:90, :160]
    picture = np.stack([rows, columns, 159 - columns], -1).astype(np.uint8)
    distance = np.hypot(rows - 45, columns - 70)
    alpha = np.clip((25 - distance) * 80, 0, 255).astype(np.uint8)
    # Both mix the disc's colour into its edge, of which each has its own way out.
    picture[alpha > 0] = 255
    found = OutOfFocus(blur, (160, 90)).at(Fraction(0), picture, alpha)
    wanted = blur.behind(Shown((0, 0, 160, 90), (160, 90)), picture, alpha)
    outside = distance > 27 + blur.pixels(160)
    difference = np.abs(found.astype(int) - wanted)[outside]
    assert difference.mean() < 1.5 and difference.max() <= 8
    inside = distance < 20
    assert found[inside].max() < 165  # nothing of the white disc


def test_a_blur_of_what_is_all_foreground_or_a_row():
    picture = noise(1, 30, 3)
    blur = OutOfFocus(Blur(), (30, 4))
    for value in (0, 255):
        found = blur.at(Fraction(0), picture, np.full((1, 30), value, np.uint8))
        assert found.shape == (4, 30, 3)


def test_the_middle():
    assert middle((64, 48), (65, 60)) == (slice(6, 54), slice(0, 64))
    picture = noise(4, 6)
    assert placed(picture, (6, 4)) is picture
