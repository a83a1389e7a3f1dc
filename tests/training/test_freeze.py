"""Frozen layers stay as they are, to the last bit; others learn."""

import json

import numpy as np
import paddle
import pytest

from paddleseg_u2net.config import ConfigError
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.training.step import Frozen
from tests.models.stock import SMALL, as_numpy
from tests.training.runs import EVERY_SECOND, train, trainer_of


def ends(tiny, folder, **options):
    """The weights of a run before its first step and after its last."""
    trainer = trainer_of(tiny, folder, **options)
    before = as_numpy(trainer.model)
    trainer.run()
    return before, as_numpy(trainer.model)


def changed(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_frozen_layers_and_their_statistics_do_not_change(tiny, tmp_path):
    tiny["trainer"] = {"freeze": ["stage1", "side2"]}
    before, after = ends(tiny, tmp_path)
    frozen = {name for name in before if name.startswith(("stage1.", "side2."))}  # not stage1d
    assert frozen and not frozen & changed(before, after)
    assert changed(before, after) >= {
        name for name in before if name.endswith("weight") and name not in frozen
    }


def test_a_frozen_run_with_groups_resumes_to_the_same_bits(tiny, tmp_path):
    tiny["trainer"] = {"freeze": ["stage1"]}
    tiny["lr_scheduler"] = {"type": "StepDecay", "learning_rate": 0.01, "step_size": 100}
    tiny["optimizer"]["custom_cfg"] = [{"name": "side", "lr_mult": 10.0}]
    _, whole = ends(tiny, tmp_path / "whole", use_ema=True)
    half = tmp_path / "half"
    train({**tiny, "iters": 2}, half, use_ema=True)
    resumed = train(tiny, half, use_ema=True, resume_model=str(half))
    assert not changed(whole, as_numpy(resumed.model))
    with pytest.raises(ValueError, match=r"trainer\.freeze was \['stage1'\], is \[\]"):
        trainer_of({**tiny, "trainer": {}}, half, use_ema=True, resume_model=str(half))


def test_a_name_that_is_none_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"trainer\.freeze: the model has no layer 'stage9'.*st"):
        Frozen(U2Net(stages=SMALL), ["stage9"])


def test_freezing_everything_is_refused():
    model = U2Net(stages=SMALL)
    with pytest.raises(ConfigError, match="nothing is left to train"):
        Frozen(model, [name for name, _ in model.named_children()])


def test_groups_of_parameters_learn_at_their_own_rates(tiny, tmp_path):
    tiny["iters"] = 1
    tiny["optimizer"] = {"type": "SGD"}
    before, plain = ends(tiny, tmp_path / "plain")
    tiny["optimizer"]["custom_cfg"] = [{"name": "stage1.", "lr_mult": 0.1}]
    _, grouped = ends(tiny, tmp_path / "grouped")
    for name, start in before.items():
        if name.endswith(("conv_s1.weight", "bn_s1.bias")):
            factor = 0.1 if name.startswith("stage1.") else 1
            np.testing.assert_allclose(
                grouped[name] - start, factor * (plain[name] - start), atol=2e-7, err_msg=name
            )


@pytest.mark.parametrize(
    "groups, freeze",
    [
        ([{"name": "backbone"}], []),
        ([{"name": "stage1."}], ["stage1"]),
        ([{"name": "stage1."}, {"name": "stage1.rebnconvin"}], []),
    ],
)
def test_a_group_without_parameters_is_refused(tiny, tmp_path, groups, freeze):
    tiny["optimizer"]["custom_cfg"] = groups
    tiny["trainer"] = {"freeze": freeze}
    said = f"name: expected a part of parameters' names that learn.*got '{groups[-1]['name']}'"
    with pytest.raises(ConfigError, match=said):
        trainer_of(tiny, tmp_path)


def test_a_checkpoint_from_before_freezing_resumes(run, six):
    path = run / "iter_6/state.json"
    state = json.loads(path.read_text())
    del state["must_agree"]["trainer.freeze"]
    path.write_text(json.dumps(state))
    assert trainer_of(six, run, resume_model=str(run), **EVERY_SECOND).iteration == 6


def test_a_batchnorm_is_held_even_after_it_was_replaced():
    model = U2Net(stages=SMALL)
    frozen = Frozen(model, ["stage1.rebnconvin.bn_s1"])
    model.stage1.rebnconvin.bn_s1 = paddle.nn.SyncBatchNorm(16)
    model.train()
    frozen.hold()
    assert not model.stage1.rebnconvin.bn_s1.training
