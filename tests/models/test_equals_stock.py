"""Ours against PaddleSeg's own model, whose convolutions have biases that BatchNorm cancels.

In training, BatchNorm over a batch divides by a small deviation dozens of times in a row, which
magnifies rounding: there, equality is shown in double precision.
"""

from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle
import paddle.nn.functional as F

from paddleseg_u2net.weights import fit_state, fold_biases
from tests.models.stock import VARIANTS, as_numpy, difference, images, shapes, twins

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

TINY = [(1, 1), (3, 2)]


def restoring(pair):
    """Yield the models; put their statistics back afterwards."""
    before = [as_numpy(model) for model in pair]
    yield pair
    for model, state in zip(pair, before):
        model.set_state_dict(state)
        model.clear_gradients()
        model.eval()


@pytest.fixture(scope="module", params=VARIANTS)
def single(request):
    return twins(request.param)


@pytest.fixture(scope="module", params=VARIANTS)
def double(request):
    return [model.to(dtype="float64") for model in twins(request.param)]


@pytest.fixture
def floats(single):
    yield from restoring(single)


@pytest.fixture
def doubles(double):
    yield from restoring(double)


@paddle.no_grad()
def outputs(pair, x, training):
    for model in pair:
        model.train() if training else model.eval()
    return [[value.numpy() for value in model(x)] for model in pair]


@pytest.mark.parametrize("size", [(67, 71), (33, 130), *TINY], ids=str)
def test_the_fused_map_in_evaluation_equals_stocks(floats, size):
    theirs, ours = outputs(floats, images(size, batch=1), training=False)
    assert len(ours) == 1
    assert difference(ours[0], theirs[0]) < 1e-5


@pytest.mark.parametrize("size, batch", [((33, 130), 1), *((size, 16) for size in TINY)], ids=str)
def test_all_seven_maps_in_training_equal_stocks(doubles, size, batch):
    theirs, ours = outputs(doubles, images(size, batch, dtype="float64"), training=True)
    assert len(ours) == len(theirs) == 7
    for got, expected in zip(ours, theirs):
        assert difference(got, expected) < 1e-8


def test_a_training_step_equals_stocks(doubles):
    theirs, ours = doubles
    x = images((33, 40), dtype="float64")
    label = (images((33, 40), channels=1, seed=2) > 0).astype("float64")
    maps = []
    for model in doubles:
        model.train()
        maps.append(model(x))
        sum(F.binary_cross_entropy_with_logits(head, label) for head in maps[-1]).backward()
    for expected, got in zip(*maps):
        assert difference(got.numpy(), expected.numpy()) < 1e-10

    folded, state = fold_biases(as_numpy(theirs)), as_numpy(ours)
    for name in state:
        if name.endswith(("._mean", "._variance")):  # the load rounded means to float32
            np.testing.assert_allclose(state[name], folded[name], rtol=1e-6, atol=1e-7)

    expected = {name: value.grad for name, value in theirs.named_parameters()}
    trained = [(name, value) for name, value in ours.named_parameters() if not value.stop_gradient]
    assert len(trained) == len([name for name in expected if not is_statistic_or_bias(name)])
    for name, value in trained:
        assert difference(value.grad.numpy(), expected[name].numpy()) < 1e-9, name


def is_statistic_or_bias(name):
    return name.endswith(("conv_s1.bias", "._mean", "._variance"))


@pytest.mark.parametrize("in_channels, num_classes", [(1, 1), (4, 3)])
def test_other_channels_and_classes_equal_stocks(in_channels, num_classes):
    pair = twins("U2NetP", in_channels=in_channels, num_classes=num_classes)
    x = images((40, 37), channels=in_channels)
    theirs, ours = outputs(pair, x, training=False)
    assert ours[0].shape == (2, num_classes, 40, 37)
    assert difference(ours[0], theirs[0]) < 1e-5


def test_names_and_shapes_are_stocks_but_for_cancelled_biases(floats):
    theirs, ours = (shapes(model) for model in floats)
    cancelled = {name for name in theirs if name.endswith(".conv_s1.bias")}
    assert len(cancelled) == 112
    assert ours == {name: theirs[name] for name in theirs.keys() - cancelled}
    fit_state(as_numpy(floats[0]), ours, "stock")
