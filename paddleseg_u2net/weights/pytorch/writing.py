"""Weights written so that ``torch.load(path, weights_only=True)`` reads them, without PyTorch."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path
from typing import Dict, Iterable, Mapping, Union

import numpy as np

from paddleseg_u2net.io.files import atomic_path
from paddleseg_u2net.weights.pytorch.tensors import STORAGES

# numpy alone has no bfloat16.
_KINDS = {kind: name for kind, name in STORAGES.items() if kind != "bfloat16"}
_ROOT = "archive"
_ALIGNMENT = 64  # so that a file that is mapped into memory gives aligned tensors


def write_torch(path: Union[str, Path], state: Mapping[str, np.ndarray]) -> None:
    """Write a dictionary of arrays in PyTorch's zip format, in its order; dtypes are kept.

    The same state gives the same bytes. The file appears whole or not at all.
    """
    arrays = {name: np.asarray(value) for name, value in state.items()}
    for name, array in arrays.items():
        if array.dtype.name not in _KINDS:
            raise ValueError(f"{path}: {name} has the dtype {array.dtype}, which PyTorch has not")
        arrays[name] = array.astype(array.dtype.newbyteorder("<"), copy=False)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        _add(archive, "data.pkl", _pickled(arrays))
        _add(archive, "byteorder", b"little")
        for number, array in enumerate(arrays.values()):
            _add(archive, f"data/{number}", array.tobytes())
        _add(archive, "version", b"3\n")  # of the format, since PyTorch 1.6


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """A member whose date is fixed and whose data begins at a multiple of 64."""
    member = zipfile.ZipInfo(f"{_ROOT}/{name}")
    stream = archive.fp
    assert stream is not None
    # A header has 30 bytes and the name; the padding has 4 bytes before it, as PyTorch writes it.
    begin = stream.tell() + 30 + len(member.filename) + 4
    padding = -begin % _ALIGNMENT
    member.extra = b"FB" + struct.pack("<H", padding) + bytes(padding)
    archive.writestr(member, data)


def _pickled(arrays: Dict[str, np.ndarray]) -> bytes:
    """The pickle of an OrderedDict of tensors, in the few instructions PyTorch allows."""
    entries = [
        _text(name) + _tensor(number, array) for number, (name, array) in enumerate(arrays.items())
    ]
    return b"".join(
        [b"\x80\x02", _name("collections", "OrderedDict"), b")R(", *entries, b"u."]
    )  # protocol 2; call; a mark; set the items since it; end


def _tensor(number: int, array: np.ndarray) -> bytes:
    kind = _KINDS[array.dtype.name]
    # Of rows that follow each other, in elements; an empty dimension counts as 1.
    sizes = [max(size, 1) for size in array.shape]
    strides = [math.prod(sizes[place:]) for place in range(1, len(sizes) + 1)]
    storage = [
        _text("storage"),
        _name("torch", kind),
        _text(str(number)),
        _text("cpu"),
        _integer(array.size),
    ]
    arguments = [
        _tuple(storage) + b"Q",  # a persistent id
        _integer(0),
        _tuple(map(_integer, array.shape)),
        _tuple(map(_integer, strides)),
        b"\x89",  # False: no gradient
        _name("collections", "OrderedDict") + b")R",  # no hooks
    ]
    return _name("torch._utils", "_rebuild_tensor_v2") + _tuple(arguments) + b"R"


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode("ascii")


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def _integer(number: int) -> bytes:
    if number < 2**31:
        return b"J" + struct.pack("<i", number)
    return b"\x8a\x08" + struct.pack("<q", number)


def _tuple(items: Iterable[bytes]) -> bytes:
    return b"(" + b"".join(items) + b"t"
