"""``.pdparams`` and ``.pdopt``: pickles of numpy arrays, read without running code in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Dict, Union

import numpy as np

from paddleseg_u2net.io.files import atomic_path
from paddleseg_u2net.weights.layout import widened
from paddleseg_u2net.weights.pickles.objects import ARRAYS
from paddleseg_u2net.weights.pickles.unpickler import load_pickle, named_errors

_NAME_TABLE = "StructuredToParameterName@@"  # what paddle.save puts beside the weights


def read_pickle(path: Union[str, Path]) -> Dict[str, Any]:
    """The dictionary in a ``.pdparams`` or ``.pdopt`` file: names to numpy arrays.

    Paddle writes the bits of bfloat16 as uint16, a dtype that it has no tensors of; they become
    float32, which is exact.
    """
    path = Path(path)
    with path.open("rb") as file, named_errors(path, "paddle.save(model.state_dict(), path)"):
        content = load_pickle(file, ARRAYS)
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, no dictionary of arrays")
        return _plain(content)


def _plain(content: Dict[Any, Any]) -> Dict[Any, Any]:
    """A dictionary and those inside it without Paddle's tables of names, bfloat16 widened."""
    for key, value in content.items():
        if isinstance(value, dict):
            _plain(value)
        elif isinstance(value, np.ndarray) and value.dtype == np.uint16:
            content[key] = widened(value)
    content.pop(_NAME_TABLE, None)
    return content


def write_pickle(path: Union[str, Path], content: Dict[str, Any]) -> None:
    """Write a dictionary of arrays, numbers and dictionaries as ``paddle.load`` reads it."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pickle.dump(_as_arrays(content), file, protocol=4)


def _as_arrays(value: Any) -> Any:
    """Tensors as arrays, also inside dictionaries."""
    if isinstance(value, dict):
        return {name: _as_arrays(item) for name, item in value.items()}
    return value if isinstance(value, np.ndarray) or not hasattr(value, "numpy") else value.numpy()
