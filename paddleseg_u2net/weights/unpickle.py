"""Pickles read as data: by a machine of our own that cannot call anything a file names.

A pickle is a program. Python's own unpickler runs it with few bounds: it calls what the program
names, and a few bytes can ask for gigabytes (a memo of 2**32 places) or for hours (hashing tuples
that hold each other). Here the instructions are those that files of arrays need, names stand for
functions of this package only, and what is made is counted. The instructions are defined in
``pickletools`` of Python's standard library.
"""

from __future__ import annotations

import pickletools
from types import FunctionType
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional

import numpy as np

from paddleseg_u2net.weights.pickled_arrays import (
    ForeignError,
    checked_key,
    set_array,
    set_byte_order,
)
from paddleseg_u2net.weights.pickled_settings import SETTINGS, Setting

# The largest public checkpoints with an optimizer's state have some 10**5 instructions.
_MOST_STEPS = 2_000_000
# How many values may come of an instruction when what is shared is counted where it is used.
_SHARED = 4
_FEW = 10_000
_LONGEST_LINE = 4096  # of the textual instructions, which hold names and numbers only
_MOST_BITS = 128  # of a whole number
_NEWEST_PROTOCOL = 5
_SPARE = 2**20  # bytes that calls may take beyond twice the file's size

Persistent = Callable[[Any], Any]


class UnknownGlobalError(ForeignError):
    """A pickle names something that a file of arrays has no use for."""


def load_pickle(
    file: BinaryIO, known: Mapping[str, Any], persistent: Optional[Persistent] = None
) -> Any:
    """The object of the pickle that starts where ``file`` stands; ``file`` is left behind it.

    Args:
        file: a binary file that can seek.
        known: what ``module.name`` in the pickle stands for. Functions among these may be called
            by the pickle with any arguments and must raise on those they do not expect.
        persistent: gives the object of a persistent id; without it such ids are refused.

    Returns:
        None, bool, int, float, str, bytes, list, tuple, dict, what ``known`` makes, and for what
        ``SETTINGS`` names a ``Setting`` or a plain container. Keys of dictionaries are str or int.
        No part refers back to its whole.

    Raises:
        UnknownGlobalError: it names something that is not in ``known`` or ``SETTINGS``.
        ForeignError: it holds something else that files of arrays have no use for.
        ValueError: it is cut or broken, or too large. Functions of ``known`` raise their own.
    """
    return _Machine(known, persistent).run(_Remaining(file))


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
        self.left -= len(line)
        return line


class _Machine:
    """Runs the instructions; see the module's text for what is different from Python's."""

    def __init__(self, known: Mapping[str, Any], persistent: Optional[Persistent]) -> None:
        self.known = {**SETTINGS, **known}
        self.persistent = persistent
        self.stack: List[Any] = []
        self.marks: List[int] = []
        self.memo: Dict[int, Any] = {}
        self.allowance = 0

    def run(self, source: _Remaining) -> Any:
        self.allowance = 2 * source.left + _SPARE
        # genops only needs these two of a file's methods.
        steps = pickletools.genops(source)  # type: ignore[arg-type]
        argument: Any
        for number, (instruction, argument, _) in enumerate(steps):
            if number >= _MOST_STEPS:
                raise ValueError(f"it has more than {_MOST_STEPS} instructions")
            if instruction.name == "STOP":
                return _without_blowup(self.pop(), _SHARED * number + _FEW)
            if instruction.name == "FRAME" and argument > source.left:
                raise ValueError(f"it is cut: a frame of {argument} bytes, {source.left} are left")
            self.step(instruction.name, argument)
        raise ValueError("it has no end")

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _ARGUMENTS:
            self.stack.append(_bounded(argument))
        elif name in _STEPS:
            _STEPS[name](self, argument)
        else:
            raise ForeignError(f"it uses the instruction {name}, which a file of arrays has not")

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("it takes a value where none is")
        return self.stack.pop()

    def pop_to_mark(self) -> List[Any]:
        if not self.marks:
            raise ValueError("it takes values to a mark that was not set")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def top(self, kind: type, action: str) -> Any:
        value = self.pop()
        self.stack.append(value)
        if not isinstance(value, kind):
            raise ValueError(f"it {action} a {type(value).__name__}")
        return value

    def protocol(self, version: int) -> None:
        if version > _NEWEST_PROTOCOL:
            raise ValueError(f"it is of the unknown pickle protocol {version}")

    def mark(self, _: None) -> None:
        self.marks.append(len(self.stack))

    def name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.push_known(module, name)

    def stacked_name(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise ValueError("it names something by what is no text")
        self.push_known(module, name)

    def push_known(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if "." in name or full not in self.known:
            shown = full[:200].encode("ascii", "backslashreplace").decode()
            raise UnknownGlobalError(f"it names {shown}, which a file of arrays has not")
        self.stack.append(self.known[full])

    def call(self, _: None) -> None:
        arguments, function = self.pop(), self.pop()
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

    def set_state(self, _: None) -> None:
        state = self.pop()
        self.charge(state)
        target = self.top(object, "sets the state of")
        if isinstance(target, np.dtype):
            set_byte_order(target, state)
        elif isinstance(target, np.ndarray):
            set_array(target, state)
        elif not isinstance(target, (dict, list, Setting)):  # whose attributes are of no use to us
            raise ValueError(f"it sets the state of a {type(target).__name__}")

    def persistent_object(self, _: None) -> None:
        identity = self.pop()
        if self.persistent is None:
            raise ValueError("it refers to data outside the pickle, which this format has not")
        self.stack.append(self.persistent(identity))

    def put(self, index: int) -> None:
        self.memo[index] = self.top(object, "keeps")

    def memoize(self, _: None) -> None:
        self.put(len(self.memo))

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError(f"it refers to object {index}, which was never there")
        self.stack.append(self.memo[index])

    def new_list(self, _: None) -> None:
        self.stack.append([])

    def new_dict(self, _: None) -> None:
        self.stack.append({})

    def tuple_to_mark(self, _: None) -> None:
        self.stack.append(tuple(self.pop_to_mark()))

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def list_to_mark(self, _: None) -> None:
        self.stack.append(self.pop_to_mark())

    def append(self, _: None) -> None:
        value = self.pop()
        self.top(list, "appends to").append(value)

    def extend(self, _: None) -> None:
        values = self.pop_to_mark()
        self.top(list, "appends to").extend(values)

    def dict_to_mark(self, _: None) -> None:
        values = self.pop_to_mark()
        self.stack.append({})
        self.update(values)

    def set_item(self, _: None) -> None:
        value, key = self.pop(), self.pop()
        self.update([key, value])

    def set_items(self, _: None) -> None:
        self.update(self.pop_to_mark())

    def update(self, values: List[Any]) -> None:
        target = self.top(dict, "sets items of")
        if len(values) % 2:
            raise ValueError("it sets a key without a value")
        for key, value in zip(values[::2], values[1::2]):
            target[checked_key(key)] = value


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_ARGUMENTS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}
_STEPS: Dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.protocol,
    "FRAME": lambda machine, length: None,
    "MARK": _Machine.mark,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stacked_name,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.set_state,
    "BINPERSID": _Machine.persistent_object,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    "MEMOIZE": _Machine.memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "EMPTY_LIST": _Machine.new_list,
    "EMPTY_DICT": _Machine.new_dict,
    "TUPLE": _Machine.tuple_to_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    **dict.fromkeys(("LIST", "FROZENSET"), _Machine.list_to_mark),
    "EMPTY_SET": _Machine.new_list,
    "ADDITEMS": _Machine.extend,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "DICT": _Machine.dict_to_mark,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    # Of protocol 0: it names a class and makes an object of it; there is none to be made.
    "INST": _Machine.name,
}


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise ValueError(f"it holds a whole number of more than {_MOST_BITS} bits")
    return value


def _without_blowup(result: Any, most: int) -> Any:
    """``result``, unless it refers to its parts so often that a walk over it takes for ever."""
    count, waiting = 1, [result]
    while waiting:
        value = waiting.pop()
        parts = value.values() if isinstance(value, dict) else value
        if isinstance(value, (dict, list, tuple)):
            count += len(parts)
            if count > most:
                raise ValueError(f"with what it shares written out it has over {most} values")
            waiting.extend(parts)
    return result
