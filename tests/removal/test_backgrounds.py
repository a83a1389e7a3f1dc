"""What stands behind a foreground."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms
from scipy import ndimage

from paddleseg_u2net.io.images import ImageError
from paddleseg_u2net.removal import (
    TRANSPARENT,
    Blur,
    Crop,
    Options,
    Plain,
    Scene,
    parse_background,
    picture_background,
)
from paddleseg_u2net.removal.composing import composed, over
from paddleseg_u2net.removal.crop import frame
from paddleseg_u2net.render import cutout
from tests.io.formats import swapped_profile
from tests.io.image_making import noise


def disc(size=(64, 96), radius=20, soft=6.0):
    """The opacity of a disc with a soft edge."""
    y, x = np.mgrid[: size[0], : size[1]]
    far = np.hypot(y - size[0] / 2, x - size[1] / 2)
    return np.rint(np.clip((radius - far) / soft + 0.5, 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("transparent", TRANSPARENT),
        ("#ff000000", TRANSPARENT),
        ("white", Plain((255, 255, 255, 255))),
        (" RebeccaPurple ", Plain((102, 51, 153, 255))),
        ("#f80", Plain((255, 136, 0, 255))),
        ("#12345678", Plain((18, 52, 86, 120))),
        ("blur", Blur(2, "%")),
        ("blur:12", Blur(12, "px")),
        ("blur:1.5%", Blur(1.5, "%")),
    ],
)
def test_texts(text, expected):
    found = parse_background(text)
    assert found == expected and hash(found) == hash(expected)
    assert parse_background(str(found)) == found


@pytest.mark.parametrize("text", ["whit", "#12345", "blur:x", "blur:0", "blur:101%", "", "#"])
def test_a_wrong_text_says_what_is_allowed(text):
    with pytest.raises(ValueError, match="background: expected"):
        parse_background(text)


def test_a_picture_is_read_only_where_that_is_allowed(tmp_path):
    path = tmp_path / "beach.png"
    Image.fromarray(noise(5, 7, 3)).save(path)
    found = parse_background(str(path))
    assert isinstance(found, Scene) and found.opaque and str(found) == str(path)
    np.testing.assert_array_equal(picture_background(path.read_bytes()).picture, found.picture)
    with pytest.raises(ValueError, match="expected transparent, a colour") as caught:
        parse_background(str(path), may_read_files=False)
    assert "path" not in str(caught.value)


def test_a_broken_picture_is_named(tmp_path):
    path = tmp_path / "beach.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    for text in (str(path), str(tmp_path / "none.jpg")):
        with pytest.raises(ImageError, match=text):
            parse_background(text)
    with pytest.raises(ImageError, match="bg_image_file: expected"):
        picture_background(b"%PDF-1.4", "bg_image_file")


@pytest.mark.parametrize("channels", [3, 4])
def test_composing_is_that_of_pillow(channels):
    front, behind = noise(50, 70, 4), noise(50, 70, 4, seed=1)
    front[:20, :, 3], front[20:30, :, 3] = 0, 255
    if channels == 3:
        behind[..., 3] = 255
    expected = np.asarray(Image.alpha_composite(Image.fromarray(behind), Image.fromarray(front)))
    found = over(front, behind[..., :channels]).astype(int)
    seen = expected[..., 3] > 0
    # Pillow itself rounds opacity before it divides, so faint pixels are compared in float64 below.
    clear = expected[..., 3] >= 128
    assert np.abs(found - expected[..., :channels])[clear].max() <= 1
    a, b = front[..., 3:] / 255, behind[..., 3:] / 255 * (1 - front[..., 3:] / 255)
    exact = (front[..., :3] * a + behind[..., :3] * b) / np.maximum(a + b, 1e-9)
    assert np.abs(found[..., :3] - exact)[seen].max() <= 0.501


def test_every_mixture_is_rounded_to_the_nearest():
    front = np.zeros((256, 256, 4), np.uint8)
    front[..., :3], front[..., 3] = np.arange(256)[:, None, None], np.arange(256)
    for value in (0, 1, 100, 254, 255):
        share = front[..., 3:] / 255
        exact = front[..., :3] * share + value * (1 - share)
        assert np.abs(over(front, np.full((1, 1, 3), value, np.uint8)) - exact).max() < 0.5


def test_composing_of_16_bits_is_exact_to_its_digit():
    front, behind = noise(50, 70, 4, dtype=np.uint16), noise(50, 70, 3, dtype=np.uint16, seed=1)
    share = front[..., 3:] / 65535
    exact = front[..., :3] * share + behind * (1 - share)
    assert np.abs(over(front, behind) - exact).max() <= 0.51


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_colour_behind_the_foregrounds_own_colours(dtype):
    picture, alpha = noise(64, 96, 3, dtype=dtype), disc()
    front = cutout(picture, alpha)
    found = composed(picture, alpha, Options(background=Plain((10, 200, 30, 255))))
    assert found.shape == (64, 96, 3) and found.dtype == dtype
    most = np.iinfo(dtype).max
    share = alpha[..., None] / 255
    exact = front[..., :3] * share + np.array([10, 200, 30]) / 255 * most * (1 - share)
    assert np.abs(found - exact).max() <= 0.51
    half = composed(picture, alpha, Options(background=Plain((10, 200, 30, 100))))
    assert half[0, 0].tolist() == [round(v / 255 * most) for v in (10, 200, 30, 100)]
    assert half[32, 48].tolist() == [*picture[32, 48], most]


def test_a_picture_covers_all_in_the_middle():
    scene = np.zeros((40, 100, 3), np.uint8)
    scene[:, 20:80] = (9, 80, 70)  # all that a square shows is in there
    nothing = np.zeros((64, 64), np.uint8)
    found = composed(noise(64, 64, 3), nothing, Options(background=Scene(scene)))
    assert (found == (9, 80, 70)).all()
    same = noise(64, 96, 3, seed=3)
    found = composed(
        noise(64, 96, 3), np.zeros((64, 96), np.uint8), Options(background=Scene(same))
    )
    np.testing.assert_array_equal(found, same)


def test_a_picture_covers_what_is_left_by_a_crop():
    scene = noise(20, 20, 3)
    alpha = np.zeros((64, 96), np.uint8)
    alpha[30:40, 30:40] = 255
    found = composed(noise(64, 96, 3), alpha, Options(background=Scene(scene), crop=Crop(5)))
    expected = scene.copy()
    expected[5:15, 5:15] = found[5:15, 5:15]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("radius", "error"), [(1.0, 0.51), (9.0, 0.51), (25.0, 2.5)])
def test_where_nothing_is_found_the_blur_is_a_gaussian(radius, error):
    y, x = np.mgrid[:120, :160]
    smooth = 127 + 60 * np.sin(x / 9.0) + 60 * np.cos(y / 14.0 + x / 50)
    picture = np.dstack([smooth, smooth[::-1], 255 - smooth]).astype(np.uint8)
    found = composed(
        picture, np.zeros((120, 160), np.uint8), Options(background=Blur(radius, "px"))
    )
    expected = ndimage.gaussian_filter(picture.astype(float), (radius, radius, 0), mode="nearest")
    # A wide one is worked on at a smaller size, where the edge is that of means.
    assert np.abs(found - expected).max() <= error


@pytest.mark.parametrize("radius", [2.0, 12.0, 60.0])
def test_nothing_of_the_object_is_in_the_blur(radius):
    alpha = disc()
    share = alpha[..., None] / 255
    red, blue = np.array([250, 20, 10]), np.array([20, 60, 200])
    picture = np.rint(red * share + blue * (1 - share)).astype(np.uint8)
    options = Options(background=Blur(radius, "px"))
    behind = options.background.behind(frame(alpha, None, None), picture, alpha)
    assert np.abs(behind.astype(int) - blue).max() <= 3
    # The same foreground on the same background: the picture again.
    assert np.abs(composed(picture, alpha, options).astype(int) - picture).max() <= 3


def test_a_foreground_everywhere_hides_the_blur():
    picture = noise(20, 30, 3)
    found = composed(picture, np.full((20, 30), 255, np.uint8), Options(background=Blur()))
    np.testing.assert_array_equal(found, picture)


def test_wrong_options_are_named():
    for options in ({"background": "white"}, {"crop": 5}, {"size": (0, 3)}, {"size": 3}):
        with pytest.raises(ValueError, match=f"{next(iter(options))}: expected"):
            Options(**options)


def test_backgrounds_look_the_same_whatever_the_profile(tmp_path):
    profile, nothing = swapped_profile(), np.zeros((12, 20), np.uint8)
    picture, scene = noise(12, 20, 3), noise(12, 20, 4)
    scene[..., 3] = 200
    Image.fromarray(scene).save(tmp_path / "a.png")
    Image.fromarray(scene[..., [2, 1, 0, 3]]).save(tmp_path / "b.png", icc_profile=profile)
    plain = Options(background=parse_background("#ff8020"))
    found = composed(picture, nothing, plain, profile)
    assert np.abs(found.astype(int) - (0x20, 0x80, 0xFF)).max() <= 1
    assert (composed(picture, nothing, plain)[0, 0] == (0xFF, 0x80, 0x20)).all()
    for name in ("a.png", "b.png"):
        options = Options(background=parse_background(str(tmp_path / name)))
        for _ in range(2):
            found = composed(picture, nothing, options, profile).astype(int)
            assert np.abs(found - scene[..., [2, 1, 0, 3]]).max() <= 2
            found = composed(picture, nothing, options).astype(int)
            assert np.abs(found - scene).max() <= 2
    white = Options(background=Plain((255, 255, 255, 255)))
    assert (composed(picture, nothing, white, profile) == 255).all()


def test_any_profile_of_srgb_leaves_colours_alone():
    own = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    colour = Plain((18, 52, 87, 255))
    assert colour.in_profile(own) == colour == colour.in_profile(b"no profile")
    scene = Scene(noise(3, 4, 3))
    np.testing.assert_array_equal(scene.in_profile(own).picture, scene.picture)
