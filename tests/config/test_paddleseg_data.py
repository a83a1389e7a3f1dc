"""PaddleSeg's data set classes: the files that they find are those that this project finds."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
from paddleseg import datasets as stock
from paddleseg.cvlibs import SegBuilder

from paddleseg_u2net.config import Config
from paddleseg_u2net.config.paddleseg import translate
from paddleseg_u2net.config.paddleseg.data import CLASSES, REFUSED, is_class
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.pair_dataset import _seed


def draw(root: Path, image: str, mask: str, values=(0, 1)) -> str:
    """An image file and its mask file; the names, as a line of a list."""
    for name, array in (
        (image, np.zeros((4, 6, 3), np.uint8)),
        (mask, np.resize(np.array(values, np.uint8), (4, 6))),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(root / name)
    return f"{image} {mask}"


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def draw_lists(root: Path, lists: str, separator: str = " ") -> None:
    for mode in ("train", "val", "test"):
        lines = [draw(root, f"images/{mode}{n}.jpg", f"masks/{mode}{n}.png") for n in range(3)]
        write(root / lists.format(mode), *(line.replace(" ", separator) for line in lines))


def draw_city(root: Path) -> None:
    for mode in ("train", "val", "test"):
        for name in ("ulm/ulm_000", "ulm/ulm_001", "jena/jena_000"):
            image = f"leftImg8bit/{mode}/{name}_leftImg8bit.png"
            draw(root, image, f"gtFine/{mode}/{name}_gtFine_labelTrainIds.png", (0, 18, 255))
            draw(root, image, f"gtFine/{mode}/{name}_gtFine_labelIds.png")


def draw_folders(root: Path, modes: dict, images: str, masks: str, values) -> None:
    for folder in modes.values():
        for n in range(3):
            draw(root, f"{images}/{folder}/{n}.jpg", f"{masks}/{folder}/{n}.png", values)


def draw_voc(root: Path) -> None:
    lists = root / "VOC2012/ImageSets/Segmentation"
    names = {"train": ["a", "b"], "val": ["c"], "trainval": ["a", "b", "c"], "aug": ["d", "e"]}
    for list_name, found in names.items():
        write(lists / f"{list_name}.txt", *found)
        folder = "SegmentationClassAug" if list_name == "aug" else "SegmentationClass"
        for name in found:
            image = f"VOC2012/JPEGImages/{name}.jpg"
            draw(root, image, f"VOC2012/{folder}/{name}.png", (0, 20, 255))


def draw_context(root: Path) -> None:
    names = {"train": ["a", "b"], "val": ["c"], "trainval": ["a", "b", "c"]}
    for mode, found in names.items():
        write(root / f"ImageSets/Segmentation/{mode}_context.txt", *found)
        for name in found:
            draw(root, f"JPEGImages/{name}.jpg", f"Context/{name}.png", (0, 59))


ADE = {"train": "training", "val": "validation"}
COCO = {"train": "train2017", "val": "val2017"}
DRAWN = {
    "OpticDiscSeg": lambda root: draw_lists(root, "{}_list.txt"),
    "PPHumanSeg14K": lambda root: draw_lists(root, "{}.txt"),
    "MiniDeepGlobeRoadExtraction": lambda root: draw_lists(root, "{}.txt", "|"),
    "CHASEDB1": lambda root: draw_lists(root, "{}_list.txt"),
    "DRIVE": lambda root: draw_lists(root, "{}_list.txt"),
    "HRF": lambda root: draw_lists(root, "{}_list.txt"),
    "STARE": lambda root: draw_lists(root, "{}_list.txt"),
    "Cityscapes": draw_city,
    "ADE20K": lambda root: draw_folders(root, ADE, "images", "annotations", (0, 1, 150)),
    "CocoStuff": lambda root: draw_folders(root, COCO, "images", "annotations", (0, 170, 255)),
    "PascalVOC": draw_voc,
    "PascalContext": draw_context,
}
MODES = [(name, mode) for name, row in CLASSES.items() for mode in row.modes]


def pairs_of(kind, root, mode, part="train"):
    block = {"type": kind, "dataset_root": str(root), "mode": mode, "transforms": []}
    tree = translate({f"{part}_dataset": block, "model": {"type": "Any"}})
    arguments = {k: v for k, v in tree[f"{part}_dataset"].items() if k != "type"}
    return tree, PairDataset(part, **{**arguments, "transforms": []})


@pytest.mark.parametrize(("kind", "mode"), MODES, ids=str)
def test_each_class_has_the_pairs_that_paddleseg_finds(tmp_path, kind, mode):
    DRAWN[kind](tmp_path)
    expected = getattr(stock, kind)(dataset_root=str(tmp_path), transforms=[], mode=mode)
    for part in ("train", "val"):
        tree, found = pairs_of(kind, tmp_path, mode, part)
        pairs = [(str(pair.image), str(pair.mask)) for pair in found.pairs]
        assert sorted(pairs) == sorted(map(tuple, expected.file_list))
        assert len(pairs) == len(expected) > 0
        assert found.num_classes == tree["model"]["num_classes"] == expected.num_classes
        assert found.ignore_index == expected.ignore_index


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if CLASSES[kind].num_classes > 2])
def test_masks_mean_what_they_mean_in_paddleseg(tmp_path, kind):
    DRAWN[kind](tmp_path)
    expected = getattr(stock, kind)(dataset_root=str(tmp_path), transforms=[], mode="train")
    _, found = pairs_of(kind, tmp_path, "train")
    labels = {Path(expected.file_list[n][0]).name: expected[n]["label"] for n in range(2)}
    for index, pair in enumerate(found.pairs):
        if pair.image.name in labels:
            np.testing.assert_array_equal(found.read(index)[1], labels[pair.image.name])


def test_every_class_of_paddleseg_has_its_answer():
    classes = {name for name, kind in vars(stock).items() if isinstance(kind, type)}
    assert classes <= {"Dataset", *CLASSES, *REFUSED}
    assert all(map(is_class, ("Dataset", *CLASSES, *REFUSED)))
    assert not is_class("PairDataset") and not is_class(None)


def dataset(root, **changes):
    block = {
        "type": "Dataset",
        "dataset_root": str(root),
        "train_path": str(root / "lists/train.txt"),
        "num_classes": 2,
        "mode": "train",
        "transforms": [],
        **changes,
    }
    return {key: value for key, value in block.items() if value is not None}


def read(block):
    tree = translate({"train_dataset": block})["train_dataset"]
    return PairDataset("train", **{key: value for key, value in tree.items() if key != "type"})


@pytest.mark.parametrize("separator", [None, " ", ",", "|"])
def test_lists_of_the_plain_class(tmp_path, separator):
    draw_lists(tmp_path, "lists/{}.txt", separator or " ")
    found = read(dataset(tmp_path, separator=separator))
    assert len(found) == 3 and found.num_classes == 2 and found.mask_encoding == "index"


@pytest.mark.parametrize("before", ["data/set/lists", "/nowhere/set/lists", "lists"])
def test_a_list_is_found_where_the_data_went(tmp_path, monkeypatch, before):
    draw_lists(tmp_path, "lists/{}.txt")
    monkeypatch.chdir(tmp_path.parent)
    assert len(read(dataset(tmp_path, train_path=f"{before}/train.txt"))) == 3


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"type": "OpticDiscSeg", "dataset_root": "gone"}, "prepare.py optic_disc_seg` fetches"),
        (
            {"type": "Dataset", "dataset_root": "data/optic_disc_seg", "train_path": "a",
             "num_classes": 2},
            "data/optic_disc_seg is not there; `python .*prepare.py optic_disc_seg` fetches",
        ),
        ({"type": "DRIVE", "dataset_root": "gone"}, "PaddleSeg would fetch http.*drive.zip: unpa"),
        ({"type": "ADE20K", "dataset_root": "gone"}, "0 in a mask is ignored, n is class n - 1"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_there_is_told_where_it_is(block, says, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    translate({"train_dataset": {**block, "transforms": []}})
    assert re.search(says, caplog.text)


def test_masks_of_0_and_255_are_black_and_white(tmp_path):
    # PaddleSeg ignores 255, and would learn nothing but background
    line = draw(tmp_path, "a.jpg", "a.png", (0, 255))
    write(tmp_path / "lists/train.txt", line)
    found = read(dataset(tmp_path))
    assert found.mask_encoding == "binary" and set(np.unique(found.read(0)[1])) == {0, 1}
    write(tmp_path / "lists/train.txt", line, draw(tmp_path, "b.jpg", "b.png", (0, 1, 255)))
    assert read(dataset(tmp_path)).mask_encoding == "index"


TRAINED = [
    {"type": "ResizeStepScaling", "min_scale_factor": 0.5, "max_scale_factor": 2.0},
    {"type": "RandomPaddingCrop", "crop_size": [24, 20]},
    {"type": "RandomHorizontalFlip"},
    {"type": "RandomVerticalFlip", "prob": 0.5},
    {"type": "RandomRotation", "max_rotation": 30},
]


def test_a_training_sample_is_paddlesegs(tmp_path):
    """From the same random numbers, but that it is rounded to 8 bits before it is normalised."""
    noise = np.random.default_rng(0).integers(0, 256, (18, 30, 3)).astype(np.uint8)
    label = np.random.default_rng(1).integers(0, 3, (18, 30)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    Image.fromarray(np.where(label == 2, 255, label).astype(np.uint8)).save(tmp_path / "b.png")
    write(tmp_path / "train.txt", "a.png b.png")
    data = {
        "type": "Dataset",
        "dataset_root": str(tmp_path),
        "train_path": str(tmp_path / "train.txt"),
        "num_classes": 2,
        "mode": "train",
        "transforms": [*TRAINED, {"type": "Normalize"}],
    }
    tree = {"train_dataset": data, "model": {"type": "U2NetP"}}
    config = Config(tree, training=False)
    ours, preprocess = config.dataset("train"), config.preprocess()
    theirs = SegBuilder(None).build_component(data)
    for number in range(12):
        image, found = ours.augmented(0, (number,))
        _seed((number,))
        expected = theirs[0]
        np.testing.assert_array_equal(found, expected["label"])
        inputs = preprocess(image, resize=False)
        # a rounding for each of the two that interpolate, in units of a grey level
        assert np.abs(inputs - expected["img"]).max() * 255 / 2 < 2.01
