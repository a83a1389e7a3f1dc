"""``.safetensors``: read and written with the package ``safetensors``, which only these need."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Union

import numpy as np

from paddleseg_u2net.io.files import write_bytes
from paddleseg_u2net.weights.file_type import optional_package
from paddleseg_u2net.weights.layout import State, widened

# By the format's names; numpy has no bfloat16, which stands for its bits.
_TYPES = {
    "BOOL": "?", "F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2",
    "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
}  # fmt: skip


def read_safetensors(path: Path) -> State:
    """The weights in a file, by name; bfloat16 becomes float32, which is exact.

    Other dtypes are kept. The order is that of the names, since the format keeps none.
    """
    package = optional_package(path, "safetensors")
    try:
        tensors = dict(package.deserialize(path.read_bytes()))
        return {name: _array(name, tensors[name]) for name in sorted(tensors)}
    except Exception as error:  # the package has an error of its own
        raise ValueError(
            f"{path}: expected a safetensors file, but it cannot be read ({error}); it may be cut "
            "or of another format: fetch or write it again"
        ) from error


def _array(name: str, tensor: Mapping[str, Any]) -> np.ndarray:
    kind = tensor["dtype"]
    if kind not in _TYPES:
        raise ValueError(f"{name} has the dtype {kind}, which numpy has not")
    dtype = np.dtype(_TYPES[kind])
    flat = np.frombuffer(tensor["data"], dtype).astype(dtype.newbyteorder("="))
    return (widened(flat) if kind == "BF16" else flat).reshape(tensor["shape"])


def write_safetensors(path: Union[str, Path], state: Mapping[str, np.ndarray]) -> None:
    """Write a dictionary of arrays; dtypes are kept. The file appears whole or not at all."""
    package = optional_package(path, "safetensors.numpy")
    arrays = {}
    for name, value in state.items():  # the package writes memory as it lies, whatever the strides
        array = np.asarray(value)
        arrays[name] = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    try:
        content = package.save(arrays)
    except Exception as error:  # each kind of what it cannot write has its own
        raise ValueError(f"{path}: not written: {error!r}") from error
    write_bytes(path, content)
