"""Layers on oneDNN against Paddle's own operators and PyTorch, most in float64."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle
from paddle import nn

from paddleseg_u2net.models import RSU, U2NetP, layers
from paddleseg_u2net.onednn import library, run

if library.library() is None:
    pytest.skip("Paddle brings no oneDNN here", allow_module_level=True)

# Two images of 33x37: sums of 2442 products in float32.
CLOSE = 2e-5


@pytest.fixture
def without(monkeypatch):
    """A function that turns oneDNN off for the rest of a test."""
    return lambda: monkeypatch.setattr(library, "library", lambda: None)


@pytest.fixture
def used(monkeypatch):
    """Numbers of layers that went to oneDNN."""
    taken = []
    real = run.Tape.convolve
    monkeypatch.setattr(
        run.Tape, "convolve", lambda *arguments: taken.append(1) or real(*arguments)
    )
    return taken


def steps(layer, shape, dtype="float32", seed=0, towards=None):
    """Outputs, gradients and BatchNorm statistics of one forward and backward pass, in float64."""
    layer = copy.deepcopy(layer)
    layer.to(dtype=dtype)
    rng = np.random.default_rng(seed)
    x = paddle.to_tensor(rng.normal(size=shape).astype(dtype), stop_gradient=False)
    results = layer(x)
    results = results if isinstance(results, list) else [results]
    loss = sum(
        (y * paddle.to_tensor(rng.normal(size=y.shape).astype(dtype))).sum() for y in results
    )
    loss.backward()
    named = {"x": x, **dict(layer.named_parameters())}
    found = {f"grad {name}": t.grad for name, t in named.items() if t.grad is not None}
    found.update({f"out {index}": y for index, y in enumerate(results)})
    found.update({name: t for name, t in layer.named_parameters() if t.stop_gradient})
    return {name: tensor.numpy().astype("float64") for name, tensor in found.items()}


def assert_close(got, expected, within=CLOSE, size=np.max):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].shape == value.shape
        error = size(np.abs(got[name] - value)) / max(size(np.abs(value)), 1e-3)
        assert error < within, (name, error)


CASES = [  # in, out, dilation, shape of the image
    (3, 16, 1, (2, 33, 37)),
    (16, 16, 2, (2, 33, 37)),
    (64, 16, 4, (1, 33, 37)),
    (16, 64, 8, (2, 20, 21)),
    (1, 1, 1, (3, 9, 8)),
    (5, 3, 2, (3, 7, 11)),
    (16, 16, 8, (2, 3, 5)),
    (64, 3, 1, (3, 1, 5)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["training", "fixed"])
def test_a_layer_equals_paddles_in_float64(case, training, used, without):
    inside, outside, dilation, (batch, *size) = case
    paddle.seed(1)
    layer = layers.ConvBNReLU(inside, outside, dilation)
    rng = np.random.default_rng(2)
    for tensor in layer.bn_s1.parameters():  # scale, shift, mean, variance
        tensor.set_value(rng.uniform(0.5, 2, tensor.shape).astype("float32"))
    layer.train() if training else layer.eval()
    shape = (batch, inside, *size)
    got = steps(layer, shape)
    assert len(used) == 1
    assert "grad x" in got and "grad bn_s1.weight" in got
    without()
    assert_close(got, steps(layer, shape, "float64"))
    assert len(used) == 1


@pytest.mark.parametrize("case", CASES[:6], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_equals_paddles_in_float64(case, bias, used, without):
    inside, outside, dilation, (batch, *size) = case
    paddle.seed(1)
    layer = layers.SameConv(inside, outside, dilation, bias)
    if bias:
        layer.bias.set_value(np.arange(outside, dtype="float32") + 1)
    shape = (batch, inside, *size)
    got = steps(layer, shape)
    without()
    assert_close(got, steps(layer, shape, "float64"))
    assert len(used) == 1


def test_a_layer_equals_pytorchs(used):
    torch = pytest.importorskip("torch")
    layer = layers.ConvBNReLU(16, 24, 2)
    got = steps(layer, (2, 16, 31, 30))
    conv = torch.nn.Conv2d(16, 24, 3, padding=2, dilation=2, bias=False).double()
    conv.weight.data = torch.tensor(layer.conv_s1.weight.numpy()).double()
    norm = torch.nn.BatchNorm2d(24).double()
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(2, 16, 31, 30)).astype("float32")).double().requires_grad_()
    y = torch.relu(norm(conv(x)))
    (y * torch.tensor(rng.normal(size=y.shape).astype("float32")).double()).sum().backward()
    expected = {
        "out 0": y,
        "grad x": x.grad,
        "grad conv_s1.weight": conv.weight.grad,
        "grad bn_s1.weight": norm.weight.grad,
        "grad bn_s1.bias": norm.bias.grad,
        "bn_s1._mean": norm.running_mean,
    }
    expected = {name: value.detach().numpy() for name, value in expected.items()}
    # Paddle's BatchNorm does not correct the variance for the mean being estimated.
    count = x.numel() / 16
    variance = norm.running_var.numpy() * 1.0 - 0.9
    expected["bn_s1._variance"] = variance * (count - 1) / count + 0.9
    assert_close(got, expected)
    assert used


def test_statistics_of_many_pixels_keep_their_digits():
    # float32 sums of 80,000 pixels far from zero are wrong in the fourth digit.
    layer = layers.ConvBNReLU(1, 16)
    x = np.random.default_rng(0).normal(loc=5, size=(2, 1, 200, 200)).astype("float32")
    layer(paddle.to_tensor(x))
    whole = copy.deepcopy(layer.conv_s1)
    whole.to(dtype="float64")
    values = whole(paddle.to_tensor(x.astype("float64"))).numpy()
    for running, before, expected in (
        (layer.bn_s1._mean, 0, values.mean((0, 2, 3))),
        (layer.bn_s1._variance, 1, values.var((0, 2, 3))),
    ):
        expected = 0.9 * before + 0.1 * expected
        assert np.abs(running.numpy() - expected).max() < 3e-7 * np.abs(expected).max()


@pytest.mark.parametrize("dilated", [False, True])
def test_a_block_equals_paddles_in_float64(dilated, used, without):
    paddle.seed(3)
    block = RSU(4, 6, 5, 7, dilated)
    got = steps(block, (2, 6, 29, 30))
    assert len(used) == 8
    without()
    assert_close(got, steps(block, (2, 6, 29, 30), "float64"), 1e-4)


@pytest.mark.parametrize("size", [(64, 64), (45, 71), (1, 1)], ids=str)
def test_a_network_equals_paddles(size, used, without):
    paddle.seed(4)
    model = U2NetP()
    for layer in model.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            layer.eval()  # over a few pixels, BatchNorm makes much of rounding
    got = steps(model, (2, 3, *size))
    assert len(used) == 118
    without()
    # Rounding turns a few ReLUs: single gradients differ, most do not.
    assert_close(got, steps(model, (2, 3, *size)), 1e-2, np.mean)


def test_evaluation_equals_paddles(used, without):
    paddle.seed(5)
    model = U2NetP()
    model.eval()
    x = paddle.randn([1, 3, 50, 67])
    with paddle.no_grad():
        got = model(x)
        assert used
        without()
        expected = model(x)
    assert len(got) == 1 and float((got[0] - expected[0]).abs().max()) < 1e-4


def test_what_does_not_fit_goes_to_paddle(used):
    def run_on(layer, dtype="float32"):
        used.clear()
        layer(paddle.randn([1, 3, 16, 16]).astype(dtype))
        return len(used)

    assert run_on(RSU(3, 3, 2, 4)) == 6
    assert run_on(RSU(3, 3, 2, 4).to(dtype="float64"), "float64") == 0
    other = RSU(3, 3, 2, 4)
    other.rebnconv1.bn_s1 = nn.GroupNorm(2, 2)
    assert run_on(other) == 6  # one by one, with Paddle's operators between them

    class Louder(layers.ConvBNReLU):
        def forward(self, x):
            return 2 * layers.ConvBNReLU.forward(self, x)

    other = RSU(3, 3, 2, 4)
    other.rebnconvin = Louder(3, 4)
    assert run_on(other) == 6
    expected = other.rebnconvin(x := paddle.ones([1, 3, 8, 8]))
    assert np.allclose(expected.numpy(), 2 * layers.ConvBNReLU.forward(other.rebnconvin, x).numpy())


def test_hooks_see_tensors_and_change_nothing():
    paddle.seed(6)
    block = RSU(3, 3, 2, 4)
    block.eval()
    x = paddle.randn([1, 3, 16, 18])
    seen = []
    alone = block(x)
    block.rebnconv2.bn_s1.register_forward_post_hook(lambda *args: seen.append(args[2]))
    hooked = block(x)
    assert isinstance(seen[0], paddle.Tensor) and seen[0].shape == [1, 2, 8, 9]
    assert float((alone - hooked).abs().max()) < 1e-5


def test_frozen_parameters_get_no_gradient(used):
    block = RSU(3, 3, 2, 4)
    for parameter in block.rebnconvin.parameters():
        parameter.stop_gradient = True
    block.rebnconvin.eval()
    mean = block.rebnconvin.bn_s1._mean.numpy()
    block(paddle.randn([2, 3, 16, 16])).sum().backward()
    assert used
    with_gradient = {name for name, one in block.named_parameters() if one.grad is not None}
    expected = {name for name, one in block.named_parameters() if not one.stop_gradient}
    assert with_gradient == expected and "rebnconv1.conv_s1.weight" in expected
    assert (block.rebnconvin.bn_s1._mean.numpy() == mean).all()


def test_a_retained_graph_gives_the_same_again():
    paddle.seed(7)
    block = RSU(3, 3, 2, 4)
    y = block(paddle.randn([2, 3, 16, 16])).sum()
    mean = block.rebnconvin.bn_s1._mean.numpy()
    y.backward(retain_graph=True)
    weight = block.rebnconvin.conv_s1.weight
    once = weight.grad.numpy()
    for _ in range(2):
        (again,) = paddle.grad(y, [weight], retain_graph=True)
        assert np.array_equal(again.numpy(), once)
    y.backward()
    assert np.array_equal(weight.grad.numpy(), 2 * once)
    assert (block.rebnconvin.bn_s1._mean.numpy() == mean).all()


def test_results_may_go_back_one_by_one():
    paddle.seed(9)
    model = U2NetP()
    model.eval()
    x = paddle.randn([1, 3, 32, 32])

    def sides():
        return run.run(model, model._sides, x)

    sum(side.sum() for side in sides()).backward()
    together = model.stage2.rebnconv1.conv_s1.weight.grad.numpy()
    model.clear_gradients()
    for side in sides():
        side.sum().backward(retain_graph=True)
    apart = model.stage2.rebnconv1.conv_s1.weight.grad.numpy()
    assert np.abs(apart - together).max() < 1e-4 * np.abs(together).max()


def test_gradients_of_gradients_are_refused():
    block = RSU(3, 3, 2, 4)
    x = paddle.randn([2, 3, 16, 16])
    x.stop_gradient = False
    with pytest.raises(OSError, match="U2NET_ONEDNN=0 has them"):
        paddle.grad(block(x).sum(), x, create_graph=True)


def test_repeated_runs_are_equal_to_the_bit():
    paddle.seed(8)
    model = U2NetP()
    first, second = (steps(model, (2, 3, 64, 48)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_not_a_number_comes_through():
    layer = layers.ConvBNReLU(3, 16)
    x = paddle.ones([2, 3, 9, 9])
    x[0, 0, 4, 4] = float("nan")
    for mode in (layer.train, layer.eval):
        mode()
        assert np.isnan(layer(x).numpy()).any()
    layer.train()
    assert np.isnan(layer(x).numpy()).all()


FORKING = """
import multiprocessing
from paddleseg_u2net.env import load_paddle
load_paddle()
import numpy as np, paddle
from paddleseg_u2net.models import layers

layer = layers.ConvBNReLU(3, 4)
layer.eval()
x = paddle.randn([1, 3, 8, 8])
expected = layer(x).numpy()
context = multiprocessing.get_context("fork")
queue = context.Queue()
work = lambda: queue.put(float(np.abs(layer(x).numpy() - expected).max()))
process = context.Process(target=work)
process.start()
print(queue.get(timeout=60))
process.join()
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_fork_computes_the_same(threads):
    # a process of its own: what other tests have loaded has threads, and those may hang a fork
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    command = [sys.executable, "-c", FORKING]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert float(result.stdout.split()[-1]) < 1e-5, result.stderr
