"""Formats of weights files: told apart by their first bytes to read, by suffix to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Mapping, NamedTuple, Tuple, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture, recognise
from paddleseg_u2net.io.file_types import HEAD, file_type
from paddleseg_u2net.io.files import write_bytes
from paddleseg_u2net.weights.checkpoints import ADVICE, find_network, plain_weights
from paddleseg_u2net.weights.file_type import SUFFIXES, check_file, optional_package
from paddleseg_u2net.weights.layout import State, from_torch, restore_biases, to_torch, widened
from paddleseg_u2net.weights.onnx_read import read_onnx
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from paddleseg_u2net.weights.pdparams import read_pickle, write_pickle
from paddleseg_u2net.weights.pickles.objects import Setting
from paddleseg_u2net.weights.pytorch.reading import read_torch
from paddleseg_u2net.weights.pytorch.writing import write_torch

# Takes the network's weights out of what a file holds, for which errors name the file.
Find = Callable[[Mapping[Any, Any], object], Dict[Any, Any]]

# The number that PyTorch's older format begins with, as any protocol of pickle writes it.
_TORCH_LEGACY = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
# Of safetensors, by its names; numpy has no bfloat16, which stands for its bits.
_SAFE_TYPES = {
    "BOOL": "?", "F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2",
    "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
}  # fmt: skip


class Format(NamedTuple):
    """A file format; states are in the published layout on this side of it."""

    name: str
    suffixes: Tuple[str, ...]
    type: str
    """The name in ``io.file_types``."""
    read: Callable[[Path, Find], Dict[Any, Any]]
    write: Callable[[Path, State], None]


def read_safetensors(path: Path) -> State:
    """The weights in a file of safetensors, by the order of names; bfloat16 becomes float32."""
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
    if kind not in _SAFE_TYPES:
        raise ValueError(f"{name} has the dtype {kind}, which numpy has not")
    dtype = np.dtype(_SAFE_TYPES[kind])
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


def _write_onnx(path: Path, state: State) -> None:
    model = architecture_of(state, str(path))
    write_bytes(path, onnx_bytes(state, *model[1:], source=str(path)))


FORMATS: Dict[str, Format] = {
    item.name: item
    for item in (
        Format(
            "PyTorch",
            (".pth", ".pt"),
            "zip",
            read_torch,
            lambda path, state: write_torch(path, to_torch(state)),
        ),
        Format(
            "Paddle",
            (".pdparams",),
            "pickle",
            lambda path, find: find(read_pickle(path), path),
            write_pickle,
        ),
        Format(
            "safetensors",
            (".safetensors",),
            "safetensors",
            lambda path, find: find(read_safetensors(path), path),
            lambda path, state: write_safetensors(path, to_torch(state)),
        ),
        Format("ONNX", (".onnx",), "onnx", lambda path, find: read_onnx(path)[1], _write_onnx),
    )
}


def format_of(path: Union[str, Path]) -> Format:
    """The format of an existing file, from its first bytes.

    Raises:
        FileNotFoundError: there is no such file. ValueError: it is of none of the formats.
    """
    path = check_file(path)
    with path.open("rb") as file:
        start = file.read(HEAD)
    if _TORCH_LEGACY in start[:32]:
        return FORMATS["PyTorch"]
    found = file_type(start)
    for item in FORMATS.values():
        if found is not None and item.type == found.name:
            return item
    raise ValueError(
        f"{path}: expected weights of {', '.join(FORMATS)}, but the file starts with "
        f"{start[:8]!r}; fetch or write it again"
    )


def format_to_write(path: Union[str, Path]) -> Format:
    """The format that a file's suffix asks for, or ValueError."""
    suffix = Path(path).suffix.lower()
    for item in FORMATS.values():
        if suffix in item.suffixes:
            return item
    raise ValueError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")


def read_weights(path: Union[str, Path], plain: bool = False) -> State:
    """A weights file of any format, in the published layout; dtypes are the file's.

    Args:
        path: the file.
        plain: they are another network's than a U²-Net's, under names of their own.

    Raises:
        FileNotFoundError, ValueError: it cannot be read; the message names it. No code in it runs.
    """
    path = Path(path)
    state = format_of(path).read(path, plain_weights if plain else find_network)
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, (np.ndarray, np.generic)):
            kind = value.kind if isinstance(value, Setting) else type(value).__name__
            shown = f"{str(name)[:80]!a}"
            raise ValueError(f"{path}: expected weights, but {shown} is a {kind}; {ADVICE}")
    # Tools without Paddle pickle numpy arrays, by the names that PyTorch has.
    return from_torch(state)


def write_weights(path: Union[str, Path], state: State) -> None:
    """Write weights in the format of the suffix, whole or not at all."""
    format_to_write(path).write(Path(path), restore_biases(state))


def architecture_of(state: State, source: str) -> Architecture:
    """The model that weights in the published layout belong to; see ``recognise``.

    What is no array is passed over; ``fit_state`` refuses it.
    """
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    return recognise({name: v.shape for name, v in arrays.items() if isinstance(name, str)}, source)
