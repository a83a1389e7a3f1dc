"""PaddleSeg's own U²-Net with random numbers everywhere, beside ours with the same weights."""

from __future__ import annotations

import numpy as np

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle
from paddleseg.models import u2net as stock

from paddleseg_u2net.models import U2Net, U2NetP
from paddleseg_u2net.weights import fit_state

VARIANTS = {"U2Net": (stock.U2Net, U2Net), "U2NetP": (stock.U2Netp, U2NetP)}

# The quickstart's table: small, with every kind of stage.
SMALL = {
    "encoder": [[5, 8, 16], [4, 8, 24], ["4F", 12, 32], ["4F", 12, 32]],
    "decoder": [["4F", 12, 32], [4, 8, 24], [5, 8, 16]],
}


def as_numpy(model):
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def shapes(model):
    return {name: value.shape for name, value in model.state_dict().items()}


def random_state(model, seed=0):
    """Kaiming-sized kernels; biases, statistics and affine maps all well away from 0 and 1."""
    rng = np.random.default_rng(seed)
    draw = {
        "bn_s1._mean": lambda shape: rng.normal(0, 0.3, shape),
        "bn_s1._variance": lambda shape: rng.uniform(0.5, 2, shape),
        "bn_s1.weight": lambda shape: rng.uniform(0.5, 1.5, shape),
        "bias": lambda shape: rng.normal(0, 0.3, shape),
        "weight": lambda shape: rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape),
    }
    state = {}
    for name, shape in shapes(model).items():
        kind = next(ending for ending in draw if name.endswith(ending))
        state[name] = draw[kind](shape).astype("float32")
    return state


def twins(variant, **arguments):
    """PaddleSeg's model and ours with the same random weights, float32."""
    theirs_type, ours_type = VARIANTS[variant]
    arguments = {"num_classes": 1, **arguments}
    theirs, ours = theirs_type(**arguments), ours_type(**arguments)
    state = random_state(theirs)
    theirs.set_state_dict(state)
    ours.set_state_dict(fit_state(state, shapes(ours), "random"))
    return theirs, ours


def images(size, batch=2, channels=3, dtype="float32", seed=1):
    rng = np.random.default_rng(seed)
    return paddle.to_tensor(rng.normal(size=(batch, channels, *size)).astype(dtype))


def difference(got, expected):
    """Largest difference in units of the largest expected value."""
    got, expected = np.asarray(got, "float64"), np.asarray(expected, "float64")
    assert got.shape == expected.shape
    return np.abs(got - expected).max() / np.abs(expected).max()
