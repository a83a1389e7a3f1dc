"""Training: what is saved when, what is logged, what is refused."""

import io
import os
import re

import numpy as np
import paddle
import pytest
from PIL import Image

from paddleseg_u2net.config import Config
from paddleseg_u2net.training import checkpoint
from paddleseg_u2net.training.checkpoint import CheckpointError
from paddleseg_u2net.training.loader import Schedule, train_loader
from paddleseg_u2net.training.step import EMA
from paddleseg_u2net.training.trainer import Diverged
from tests.training.runs import EVERY_SECOND, outcome, train, trainer_of, weights


def test_training_lowers_the_loss_and_raises_the_score(tmp_path, tiny, log):
    train({**tiny, "iters": 60}, tmp_path / "first", do_eval=True, save_interval=20)
    losses = [float(x) for x in re.findall(r"loss: ([\d.]+)", log.text)]
    scores = [float(x) for x in re.findall(r"mIoU: ([\d.]+)", log.text)]
    assert losses[-1] < 0.8 * losses[0]
    assert scores[-1] > scores[0] + 0.05
    # random weights are not scored before training
    assert "iter 0" not in log.text and "random weights" not in log.text

    # pretrained ones are, and may stay the best model
    start = tmp_path / "first/best_model"
    tiny["model"]["pretrained"] = str(start)
    tiny["lr_scheduler"]["learning_rate"] = 1.0  # undoes them
    tiny["trainer"] = {"early_stop": 2}
    log.clear()
    options = {"do_eval": True, "use_ema": True, "save_interval": 1, "log_iters": 1}
    trainer = train(tiny, tmp_path / "tuned", **options)
    assert log.text.index("saved at iter 0") < log.text.index("[TRAIN]")
    for kind in ("best_model", "ema_best_model"):
        state = checkpoint.load_state(tmp_path / "tuned" / kind)
        assert state["iteration"] == 0
        # the score that the first run gave these very weights
        assert state["scores"] == checkpoint.load_state(start)["scores"]
        np.testing.assert_equal(weights(tmp_path / "tuned" / kind), weights(start))
    assert trainer.iteration == 2  # patience is counted from iteration 0
    again = train(tiny, tmp_path / "tuned", **options, resume_model=str(tmp_path / "tuned"))
    assert again.best[""].iteration == 0
    assert checkpoint.load_state(tmp_path / "tuned/best_model")["iteration"] == 0


def test_log_lines_are_paddlesegs(tmp_path, tiny, log):
    train(tiny, tmp_path, do_eval=True, save_interval=2, log_iters=2)
    number = r"-?\d+\.\d+"
    for pattern in (
        rf"\[TRAIN\] epoch: 1, iter: 2/4, loss: {number}, lr: {number}, batch_cost: {number}, "
        rf"reader_cost: {number}, ips: {number} samples/sec \| ETA \d\d:\d\d:\d\d",
        rf"\[EVAL\] #Images: 4 mIoU: {number} Acc: {number} Kappa: {number} Dice: {number} "
        rf"Precision: {number}",
        rf"\[EVAL\] MAE: {number} maxF: {number}",
        rf"\[EVAL\] The model with the best validation mIoU \({number}\) was saved at iter \d\.",
        r"\[EVAL\] Class IoU: \n\[",
        r"Class Recall: \n\[",
    ):
        assert re.search(pattern, log.text), pattern


def test_names_of_classes_stand_above_their_scores(tmp_path, tiny, log):
    names = ["background", "cat", "dog"]
    tiny["model"]["num_classes"] = 3
    for part in ("train", "val"):
        tiny[f"{part}_dataset"].update(class_names=names, mask_values={0: 0, 255: 1})
    train({**tiny, "iters": 1}, tmp_path, do_eval=True)
    place = log.messages.index("[EVAL] Classes: 0 background, 1 cat, 2 dog")
    assert log.messages[place + 1].startswith("[EVAL] Class IoU")


def test_the_folders_hold_what_a_resume_needs(tmp_path, tiny):
    train(tiny, tmp_path, do_eval=True, use_ema=True, save_interval=1, keep_checkpoint_max=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best_model", "ema_best_model", "iter_3", "iter_4",
    ]  # fmt: skip
    assert {path.name for path in (tmp_path / "iter_4").iterdir()} == {
        "model.pdparams", "model.pdopt", "ema.pdparams", "config.yaml", "state.json",
    }  # fmt: skip
    assert str(Config(tmp_path / "iter_4/config.yaml")) == str(Config(tiny))


def test_resuming_elsewhere_takes_the_best_model_along(whole, tmp_path, six):
    best = checkpoint.load_state(whole / "iter_6")["best"][""]["iteration"]
    trainer = trainer_of(six, tmp_path, resume_model=str(whole), **EVERY_SECOND)
    assert checkpoint.load_state(tmp_path / "best_model")["iteration"] == best
    assert trainer.best[""].iteration == best


@pytest.mark.parametrize(
    "options, resumed, words",
    [
        ({"seed": 1, "use_ema": True}, "", "seed was 0, is 1"),
        ({}, "", "use_ema was True, is False"),
        ({}, "best_model", "weights only.*model.pretrained"),
        ({"use_ema": True}, "iter_2", "iter_6 lies there, .*go on from it with --resume_model"),
        ({}, None, "iter_6 lies there, .*go on from it with --resume_model"),
    ],
)
def test_what_would_mix_two_runs_is_refused(whole, six, options, resumed, words):
    if resumed is not None:
        options["resume_model"] = str(whole / resumed)
    before = sorted(whole.iterdir())
    with pytest.raises(CheckpointError, match=words):
        trainer_of(six, whole, **options)
    assert sorted(whole.iterdir()) == before


@pytest.mark.parametrize(
    "kind, arguments",
    [
        ("CosineAnnealingWarmRestarts", {"T_0": 3}),
        ("ReduceOnPlateau", {"patience": 1}),
    ],
)
def test_schedules_resume_where_they_stood(tmp_path, six, kind, arguments):
    six["lr_scheduler"] = {"type": kind, "learning_rate": 0.01, **arguments}
    train(six, tmp_path / "whole", save_interval=2)
    train(six, tmp_path / "part", save_interval=2, resume_model=str(tmp_path / "whole/iter_2"))
    assert outcome(tmp_path / "part") == outcome(tmp_path / "whole")


def test_the_best_is_by_the_metric_asked_for(tmp_path, tiny, log):
    tiny["metrics"] = ["Dice", "S"]  # the best metric need not be among them
    tiny["trainer"] = {"best_metric": "MAE"}
    train(tiny, tmp_path, do_eval=True, save_interval=1)
    scores = [float(score) for score in re.findall(r" MAE: ([\d.]+)", log.text)]
    best = checkpoint.load_state(tmp_path / "best_model")
    assert len(scores) == 4 and best["scores"]["MAE"] == pytest.approx(min(scores), abs=1e-4)


def test_early_stopping(tmp_path, tiny, log):
    tiny.update(iters=20, trainer={"early_stop": 2})
    tiny["lr_scheduler"]["learning_rate"] = 0.0  # the first validation stays the best
    tiny["optimizer"] = {"type": "SGD"}
    trainer = train(tiny, tmp_path, do_eval=True, save_interval=1)
    # BatchNorm's statistics move all the same, so count from the best one
    assert trainer.iteration == trainer.best[""].iteration + 2 < 20
    assert "Stopped at iter" in log.text


def test_accumulated_gradients_are_the_mean(tmp_path, tiny):
    tiny.update(iters=1, trainer={"accumulate": 3}, optimizer={"type": "SGD"})
    trainer = trainer_of(tiny, tmp_path)
    rate, weight = trainer.optimizer.get_lr(), trainer.model.outconv.weight
    before, gradients = weight.numpy().copy(), []
    trainer.model.train()
    preprocess = trainer.config.preprocess()
    for images, labels in train_loader(trainer.train_set, preprocess, Schedule(8, 2, 0, 0, 3), 0):
        trainer.criterion(trainer.model(images), labels).backward()
        gradients.append(weight.grad.numpy().copy())
        trainer.optimizer.clear_grad()
    trainer.run()
    expected = before - rate * np.mean(gradients, axis=0)
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_nan_stops_and_keeps_the_last_checkpoint(tmp_path, six):
    trainer = trainer_of(six, tmp_path, save_interval=2)
    parts = trainer.criterion.parts

    def failing(heads, labels):
        total, each = parts(heads, labels)
        return (total * float("nan"), each) if trainer.iteration == 5 else (total, each)

    trainer.criterion.parts = failing
    said = r"iteration 5: the loss is nan \(heads: [\d., ]+\)"
    with pytest.raises(Diverged, match=said) as error:
        trainer.run()
    assert str(tmp_path / "iter_4") in str(error.value)
    assert checkpoint.latest(tmp_path).name == "iter_4"
    assert all(np.isfinite(value).all() for value in weights(tmp_path / "iter_4").values())


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, tiny, monkeypatch):
    trainer = trainer_of(tiny, tmp_path, save_interval=2)
    fsync = os.fsync

    def full(descriptor):
        if trainer.iteration == 4:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        trainer.run()
    assert [path.name for path in tmp_path.iterdir()] == ["iter_2"]
    assert checkpoint.load_state(tmp_path / "iter_2")["iteration"] == 2


def test_half_precision_on_a_cpu_is_refused(tmp_path, tiny):
    with pytest.raises(ValueError, match="--precision bf16: .* GPUs only"):
        trainer_of(tiny, tmp_path, precision="bf16")


def test_visualdl_gets_losses_scores_and_pictures(tmp_path, tiny):
    from visualdl import LogReader

    tiny["trainer"] = {"vdl_images": 2}
    train({**tiny, "iters": 2}, tmp_path, do_eval=True, use_vdl=True, log_iters=1)
    reader = LogReader(file_path=str(next(tmp_path.glob("vdl/from_0/vdlrecords.*"))))
    tags = reader.get_tags()
    assert {"Train/loss", "Train/loss_0", "Train/loss_2", "Train/lr", "Train/reader_cost"} <= set(
        tags["scalar"]
    )
    assert {"Evaluate/mIoU", "Evaluate/MAE", "Evaluate/maxE"} <= set(tags["scalar"])
    curves = ["Precision and recall", "F-measure", "E-measure", "ROC of all pixels"]
    assert set(tags["image"]) == {*(f"Curves/{name}" for name in curves), "Images/1", "Images/2"}
    picture = reader.get_data("image", "Images/1")[-1].image.encoded_image_string
    dataset = Config(tiny).dataset("val")
    expected = Image.fromarray(dataset.read(0)[1].astype(np.uint8) * 255).resize((160, 160), 0)
    # Beside the image and before the map, below the headings.
    found = Image.open(io.BytesIO(picture)).convert("L").crop((182, 47, 342, 207))
    assert np.abs(np.asarray(found, float) - np.asarray(expected, float)).mean() < 3
    assert [record.id for record in reader.get_data("scalar", "Train/loss")] == [1, 2]


def test_seed_decides_the_run(tmp_path, tiny):
    tiny["iters"] = 1
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(tiny, tmp_path / name, seed=seed)
    a, b, c = (weights(tmp_path / name / "iter_1")["outconv.weight"] for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_ema_is_paddlesegs():
    from paddleseg.utils.ema import init_ema_params, update_ema_model

    model, theirs = paddle.nn.Linear(2, 2), paddle.nn.Linear(2, 2)
    init_ema_params(theirs, model)
    ours = EMA(model, 0.9)
    for step in range(1, 30):
        model.weight.set_value(model.weight + step)
        update_ema_model(theirs, model, step, decay=0.9)
        ours.update(model, step)
    np.testing.assert_allclose(ours.average["weight"].numpy(), theirs.weight.numpy(), rtol=1e-6)
