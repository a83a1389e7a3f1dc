"""Tensors as PyTorch pickles them: where each lies in which storage, checked; and their arrays.

What the names in a pickle stand for follows ``torch/_utils.py`` and ``torch/storage.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, Tuple

import numpy as np

from paddleseg_u2net.weights.layout import widened
from paddleseg_u2net.weights.pickles.objects import ARRAYS, dimensions, whole


@dataclass(frozen=True)
class ElementType:
    """A dtype of PyTorch, and of numpy the one that has its bits; little endian."""

    name: str
    bits: np.dtype


# By dtype: numpy's code, and the storage class, which newer ones have not.
_CODES = {
    "float64": ("<f8", "DoubleStorage"),
    "float32": ("<f4", "FloatStorage"),
    "float16": ("<f2", "HalfStorage"),
    "bfloat16": ("<u2", "BFloat16Storage"),
    "int64": ("<i8", "LongStorage"),
    "int32": ("<i4", "IntStorage"),
    "int16": ("<i2", "ShortStorage"),
    "int8": ("i1", "CharStorage"),
    "uint8": ("u1", "ByteStorage"),
    "bool": ("?", "BoolStorage"),
    "complex64": ("<c8", "ComplexFloatStorage"),
    "complex128": ("<c16", "ComplexDoubleStorage"),
    "uint64": ("<u8", ""),
    "uint32": ("<u4", ""),
    "uint16": ("<u2", ""),
}
_TYPES = {name: ElementType(name, np.dtype(code)) for name, (code, _) in _CODES.items()}
STORAGES = {name: storage for name, (_, storage) in _CODES.items() if storage}


@dataclass(frozen=True)
class Storage:
    """A row of numbers beside the pickle."""

    key: str
    type: ElementType
    count: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.count * self.type.bits.itemsize


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count elements of ``type``."""

    storage: Storage
    type: ElementType
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]

    @property
    def size(self) -> int:
        """Of the array, in bytes."""
        return math.prod(self.shape) * self.type.bits.itemsize

    def array(self, data: bytes) -> np.ndarray:
        """The tensor's own copy of its part of the storage's ``data``, in this machine's order."""
        bits = self.type.bits
        if not math.prod(self.shape):
            array = np.empty(self.shape, bits)
        else:
            row = np.frombuffer(data, bits, len(data) // bits.itemsize)[self.offset :]
            strides = [step * bits.itemsize for step in self.strides]
            array = np.lib.stride_tricks.as_strided(row, self.shape, strides, writeable=False)
        array = array.astype(bits.newbyteorder("="), order="C")
        return widened(array) if self.type.name == "bfloat16" else array


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, kind: Any = None) -> Tensor:
    if not isinstance(storage, Storage):
        raise ValueError("it makes a tensor of what is no storage")
    kind = storage.type if kind is None else kind
    if not isinstance(kind, ElementType):
        raise ValueError("it makes a tensor of an unknown dtype")
    sizes, steps = dimensions(shape), dimensions(strides)
    if len(sizes) != len(steps):
        raise ValueError(f"it makes a tensor of {len(sizes)} dimensions with {len(steps)} strides")
    # A stride that is never taken may be any number, also one that numpy cannot hold.
    steps = [step if size > 1 else 0 for size, step in zip(sizes, steps)]
    last = whole(offset) + sum((size - 1) * step for size, step in zip(sizes, steps))
    held = storage.size // kind.bits.itemsize
    if math.prod(sizes) and last >= held:
        shown = f"[{', '.join(map(str, sizes[:8]))}{', ...' if len(sizes) > 8 else ''}]"
        raise ValueError(f"a tensor of shape {shown} reaches beyond its storage of {held} numbers")
    return Tensor(storage, kind, offset, tuple(sizes), tuple(steps))


def _version_2(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, metadata: Any = None
) -> Tensor:
    return _version_3(storage, offset, shape, strides, grad, hooks, None, metadata)


def _version_3(
    storage: Any, offset: Any, shape: Any, strides: Any,
    grad: Any, hooks: Any, kind: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    if not isinstance(metadata, (dict, type(None))):
        raise ValueError("a tensor's metadata should be a dictionary")
    if any(value is not False for value in (metadata or {}).values()):
        raise ValueError("a tensor is to be negated or conjugated: write it with .resolve_neg()")
    return _tensor(storage, offset, shape, strides, kind)


def _parameter(data: Any, grad: Any, hooks: Any, state: Any = None) -> Tensor:
    if not isinstance(data, Tensor):
        raise ValueError("it makes a parameter of what is no tensor")
    return data


TENSORS: Dict[str, Any] = {
    **ARRAYS,
    **{f"torch.{storage}": _TYPES[name] for name, storage in STORAGES.items()},
    **{f"torch.cuda.{storage}": _TYPES[name] for name, storage in STORAGES.items()},
    # Newer dtypes have no storage class of their own: bytes, and the tensor names its dtype.
    **dict.fromkeys(("torch.storage.UntypedStorage", "torch.UntypedStorage"), _TYPES["uint8"]),
    **{f"torch.{name}": kind for name, kind in _TYPES.items()},
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _version_2,
    "torch._utils._rebuild_tensor_v3": _version_3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}


def storage_of(identity: Any) -> Storage:
    """The storage that a persistent id names: ("storage", type, key, device, count[, view])."""
    if not isinstance(identity, tuple) or not 5 <= len(identity) <= 6:
        raise ValueError("it refers to something that is no storage")
    word, kind, key, _, count = identity[:5]
    if word != "storage" or not isinstance(kind, ElementType) or not isinstance(key, str):
        raise ValueError("it refers to something that is no storage")
    if identity[5:] not in ((), (None,)):
        raise ValueError("it holds views of storages, as PyTorch before 0.4 wrote: write it anew")
    return Storage(key, kind, whole(count))
