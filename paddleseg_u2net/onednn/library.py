"""The C API of oneDNN 3 (https://uxlfoundation.github.io/oneDNN), in the library Paddle loaded."""

from __future__ import annotations

import ctypes
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

import paddle

from paddleseg_u2net.log import logger
from paddleseg_u2net.onednn.memory import Block, Memory, place

SWITCH = "U2NET_ONEDNN"
"""The environment variable that, set to 0, leaves all to Paddle's own operators."""

# Names of values as in dnnl_types.h and dnnl_common_types.h; the same in all of oneDNN 3.
FORWARD_TRAINING, FORWARD_INFERENCE, BACKWARD = 64, 96, 128
CONVOLUTION_DIRECT, POOLING_MAX, RESAMPLING_LINEAR = 0x1, 0x1FF, 0x2FFF1
BINARY_ADD, BINARY_MUL = 0x1FFF0, 0x1FFF1
USE_GLOBAL_STATS, USE_SCALE, USE_SHIFT, FUSE_NORM_RELU = 0x1, 0x2, 0x4, 0x8
SRC, SRC_1, DST, WEIGHTS, BIAS = 1, 2, 17, 33, 41
MEAN, VARIANCE, SCALE, SHIFT, WORKSPACE, SCRATCHPAD = 49, 50, 51, 52, 64, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS, DIFF_SCALE, DIFF_SHIFT = 129, 145, 161, 169, 255, 256

SUMMANDS = 0x8000 | SRC_1, 0x10000 | SRC_1  # of post-ops

_F32, _TAG_ANY, _CPU, _IN_ORDER, _SCRATCHPAD_OF_USER, _OPENMP = 3, 1, 1, 1, 1, 2
_QUERY_ARGUMENT = 255
_STATUS = (
    "success",
    "out of memory",
    "invalid arguments",
    "unimplemented",
    "last implementation reached",
    "runtime error",
    "not required",
)
_MOST_DIMENSIONS = 12
_Handle = ctypes.c_void_p
_Dimensions = ctypes.c_int64 * _MOST_DIMENSIONS


class _Argument(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int), ("memory", _Handle)]


class _Version(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_int),
        ("minor", ctypes.c_int),
        ("patch", ctypes.c_int),
        ("hash", ctypes.c_char_p),
        ("cpu_runtime", ctypes.c_uint),
        ("gpu_runtime", ctypes.c_uint),
    ]


class Library:
    """The loaded library, its engine for CPUs, and a stream."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.dnnl_version.restype = ctypes.POINTER(_Version)
        library.dnnl_primitive_desc_query_md.restype = _Handle
        library.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
        self.version = library.dnnl_version().contents
        self.engine, self.stream = _Handle(), _Handle()
        self.call("engine_create", ctypes.byref(self.engine), _CPU, ctypes.c_size_t(0))
        self.call("stream_create", ctypes.byref(self.stream), self.engine, _IN_ORDER)

    def call(self, function: str, *arguments: Any) -> None:
        """Call ``dnnl_<function>``.

        Raises:
            RuntimeError: it did not succeed; the message says why.
        """
        status = getattr(self._library, f"dnnl_{function}")(*arguments)
        if status:
            reason = _STATUS[status] if status < len(_STATUS) else f"status {status}"
            raise RuntimeError(f"oneDNN's {function}: {reason}; {SWITCH}=0 goes without oneDNN")

    def argument(self, description: ctypes.c_void_p, index: int) -> Layout:
        """The layout of a primitive's argument, which lives as long as the description."""
        handle = self._library.dnnl_primitive_desc_query_md(description, _QUERY_ARGUMENT, index)
        if not handle:
            raise RuntimeError(f"oneDNN knows no argument {index}; {SWITCH}=0 goes without oneDNN")
        return Layout(_Handle(handle), self)

    def size(self, layout: ctypes.c_void_p) -> int:
        """Bytes that memory of this layout takes."""
        return self._library.dnnl_memory_desc_get_size(layout)


_is_of_a_fork = False


def _leave_to_paddle() -> None:
    """In a process that was forked: threads do not come along, and oneDNN would wait for them."""
    global _is_of_a_fork
    _is_of_a_fork = library.cache_info().currsize > 0 and library() is not None
    library.cache_clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_to_paddle)


@cache
def library() -> Optional[Library]:
    """oneDNN, or None where Paddle did not bring a version that is known, or is not to be used."""
    if os.environ.get(SWITCH, "1") == "0" or _is_of_a_fork:
        return None
    path = Path(paddle.__file__).parent / "libs" / "libdnnl.so.3"
    try:
        # Only what Paddle has loaded: it shares Paddle's OpenMP, and so its threads.
        found = Library(ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_LAZY))
    except (AttributeError, OSError, RuntimeError) as error:
        logger.debug(f"oneDNN is not used: {error}")
        return None
    version = found.version
    if (version.major, version.cpu_runtime) != (3, _OPENMP) or version.minor < 2:
        logger.debug(f"oneDNN {version.major}.{version.minor} is not used")
        return None
    return found


def loaded() -> Library:
    """`library()`, where it is known to be there."""
    found = library()
    assert found is not None
    return found


class Layout:
    """A memory description: sizes, and where elements lie."""

    def __init__(self, handle: ctypes.c_void_p, made_by: Library, owned: bool = False) -> None:
        self.handle = handle
        self.size = made_by.size(handle)
        self._made_by = made_by if owned else None

    def __del__(self) -> None:
        if self._made_by:
            self._made_by.call("memory_desc_destroy", self.handle)


def layout(shape: Sequence[int], strides: Optional[Sequence[int]] = None) -> Layout:
    """Of float32; without strides the primitive chooses."""
    kind, how = "tag", ctypes.c_int(_TAG_ANY)
    if strides is not None:
        kind, how = "strides", dimensions(*strides)
    handle, made = _Handle(), loaded()
    made.call(f"memory_desc_create_with_{kind}", ctypes.byref(handle), len(shape),
              dimensions(*shape), _F32, how)  # fmt: skip
    return Layout(handle, made, owned=True)


def dimensions(*sizes: int) -> Any:
    """An array of sizes as the C API takes it."""
    return _Dimensions(*sizes)


_local = threading.local()


def _scratchpad(size: int) -> Block:
    """Memory that a primitive needs while it runs; one for all in a thread."""
    if not hasattr(_local, "block") or _local.block.size < size:
        _local.block = Block(size)
    return _local.block


class Primitive:
    """An operation on memory of fixed layouts.

    Args:
        kind: ``dnnl_<kind>_primitive_desc_create`` describes it.
        arguments: what that takes before the attributes.
        indices: the memory that it reads and writes, by oneDNN's argument numbers.
        sums: add the result to what stands in the destination.
        adds: layouts of summands, arguments ``SUMMANDS``, which the result is added to.
    """

    def __init__(
        self,
        kind: str,
        arguments: Sequence[Any],
        indices: Sequence[int],
        sums: bool = False,
        adds: Sequence[Layout] = (),
    ) -> None:
        self._library, self._kind = loaded(), kind
        self.description, self._handle = _Handle(), _Handle()
        attributes = self._attributes(sums, adds)
        self._library.call(
            f"{kind}_primitive_desc_create",
            ctypes.byref(self.description),
            *(
                argument.handle if isinstance(argument, Layout) else argument
                for argument in arguments
            ),
            attributes,
        )
        self._library.call("primitive_attr_destroy", attributes)
        self._library.call("primitive_create", ctypes.byref(self._handle), self.description)
        self._memory = {
            index: self._library.argument(self.description, index)
            for index in (*indices, SCRATCHPAD)
        }

    def _attributes(self, sums: bool, adds: Sequence[Layout]) -> ctypes.c_void_p:
        call, attributes, post_ops = self._library.call, _Handle(), _Handle()
        call("primitive_attr_create", ctypes.byref(attributes))
        # The library's own scratchpad belongs to the thread that made the primitive.
        call("primitive_attr_set_scratchpad_mode", attributes, _SCRATCHPAD_OF_USER)
        call("post_ops_create", ctypes.byref(post_ops))
        if sums:
            call("post_ops_append_sum", post_ops, ctypes.c_float(1.0), 0, _F32)
        for summand in adds:
            call("post_ops_append_binary", post_ops, BINARY_ADD, summand.handle)
        call("primitive_attr_set_post_ops", attributes, post_ops)
        call("post_ops_destroy", post_ops)
        return attributes

    def layout(self, index: int) -> Layout:
        """The layout of an argument that the primitive has chosen."""
        return self._memory[index]

    def block(self, index: int) -> Block:
        """New memory for an argument."""
        return Block(self._memory[index].size)

    def __call__(self, memory: Mapping[int, Memory]) -> None:
        """Run. Each argument lies in a `Block` or in a contiguous float32 tensor on the CPU.

        Raises:
            RuntimeError: memory is too small, or oneDNN says so.
        """
        given = {**memory, SCRATCHPAD: _scratchpad(self._memory[SCRATCHPAD].size)}
        if given.keys() != self._memory.keys():
            raise RuntimeError(f"oneDNN's {self._kind} takes other memory than {sorted(memory)}")
        call, arguments = self._library.call, (_Argument * len(given))()
        handles = []
        try:
            for argument, (index, thing) in zip(arguments, given.items()):
                layout, (address, size) = self._memory[index], place(thing)
                if size < layout.size:
                    raise RuntimeError(
                        f"oneDNN's {self._kind} needs {layout.size} bytes as argument {index}, "
                        f"got {size}"
                    )
                handle = _Handle()
                call("memory_create", ctypes.byref(handle), layout.handle, self._library.engine,
                     _Handle(address))  # fmt: skip
                handles.append(handle)
                argument.index, argument.memory = index, handle
            call("primitive_execute", self._handle, self._library.stream, len(given), arguments)
        finally:
            for handle in handles:
                call("memory_destroy", handle)

    def __del__(self) -> None:
        for kind in ("primitive", "primitive_desc"):
            handle = self._handle if kind == "primitive" else self.description
            if handle:
                self._library.call(f"{kind}_destroy", handle)
