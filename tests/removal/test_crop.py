"""Which part of a picture is kept, in which proportions, and at which size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import ImageError, at_most_pixels
from paddleseg_u2net.removal import Crop, NothingFound, Options, parse_size
from paddleseg_u2net.removal.composing import composed
from paddleseg_u2net.removal.crop import Frame, frame
from paddleseg_u2net.removal.framing import framed


def opacity(size=(60, 80), box=(20, 10, 40, 40), value=255):
    """An opacity (H, W) of a box (left, top, right, bottom)."""
    alpha = np.zeros(size, np.uint8)
    alpha[box[1] : box[3], box[0] : box[2]] = value
    return alpha


@pytest.mark.parametrize(
    ("margin", "square", "expected"),
    [
        (0, False, (20, 10, 40, 40)),
        (5, False, (15, 5, 45, 45)),
        ("5px", False, (15, 5, 45, 45)),
        ("10%", False, (18, 7, 42, 43)),  # of 20 across and of 30 down
        ("1 2", False, (18, 9, 42, 41)),
        ("1 2 3 4px", False, (16, 9, 42, 43)),
        (0, True, (15, 10, 45, 40)),
        ("10%", True, (12, 7, 48, 43)),
        (30, False, (-10, -20, 70, 70)),
    ],
)
def test_the_box_with_its_margin(margin, square, expected):
    assert Crop(margin, square).box(opacity()) == expected


def test_hair_is_kept_and_specks_are_not():
    alpha = opacity()
    alpha[40:44, 25] = 30  # hangs on the object
    alpha[50:52, 70:72] = 100  # does not
    alpha[0, :] = 12  # next to nothing
    assert Crop().box(alpha) == (20, 10, 40, 44)


def test_nothing_to_crop_to():
    faint = opacity(value=127)
    with pytest.raises(NothingFound, match="crop: expected an object to crop to, found none"):
        composed(np.zeros((60, 80, 3), np.uint8), faint, Options(crop=Crop()))


@pytest.mark.parametrize("margin", ["5 %", "-1", "five", "1 2 3", "", "nan", "9" * 400, None])
def test_a_wrong_margin_says_what_is_allowed(margin):
    with pytest.raises(
        ValueError, match=r"crop: expected a margin in pixels such as 20, or in per"
    ):
        Crop(margin)


def test_sizes():
    assert parse_size("800x600") == (800, 600) == parse_size(" 800 X 600 ")
    assert parse_size("512") == (512, 512)
    for text in ("800x", "0x5", "-3", "a", "3.5"):
        with pytest.raises(ValueError, match="size: expected"):
            parse_size(text)
    with pytest.raises(ImageError, match="size: expected at most"):
        parse_size("100000x100000")
    with pytest.raises(ImageError, match="crop: expected at most"):
        frame(opacity(), Crop("100000"), None)


def test_what_is_cut_is_the_picture_itself():
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    whole = composed(picture, opacity(), Options())
    found = composed(picture, opacity(), Options(crop=Crop(15)))
    np.testing.assert_array_equal(found[5:], whole[:55, 5:55])
    assert found.shape == (60, 50, 4) and not found[:5].any()
    mask = composed(picture, opacity(), Options(only="mask", crop=Crop(15)))
    np.testing.assert_array_equal(mask, found[..., 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(40, 40), (25, 10), (200, 200), (7, 90)])
def test_all_is_seen_at_the_size_in_its_own_proportions(size, dtype):
    most = np.iinfo(dtype).max
    picture = np.full((60, 80, 3), (most, most // 2, 0), dtype)
    found = composed(picture, np.full((60, 80), 255, np.uint8), Options(size=size))
    assert found.shape == (size[1], size[0], 4) and found.dtype == dtype
    scale = min(size[0] / 80, size[1] / 60)
    rows, columns = (np.flatnonzero(found[..., 3].any(axis)) for axis in (1, 0))
    assert abs(len(columns) - 80 * scale) <= 1.5 and abs(len(rows) - 60 * scale) <= 1.5
    assert abs(rows[0] - (size[1] - 1 - rows[-1])) <= 1
    assert abs(columns[0] - (size[0] - 1 - columns[-1])) <= 1
    colours = found[found[..., 3] > 0][:, :3].astype(int)
    assert np.abs(colours - (most, most // 2, 0)).max() <= 1


def test_smaller_pictures_are_the_means_of_pillow():
    generator = np.random.default_rng(1)
    picture = generator.integers(0, 256, (64, 96, 4), np.uint8)
    whole = Frame((0, 0, 96, 64), (24, 16))
    expected = Image.fromarray(picture).resize((24, 16), Image.Resampling.BOX)
    found = framed(picture, whole).astype(int)
    # Pillow multiplies by opacity in 8 bits.
    assert np.abs(found - np.asarray(expected)).max() <= 3
    deep = framed(picture.astype(np.uint16) * 257, whole) / 257
    # In float64, by hand: means of colours by their opacity.
    parts = picture.reshape(16, 4, 24, 4, 4).astype(float)
    share = parts[..., 3:].sum((1, 3))
    means = (parts[..., :3] * parts[..., 3:]).sum((1, 3)) / share
    assert np.abs(found[..., :3] - means).max() <= 0.51
    assert np.abs(deep[..., :3] - means).max() <= 0.01


def test_a_colour_that_nobody_sees_is_not_mixed_in():
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:, :4] = (200, 0, 0, 255)
    picture[:, 4:] = (0, 255, 0, 0)
    found = framed(picture, Frame((0, 0, 8, 8), (3, 3)))
    assert found[1, 1].tolist() == [200, 0, 0, 128]


def test_with_a_crop_the_surroundings_fill_the_size():
    picture = np.random.default_rng(2).integers(0, 256, (60, 80, 3), np.uint8)
    alpha = np.full((60, 80), 20, np.uint8)
    alpha[10:40, 30:50] = 255
    alpha[:, 29] = alpha[:, 50] = alpha[9] = alpha[40] = 0
    found = composed(picture, alpha, Options(crop=Crop(), size=(30, 30)))
    np.testing.assert_array_equal(found, composed(picture, alpha, Options())[10:40, 25:55])


def test_a_panorama_fits_into_a_square_of_few_pixels():
    alpha = np.full((4, 400), 255, np.uint8)
    with at_most_pixels(10_000):
        shown = frame(alpha, None, (50, 50))
        assert framed(alpha, shown).shape == (50, 50)
        assert (framed(alpha, shown) > 0).any(axis=0).all()
        with pytest.raises(ImageError, match="at most 10000"):
            frame(alpha, Crop(100), None)
