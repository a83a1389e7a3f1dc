"""The published layout of weights: Paddle's names, and convolution biases that a BatchNorm cancels.

A bias ``b`` before a BatchNorm with the running mean ``m`` is worth a mean of ``m - b`` without it.
Public files have them; this project's models do not, since adding them takes time in training.
"""

from __future__ import annotations

from typing import Dict, List, Mapping

import numpy as np

State = Dict[str, np.ndarray]
EPSILON = 1e-5  # of every BatchNorm of the models

_TO_TORCH = {"._mean": ".running_mean", "._variance": ".running_var"}
_FROM_TORCH = {torch: paddle for paddle, torch in _TO_TORCH.items()}
_COUNTER = ".num_batches_tracked"


def from_torch(state: Mapping[str, np.ndarray]) -> State:
    """PyTorch's names -> the published ones; BatchNorm's step counters are left out."""
    return {
        _renamed(name, _FROM_TORCH): value
        for name, value in state.items()
        if not name.endswith(_COUNTER)
    }


def to_torch(state: Mapping[str, np.ndarray]) -> State:
    """The published names -> PyTorch's, with a counter of 0 behind each running variance."""
    renamed: State = {}
    for name, value in state.items():
        renamed[_renamed(name, _TO_TORCH)] = value
        if name.endswith("._variance"):
            renamed[name[: -len("._variance")] + _COUNTER] = np.zeros((), np.int64)
    return renamed


def _renamed(name: str, endings: Mapping[str, str]) -> str:
    for ending, other in endings.items():
        if name.endswith(ending):
            return name[: -len(ending)] + other
    return name


def before_batchnorm(names: Mapping[str, object]) -> List[str]:
    """Prefixes ``p`` with a convolution ``p.conv_s1`` and a BatchNorm ``p.bn_s1`` behind it."""
    suffix = ".conv_s1.weight"
    prefixes = [name[: -len(suffix)] for name in names if name.endswith(suffix)]
    return [prefix for prefix in prefixes if f"{prefix}.bn_s1._mean" in names]


def fold_biases(state: Mapping[str, np.ndarray]) -> State:
    """``state`` without convolution biases before a BatchNorm: they go into the running means."""
    folded = dict(state)
    for prefix in before_batchnorm(state):
        bias = folded.pop(f"{prefix}.conv_s1.bias", None)
        if bias is not None:
            mean = f"{prefix}.bn_s1._mean"
            folded[mean] = folded[mean] - bias.astype(folded[mean].dtype)
    return folded


def restore_biases(state: Mapping[str, np.ndarray]) -> State:
    """``state`` in the published layout: zeros where a convolution bias was left out."""
    published: State = {}
    layers = {f"{prefix}.conv_s1.weight" for prefix in before_batchnorm(state)}
    for name, value in state.items():
        published[name] = value
        bias = name[: -len("weight")] + "bias"
        if name in layers and bias not in state:
            published[bias] = np.zeros(value.shape[0], value.dtype)
    return published


def widened(bits: np.ndarray) -> np.ndarray:
    """The bits of bfloat16 (uint16, any shape) as float32, which is exact: its upper half."""
    wide = np.left_shift(bits.astype(np.uint32), np.uint32(16))
    return np.asarray(wide).view(np.float32)
