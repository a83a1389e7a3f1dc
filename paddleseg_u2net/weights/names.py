"""Names of weights: Paddle's, which are this project's published layout, and PyTorch's."""

from __future__ import annotations

from typing import Dict, Mapping

import numpy as np

_TO_TORCH = {"._mean": ".running_mean", "._variance": ".running_var"}
_FROM_TORCH = {torch: paddle for paddle, torch in _TO_TORCH.items()}
_COUNTER = ".num_batches_tracked"


def from_torch(state: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """PyTorch's names -> the published ones; BatchNorm's step counters are left out."""
    return {
        _renamed(name, _FROM_TORCH): value
        for name, value in state.items()
        if not name.endswith(_COUNTER)
    }


def to_torch(state: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """The published names -> PyTorch's, with a counter of 0 behind each running variance."""
    renamed: Dict[str, np.ndarray] = {}
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
