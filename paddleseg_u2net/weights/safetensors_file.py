"""``.safetensors``: read and written with the package ``safetensors``, which only these need."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Dict, Mapping, Union

import numpy as np

from paddleseg_u2net.io.files import what_is, write_bytes
from paddleseg_u2net.weights.file_type import SAFETENSORS, refuse_disguised

PathLike = Union[str, Path]

_TYPES = {
    "BOOL": "?",
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
}
_RESERVED = "__metadata__"


def read_safetensors(path: PathLike) -> Dict[str, np.ndarray]:
    """The weights in a file, by name; bfloat16 becomes float32, which is exact.

    Other dtypes are kept. The order is that of the names, since the format keeps none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, broken, or holds dtypes that numpy has not, or the package
            ``safetensors`` is not installed; the message names the path.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a file of weights (.safetensors), found {what_is(path)}"
        )
    refuse_disguised(path, reads=(SAFETENSORS,))
    package = _package(path)
    try:
        tensors = dict(package.deserialize(path.read_bytes()))
        return {name: _array(name, tensors[name]) for name in sorted(tensors)}
    except Exception as error:  # the package has an error of its own
        raise ValueError(
            f"{path}: expected a safetensors file, but it cannot be read ({error}); it may be cut "
            "or of another format: fetch or write it again"
        ) from error


def write_safetensors(path: PathLike, state: Mapping[str, np.ndarray]) -> None:
    """Write a dictionary of arrays; dtypes are kept. The file appears whole or not at all.

    Raises:
        ValueError: a name or dtype cannot be written, or the package ``safetensors`` is not
            installed; nothing is written.
        OSError: it cannot be written.
    """
    package = _package(path, "safetensors.numpy")
    arrays = {name: _writable(path, name, value) for name, value in state.items()}
    write_bytes(path, package.save(arrays))


def _package(path: PathLike, name: str = "safetensors") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"{path}: such files are read and written with the package safetensors, which cannot "
            f"be imported ({error}): pip install safetensors"
        ) from error


def _array(name: str, tensor: Mapping[str, Any]) -> np.ndarray:
    kind = tensor["dtype"]
    if kind not in _TYPES:
        raise ValueError(f"{name} has the dtype {kind}, expected one of {', '.join(_TYPES)}")
    dtype = np.dtype(_TYPES[kind])
    flat = np.frombuffer(tensor["data"], dtype).astype(dtype.newbyteorder("="))
    if kind == "BF16":
        flat = (flat.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return flat.reshape(tensor["shape"])


def _writable(path: PathLike, name: str, value: np.ndarray) -> np.ndarray:
    """``value`` as the package takes it: it writes memory as it lies, whatever the strides."""
    array = np.asarray(value)
    if not isinstance(name, str) or name == _RESERVED:
        raise ValueError(f"{path}: expected texts other than {_RESERVED} as names, got {name!r}")
    known = {np.dtype(code).name for code in _TYPES.values()}
    if array.dtype.name not in known:
        raise ValueError(
            f"{path}: {name} has the dtype {array.dtype}, which such files have not; convert it to "
            f"one of {', '.join(sorted(known))}"
        )
    return array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
