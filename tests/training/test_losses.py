"""Runs with PaddleSeg's losses on the heads of a U²-Net."""

from __future__ import annotations

import copy

import cv2
import numpy as np
import paddle
import pytest

from paddleseg_u2net.config import Config
from paddleseg_u2net.config.reading import read_yaml
from paddleseg_u2net.datasets.balance import count_classes
from paddleseg_u2net.losses import KINDS
from paddleseg_u2net.training.loader import DataError
from tests.losses.mended import ARGUMENTS, CASES
from tests.training.runs import outcome, train, trainer_of

MIXED = {
    "type": "MixedLoss",
    "losses": [{"type": "CrossEntropyLoss"}, {"type": "DiceLoss"}],
    "coef": [0.8, 0.2],
}


def with_losses(tiny, classes, *types, coef=1):
    """``tiny`` of so many classes, with these losses."""
    tree = copy.deepcopy(tiny)
    tree["model"]["num_classes"] = classes
    for key in ("train_dataset", "val_dataset"):
        tree[key]["mask_values"] = "binary"
    tree["loss"] = {"types": list(types), "coef": coef}
    return tree


@pytest.mark.parametrize(("name", "classes"), [case for case in CASES if case[1] < 3])
def test_each_loss_trains_every_head(tmp_path, tiny, name, classes):
    types = {"type": name, **ARGUMENTS.get(name, {})}
    trainer = trainer_of(with_losses(tiny, classes, types), tmp_path)
    before = {key: value.numpy() for key, value in trainer.model.state_dict().items()}
    trainer.run()
    after = trainer.model.state_dict()
    heads = [key for key in before if key.startswith("side") and key.endswith("weight")]
    assert len(heads) == 2
    for key in heads:
        assert np.isfinite(after[key].numpy()).all()
        assert np.abs(after[key].numpy() - before[key]).max() > 0


def test_a_loss_for_each_head_with_its_weight(tmp_path, tiny):
    lovasz = {"type": "LovaszSoftmaxLoss"}
    tree = with_losses(tiny, 2, MIXED, lovasz, {"type": "BCELoss"}, coef=[1, 0.5, 2])
    trainer = trainer_of(tree, tmp_path)
    images = paddle.rand([2, 3, 32, 32])
    label = (paddle.rand([2, 32, 32]) > 0.5).astype("uint8")
    trainer.model.train()
    heads = trainer.model(images)
    total, parts = trainer.criterion.parts(heads, label)
    expected = [
        float(loss(head, label.astype("int64")))
        for loss, head in zip(trainer.criterion.loss, heads)
    ]
    assert [float(part) for part in parts] == pytest.approx(expected)
    assert float(total) == pytest.approx(np.dot([1, 0.5, 2], expected))
    with pytest.raises(ValueError, match=r"loss.coef: expected 2 numbers, .* got 3"):
        trainer.criterion.parts(heads[:2], label)
    trainer.run()


def test_a_resumed_run_is_the_one_that_was_not_stopped(tmp_path, tiny):
    tree = {**with_losses(tiny, 2, MIXED), "iters": 4}
    whole = tmp_path / "whole"
    train(tree, whole, save_interval=2)
    train(tree, tmp_path / "cut", save_interval=2, resume_model=str(whole / "iter_2"))
    assert outcome(tmp_path / "cut", 4) == outcome(whole, 4)


def draw_soft(folder):
    """Four images with masks of grey values, in two folders."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir()
        for number in range(4):
            picture = rng.integers(0, 256, (40, 40, 3) if name == "images" else (40, 40))
            picture[:2] = 255
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    return {"dataset_root": str(folder), "images": "images", "masks": "masks"}


@pytest.mark.parametrize("name", [name for name, classes in CASES if classes == 1])
def test_soft_masks_train_or_are_refused(tmp_path, tiny, name):
    tree = {**with_losses(tiny, 1, {"type": name}), "iters": 2}
    tree["train_dataset"] = {"type": "PairDataset", **draw_soft(tmp_path)}
    trainer = trainer_of(tree, tmp_path / "run")
    assert trainer.train_set.mask_encoding == "soft"
    if KINDS[name].soft:
        trainer.run()
        return
    with pytest.raises(ValueError, match=f"^{name}: expected class numbers, got a soft mask"):
        trainer.run()


def test_a_label_that_is_no_class_is_named_with_its_file(tmp_path, tiny):
    """It comes in the second epoch, where a transform makes it."""
    tree = with_losses(tiny, 2, {"type": "OhemCrossEntropyLoss"})
    trainer = trainer_of({**tree, "iters": 8}, tmp_path)
    strange = trainer.train_set.pairs[3]
    read, seen = trainer.train_set.read, []

    def damaged(index):
        image, label = read(index)
        seen.append(index)
        return image, label + 5 * (index == 3 and len(seen) > 8)

    trainer.train_set.read = damaged
    with pytest.raises(DataError, match=f"{strange.image}: transforms: made the labels 5, 6"):
        trainer.run()


def test_auto_weights_are_counted_once_and_kept(tmp_path, tiny, log):
    types = [
        {**MIXED, "losses": [{"type": "CrossEntropyLoss", "weight": "auto"}, {"type": "DiceLoss"}]},
        {"type": "BCELoss", "pos_weight": "auto"},
        {"type": "BCELoss", "weight": "auto"},
    ]
    tree = with_losses(tiny, 2, *types)
    trainer = train({**tree, "iters": 2}, tmp_path)
    pixels = count_classes(trainer.train_set)
    background, foreground = pixels.own / pixels.own.sum()
    assert 0.01 < foreground < 0.6
    median = (background + foreground) / 2  # all masks have both
    balanced = [median / background, median / foreground]
    factors = [foreground / background, background / foreground]
    saved = read_yaml(tmp_path / "iter_2/config.yaml")["loss"]["types"]
    assert saved[0]["losses"][0]["weight"] == pytest.approx(balanced, rel=1e-5)
    assert saved[1]["pos_weight"] == pytest.approx(factors, rel=1e-5)
    assert saved[2]["weight"] == pytest.approx(balanced, rel=1e-5)
    assert trainer.criterion.loss[2].weight == saved[2]["weight"]
    assert log.text.count("Counted the classes' pixels in 8 masks in ") == 1
    log.clear()
    resumed = train({**tree, "iters": 3}, tmp_path, resume_model=str(tmp_path))
    assert "Counted" not in log.text and "from the run that is resumed" in log.text
    assert str(resumed.config).count("auto") == 0
    Config(read_yaml(tmp_path / "iter_3/config.yaml"), training=False)


def test_auto_of_one_class_is_negatives_by_positives(tiny):
    config = Config(with_losses(tiny, 1, {"type": "BCELoss", "pos_weight": "auto"}))
    loss = config.criterion().loss
    pixels = count_classes(config.dataset("train"))
    assert loss.pos_weight == pytest.approx(pixels.own[0] / pixels.own[1], rel=1e-5)
