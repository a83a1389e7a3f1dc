"""Inputs of losses that tests share, and what runs them."""

from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle
from paddleseg.cvlibs import manager

from paddleseg_u2net import components  # noqa: F401
from paddleseg_u2net.losses import KINDS, MENDED

# Arguments that make a loss do what it is for on a small image.
ARGUMENTS = {
    "BootstrappedCrossEntropyLoss": {"min_K": 20, "loss_th": 0.3},
    "OhemCrossEntropyLoss": {"thresh": 0.5, "min_kept": 40},
    "MultiClassFocalLoss": {"num_class": 3},
}
PER_PIXEL = [
    name
    for name, kind in KINDS.items()
    if kind.form == "map" and name not in ("MixedLoss", "KLLoss", "DeepSupervisionLoss")
]
# Each with the numbers of channels that it takes.
CASES = [
    (name, channels)
    for name in PER_PIXEL
    for channels in (1, 2, 3)
    if not KINDS[name].refuses(channels)
]


def make(name, **arguments):
    """A loss by its name in YAML."""
    kind = MENDED.get(name) or manager.LOSSES[name]
    return kind(**{**ARGUMENTS.get(name, {}), **arguments})


def sample(channels, seed=0, void=0.2, size=(2, 12, 14), dtype="float32", soft=False):
    """Logits, and a label of three by three blocks with ignored pixels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (size[0], channels, *size[1:])).astype(dtype)
    blocks = rng.integers(0, max(channels, 2), (size[0], size[1] // 3 + 1, size[2] // 3 + 1))
    label = np.kron(blocks, np.ones((3, 3), np.int64))[:, : size[1], : size[2]]
    if soft:
        label = rng.random(size).astype("float32")
    label[rng.random(size) < void] = 255
    return logits, label


def run(loss, logits, label):
    """The loss and its gradient."""
    x = paddle.to_tensor(logits, stop_gradient=False)
    paddle.seed(1)
    value = loss(x, paddle.to_tensor(label))
    value.backward()
    return float(value), np.zeros(logits.shape) if x.grad is None else x.grad.numpy()


def assert_alike(got, expected, rel=2e-5):
    """Losses and gradients are equal."""
    assert got[0] == pytest.approx(expected[0], rel=rel, abs=1e-7)
    assert np.abs(got[1] - expected[1]).max() <= rel * np.abs(expected[1]).max() + 1e-9
