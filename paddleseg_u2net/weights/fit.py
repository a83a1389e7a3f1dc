"""Whether a file's weights fit a model, and loading them: all of them, or none and an error."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, List, Mapping, Union

import numpy as np

from paddleseg_u2net.weights.biases import State, fold_biases
from paddleseg_u2net.weights.pdparams import read_pickle

_SHOWN = 8


class WeightsError(ValueError):
    """Weights do not fit the model; the message lists the names."""


def fit_state(state: Mapping[str, Any], shapes: Mapping[str, List[int]], source: str) -> State:
    """``state`` brought into the layout of a model with parameters of ``shapes``.

    Biases that a BatchNorm cancels are folded away; dtypes become float32.

    Raises:
        WeightsError: a name is missing or too many, a shape differs, or a value is not finite.
    """
    problems: List[str] = []
    arrays: State = {}
    for name, value in state.items():
        problem = _unusable(name, value, shapes)
        if problem:
            problems.append(problem)
        else:
            arrays[name] = np.asarray(value, np.float32)
    fitted = fold_biases(arrays) if not problems else arrays
    extra = [name for name in fitted if name not in shapes]
    if not problems:
        missing = [name for name in shapes if name not in fitted]
        problems += [_missing(name, extra if i < _SHOWN else []) for i, name in enumerate(missing)]
        problems += [f"{name}: the model has no such weight" for name in extra]
    if problems:
        more = len(problems) - _SHOWN
        lines = problems[:_SHOWN] + ([f"... and {more} more"] if more > 0 else [])
        raise WeightsError(
            f"{source}: these weights do not fit the model (its type, num_classes, in_channels and "
            "stages must be those of the file):\n  " + "\n  ".join(lines)
        )
    return fitted


def _unusable(name: str, value: Any, shapes: Mapping[str, List[int]]) -> str:
    """What is wrong with an entry by itself, or an empty text."""
    if not isinstance(name, str):
        return f"{name}: expected a weight's name, got {type(name).__name__}"
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        return f"{name}: expected an array of numbers, got {type(value).__name__}"
    with np.errstate(over="ignore"):
        if not np.isfinite(array.astype(np.float32)).all():
            return f"{name}: holds NaN or infinity, or numbers too large for float32"
    expected = shapes.get(name)
    if expected is None and name.endswith(".conv_s1.bias"):
        kernel = shapes.get(name[: -len("bias")] + "weight")
        expected = None if kernel is None else kernel[:1]
    if expected is not None and list(array.shape) != list(expected):
        return f"{name}: expected shape {list(expected)}, got {list(array.shape)}"
    return ""


def _missing(name: str, unknown: List[str]) -> str:
    near = difflib.get_close_matches(name, unknown, n=1, cutoff=0.8)
    return f"{name}: not in the file" + (f" (nearest there: {near[0]})" if near else "")


def load_weights(model: Any, path: Union[str, Path]) -> None:
    """Load a ``.pdparams`` file of this project or of PaddleSeg's own U²-Net into ``model``.

    ``path`` may be a folder that holds ``model.pdparams``.

    Raises:
        FileNotFoundError, ValueError: see ``read_pickle``.
        WeightsError: see ``fit_state``; the model is unchanged then.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.pdparams"
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    model.set_state_dict(fit_state(read_pickle(path), shapes, str(path)))
