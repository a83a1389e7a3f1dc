"""Pickles read as data. A pickle is a program: it calls what it names, and a few bytes can ask for
gigabytes (a memo of 2**32 places) or hours (hashing tuples that hold each other). The Python half
of the standard unpickler lets every instruction be replaced: left are those that files of arrays
need, names stand for functions of this package only, and what is made is counted.
"""

from __future__ import annotations

import pickle
import pickletools
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Mapping, Optional

import numpy as np

from paddleseg_u2net.weights.pickles.objects import (
    ForeignError,
    Setting,
    hashable,
    set_array,
    set_byte_order,
    setting,
)

# The largest public checkpoints with an optimizer's state have some 10**5 instructions.
_MOST_STEPS = 2_000_000
# How many values may come of an instruction when what is shared is counted where it is used.
_SHARED = 4
_FEW = 10_000
_LONGEST_LINE = 4096  # of the textual instructions, which hold names and numbers only
_MOST_BITS = 128  # of a whole number
_SPARE = 2**20  # bytes that calls may take beyond twice the file's size

Persistent = Callable[[Any], Any]
_PythonUnpickler: Any = pickle._Unpickler  # the one in C allows no instruction to be replaced


def load_pickle(
    file: BinaryIO, known: Mapping[str, Any], persistent: Optional[Persistent] = None
) -> Any:
    """The object of the pickle that starts where ``file`` stands; ``file`` is left behind it.

    Made are plain values and containers, a ``Setting`` for what programs save beside weights, and
    what ``known`` has for ``module.name``: its functions may be called with any arguments and must
    raise on those they do not expect. ``persistent`` gives the object of a persistent id. Foreign
    content is a ForeignError; what is cut, broken or too large a ValueError.
    """
    reader = _Unpickler(_Remaining(file), known, persistent)
    result = reader.load()
    most = _SHARED * reader.dispatch.count + _FEW
    count, waiting = 1, [result]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (dict, list, tuple)):
            count += len(value)
            if count > most:
                raise ValueError(f"with what it shares written out it has over {most} values")
            waiting.extend(value.values() if isinstance(value, dict) else value)
    for key in result if isinstance(result, dict) else ():
        if isinstance(key, Setting):
            raise ForeignError(f"a dictionary has a key of the kind {key.kind}")
    return result


@contextmanager
def named_errors(path: Path, save: str) -> Iterator[None]:
    """Errors of a file that ``save`` should have written, with its path and the way to mend it."""
    try:
        yield
    except ForeignError as error:
        raise ValueError(
            f"{path}: expected weights and plain settings, but it cannot be read safely: {error}; "
            f"load it where it was made, if you trust it, and write the weights with {save}"
        ) from error
    except Exception as error:  # a broken file can raise anything
        raise ValueError(
            f"{path}: expected a file written by {save.partition('(')[0]}, but it cannot be read "
            f"({str(error) or type(error).__name__}); it may be cut or of another format: fetch it "
            f"again, or write it with {save}"
        ) from error


class _Remaining:
    """A file from where it stands, which refuses lengths that go beyond its end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        here = file.tell()
        self.left = file.seek(0, 2) - here
        file.seek(here)

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise ValueError(f"it is cut: {size} more bytes expected, {self.left} are left")
        self.left -= size
        return self.file.read(size)

    def readline(self) -> bytes:
        line = self.file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise ValueError(f"no newline found in {_LONGEST_LINE} bytes")
        self.left -= len(line)
        return line


class _Instructions(Dict[int, Callable[[Any], None]]):
    """Those that files of arrays need; they are counted as they are looked up."""

    count = 0

    def __getitem__(self, code: int) -> Callable[[Any], None]:
        self.count += 1
        if self.count > _MOST_STEPS:
            raise ValueError(f"it has more than {_MOST_STEPS} instructions")
        if code in self:
            return super().__getitem__(code)
        known = [item.name for item in pickletools.opcodes if ord(item.code) == code]
        if known:
            raise ForeignError(
                f"it uses the instruction {known[0]}, which a file of arrays has not"
            )
        raise ValueError(f"it has an instruction {code}, which there is not")


class _Unpickler(_PythonUnpickler):
    """Makes and calls nothing but what it is given; see the module's text."""

    def __init__(
        self, file: _Remaining, known: Mapping[str, Any], persistent: Optional[Persistent]
    ) -> None:
        super().__init__(file, encoding="latin1")  # texts of Python 2
        self.known, self.persistent = known, persistent
        self.allowance = 2 * file.left + _SPARE
        self.dispatch = _Instructions(_INSTRUCTIONS)

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        value = self.known.get(full) or setting(full)
        if "." in name or value is None:
            shown = full[:200].encode("ascii", "backslashreplace").decode()
            raise ForeignError(f"it names {shown}, which a file of arrays has not")
        return value

    def persistent_load(self, pid: Any) -> Any:
        if self.persistent is None:
            raise ValueError("it refers to data outside the pickle, which this format has not")
        return self.persistent(pid)

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        # Nothing but functions of ``known`` can get here; other values are never called.
        if not isinstance(function, FunctionType) or not isinstance(arguments, tuple):
            raise ValueError(f"it calls a {type(function).__name__}")
        self.charge(arguments)
        self.stack.append(function(*arguments))

    def charge(self, values: Any) -> None:
        """Count what a call may copy: one text in the file can be handed to many calls."""
        for value in values if isinstance(values, tuple) else ():
            if isinstance(value, (str, bytes)):
                self.allowance -= len(value)
            elif isinstance(value, list):
                self.allowance -= 32 * len(value)
        if self.allowance < 0:
            raise ValueError("it makes far more of its data than it holds")

    def set_state(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        self.charge(state)
        if isinstance(target, np.dtype):
            set_byte_order(target, state)
        elif isinstance(target, np.ndarray):
            set_array(target, state)
        elif not isinstance(target, (dict, list, Setting)):  # whose attributes are of no use to us
            raise ValueError(f"it sets the state of a {type(target).__name__}")

    def whole_number(self, read: Callable[[Any], None]) -> None:
        read(self)
        if int(self.stack[-1]).bit_length() > _MOST_BITS:
            raise ValueError(f"it holds a whole number of more than {_MOST_BITS} bits")

    def byte_array(self) -> None:
        self.stack.append(self.read(int.from_bytes(self.read(8), "little")))

    def dict_to_mark(self) -> None:
        values = self.pop_mark()
        self.stack.append({})
        self.update(values)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.update([key, value])

    def update(self, values: List[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError(f"it sets items of a {type(target).__name__}")
        if len(values) % 2:
            raise ValueError("it sets a key without a value")
        for key, value in zip(values[::2], values[1::2]):
            target[hashable(key)] = value


def _standard(names: str) -> Dict[str, Callable[[Any], None]]:
    dispatch = _PythonUnpickler.dispatch
    return {name: dispatch[getattr(pickle, name)[0]] for name in names.split()}


def _bounded(read: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda unpickler: unpickler.whole_number(read)


_BY_NAME: Dict[str, Callable[[Any], None]] = {
    **_standard("PROTO FRAME MARK STOP NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 FLOAT"),
    **_standard("UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINSTRING SHORT_BINSTRING"),
    **_standard("BINFLOAT BINBYTES SHORT_BINBYTES"),
    **_standard("BINBYTES8 GLOBAL STACK_GLOBAL BINPERSID PUT BINPUT LONG_BINPUT MEMOIZE GET"),
    **_standard("BINGET LONG_BINGET EMPTY_LIST EMPTY_DICT EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3"),
    **_standard("LIST APPEND APPENDS"),
    **{name: _bounded(read) for name, read in _standard("INT LONG LONG1 LONG4").items()},
    "BYTEARRAY8": _Unpickler.byte_array,
    "REDUCE": _Unpickler.call,
    "NEWOBJ": _Unpickler.call,
    "BUILD": _Unpickler.set_state,
    # Sets are lists here, since nothing is hashed.
    "FROZENSET": _PythonUnpickler.load_list,
    "EMPTY_SET": _PythonUnpickler.load_empty_list,
    "ADDITEMS": _PythonUnpickler.load_appends,
    "DICT": _Unpickler.dict_to_mark,
    "SETITEM": _Unpickler.set_item,
    "SETITEMS": lambda unpickler: unpickler.update(unpickler.pop_mark()),
}
_INSTRUCTIONS = {getattr(pickle, name)[0]: step for name, step in _BY_NAME.items()}
