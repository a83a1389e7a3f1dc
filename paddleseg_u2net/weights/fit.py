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
    fitted = fold_biases({name: np.asarray(value) for name, value in state.items()})
    problems = [_missing(name, fitted) for name in shapes if name not in fitted]
    problems += [f"{name}: the model has no such weight" for name in fitted if name not in shapes]
    for name, value in fitted.items():
        if name in shapes and list(value.shape) != list(shapes[name]):
            problems.append(f"{name}: expected shape {list(shapes[name])}, got {list(value.shape)}")
        elif not np.isfinite(value).all():
            problems.append(f"{name}: holds NaN or infinity")
    if problems:
        more = len(problems) - _SHOWN
        lines = problems[:_SHOWN] + ([f"... and {more} more"] if more > 0 else [])
        raise WeightsError(
            f"{source}: these weights do not fit the model (its type, num_classes, in_channels and "
            "stages must be those of the file):\n  " + "\n  ".join(lines)
        )
    return {name: value.astype(np.float32, copy=False) for name, value in fitted.items()}


def _missing(name: str, state: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, state, n=1, cutoff=0.8)
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
