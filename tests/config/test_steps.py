"""PaddleSeg's optimizer and schedule blocks: taken as PaddleSeg does, or refused."""

from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
import paddle
from paddleseg.cvlibs import SegBuilder

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.training import checkpoint
from tests.training.runs import train


def refused(tiny, match, **sections):
    with pytest.raises(ConfigError, match=match):
        Config({**tiny, **sections})


class _Asked:
    """What PaddleSeg's builder asks a configuration for."""

    def __init__(self, block):
        self.optimizer_cfg = dict(block)


def weights_after(make, steps=3):
    """A layer's weights after some steps of the optimizer that ``make`` makes for it."""
    paddle.seed(0)
    layer = paddle.nn.Linear(3, 2)
    optimizer = make(layer)
    for step in range(steps):
        layer(paddle.full([1, 3], step + 1.0)).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    return layer.weight.numpy()


def by_paddleseg(block):
    def make(layer):
        builder = SegBuilder(_Asked(block))
        builder.model, builder.lr_scheduler = layer, 0.1
        return builder.optimizer

    return weights_after(make)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "SGD", "momentum": 0.9, "weight_decay": 4.0e-5},
        {"type": "sgd", "momentum": 0.9},
        {"type": "sgd"},
        {"type": "adam", "weight_decay": 0.1},
        {"type": "AdamW"},
        {"type": "Momentum", "use_nesterov": True},
        {"type": "SGD", "grad_clip_cfg": {"name": "ClipGradByValue", "max": 2, "min": -1}},
        {"type": "SGD", "grad_clip_cfg": {"name": "ClipGradByNorm", "clip_norm": 1}},
        {"type": "SGD", "grad_clip_cfg": {"name": "ClipGradByGlobalNorm", "clip_norm": 0.01}},
    ],
    ids=str,
)
def test_a_block_does_what_it_does_in_paddleseg(tiny, block):
    config = Config({**tiny, "optimizer": block})
    ours = weights_after(lambda layer: config.optimizer(layer, 0.1))
    np.testing.assert_array_equal(ours, by_paddleseg(block))


@pytest.mark.parametrize("value", ["4e-5", True, -1, float("nan"), 10**400])
def test_what_is_no_weight_decay_is_refused(tiny, value):
    block = {"type": "SGD", "weight_decay": value}
    refused(tiny, r"optimizer\.weight_decay: expected a number of 0 or more", optimizer=block)


@pytest.mark.parametrize(
    "clip, match",
    [
        (
            {"name": "ClipGradByvalue"},
            r"expected a kind of clipping.*did you mean ClipGradBy",
        ),
        ({}, r"grad_clip_cfg\.name: expected a kind of clipping, got None; known"),
        ({"name": "ClipGradByValue"}, r"grad_clip_cfg\.max: this key is missing; ClipGradByValue"),
        ({"name": "ClipGradByNorm", "max": 1}, r"grad_clip_cfg\.max: there is no such key"),
        ({"name": "ClipGradByNorm", "clip_norm": "x"}, r"\.clip_norm: expected a number above 0"),
        ({"name": "ClipGradByNorm", "clip_norm": 0}, r"\.clip_norm: expected a number above 0"),
        ("ClipGradByNorm", r"grad_clip_cfg: expected a dictionary, or null, got"),
    ],
)
def test_clipping_that_cannot_be_is_refused(tiny, clip, match):
    refused(tiny, match, optimizer={"type": "SGD", "grad_clip_cfg": clip})


@pytest.mark.parametrize(
    "block, match",
    [
        ({"type": "AdamWDL"}, r"optimizer\.type: there is no 'AdamWDL'; did you mean AdamW"),
        ({"type": "SGD", "momentum": "x"}, r"optimizer\.momentum: expected a number, got the text"),
    ],
)
def test_an_optimizer_that_cannot_be_is_refused(tiny, block, match):
    refused(tiny, match, optimizer=block)


@pytest.mark.parametrize(
    "block, match",
    [
        ({"type": "Adam", "beta1": 5}, "optimizer: Adam cannot be used like this: ValueError"),
        ({"type": "AdamW", "weight_decay": None}, "optimizer: AdamW cannot be used like this"),
        ({"type": "SGD", "momentum": None}, "optimizer: Momentum cannot be used like this"),
    ],
)
def test_what_paddle_refuses_late_is_an_error_of_its_key(tiny, tmp_path, block, match):
    with pytest.raises(ConfigError, match=match):
        train({**tiny, "optimizer": block}, tmp_path / "run")
    assert not checkpoint.iterations(tmp_path / "run")


@pytest.mark.parametrize(
    "block, match",
    [
        (
            {"type": "PolynomialDecay", "learning_rate": float("nan")},
            r"lr_scheduler\.learning_rate: expected a number, got nan",
        ),
        (
            {"type": "PiecewiseDecay", "boundaries": [1], "values": [0.1, 0.2], "warmup_iters": 2,
             "warmup_start_lr": 0},
            r"lr_scheduler\.warmup_iters: PiecewiseDecay has none; delete it",
        ),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_is_refused(tiny, block, match):
    refused(tiny, match, lr_scheduler=block)


@pytest.mark.parametrize(
    "block, match",
    [
        ({"type": "LRScheduler"}, "lr_scheduler: LRScheduler cannot be used like this"),
        (
            {"type": "PiecewiseDecay", "boundaries": [1, 3], "values": [0.1]},
            "lr_scheduler: PiecewiseDecay cannot be used like this",
        ),
        (
            {"type": "OneCycleLR", "max_learning_rate": 0.1, "total_steps": 2},
            "lr_scheduler: at iteration 3 cannot be used like this",
        ),
        (
            {"type": "PolynomialDecay", "learning_rate": 0.1, "end_lr": -0.1},
            "lr_scheduler: at iteration 3 .*the rate is -0.0",
        ),
        (
            {"type": "NoamDecay", "d_model": 2, "warmup_steps": 2, "warmup_iters": 2},
            "lr_scheduler: NoamDecay .*set warmup_start_lr",
        ),
    ],
)  # fmt: skip
def test_a_schedule_that_paddle_refuses_is_an_error_of_its_key(tiny, tmp_path, block, match):
    with pytest.raises(ConfigError, match=match):
        train({**tiny, "lr_scheduler": block}, tmp_path / "run")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "OneCycleLR", "max_learning_rate": 0.1, "total_steps": 4},
        {"type": "ReduceOnPlateau", "learning_rate": 0.1},
        {"type": "MultiStepDecay", "learning_rate": 0.1, "milestones": [1, 2]},
    ],
    ids=str,
)
def test_other_schedules_of_paddles_are_taken(tiny, tmp_path, block):
    assert train({**tiny, "lr_scheduler": block}, tmp_path / "run").iteration == 4
