"""Data sets as PaddleSeg's builder and loader get them: as its own, or refused with the reason."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
from paddleseg.cvlibs import Config, SegBuilder
from paddleseg.datasets import Dataset

from paddleseg_u2net import components  # noqa: F401

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "RGB" / "U2Net"
TRAIN = [
    {"type": "ResizeStepScaling"},
    {"type": "RandomPaddingCrop", "crop_size": [20, 16]},
    {"type": "RandomHorizontalFlip"},
    {"type": "RandomDistort"},
    {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
]
VAL = [{"type": "Resize", "target_size": [12, 8]}, {"type": "Normalize"}]


@pytest.fixture
def pairs(tmp_path):
    for number in range(4):
        rng = np.random.default_rng(number)
        for kind, shape in (("images", (18, 24, 3)), ("masks", (18, 24))):
            (tmp_path / kind).mkdir(exist_ok=True)
            array = rng.integers(0, 256 if kind == "images" else 2, shape, np.uint8)
            Image.fromarray(array).save(tmp_path / kind / f"{number}.png")
    lines = [f"images/{number}.png masks/{number}.png\n" for number in range(4)]
    (tmp_path / "list.txt").write_text("".join(lines))
    return tmp_path


def builder(pairs, kind, num_classes=1, **more):
    """PaddleSeg's builder over its own configuration, with data sets of ``kind``."""
    data = {"type": kind, "dataset_root": str(pairs), "num_classes": num_classes, **more}
    listed = str(pairs / "list.txt")
    tree = {
        "batch_size": 2,
        "iters": 1,
        "train_dataset": {**data, "mode": "train", "train_path": listed, "transforms": TRAIN},
        "val_dataset": {**data, "mode": "val", "val_path": listed, "transforms": VAL},
        "model": {"type": "U2NetP", "num_classes": num_classes},
        "optimizer": {"type": "SGD"},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.1},
        "loss": {"types": [{"type": "DeepSupervisionLoss"}], "coef": [1] * 7},
    }
    (pairs / "c.yml").write_text(yaml.safe_dump(tree))
    return SegBuilder(Config(str(pairs / "c.yml")))


@pytest.mark.parametrize("num_classes", [1, 2])
@pytest.mark.parametrize("part", ["train_dataset", "val_dataset"])
def test_items_are_those_of_paddlesegs_own_data_set(pairs, part, num_classes):
    ours = getattr(builder(pairs, "PairDataset", num_classes, mask_values="index"), part)
    theirs = getattr(builder(pairs, "Dataset", num_classes), part)
    assert len(ours) == len(theirs) == 4 and isinstance(theirs, Dataset)
    for index in range(4):
        found = []
        for dataset in (ours, theirs):
            np.random.seed(index)
            random.seed(index)
            found.append(dataset[index])
        assert found[0].keys() == found[1].keys()
        assert found[0]["trans_info"] == found[1]["trans_info"]
        assert found[0]["gt_fields"] == found[1]["gt_fields"]
        for key in ("img", "label"):
            np.testing.assert_array_equal(found[0][key], found[1][key])
        assert found[0]["img"].dtype == found[1]["img"].dtype


@pytest.mark.parametrize(
    "missing, words", [("mode", "add mode: train"), ("transforms", "add {type: Norm")]
)
def test_what_is_missing_is_named(pairs, missing, words):
    made = builder(pairs, "PairDataset")
    del made.config.dic["train_dataset"][missing]
    with pytest.raises(RuntimeError, match=words):
        _ = made.train_dataset
