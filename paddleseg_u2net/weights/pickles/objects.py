"""What the names in a pickle of arrays stand for: arrays of numpy, every size checked, and inert
stand-ins for what training programs save beside the weights. Nothing of another package is called.

The states of arrays are those of ``ndarray.__reduce__`` and ``dtype.__reduce__`` in numpy.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Union

import numpy as np

_MOST_DIMENSIONS = 32
_LARGEST_KEY = 2**32


class ForeignError(ValueError):
    """A pickle is whole, but holds what no file of arrays needs and nobody reads for its sake."""


class Setting:
    """An object beside the weights that was passed over; only the name of its class is left."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def hashable(key: Any) -> Any:
    """``key``, or what stands for it: some can be made so that hashing takes for ever."""
    if isinstance(key, str) or (isinstance(key, int) and abs(key) < _LARGEST_KEY):
        return key
    return Setting(type(key).__name__)


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
    if isinstance(dtype, Setting):
        return  # texts or times are of no use: it stays empty
    size = math.prod(dimensions(shape)) * _number_dtype(dtype).itemsize
    data = _bytes(data)
    if data is None or len(data) != size or version != 1:
        raise ValueError(f"an array of {size} bytes was expected, got other data")
    array.__setstate__((1, tuple(shape), dtype, bool(fortran), data))


def set_byte_order(dtype: np.dtype, state: Any) -> None:
    """Give a dtype made by ``_dtype`` its byte order; it has nothing else to be set."""
    if not isinstance(state, tuple) or state[:1] != (3,) or len(state) != 8:
        raise ValueError("the state of a dtype should have 8 parts")
    if state[1] not in ("<", ">", "=", "|") or state[2:] != (None, None, None, -1, -1, 0):
        raise ValueError("a dtype is none of plain numbers")
    dtype.__setstate__(state)  # type: ignore[attr-defined]


def _bytes(data: Any) -> Optional[bytes]:
    if isinstance(data, str):  # bytes of Python 2
        return data.encode("latin1")
    return data if isinstance(data, bytes) else None


def _number_dtype(dtype: Any) -> np.dtype:
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biufc":
        raise ValueError("an array of numbers was expected")
    return dtype


def _dtype(name: Any, align: Any = False, copy: Any = True) -> Union[np.dtype, Setting]:
    if isinstance(name, str) and re.fullmatch(r"[US]\d{1,6}|[Mm]8", name):  # texts and times
        return Setting("numpy.dtype")
    if not isinstance(name, str) or not re.fullmatch(r"[biufc]\d{1,2}", name):
        shown = f"{name[:20]!a}" if isinstance(name, str) else type(name).__name__
        raise ForeignError(f"a dtype of numbers was expected, got {shown}")
    # A copy, since setting the byte order of numpy's own would change it for everybody.
    return np.dtype(name, align=False, copy=True)


def _ndarray(*arguments: Any) -> Any:
    raise ValueError("it calls numpy.ndarray, which a file of weights only names")


def _empty_array(kind: Any, shape: Any, dtype: Any) -> np.ndarray:
    if kind is not _ndarray:
        raise ValueError("it makes an array of an unknown kind")
    return np.ndarray((0,), np.uint8)


def _array_of_bytes(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """As protocol 5 has arrays."""
    array = _empty_array(_ndarray, (0,), None)
    set_array(array, (1, shape, dtype, order == "F", data))
    return array


def _scalar(dtype: Any, data: Any) -> Union[np.generic, Setting]:
    if isinstance(dtype, Setting):
        return Setting("numpy.generic")
    data = _bytes(data)
    if data is None or len(data) != _number_dtype(dtype).itemsize:
        raise ValueError("a number has other data than its dtype says")
    return np.frombuffer(data, dtype)[0]


def _paddle_tensor(pair: Any) -> np.ndarray:
    """The array of a tensor that stands beside other things: a tuple of its name and the array."""
    if not isinstance(pair, tuple) or [type(part) for part in pair] != [str, np.ndarray]:
        raise ValueError("a tensor should be a name and an array")
    return pair[1]


def _ordered(pairs: Any = None) -> Dict[Any, Any]:
    if not isinstance(pairs, (list, type(None))):  # as Python 2 has it; lists are counted
        raise ValueError("a dictionary is made of what is no list")
    return OrderedDict((hashable(key), value) for key, value in pairs or ())


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError("it names a codec other than latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


# All that paddle.save puts into a file, by the names of numpy 1 and 2 and of Python 2 and 3.
ARRAYS: Dict[str, Any] = {
    "collections.OrderedDict": _ordered,
    "_codecs.encode": _latin1,  # how protocol 2 writes bytes
    **dict.fromkeys(("__builtin__.bytes", "builtins.bytes"), _no_bytes),
    **dict.fromkeys(("__builtin__.tuple", "builtins.tuple"), _paddle_tensor),
    "numpy.ndarray": _ndarray,
    "numpy.dtype": _dtype,
    **{
        f"numpy.{core}.{name}": function
        for core in ("core", "_core")
        for name, function in (
            ("multiarray.scalar", _scalar),
            ("multiarray._reconstruct", _empty_array),
            ("numeric._frombuffer", _array_of_bytes),
        )
    },
}

_OBJECTS = re.compile(
    r"(argparse|types|pathlib(\._local)?|datetime|uuid|decimal|fractions|typing|functools|"
    r"omegaconf\.\w+|torch\.torch_version|torch\.(optim|amp|cuda\.amp)\.[a-z_]+)\.[A-Za-z_]\w*|"
    r"torch\.(Size|device)|torch\.nn\.modules\.loss\.\w+Loss|numpy\.(bool|u?int|float)\w*|"
    r"(builtins|__builtin__)\.(complex|slice|x?range|bytearray|object|"
    r"bool|int|long|float|str|unicode|bytes|list|tuple|dict)"  # the last ones as types
)
_DICTIONARIES = re.compile(
    r"collections\.(defaultdict|Counter)|easydict\.EasyDict|addict\.addict\.Dict|munch\.Munch|"
    r"(yacs|fvcore\.common)\.config\.CfgNode|(mmcv\.utils|mmengine\.config)\.config\.ConfigDict|"
    r"(lightning\.fabric|lightning_fabric)\.utilities\.data\.AttributeDict|"
    r"pytorch_lightning\.utilities\.parsing\.AttributeDict"
)
_LISTS = re.compile(r"collections\.deque|(builtins|__builtin__)\.(frozen)?set")


def setting(name: str) -> Optional[Callable[..., Any]]:
    """What makes the stand-in for ``module.name``, if it is known to be a setting."""
    if _OBJECTS.fullmatch(name):
        return lambda *arguments: Setting(name)
    if _DICTIONARIES.fullmatch(name):
        return lambda *arguments: {}  # its items follow
    if _LISTS.fullmatch(name):
        # Its items follow, or are given as a list, as those of sets.
        return lambda *arguments: next((list_ for list_ in arguments if type(list_) is list), [])
    return None
