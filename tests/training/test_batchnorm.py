"""BatchNorms measured anew: nothing changes in evaluation, and training begins there."""

import numpy as np
import paddle
import pytest

from paddleseg_u2net.models import U2Net
from paddleseg_u2net.training import batchnorm
from paddleseg_u2net.weights import write_weights
from tests.models.stock import SMALL, as_numpy, difference, images, random_state
from tests.training.runs import train, trainer_of
from tests.weights import narrow


@pytest.fixture
def folded():
    """A model whose BatchNorms do nothing, as after folding."""
    model = U2Net(stages=SMALL)
    state = random_state(model)
    for name in state:
        if name.endswith("bn_s1._variance"):
            state[name] = np.ones_like(state[name])
        if name.endswith("bn_s1.weight"):
            state[name] = np.full_like(state[name], np.sqrt(1 + 1e-5))
    model.set_state_dict(state)
    model.eval()
    return model


@pytest.mark.parametrize("training", [True, False])
def test_maps_stay_and_training_sees_the_same_network(folded, training):
    batch = images((32, 32), batch=4)
    before = folded(batch)[0].numpy()
    folded.train() if training else folded.eval()
    batchnorm.measure(folded, [batch])
    assert folded.training == training
    folded.eval()
    assert difference(folded(batch)[0], before) < 1e-4
    assert not batchnorm.folded(folded)
    # The batch that was measured has the statistics that training takes from it.
    folded.train()
    assert difference(folded(batch)[0], before) < 1e-3


def test_statistics_are_those_of_all_batches_together(folded):
    batches = [images((32, 32), batch=2, seed=seed) for seed in (1, 2, 3)]
    batchnorm.measure(folded, batches)
    layer = folded.stage1.rebnconvin
    with paddle.no_grad():
        inputs = np.concatenate([layer.conv_s1(batch).numpy() for batch in batches])
    np.testing.assert_allclose(layer.bn_s1._mean.numpy(), inputs.mean((0, 2, 3)), atol=1e-5)
    np.testing.assert_allclose(layer.bn_s1._variance.numpy(), inputs.var((0, 2, 3)), rtol=1e-4)


def test_a_dead_channel_stays_finite(folded):
    layer = folded.stage1.rebnconvin
    weight = layer.conv_s1.weight.numpy().copy()
    weight[0] = 0
    layer.conv_s1.weight.set_value(weight)
    batch = images((32, 32))
    before = folded(batch)[0].numpy()
    batchnorm.measure(folded, [batch])
    assert layer.bn_s1._variance.numpy()[0] == 0
    assert difference(folded(batch)[0], before) < 1e-4


def folded_file(path):
    state = narrow.state()
    for name in state:
        if name.endswith("bn_s1._variance"):
            state[name] = np.ones_like(state[name])
            state[name.replace("_variance", "weight")] = np.ones_like(state[name])
    write_weights(path, state)
    return str(path)


@pytest.fixture
def from_folded(tiny, tmp_path):
    tiny["model"] = {
        "type": "U2Net",
        "stages": narrow.table().as_dict(),
        "pretrained": folded_file(tmp_path / "folded.pth"),
    }
    tiny["loss"]["coef"] = [1] * 7
    return tiny


def test_training_from_a_folded_file_begins_with_its_maps(from_folded, tmp_path, log):
    from_folded["lr_scheduler"] = {"type": "StepDecay", "learning_rate": 1e-3, "step_size": 99}
    whole = trainer_of(from_folded, tmp_path / "whole")
    assert "folded into the convolutions; measuring them anew on 8 training" in log.text
    assert "stage1.rebnconvin.bn_s1" not in batchnorm.folded(whole.model)
    source = U2Net(stages=narrow.table(), pretrained=from_folded["model"]["pretrained"])
    source.eval(), whole.model.eval()
    batch = images((48, 48))
    assert difference(whole.model(batch)[0], source(batch)[0].numpy()) < 1e-4

    whole.run()
    train({**from_folded, "iters": 2}, tmp_path / "half")
    (tmp_path / "folded.pth").unlink()  # a resumed run does not need it any more
    half = train(from_folded, tmp_path / "half", resume_model=str(tmp_path / "half"))
    np.testing.assert_equal(as_numpy(half.model), as_numpy(whole.model))


def test_trained_batchnorms_are_left_alone(from_folded, tmp_path, log):
    write_weights(tmp_path / "trained.pth", narrow.state())
    from_folded["model"]["pretrained"] = str(tmp_path / "trained.pth")
    trainer = trainer_of(from_folded, tmp_path / "run")
    assert "measuring" not in log.text
    name = "stage1.rebnconv1.bn_s1._variance"
    np.testing.assert_array_equal(as_numpy(trainer.model)[name], narrow.state()[name])
