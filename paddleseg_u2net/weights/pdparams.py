"""``.pdparams`` and ``.pdopt``: pickles of numpy arrays, read without running code in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Dict, Union

import numpy as np

from paddleseg_u2net.files import atomic_path

# All that paddle.save puts into such a file; anything else a pickle could name is refused.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("collections", "OrderedDict"),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # how protocol 2 writes bytes
            return _latin1
        if name == "bytes" and module in ("__builtin__", "builtins"):
            return _no_bytes
        if (module, name) in _ALLOWED:
            return super().find_class(module.replace("numpy._core", "numpy.core"), name)
        raise pickle.UnpicklingError(f"it names {module}.{name}, which a file of arrays has not")


def _no_bytes() -> bytes:
    return b""


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it names the codec {encoding!r}")
    return text.encode("latin1")


def read_pickle(path: Union[str, Path]) -> Dict[str, Any]:
    """The dictionary in a ``.pdparams`` or ``.pdopt`` file: names to numpy arrays.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, cut, or not such a file; the message names the path.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file of weights (.pdparams), found none")
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
    except Exception as error:  # a broken pickle can raise anything
        raise ValueError(
            f"{path}: expected a file written by paddle.save, but it cannot be read "
            f"({error or type(error).__name__}); it may be cut or of another format: "
            "fetch or write it again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a dictionary of arrays, got {type(content).__name__}")
    content.pop("StructuredToParameterName@@", None)
    return content


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
