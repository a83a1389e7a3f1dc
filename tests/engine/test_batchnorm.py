"""BatchNorms measured anew: nothing changes in evaluation, and training begins there."""

import numpy as np
import paddle
import pytest

from paddleseg_u2net.engine import batchnorm
from paddleseg_u2net.models import U2Net
from tests.models.stock import SMALL, difference, images, random_state


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


def test_only_models_with_folded_batchnorms_are_called_so(folded):
    assert batchnorm.is_folded(folded)
    folded.stage2.rebnconv1.bn_s1._variance.set_value(np.full(8, 1.5, "float32"))
    assert not batchnorm.is_folded(folded)


@pytest.mark.parametrize("training", [True, False])
def test_maps_stay_and_training_sees_the_same_network(folded, training):
    batch = images((32, 32), batch=4)
    before = folded(batch)[0].numpy()
    folded.train() if training else folded.eval()
    batchnorm.measure(folded, [batch])
    assert folded.training == training
    folded.eval()
    assert difference(folded(batch)[0], before) < 1e-4
    assert not batchnorm.is_folded(folded)
    # The batch that was measured has the statistics that training takes from it.
    folded.train()
    assert difference(folded(batch)[0], before) < 1e-3


def test_without_measuring_training_sees_another_network(folded):
    batch = images((32, 32), batch=4)
    before = folded(batch)[0].numpy()
    folded.train()
    assert difference(folded(batch)[0], before) > 0.1


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


def test_trained_batchnorms_may_be_measured_too(folded):
    model = U2Net(stages=SMALL)
    model.set_state_dict(random_state(model))
    model.eval()
    batch = images((37, 45))
    before = model(batch)[0].numpy()
    batchnorm.measure(model, [batch])
    assert difference(model(batch)[0], before) < 1e-4
