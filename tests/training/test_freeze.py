"""Frozen layers stay as they are, to the last bit; others learn."""

import json

import numpy as np
import paddle
import pytest

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.training.freeze import Frozen
from paddleseg_u2net.training.trainer import RunOptions, Trainer
from tests.models.stock import SMALL, as_numpy


def train(tiny, tmp_path, **options):
    trainer = Trainer(Config(tiny), RunOptions(save_dir=str(tmp_path / "run"), **options))
    before = as_numpy(trainer.model)
    trainer.run()
    return before, as_numpy(trainer.model)


def changed(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_frozen_layers_and_their_statistics_do_not_change(tiny, tmp_path):
    tiny["trainer"] = {"freeze": ["stage1", "side2"]}
    before, after = train(tiny, tmp_path)
    frozen = {name for name in before if name.startswith(("stage1.", "side2."))}  # not stage1d
    assert frozen and not frozen & changed(before, after)
    assert changed(before, after) >= {
        name for name in before if name.endswith("weight") and name not in frozen
    }


@pytest.mark.parametrize("use_ema", [False, True])
def test_a_frozen_run_resumes_to_the_same_bits(tiny, tmp_path, use_ema):
    tiny["trainer"] = {"freeze": ["stage1"]}
    _, whole = train(tiny, tmp_path / "whole", use_ema=use_ema)
    train({**tiny, "iters": 2}, tmp_path / "half", use_ema=use_ema)
    checkpoint = str(tmp_path / "half/run/iter_2")
    trainer = Trainer(
        Config(tiny),
        RunOptions(save_dir=str(tmp_path / "x"), resume_model=checkpoint, use_ema=use_ema),
    )
    # the half run's schedule was of 2 iterations, so only what is frozen has to agree
    assert not changed(
        {k: v for k, v in whole.items() if k.startswith("stage1.")},
        {k: v for k, v in as_numpy(trainer.model).items() if k.startswith("stage1.")},
    )
    trainer.run()


def test_resuming_with_other_layers_frozen_is_refused(tiny, tmp_path):
    tiny["trainer"] = {"freeze": ["stage1"]}
    train({**tiny, "iters": 2}, tmp_path)
    options = RunOptions(save_dir=str(tmp_path / "x"), resume_model=str(tmp_path / "run"))
    with pytest.raises(ValueError, match=r"trainer\.freeze was \['stage1'\], is \[\]"):
        Trainer(Config({**tiny, "trainer": {}}), options)


def test_a_name_that_is_none_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"trainer\.freeze: the model has no layer 'stage9'.*st"):
        Frozen(U2Net(stages=SMALL), ["stage9"])


def test_freezing_everything_is_refused():
    model = U2Net(stages=SMALL)
    with pytest.raises(ConfigError, match="nothing is left to train"):
        Frozen(model, [name for name, _ in model.named_children()])


# -- rates ---------------------------------------------------------------------------------------


def test_groups_of_parameters_learn_at_their_own_rates(tiny, tmp_path):
    tiny["iters"] = 1
    tiny["optimizer"] = {"type": "SGD"}
    before, plain = train(tiny, tmp_path / "plain")
    tiny["optimizer"]["custom_cfg"] = [{"name": "stage1.", "lr_mult": 0.1}]
    _, grouped = train(tiny, tmp_path / "grouped")
    for name, start in before.items():
        if name.endswith(("conv_s1.weight", "bn_s1.bias")):
            factor = 0.1 if name.startswith("stage1.") else 1
            np.testing.assert_allclose(
                grouped[name] - start, factor * (plain[name] - start), atol=2e-7, err_msg=name
            )


def test_groups_resume_to_the_same_bits(tiny, tmp_path):
    tiny["lr_scheduler"] = {"type": "StepDecay", "learning_rate": 0.01, "step_size": 100}
    tiny["optimizer"]["custom_cfg"] = [{"name": "side", "lr_mult": 10.0}]
    _, whole = train(tiny, tmp_path / "whole")
    train({**tiny, "iters": 2}, tmp_path / "half")
    options = RunOptions(
        save_dir=str(tmp_path / "half/run"), resume_model=str(tmp_path / "half/run")
    )
    trainer = Trainer(Config(tiny), options)
    trainer.run()
    assert not changed(whole, as_numpy(trainer.model))


def test_a_group_that_names_nothing_is_refused(tiny, tmp_path):
    tiny["optimizer"]["custom_cfg"] = [{"name": "backbone", "lr_mult": 0.1}]
    with pytest.raises(ConfigError, match=r"custom_cfg\.0\.name: 'backbone' is part of no param"):
        train(tiny, tmp_path)


@pytest.mark.parametrize(
    "groups, freeze",
    [
        ([{"name": "stage1.", "lr_mult": 0.1}], ["stage1"]),
        ([{"name": "stage1.", "lr_mult": 0.1}, {"name": "stage1.rebnconvin"}], []),
    ],
)
def test_a_group_that_is_left_empty_is_refused(tiny, tmp_path, groups, freeze):
    tiny["optimizer"]["custom_cfg"] = groups
    tiny["trainer"] = {"freeze": freeze}
    with pytest.raises(ConfigError, match="of frozen parameters, or of an earlier group's, only"):
        train(tiny, tmp_path)


def test_a_checkpoint_from_before_freezing_resumes(tiny, tmp_path):
    train({**tiny, "iters": 2}, tmp_path)
    path = tmp_path / "run/iter_2/state.json"
    state = json.loads(path.read_text())
    del state["must_agree"]["trainer.freeze"]
    path.write_text(json.dumps(state))
    run = str(tmp_path / "run")
    Trainer(Config(tiny), RunOptions(save_dir=run, resume_model=run)).run()


def test_a_batchnorm_is_held_even_after_it_was_replaced():
    model = U2Net(stages=SMALL)
    frozen = Frozen(model, ["stage1.rebnconvin.bn_s1"])
    model.stage1.rebnconvin.bn_s1 = paddle.nn.SyncBatchNorm(16)
    model.train()
    frozen.hold()
    assert not model.stage1.rebnconvin.bn_s1.training
