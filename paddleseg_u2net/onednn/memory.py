"""Memory for activations: freed blocks serve again, in huge pages where the system has them."""

from __future__ import annotations

import ctypes
import math
import mmap
import threading
from collections import OrderedDict
from typing import List, NamedTuple, Union

import numpy as np
from paddle import Tensor

_HUGE_PAGE = 2 << 20


class _Pool:
    """Mapped memory by its size.

    To get memory from the system anew costs as much as to fill it several times. What is kept and
    what is in use is together never more than what once was in use.
    """

    def __init__(self) -> None:
        self._idle: OrderedDict[int, List[mmap.mmap]] = OrderedDict()
        self._kept = self._used = self._most = 0
        # A block may die at any moment, also inside of these methods.
        self._lock = threading.RLock()

    def take(self, size: int) -> mmap.mmap:
        """Memory of ``size`` bytes."""
        with self._lock:
            return self._take(size)

    def _take(self, size: int) -> mmap.mmap:
        self._used += size
        self._most = max(self._most, self._used)
        idle = self._idle.get(size)
        if idle:
            self._kept -= size
            self._idle.move_to_end(size)
            return idle.pop()
        while self._kept and self._kept + self._used > self._most:
            self._drop_one()
        area = mmap.mmap(-1, size)
        if hasattr(mmap, "MADV_HUGEPAGE") and size >= 2 * _HUGE_PAGE:
            area.madvise(mmap.MADV_HUGEPAGE)
        return area

    def give_back(self, area: mmap.mmap) -> None:
        """Keep it for the next."""
        size = len(area)
        with self._lock:
            self._used -= size
            self._kept += size
            self._idle.setdefault(size, []).append(area)

    def _drop_one(self) -> None:
        size, idle = next(iter(self._idle.items()))
        if idle:
            idle.pop()
            self._kept -= size
        else:
            del self._idle[size]


_pool = _Pool()


class Block:
    """Some bytes of memory that nothing is said about."""

    def __init__(self, size: int) -> None:
        self.size = max(size, 1)
        self._area = _pool.take(-(-self.size // mmap.PAGESIZE) * mmap.PAGESIZE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._area))

    def __del__(self) -> None:
        _pool.give_back(self._area)


class Span(NamedTuple):
    """A part of memory that somebody else keeps alive."""

    address: int
    size: int


Memory = Union[Block, Span, np.ndarray, Tensor]


def place(memory: Memory) -> Span:
    """Where a block, or a contiguous float32 array or tensor on the CPU, lies."""
    if isinstance(memory, np.ndarray):
        return Span(memory.ctypes.data, memory.nbytes)
    if isinstance(memory, (Block, Span)):
        return Span(memory.address, memory.size)
    return Span(memory.data_ptr(), 4 * math.prod(memory.shape))
