"""``.pdparams`` and ``.pdopt``: pickles of numpy arrays, read without running code in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Dict, Union

import numpy as np

from paddleseg_u2net.io.files import atomic_path, what_is
from paddleseg_u2net.weights.file_type import PICKLE, refuse_disguised
from paddleseg_u2net.weights.pickled_arrays import ARRAYS, ForeignError
from paddleseg_u2net.weights.unpickle import load_pickle

NAME_TABLE = "StructuredToParameterName@@"  # what paddle.save puts beside the weights


def read_pickle(path: Union[str, Path]) -> Dict[str, Any]:
    """The dictionary in a ``.pdparams`` or ``.pdopt`` file: names to numpy arrays.

    Paddle writes the bits of bfloat16 as uint16, a dtype that it has no tensors of; they become
    float32, which is exact.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, cut, or not such a file; the message names the path.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a file of weights (.pdparams), found {what_is(path)}"
        )
    refuse_disguised(path, reads=(PICKLE,))
    try:
        with path.open("rb") as file:
            content = load_pickle(file, ARRAYS)
    except ForeignError as error:
        raise ValueError(
            f"{path}: expected arrays and plain settings, but it cannot be read safely: {error}; "
            "load it where it was made, if you trust it, and write the weights alone with "
            "paddle.save(model.state_dict(), path)"
        ) from error
    except Exception as error:  # a broken pickle can raise anything
        raise ValueError(
            f"{path}: expected a file written by paddle.save, but it cannot be read "
            f"({str(error) or type(error).__name__}); it may be cut or of another format: "
            "fetch or write it again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a dictionary of arrays, got {type(content).__name__}")
    content.pop(NAME_TABLE, None)
    _widen_bfloat16(content)
    return content


def _widen_bfloat16(content: Dict[Any, Any]) -> None:
    """Put float32 in the place of uint16 in a dictionary and those inside it."""
    waiting = [content]
    while waiting:
        inner = waiting.pop()
        for key, value in inner.items():
            if isinstance(value, dict):
                waiting.append(value)
            elif isinstance(value, np.ndarray) and value.dtype == np.uint16:
                bits = np.left_shift(value.astype(np.uint32), np.uint32(16))
                inner[key] = np.asarray(bits).view(np.float32)


def write_pickle(path: Union[str, Path], content: Dict[str, Any]) -> None:
    """Write a dictionary of numpy arrays, numbers and dictionaries as ``paddle.load`` reads it.

    The file appears whole or not at all.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pickle.dump(_plain(content), file, protocol=4)


def _plain(value: Any) -> Any:
    """Tensors as arrays, also inside dictionaries."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value if isinstance(value, np.ndarray) or not hasattr(value, "numpy") else value.numpy()
