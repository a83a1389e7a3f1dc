"""Names of weights: Paddle's, which are this project's published layout, PyTorch's, and what
training programs wrap around both.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, TypeVar

import numpy as np

_TO_TORCH = {"._mean": ".running_mean", "._variance": ".running_var"}
_FROM_TORCH = {torch: paddle for paddle, torch in _TO_TORCH.items()}
_COUNTER = ".num_batches_tracked"
# Where training programs put the weights; of two the first is taken, averages before the rest.
_WRAPPERS = ("state_dict", "model", "net", "model_state_dict", "params_ema", "params")
_DEEPEST = 2
WRAPPED = f"weights may stand under one of {', '.join(_WRAPPERS)}, at most {_DEEPEST} deep"
# What DataParallel and torch.compile put before the names; the latter also further inside.
_PREFIXES = re.compile(r"^(module\.|_orig_mod\.)+|(?<=\.)_orig_mod\.")
# How the names of a U²-Net begin, behind the name that a program of the user's gave the network.
_OWN = r"(stage\d+d?\.rebnconv|side\d+\.|outconv\.)"
_MOST = 0.6

Value = TypeVar("Value")


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


def unwrapped(content: Dict[Any, Any]) -> Dict[Any, Any]:
    """The dictionary of weights in what was saved: itself, or up to two dictionaries deep."""
    for _ in range(_DEEPEST):
        inner = [content[key] for key in _WRAPPERS if isinstance(content.get(key), dict)]
        content = inner[0] if inner else content
    return content


def unprefixed(state: Mapping[Any, Value]) -> Dict[Any, Value]:
    """``state`` without the prefixes of wrapped models: ``module.`` and ``_orig_mod.``, and what
    all names begin with if most of them are a U²-Net's behind it (``model.``, ``net.``, ...).

    Raises:
        ValueError: two names become one.
    """
    texts = {key: _PREFIXES.sub("", key) if isinstance(key, str) else key for key in state}
    common = len(_common_prefix(list(texts.values())))
    renamed: Dict[Any, Value] = {}
    for key, value in state.items():
        name = texts[key][common:] if common else texts[key]
        if name in renamed:
            raise ValueError(f"two weights are named {str(name)[:80]!a}, one of them with a prefix")
        renamed[name] = value
    return renamed


def _common_prefix(names: List[Any]) -> str:
    """What stands before a U²-Net's names in all of ``names``, or an empty text."""
    if not all(isinstance(name, str) for name in names):
        return ""
    found = [match[1] for match in (re.match(rf"(.*?){_OWN}", name) for name in names) if match]
    prefix = max(set(found), key=found.count) if found else ""
    common = prefix.endswith(".") and all(name.startswith(prefix) for name in names)
    return prefix if common and found.count(prefix) > _MOST * len(names) else ""
