"""Pairs read from files of every kind: aligned, checked, and augmented the same every time."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.datasets import MaskError, PairDataset, PairingError
from paddleseg_u2net.datasets.augment import RandomCrop

ORIENTATION = 0x0112


def picture(path, array, orientation=None, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    if mode:
        image = image.convert(mode)
    exif = Image.Exif()
    if orientation:
        exif[ORIENTATION] = orientation
    image.save(path, **({"exif": exif} if orientation else {}))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def pair(root, image, mask, name="a", suffix="png", **how):
    picture(root / "images" / f"{name}.{suffix}", image, **how)
    picture(root / "masks" / f"{name}.png", mask, how.get("orientation"))


def dataset(root, mode="train", **arguments):
    return PairDataset(mode, dataset_root=str(root), images="images", masks="masks", **arguments)


@pytest.mark.parametrize("given", [{}, {"images": "images"}, {"masks": "masks"}])
def test_too_little_to_find_pairs_is_an_error(tmp_path, given):
    with pytest.raises(PairingError, match="val_dataset: expected name, or val_path .* or both"):
        PairDataset("val", dataset_root=str(tmp_path), **given)


def test_a_missing_known_data_set_says_how_to_get_it(tmp_path):
    with pytest.raises(PairingError, match=r"nowhere: .*train_dataset\.dataset_root") as caught:
        PairDataset("train", name="duts", dataset_root=str(tmp_path / "nowhere"))
    message = str(caught.value)
    assert "`python benchmark_data_prepare/prepare.py duts` fetches and prepares it" in message
    assert "--archive FILES" in message and "--source FOLDER" in message


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"mode": "training"}, "mode: expected train, val or test, got 'training'"),
        ({"img_channels": 2}, "img_channels: expected 1, 3 or 4, got 2"),
        ({"mismatched_masks": "crop"}, "mismatched_masks: expected error or resize, got 'crop'"),
        ({"val_share": 1.0}, "val_share: expected a share between 0 and 1, got 1.0"),
        ({"mask_values": "soft", "num_classes": 2}, "mask_values: expected auto, index, binary"),
        ({"mask_values": {0: 0, 38: 7}, "num_classes": 2}, "mask_values.*7"),
    ],
)
def test_arguments_that_cannot_be_are_errors(tmp_path, arguments, match):
    pair(tmp_path, noise(4, 5, 3), np.eye(4, 5, dtype=np.uint8))
    with pytest.raises(ValueError, match=match):
        dataset(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("values", "num_classes", "coding"),
    [([0, 1], 1, "index"), ([0, 255], 1, "binary"), ([0, 99, 255], 1, "soft"),
     ([0, 1, 2], 3, "index")],
)  # fmt: skip
def test_the_coding_is_recognised_over_all_masks_and_told(tmp_path, values, num_classes, coding):
    for value in values:  # one value a mask: no mask alone would tell
        pair(tmp_path, noise(4, 5, 3), np.full((4, 5), value, np.uint8), str(value))
    found = dataset(tmp_path, num_classes=num_classes)
    assert found.mask_encoding == coding
    line = f"train: {len(values)} pairs, masks read as {coding} (key mask_values)"
    assert found.describe() == line


def test_every_mask_is_checked_when_it_is_read(tmp_path):
    for number in range(130):  # every second one of the first 128 is looked at
        mask = np.eye(4, 5, dtype=np.uint8) * (7 if number == 129 else 1)
        pair(tmp_path, noise(4, 5, 3), mask, f"{number:03}")
    found = dataset(tmp_path)
    assert found.mask_encoding == "index"
    found.read(128)
    with pytest.raises(MaskError, match=r"129\.png: .*got also 7 in 4 pixels"):
        found.read(129)


def test_a_mask_of_another_size_is_an_error(tmp_path):
    pair(tmp_path, noise(4, 6, 3), np.eye(8, 12, dtype=np.uint8))
    for mode in ("train", "val"):
        with pytest.raises(MaskError) as caught:
            dataset(tmp_path, mode).read(0)
        message = str(caught.value)
        assert "masks/a.png" in message and "images/a.png" in message
        assert "6x4" in message and "12x8" in message
        assert f"{mode}_dataset.mismatched_masks: resize" in message


@pytest.mark.parametrize("num_classes", [1, 3])
@pytest.mark.parametrize("scale", [2, 3])
def test_a_smaller_hard_mask_is_fitted_by_repeating_its_pixels(tmp_path, num_classes, scale):
    small = np.random.default_rng(0).integers(0, 2, (4, 5)).astype(np.uint8)
    pair(tmp_path, noise(4 * scale, 5 * scale, 3), small)
    found = dataset(
        tmp_path, mismatched_masks="resize", num_classes=num_classes, mask_values="index"
    )
    _, label = found.read(0)
    np.testing.assert_array_equal(label, small.repeat(scale, 0).repeat(scale, 1))
    assert label.dtype == (np.float32 if num_classes == 1 else np.uint8)


def test_a_soft_mask_is_fitted_linearly(tmp_path):
    small = np.array([[0, 255], [100, 200]], np.uint8)
    pair(tmp_path, noise(4, 4, 3), small)
    _, label = dataset(tmp_path, mismatched_masks="resize", mask_values="soft").read(0)
    # Half-pixel centres: weights 1, 3/4, 1/4, 0 along each axis.
    weights = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(label, weights @ (small / 255) @ weights.T, atol=1e-6)


@pytest.mark.parametrize(("orientation", "suffix"), [(3, "png"), (6, "jpg"), (7, "png")])
def test_orientation_tags_keep_pairs_aligned(tmp_path, orientation, suffix):
    mask = np.zeros((16, 24), np.uint8)
    mask[:8, 8:16] = 1  # whole JPEG blocks, without symmetry
    image = np.dstack([mask * 200] * 3)
    pair(tmp_path, image, mask, suffix=suffix, orientation=orientation)
    found, label = dataset(tmp_path).read(0)
    assert found.shape[:2] == ((24, 16) if orientation >= 5 else (16, 24))
    np.testing.assert_array_equal(found[..., 0] > 100, label == 1)


def transforms(*items):
    from paddleseg.cvlibs import SegBuilder

    from paddleseg_u2net import components  # noqa: F401

    return [SegBuilder(None).build_component(item) for item in items]


@pytest.fixture
def aligned(tmp_path):
    """A pair whose image shows its mask: the first channel is 200 where the mask is 1."""
    mask = (noise(12, 16) > 127).astype(np.uint8)
    pair(tmp_path, np.dstack([mask * 200, noise(12, 16), noise(12, 16, seed=1)]), mask)
    return tmp_path


def test_the_same_seed_gives_the_same_result(aligned):
    chain = transforms(
        {"type": "RandomCrop", "crop_size": [7, 5]},
        {"type": "RandomHorizontalFlip"},
        {"type": "RandomDistort"},
    )
    found = dataset(aligned, transforms=chain)
    first = found.augmented(0, (3, 1, 4))
    random.random()
    np.random.seed(0)
    found.augmented(0, (1, 5, 9))
    again = found.augmented(0, (3, 1, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


@pytest.mark.parametrize(
    "item",
    [
        {"type": "RandomCrop", "crop_size": [7, 5]},
        {"type": "RandomHorizontalFlip", "prob": 1.0},
        {"type": "RandomVerticalFlip", "prob": 1.0},
        {"type": "Resize", "target_size": [32, 24], "interp": "NEAREST"},
    ],
)
def test_image_and_mask_are_moved_alike(aligned, item):
    found = dataset(aligned, transforms=transforms(item))
    for seed in range(8):
        image, label = found.augmented(0, (seed,))
        assert image.dtype == np.uint8 and label.dtype == np.float32
        assert image.shape == (*label.shape, 3)
        np.testing.assert_array_equal(image[..., 0] == 200, label == 1)


def crop(size, height, width, **more):
    grid = np.arange(height * width).reshape(height, width)
    data = {"img": np.dstack([grid] * 3), "label": grid, "gt_fields": ["label"], **more}
    return RandomCrop(size)(data)


def test_random_crops_reach_every_position_and_no_other():
    random.seed(0)
    corners = set()
    for _ in range(300):
        data = crop((3, 2), 4, 5)
        assert data["img"].shape == (2, 3, 3)
        np.testing.assert_array_equal(data["img"][..., 0], data["label"])
        top, left = divmod(int(data["label"][0, 0]), 5)
        expected = np.arange(20).reshape(4, 5)[top : top + 2, left : left + 3]
        np.testing.assert_array_equal(data["label"], expected)
        corners.add((top, left))
    assert corners == {(top, left) for top in range(3) for left in range(3)}


def test_black_masks_do_not_decide_how_the_others_are_read(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(130):
        Image.new("RGB", (4, 3)).save(tmp_path / "images" / f"{number:03}.png")
        value = 255 if number == 125 else 0
        Image.new("L", (4, 3), value).save(tmp_path / "masks" / f"{number:03}.png")
    dataset = PairDataset("val", dataset_root=str(tmp_path), images="images", masks="masks")
    assert dataset.mask_encoding == "binary"
    assert (dataset.read(125)[1] == 1).all()


def test_class_names_are_kept_and_counted(tmp_path):
    pair(tmp_path, noise(4, 5, 3), np.eye(4, 5, dtype=np.uint8))
    assert dataset(tmp_path, class_names=["background", "cat"]).classes == ("background", "cat")
    with pytest.raises(PairingError, match="class_names: expected 2 names.*got .'cat'"):
        dataset(tmp_path, class_names=["cat"])
