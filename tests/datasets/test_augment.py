"""Transforms of PaddleSeg and others: nothing wrong reaches a loss, nothing of a pair the next."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
from paddleseg.transforms import transforms as paddlesegs

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.datasets import MaskError, PairDataset
from paddleseg_u2net.datasets.augment import TransformError
from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.training.loader import DataError, Schedule, train_loader

SIZES = [(20, 30), (60, 20), (24, 24), (16, 40), (50, 22), (18, 18)]


@pytest.fixture
def pairs(tmp_path):
    """Pairs of several sizes; masks of 0 and 1."""
    for number, shape in enumerate(SIZES):
        image = np.random.default_rng(number).integers(0, 256, (*shape, 3), np.uint8)
        for kind, array in (("images", image), ("masks", (image[..., 0] > 127).astype(np.uint8))):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / kind / f"{number}.png")
    return tmp_path


def dataset(pairs, *transforms, **arguments):
    folders = {"dataset_root": str(pairs), "images": "images", "masks": "masks"}
    return PairDataset("train", transforms=transforms, **folders, **arguments)


def config(tiny, pairs, *transforms, num_classes=1, ignore_index=255, **loss):
    data = {"type": "PairDataset", "dataset_root": str(pairs), "images": "images", "masks": "masks"}
    return Config(
        {
            **tiny,
            "model": {**tiny["model"], "num_classes": num_classes},
            "train_dataset": {**data, "mask_values": "index", "transforms": list(transforms)},
            "val_dataset": data,
            "loss": {"types": [{"type": "DeepSupervisionLoss", "ignore_index": ignore_index}]},
        }
    )


def refused(match, tiny, pairs, *transforms, **settings):
    with pytest.raises(ConfigError, match=match):
        config(tiny, pairs, *transforms, **settings)


PADDING = [
    {"type": "RandomPaddingCrop", "crop_size": [64, 64]},
    {"type": "Padding", "target_size": [64, 64]},
    {"type": "PaddingByAspectRatio", "aspect_ratio": 3},
    {"type": "RandomRotation", "max_rotation": 90},
    {"type": "RandomAffine", "size": [64, 64], "max_scale_factor": 0.8},
]


@pytest.mark.parametrize("item", PADDING, ids=lambda item: item["type"])
@pytest.mark.parametrize("num_classes", [1, 2])
@pytest.mark.parametrize("ignore_index", [200, 255, 0])
def test_masks_are_padded_with_what_the_loss_ignores(tiny, pairs, item, num_classes, ignore_index):
    found = config(tiny, pairs, item, num_classes=num_classes, ignore_index=ignore_index)
    found = found.dataset("train")
    _, label = found.augmented(2, (1,))
    whole = found.read(2)[1]
    assert set(np.unique(label)) == {0, 1, ignore_index}
    assert (label == ignore_index).sum() > (whole == ignore_index).sum()


@pytest.mark.parametrize(
    "more, match",
    [
        ({"label_padding_value": 255}, r"0\.label_padding_value: expected a class, 0 to 1, or the"),
        ({"label_padding_value": None}, r"0\.label_padding_value: expected a class"),
        ({"ignore_index": 255}, r"0\.ignore_index: the loss says 200, this says 255; delete it"),
    ],
)
def test_padding_that_disagrees_with_the_loss_is_refused(tiny, pairs, more, match):
    refused(match, tiny, pairs, {**PADDING[0], **more}, ignore_index=200)
    config(tiny, pairs, {**PADDING[0], "label_padding_value": 0}, ignore_index=200)


@pytest.mark.parametrize("value", [-100, 256, 1.5, True, None])
def test_an_ignored_label_that_masks_cannot_hold_is_refused(tiny, pairs, value):
    refused("ignore_index: expected a whole number", tiny, pairs, ignore_index=value)


def grow(data):
    data["label"] = data["label"] * 7
    return data


@pytest.mark.parametrize("num_classes", [1, 2])
@pytest.mark.parametrize(
    "transforms, value",
    [
        ([paddlesegs.RandomPaddingCrop((64, 64))], "255"),
        ([paddlesegs.RandomHorizontalFlip(), grow, paddlesegs.RandomVerticalFlip()], "7"),
    ],
)
def test_labels_that_no_class_has_are_refused(pairs, num_classes, transforms, value):
    found = dataset(
        pairs, *transforms, num_classes=num_classes, ignore_index=200, mask_values="index"
    )
    with pytest.raises(
        MaskError, match=rf"^transforms: made the labels {value}, expected 0 to 1 or ign"
    ):
        found.augmented(0, (0,))
    with pytest.raises(DataError, match=r"images/\d\.png: transforms: made the labels"):
        list(train_loader(found, Preprocess(), Schedule(6, 6, 0, 0, 1), 0))


def test_soft_masks_are_not_cut_to_whole_numbers(tmp_path, pairs):
    for mask in (pairs / "masks").iterdir():
        Image.fromarray(np.asarray(Image.open(mask)) * 100 + 60).save(mask)
    found = dataset(pairs, paddlesegs.RandomAffine(), mask_values="soft")
    with pytest.raises(TransformError, match="RandomAffine: makes whole numbers of the soft mask"):
        found.augmented(0, (0,))


@pytest.mark.parametrize(
    "item, match",
    [
        (
            {"type": "RandomPaddingCrop", "crop_size": [8, 8], "category_max_ratio": 0.99},
            "RandomPaddingCrop: .*category_max_ratio below 1",
        ),
        ({"type": "ScalePadding"}, "ScalePadding: it resizes masks with cubic interpolation"),
        (
            {"type": "GenerateInstanceTargets", "num_classes": 2},
            "GenerateInstanceTargets: .*of MaskFormer",
        ),
        ({"type": "ResizeByShort", "short_size": [20, 30]}, "ResizeByShort draws a random number"),
        ({"type": "Resize", "target_size": 5}, "Resize cannot be used like this"),
    ],
)
def test_transforms_that_would_spoil_a_run_are_refused(tiny, pairs, item, match):
    with pytest.raises(ConfigError, match=rf"train_dataset\.transforms\.0: {match}"):
        config(tiny, pairs, item)


@pytest.mark.parametrize("channels", [1, 4])
def test_distorted_colours_are_for_pictures_that_have_them(tiny, channels):
    tree = {**tiny, "model": {**tiny["model"], "in_channels": channels}}
    data = {**tiny["train_dataset"], "transforms": [{"type": "RandomDistort"}]}
    with pytest.raises(ConfigError, match=r"transforms\.0: RandomDistort is for RGB"):
        Config({**tree, "train_dataset": data})


class Locked:
    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, data):
        return data


class OwnGenerator:
    def __init__(self, generator):
        self.parts = {"draw": [generator]}

    def __call__(self, data):
        return data


@pytest.mark.parametrize(
    "transform, match",
    [
        (Locked(), "Locked: cannot be copied for each image"),
        (OwnGenerator(np.random.default_rng(0)), "OwnGenerator: it has a random generator"),
        (OwnGenerator(np.random.RandomState(0)), "OwnGenerator: it has a random generator"),
        (OwnGenerator(random.Random(0).choice), "OwnGenerator: it has a random generator"),
    ],
)
def test_transforms_that_cannot_start_anew_are_refused(pairs, transform, match):
    with pytest.raises(TransformError, match=match):
        dataset(pairs, transform)


class Counting:
    """Makes each image darker than the one before, in several ways of keeping a number."""

    def __init__(self):
        self.count, self.seen, self.array = 0, [], np.zeros(1, int)

    def __call__(self, data):
        self.count += 1
        self.seen.append(1)
        self.array += 1
        data["img"] = data["img"] // (self.count + len(self.seen) + int(self.array[0]))
        return data


STATEFUL = [paddlesegs.ResizeByShort(24, max_size=30), Counting()]


@pytest.mark.parametrize("transform", STATEFUL, ids=lambda item: type(item).__name__)
def test_what_came_before_does_not_change_an_image(pairs, transform):
    found = dataset(pairs, transform)
    alone = [dataset(pairs, transform).augmented(index, (0,)) for index in range(len(SIZES))]
    for index in (1, 3, 0, 2, 5, 4, 0):
        for ours, expected in zip(found.augmented(index, (0,)), alone[index]):
            np.testing.assert_array_equal(ours, expected)


def lost(data):
    return None


def grey(data):
    return {**data, "img": data["img"][..., 0]}


def cropped(data):
    return {**data, "img": data["img"][:4]}


def broken(data):
    return data["no such key"]


@pytest.mark.parametrize(
    "transform, match",
    [
        (lost, "lost: expected to get the dictionary back, got NoneType"),
        (grey, "grey: made 1 channels of an image of 3"),
        (cropped, r"cropped: made an image of shape \(4, 30, 3\) and a mask of \(20, 30\)"),
        (broken, "broken: KeyError: 'no such key'"),
        (paddlesegs.Resize((0, 5)), "Resize: "),
        (paddlesegs.Resize((None, 5)), "Resize: "),
        (paddlesegs.RandomHorizontalFlip(None), "RandomHorizontalFlip: TypeError"),
    ],
    ids=lambda item: getattr(item, "__name__", None),
)
def test_a_transform_that_fails_is_named(pairs, transform, match):
    found = dataset(pairs, transform)
    with pytest.raises(TransformError, match=match) as caught:
        found.augmented(0, (0,))
    assert "\n" not in str(caught.value)
