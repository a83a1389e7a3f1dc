"""Numpy arrays in pickles: what the names in them stand for, with every size checked.

The layouts of the states are those of ``ndarray.__reduce__`` and ``dtype.__reduce__`` in numpy.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from typing import Any, Dict, List

import numpy as np

_NUMBERS = re.compile(r"[biufc]\d{1,2}")
_MOST_DIMENSIONS = 32
_LARGEST_KEY = 2**32


class ForeignError(ValueError):
    """A pickle is whole, but holds what no file of arrays needs and nobody reads for its sake."""


def checked_key(key: Any) -> Any:
    """``key`` if a dictionary may have it: others can be made so that hashing takes for ever."""
    if isinstance(key, str) or (isinstance(key, int) and abs(key) < _LARGEST_KEY):
        return key
    raise ForeignError(f"a dictionary has a key of the kind {type(key).__name__}")


def dimensions(value: Any) -> List[int]:
    """A shape or strides, checked: at most 32 whole numbers of 0 or more."""
    if not isinstance(value, (tuple, list)) or len(value) > _MOST_DIMENSIONS:
        raise ValueError(f"a shape of at most {_MOST_DIMENSIONS} dimensions was expected")
    return [whole(number) for number in value]


def whole(value: Any) -> int:
    """A count or place, checked: a whole number of 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        kind = "a negative number" if isinstance(value, int) else type(value).__name__
        raise ValueError(f"a whole number of 0 or more was expected, got {kind}")
    return value


def set_array(array: np.ndarray, state: Any) -> None:
    """Give an array made by ``_empty_array`` its content."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise ValueError("the state of an array should have 5 parts")
    version, shape, dtype, fortran, data = state
    if isinstance(data, str):  # bytes of Python 2
        data = data.encode("latin1")
    size = math.prod(dimensions(shape)) * _number_dtype(dtype).itemsize
    if not isinstance(data, bytes) or len(data) != size or version != 1:
        raise ValueError(f"an array of {size} bytes was expected, got other data")
    array.__setstate__((1, tuple(shape), dtype, bool(fortran), data))


def set_byte_order(dtype: np.dtype, state: Any) -> None:
    """Give a dtype made by ``_dtype`` its byte order; it has nothing else to be set."""
    if not isinstance(state, tuple) or state[:1] != (3,) or len(state) != 8:
        raise ValueError("the state of a dtype should have 8 parts")
    if state[1] not in ("<", ">", "=", "|") or state[2:] != (None, None, None, -1, -1, 0):
        raise ValueError("a dtype is none of plain numbers")
    dtype.__setstate__(state)  # type: ignore[attr-defined]


def _number_dtype(dtype: Any) -> np.dtype:
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biufc":
        raise ValueError("an array of numbers was expected")
    return dtype


def _dtype(name: Any, align: Any = False, copy: Any = True) -> np.dtype:
    # A copy, since setting the byte order of numpy's own would change it for everybody.
    if not isinstance(name, str) or not _NUMBERS.fullmatch(name):
        shown = f"{name[:20]!a}" if isinstance(name, str) else type(name).__name__
        raise ValueError(f"a dtype of numbers was expected, got {shown}")
    return np.dtype(name, align=False, copy=True)


def _ndarray() -> np.ndarray:
    raise ValueError("it calls ndarray, which a file of arrays only names")


def _empty_array(kind: Any, shape: Any, dtype: Any) -> np.ndarray:
    if kind is not _ndarray:
        raise ValueError("it makes an array of an unknown kind")
    return np.ndarray((0,), np.uint8)


def _tensor(pair: Any) -> np.ndarray:
    """The array of a tensor that stands beside other things: a tuple of its name and the array."""
    if not isinstance(pair, tuple) or [type(part) for part in pair] != [str, np.ndarray]:
        raise ValueError("a tensor should be a name and an array")
    return pair[1]


def _scalar(dtype: Any, data: Any) -> np.generic:
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(data, bytes) or len(data) != _number_dtype(dtype).itemsize:
        raise ValueError("a number has other data than its dtype says")
    return np.frombuffer(data, dtype)[0]


def _ordered(pairs: Any = None) -> Dict[Any, Any]:
    if pairs is None:
        return OrderedDict()
    if not isinstance(pairs, list):  # as Python 2 has it; what lists hold is counted
        raise ValueError("a dictionary is made of what is no list")
    return OrderedDict((checked_key(key), value) for key, value in pairs)


def _no_bytes() -> bytes:
    return b""


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError("it names a codec other than latin1")
    return text.encode("latin1")


# All that paddle.save puts into a file, by the names of numpy 1 and 2 and of Python 2 and 3.
ARRAYS: Dict[str, Any] = {
    "collections.OrderedDict": _ordered,
    "_codecs.encode": _latin1,  # how protocol 2 writes bytes
    "__builtin__.bytes": _no_bytes,
    "builtins.bytes": _no_bytes,
    "__builtin__.tuple": _tensor,
    "builtins.tuple": _tensor,
    "numpy.ndarray": _ndarray,
    "numpy.dtype": _dtype,
    **dict.fromkeys(("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"), _scalar),
    "numpy.core.multiarray._reconstruct": _empty_array,
    "numpy._core.multiarray._reconstruct": _empty_array,
}
