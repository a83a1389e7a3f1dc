"""Transforms that PaddleSeg has wrong, against what they say, and PaddleSeg's where it is right."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from paddleseg_u2net.datasets.mended import (
    CategoryPaddingCrop,
    CentrePaddingResize,
    ProbableBlur,
    RandomResizeByShort,
    ShiftingAffine,
)


def seed(number):
    random.seed(number)
    np.random.seed(number)


def pair(height=20, width=30, channels=3):
    """Each pixel of the image is its place, each of the mask the class of that place."""
    place = np.arange(height * width).reshape(height, width)
    image = np.stack([place % 251, place // 251, place % 7], axis=-1)[..., :channels]
    label = (place % 3).astype(np.uint8)
    return {"img": image.astype(np.uint8), "label": label, "gt_fields": ["label"], "trans_info": []}


def test_image_and_mask_are_cut_at_the_same_place():
    data = pair()
    whole = data["img"].astype(int)
    seen = set()
    for number in range(200):
        seed(number)
        cut = CategoryPaddingCrop((29, 18), category_max_ratio=0.75)(dict(data))
        assert cut["img"].shape == (18, 29, 3) and cut["label"].shape == (18, 29)
        place = cut["img"][..., 0] + 251 * cut["img"][..., 1].astype(int)
        np.testing.assert_array_equal(place % 3, cut["label"])
        seen.add(int(place[0, 0]))
    assert seen == {top * 30 + left for top in range(3) for left in range(2)}
    assert whole.max() > 0


def test_windows_of_one_class_are_drawn_again():
    label = np.zeros((40, 40), np.uint8)
    label[:, 30:] = 1
    label[:10] = 255
    data = {"img": np.zeros((40, 40, 3), np.uint8), "label": label, "gt_fields": ["label"]}
    crop = CategoryPaddingCrop((16, 16), category_max_ratio=0.75, loop_times=200)
    for number in range(50):
        seed(number)
        cut = crop(dict(data))["label"]
        counts = np.bincount(cut[cut != 255], minlength=2)
        assert counts.min() > 0 and counts.max() / counts.sum() < 0.75


def test_the_last_window_is_taken_where_none_is_mixed():
    data = pair()
    data["label"][:] = 1
    cut = CategoryPaddingCrop((8, 8), category_max_ratio=0.5)(data)
    assert cut["img"].shape == (8, 8, 3) and cut["label"].shape == (8, 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_too_small_is_padded(channels):
    data = pair(6, 9, channels)
    cut = CategoryPaddingCrop((12, 10), im_padding_value=7, label_padding_value=254)(dict(data))
    assert cut["img"].shape == (10, 12, channels)
    np.testing.assert_array_equal(cut["img"][:6, :9], data["img"])
    assert (cut["img"][6:] == 7).all() and (cut["img"][:, 9:] == 7).all()
    assert (cut["label"][6:] == 254).all() and (cut["label"][:, 9:] == 254).all()


def test_without_a_ratio_it_is_paddlesegs_crop():
    from paddleseg.transforms import RandomPaddingCrop

    for number in range(20):
        seed(number)
        found = CategoryPaddingCrop((12, 17))(pair())
        seed(number)
        expected = RandomPaddingCrop((12, 17))(pair())
        for key in ("img", "label"):
            np.testing.assert_array_equal(found[key], expected[key])


@pytest.mark.parametrize("arguments", [{"category_max_ratio": 0}, {"loop_times": 0}])
def test_crops_that_never_end_are_refused(arguments):
    with pytest.raises(ValueError, match="category_max_ratio above 0"):
        CategoryPaddingCrop(**arguments)


def test_short_sides_are_drawn_for_each_image():
    resize = RandomResizeByShort([10, 16, 40], max_size=45)
    sizes = set()
    for number in range(60):
        seed(number)
        data = resize(pair())
        assert data["img"].shape[:2] == data["label"].shape
        assert data["trans_info"] == [("resize", (20, 30))]
        sizes.add(data["img"].shape[:2])
    assert sizes == {(10, 15), (16, 24), (30, 45)}
    assert RandomResizeByShort(10)(pair())["img"].shape == (10, 15, 3)
    with pytest.raises(ValueError, match="numbers of 1 or more"):
        RandomResizeByShort([])


def test_of_one_size_it_is_paddlesegs_resize():
    from paddleseg.transforms import ResizeByShort

    found, expected = RandomResizeByShort(13)(pair()), ResizeByShort(13)(pair())
    for key in ("img", "label"):
        np.testing.assert_array_equal(found[key], expected[key])


@pytest.mark.parametrize(("height", "width"), [(9, 20), (21, 8), (7, 7)])
def test_masks_keep_their_classes_in_a_square(height, width):
    from paddleseg.transforms import ScalePadding

    data = pair(height, width)
    data["label"] = np.where(data["label"] > 1, 200, 3 * data["label"]).astype(np.uint8)
    found = CentrePaddingResize((33, 26))(dict(data))
    expected = ScalePadding((33, 26))(dict(data))
    np.testing.assert_array_equal(found["img"], expected["img"])
    assert set(np.unique(expected["label"])) - {0, 3, 200, 255}  # PaddleSeg's has other classes
    assert set(np.unique(found["label"])) <= {0, 3, 200, 255}
    side = max(height, width)
    square = np.full((side, side), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = data["label"]
    nearest = cv2.resize(square, (33, 26), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(found["label"], nearest)


def test_images_are_blurred_as_often_as_asked():
    rough = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)

    def share(prob):
        blurred = 0
        for number in range(400):
            seed(number)
            out = ProbableBlur(prob, "random")({"img": rough.copy()})["img"]
            assert out.shape == rough.shape and out.dtype == np.uint8
            blurred += not np.array_equal(out, rough)
        return blurred / 400

    assert share(0) == 0 and share(1) == 1
    assert abs(share(0.7) - 0.7) < 0.07  # three standard deviations; PaddleSeg's is 1


@pytest.mark.parametrize(
    ("kind", "blur"),
    [
        ("gaussian", lambda image, side: cv2.GaussianBlur(image, (side, side), 0)),
        ("median", cv2.medianBlur),
        ("blur", lambda image, side: cv2.blur(image, (side, side))),
    ],
)
def test_the_kinds_of_blur(kind, blur):
    rough = np.random.default_rng(0).integers(0, 256, (12, 12, 1)).astype(np.uint8)
    known = [blur(rough[..., 0], side) for side in (3, 5, 7, 9)]
    for number in range(12):
        seed(number)
        out = ProbableBlur(1, kind)({"img": rough.copy()})["img"]
        assert any(np.array_equal(out[..., 0], one) for one in known)


def spot(height=41, width=61):
    """A black image with a white square in its middle, and the mask of that."""
    data = {"img": np.zeros((height, width, 3), np.uint8), "label": np.zeros((height, width))}
    middle = slice(height // 2 - 4, height // 2 + 5), slice(width // 2 - 4, width // 2 + 5)
    data["img"][middle], data["label"][middle] = 255, 0.5
    return {**data, "gt_fields": ["label"]}


def centre_of(mask):
    return np.array([axis.mean() for axis in np.nonzero(mask)][::-1])


def test_images_and_masks_are_shifted_as_far_as_asked():
    still = {"max_rotation": 0, "min_scale_factor": 1, "max_scale_factor": 1}
    found = ShiftingAffine((61, 41), **still, im_padding_value=0, label_padding_value=0)(spot())
    for key, value in spot().items():
        np.testing.assert_array_equal(found[key], value)
    shift = ShiftingAffine((61, 41), 10, **still, im_padding_value=0, label_padding_value=0)
    moved = []
    for number in range(60):
        seed(number)
        data = shift(spot())
        at = centre_of(data["label"])
        # soft masks stay soft, and go where the image goes
        assert set(np.unique(data["label"])) == {0, 0.5}
        np.testing.assert_allclose(centre_of(data["img"][..., 0] > 127), at, atol=0.6)
        moved.append(at - [30, 20])
    assert np.abs(moved).max() <= 10.5 and (np.abs(moved).max(0) > 8).all()


def test_images_are_turned_around_their_centre_and_fitted():
    for number in range(20):
        seed(number)
        data = ShiftingAffine((122, 82), label_padding_value=0, max_rotation=90)(spot())
        assert data["img"].shape == (82, 122, 3) and data["label"].shape == (82, 122)
        np.testing.assert_allclose(centre_of(data["label"]), [60.5, 40.5], atol=1)
        area = (data["label"] > 0).sum() / 81  # of the square's; sides are twice 0.75 to 1.25
        assert 1.9 < area < 6.9
