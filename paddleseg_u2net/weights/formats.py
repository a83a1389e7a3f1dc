"""Formats of weights files: told apart by their first bytes to read, by suffix to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Tuple, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture, recognise
from paddleseg_u2net.io.file_types import HEAD, file_type
from paddleseg_u2net.io.files import write_bytes
from paddleseg_u2net.weights.checkpoints import ADVICE, find_network
from paddleseg_u2net.weights.file_type import SUFFIXES, check_file
from paddleseg_u2net.weights.layout import State, from_torch, restore_biases, to_torch
from paddleseg_u2net.weights.onnx_read import read_onnx
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from paddleseg_u2net.weights.pdparams import read_pickle, write_pickle
from paddleseg_u2net.weights.pickles.objects import Setting
from paddleseg_u2net.weights.pytorch.reading import read_torch
from paddleseg_u2net.weights.pytorch.writing import write_torch
from paddleseg_u2net.weights.safetensors_file import read_safetensors, write_safetensors

# The number that PyTorch's older format begins with, as any protocol of pickle writes it.
_TORCH_LEGACY = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"


class Format(NamedTuple):
    """A file format; states are in the published layout on this side of it."""

    name: str
    suffixes: Tuple[str, ...]
    type: str
    """The name in ``io.file_types``."""
    read: Callable[[Path], Dict[Any, Any]]
    write: Callable[[Path, State], None]


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
            lambda path: find_network(read_pickle(path), path),
            write_pickle,
        ),
        Format(
            "safetensors",
            (".safetensors",),
            "safetensors",
            lambda path: find_network(read_safetensors(path), path),
            lambda path, state: write_safetensors(path, to_torch(state)),
        ),
        Format("ONNX", (".onnx",), "onnx", lambda path: read_onnx(path)[1], _write_onnx),
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


def read_weights(path: Union[str, Path]) -> State:
    """A weights file of any format, in the published layout; dtypes are the file's.

    Raises:
        FileNotFoundError, ValueError: it cannot be read; the message names it. No code in it runs.
    """
    path = Path(path)
    state = format_of(path).read(path)
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
