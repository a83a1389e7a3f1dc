"""PaddleSeg's optimizer and schedule blocks: taken as PaddleSeg does, or refused before a run."""

from __future__ import annotations

import contextlib
import inspect

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
import paddle
from paddleseg.cvlibs import SegBuilder, manager

from paddleseg_u2net.config import Config, ConfigError


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


@pytest.mark.parametrize("value", ["x", "4e-5", [1], True, -1, float("nan"), float("inf"), 10**400])
def test_what_is_no_weight_decay_is_refused(tiny, value):
    block = {"type": "SGD", "weight_decay": value}
    refused(tiny, r"optimizer\.weight_decay: expected a number of 0 or more", optimizer=block)


@pytest.mark.parametrize(
    "clip, match",
    [
        ({"name": "clip"}, r"grad_clip_cfg\.name: expected a kind of clipping, got 'clip'; known"),
        ({"name": "ClipGradByvalue"}, r"\.name: .*did you mean ClipGradByValue\?"),
        ({}, r"grad_clip_cfg\.name: expected a kind of clipping, got None"),
        ({"name": "ClipGradByValue"}, r"grad_clip_cfg\.max: this key is missing; ClipGradByValue"),
        ({"name": "ClipGradByNorm", "max": 1}, r"grad_clip_cfg\.max: there is no such key"),
        ({"name": "ClipGradByNorm", "clip_norm": "x"}, r"\.clip_norm: expected a number above 0"),
        ({"name": "ClipGradByNorm", "clip_norm": 0}, r"\.clip_norm: expected a number above 0"),
        ({"name": "ClipGradByValue", "max": None}, r"\.max: expected a number above 0, got None"),
        ({"name": "ClipGradByValue", "max": 1, "min": "x"}, r"\.min: expected a number, got 'x'"),
        ("ClipGradByNorm", r"grad_clip_cfg: expected a dictionary, or null, got"),
    ],
)
def test_clipping_that_cannot_be_is_refused(tiny, clip, match):
    refused(tiny, match, optimizer={"type": "SGD", "grad_clip_cfg": clip})


@pytest.mark.parametrize(
    "block, match",
    [
        ({"type": "AdamWDL"}, r"optimizer\.type: AdamWDL has a rate for each layer of a transf"),
        ({"type": "AdamW", "weight_decay": None}, "optimizer: AdamW cannot be used like this"),
        ({"type": "Adam", "beta1": 5}, "optimizer: Adam cannot be used like this: ValueError"),
        ({"type": "SGD", "momentum": "x"}, r"optimizer\.momentum: expected a number, got the text"),
        ({"type": "SGD", "momentum": None}, "optimizer: Momentum cannot be used like this"),
    ],
)
def test_an_optimizer_that_would_fail_later_is_refused(tiny, block, match):
    refused(tiny, match, optimizer=block)


def test_trying_an_optimizer_leaves_no_trace(tiny):
    paddle.seed(3)
    expected = paddle.rand([2]).numpy()
    name = paddle.utils.unique_name.generate("linear")
    paddle.seed(3)
    Config(tiny)
    np.testing.assert_array_equal(paddle.rand([2]).numpy(), expected)
    number = int(name.rsplit("_", 1)[1])
    assert paddle.utils.unique_name.generate("linear") == f"linear_{number + 1}"


@pytest.mark.parametrize(
    "block, match",
    [
        ({"type": "LambdaDecay", "learning_rate": 1, "lr_lambda": "x"}, "lr_scheduler: LambdaDec"),
        ({"type": "LRScheduler"}, "lr_scheduler: LRScheduler cannot be used like this"),
        (
            {"type": "PiecewiseDecay", "boundaries": [1, 3], "values": [0.1]},
            "lr_scheduler: PiecewiseDecay cannot be used like this",
        ),
        (
            {"type": "OneCycleLR", "max_learning_rate": 0.1, "total_steps": 2},
            "lr_scheduler: OneCycleLR cannot be used like this at iteration 3",
        ),
        (
            {"type": "PolynomialDecay", "learning_rate": -0.1, "end_lr": 0},
            "lr_scheduler: PolynomialDecay cannot be used like this: ValueError: Invalid",
        ),
        (
            {"type": "PolynomialDecay", "learning_rate": 0.1, "end_lr": -0.1},
            "lr_scheduler: PolynomialDecay gives the rate -0.0",
        ),
        (
            {"type": "InverseTimeDecay", "learning_rate": 0.1, "gamma": -1.0},
            "lr_scheduler: InverseTimeDecay cannot be used like this at iteration 1",
        ),
        (
            {"type": "PolynomialDecay", "learning_rate": float("nan")},
            r"lr_scheduler\.learning_rate: expected a number, got nan",
        ),
        (
            {"type": "StepDecay", "learning_rate": 0.1, "step_size": 2, "warmup_iters": 2,
             "warmup_start_lr": 0.2},
            "lr_scheduler: StepDecay cannot be used like this: AssertionError",
        ),
        (
            {"type": "PiecewiseDecay", "boundaries": [1], "values": [0.1, 0.2], "warmup_iters": 2,
             "warmup_start_lr": 0},
            r"lr_scheduler\.warmup_iters: PiecewiseDecay has none; delete it",
        ),
        (
            {"type": "NoamDecay", "d_model": 2, "warmup_steps": 2, "warmup_iters": 2},
            r"(?s)warmup_start_lr: this key is missing.*learning_rate: this key is missing",
        ),
    ],
)  # fmt: skip
def test_a_schedule_that_would_fail_later_is_refused(tiny, block, match):
    refused(tiny, match, lr_scheduler=block)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "OneCycleLR", "max_learning_rate": 0.1, "total_steps": 4},
        {"type": "ReduceOnPlateau", "learning_rate": 0.1},
        {
            "type": "LinearWarmup",
            "learning_rate": 0.1,
            "warmup_steps": 2,
            "start_lr": 0,
            "end_lr": 0.1,
        },
        {"type": "MultiStepDecay", "learning_rate": 0.1, "milestones": [1, 2], "verbose": True},
    ],
    ids=str,
)
def test_a_schedule_of_paddles_is_taken_without_a_word(tiny, block, capsys):
    Config({**tiny, "lr_scheduler": block})
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------- whatever passes goes on

ODD = [0, -1, 0.5, "x", None, [1]]
NEEDED = {
    "learning_rate": 0.1, "boundaries": [1, 2], "values": [0.1, 0.2, 0.3], "gamma": 0.5,
    "milestones": [1, 2], "step_size": 2, "T_max": 3, "T_0": 2, "d_model": 4, "warmup_steps": 2,
    "decay_steps": 3, "total_steps": 10, "max_learning_rate": 0.5, "base_learning_rate": 0.1,
    "step_size_up": 2, "start_lr": 0.0, "end_lr": 0.1,
}  # fmt: skip
SCHEDULES = sorted(
    name
    for name, item in vars(paddle.optimizer.lr).items()
    if inspect.isclass(item) and issubclass(item, paddle.optimizer.lr.LRScheduler)
)


def taken(tree):
    """The configuration of ``tree``, if it is not refused, which is fine too."""
    with contextlib.suppress(ConfigError):
        return Config(tree)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(manager.OPTIMIZERS.components_dict))
def test_an_optimizer_that_is_taken_makes_steps(tiny, kind):
    for key in inspect.signature(manager.OPTIMIZERS[kind]).parameters:
        for value in ODD:
            config = taken({**tiny, "optimizer": {"type": kind, key: value}})
            if config and key != "custom_cfg":
                weights_after(lambda layer, config=config: config.optimizer(layer, 0.1))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_schedule_that_is_taken_lasts(tiny, kind):
    arguments = inspect.signature(getattr(paddle.optimizer.lr, kind)).parameters
    needed = {key: NEEDED[key] for key in arguments if key in NEEDED}
    for key in arguments:
        for value in ODD:
            config = taken({**tiny, "lr_scheduler": {"type": kind, **needed, key: value}})
            if config:
                schedule = config.lr_schedule()
                for _ in range(config.iters):
                    schedule.step(1.0) if kind == "ReduceOnPlateau" else schedule.step()
                assert float(schedule()) >= 0
