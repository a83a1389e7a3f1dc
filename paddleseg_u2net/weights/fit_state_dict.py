"""Whether a file's weights fit a model, and loading them: all of them, or none and an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Container, List, Mapping, Union

import numpy as np

from paddleseg_u2net.log import logger
from paddleseg_u2net.text import short_lines
from paddleseg_u2net.weights.checkpoints import is_u2net
from paddleseg_u2net.weights.formats import architecture_of, read_weights
from paddleseg_u2net.weights.layout import State, before_batchnorm, fold_biases
from paddleseg_u2net.weights.zoo import locate

_SHOWN = 8
_HEAD = re.compile(r"(side\d+|outconv)\.(weight|bias)")
_FUSION = "outconv.weight"


class WeightsError(ValueError):
    """Weights do not fit the model; the message lists the names."""


def fit_state(
    state: Mapping[str, Any],
    shapes: Mapping[str, List[int]],
    source: str,
    tables: Container[str] = (),
) -> State:
    """``state`` brought into the layout of a model with parameters of ``shapes``.

    Biases that a BatchNorm cancels are folded away; dtypes of floating point become float32. Those
    named in ``tables`` are of whole numbers, such as places in a window of a Swin transformer.

    Raises:
        WeightsError: a name is missing or too many, a shape differs, a value is not finite or not
            of floating point (integers are codes that need a scale), or a variance is below zero.
    """
    kernels = {prefix: shapes[f"{prefix}.conv_s1.weight"] for prefix in before_batchnorm(shapes)}
    known = {f"{prefix}.conv_s1.bias": shape[:1] for prefix, shape in kernels.items()}
    known.update(shapes)
    problems = [
        *(f"{name}: not in the file" for name in shapes if name not in state),
        *(f"{name}: the model has no such weight" for name in state if name not in known),
        *(
            _unusable(name, state[name], known[name], "i" if name in tables else "f")
            for name in known
            if name in state
        ),
    ]
    problems = [problem for problem in problems if problem]
    if problems:
        raise WeightsError(
            f"{source}: these weights do not fit the model (its type, num_classes, in_channels and "
            f"stages must be those of the file{_looks_like(state, source)}):\n  "
            + "\n  ".join(short_lines(problems, _SHOWN))
        )
    return fold_biases(
        {
            name: np.asarray(value, np.int64 if name in tables else np.float32)
            for name, value in state.items()
        }
    )


def _looks_like(state: Mapping[str, Any], source: str) -> str:
    try:
        return f", which looks like {architecture_of(dict(state), source)}"
    except ValueError:
        return ""


def _unusable(name: str, value: Any, shape: List[int], kind: str = "f") -> str:
    """What is wrong with an entry by itself, or an empty text."""
    array = np.asarray(value) if hasattr(value, "__array__") else None
    if array is None or array.dtype.kind != kind:
        got = type(value).__name__ if array is None else array.dtype
        numbers = "numbers of floating point" if kind == "f" else "whole numbers"
        return f"{name}: expected {numbers}, got {got}"
    with np.errstate(over="ignore"):
        if not np.isfinite(array.astype(np.float32)).all():
            return f"{name}: holds NaN or infinity, or numbers too large for float32"
    if list(array.shape) != list(shape):
        return f"{name}: expected shape {list(shape)}, got {list(array.shape)}"
    if name.endswith("._variance") and (array < 0).any():
        return f"{name}: holds {array.min():.6g}; a variance is 0 or more"
    return ""


def load_weights(model: Any, source: Union[str, Path], heads: str = "same") -> None:
    """Load weights into ``model``: all of them, or an error and the model is unchanged.

    Args:
        source: a file of any format of ``FORMATS``, a folder that holds ``model.pdparams``, or a
            name of ``ZOO``, which is fetched if it is not there yet.
        heads: the side outputs and their fusion. "same": the file's. "fitting": the file's, or the
            model's as they are, which is logged, where the file has another number of classes.
            "new": the model's as they are.

    Raises:
        WeightsError: see ``fit_state``.
    """
    path = locate(source)
    own = model.state_dict()
    state = read_weights(path, plain=not is_u2net(own))
    shapes = {name: value.shape for name, value in own.items()}
    if heads == "new" or (heads == "fitting" and _has_other_heads(state, shapes)):
        kept = [name for name in shapes if _HEAD.fullmatch(name)]
        state = {name: value for name, value in state.items() if not _HEAD.fullmatch(str(name))}
        state.update({name: own[name].numpy() for name in kept})
        why = "as asked" if heads == "new" else "the file has another number of classes"
        logger.info(
            f"{path}: side outputs and their fusion ({len(kept)} tensors) start anew: {why}"
        )
    model.set_state_dict(fit_state(state, shapes, str(path), tables_of(own)))


def tables_of(own: Mapping[str, Any]) -> List[str]:
    """The names of a layer's tensors of whole numbers."""
    return [name for name, value in own.items() if "int" in str(value.dtype)]


def _has_other_heads(state: Mapping[str, Any], shapes: Mapping[str, List[int]]) -> bool:
    """Whether the file is whole and of another number of classes."""
    whole = all(hasattr(state.get(name), "shape") for name in shapes if _HEAD.fullmatch(name))
    # The heads' other dimensions are those of the stages.
    return whole and list(state[_FUSION].shape[:1]) != list(shapes[_FUSION][:1])
