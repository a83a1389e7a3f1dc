from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle
import paddle.nn.functional as F

from paddleseg_u2net.models import layers
from paddleseg_u2net.onednn import library

SIZES = [(33, 37), (1, 1)]


def both_ways(monkeypatch, transposed, size, dilation, bias, in_channels=5, out_channels=3):
    """Result and gradients of conv3x3, made to take one of its two ways."""
    monkeypatch.setattr(layers, "_transposed_is_cheaper", lambda x, weight: transposed)
    rng = np.random.default_rng(dilation)
    shapes = [(2, in_channels, *size), (out_channels, in_channels, 3, 3)]
    shapes += [(out_channels,)] if bias else []
    tensors = [
        paddle.to_tensor(rng.normal(size=shape).astype("float32"), stop_gradient=False)
        for shape in shapes
    ]
    result = layers.conv3x3(tensors[0], tensors[1], tensors[2] if bias else None, dilation)
    towards = paddle.to_tensor(rng.normal(size=result.shape).astype("float32"))
    (result * towards).sum().backward()
    return [result.numpy(), *(tensor.grad.numpy() for tensor in tensors)]


@pytest.mark.parametrize("dilation", [1, 8])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
def test_both_ways_give_the_same_maps_and_gradients(monkeypatch, size, dilation, bias):
    direct, turned = (both_ways(monkeypatch, way, size, dilation, bias) for way in (False, True))
    assert direct[0].shape == (2, 3, *size)
    for expected, got in zip(direct, turned):
        # A gradient sums up to 2 * 33 * 37 products.
        assert np.abs(got - expected).max() < 3e-6 * max(np.abs(expected).max(), 1)


@pytest.mark.parametrize(
    "in_channels, out_channels, size, transposed",
    [(4, 4, (64, 16), True), (4, 8, (32, 32), False), (8, 4, (31, 33), False)],
)
def test_layers_that_reduce_channels_are_transposed(
    monkeypatch, in_channels, out_channels, size, transposed
):
    if not paddle.get_device().startswith("cpu"):
        pytest.skip("a GPU chooses for itself")
    taken = []
    monkeypatch.setattr(library, "library", lambda: None)
    monkeypatch.setattr(
        layers.F, "conv2d_transpose", lambda *a, **k: taken.append(True) or paddle.zeros([1])
    )
    layers.SameConv(in_channels, out_channels)(paddle.zeros([1, in_channels, *size]))
    assert bool(taken) is transposed


@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_equals_paddles_convolution_with_its_weights(bias):
    layer = layers.SameConv(6, 4, dilation=2, bias=bias)
    if bias:
        assert (layer.bias.numpy() == 0).all()
        layer.bias.set_value(paddle.to_tensor([1.0, -2.0, 3.0, 0.5]))
    assert sorted(layer.state_dict()) == (["bias", "weight"] if bias else ["weight"])
    x = paddle.to_tensor(np.random.default_rng(0).normal(size=(1, 6, 40, 41)).astype("float32"))
    expected = F.conv2d(x, layer.weight, layer.bias, padding=2, dilation=2)
    assert float((layer(x) - expected).abs().max()) < 1e-5
