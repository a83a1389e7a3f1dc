"""Three steps for each of many items: while one is computed, others are read and written."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Deque, Generator, Optional, Protocol, Sequence, Tuple, TypeVar

from paddleseg_u2net.env import cores

Item = TypeVar("Item")
_Item = TypeVar("_Item", contravariant=True)
Outcomes = Generator[Tuple[Item, Optional[BaseException]], None, None]
"""Each item, in order, and what stopped it in one of its steps, or None."""

# More readers than this only wait for whoever computes.
_MOST_THREADS = 8
_ITEMS_A_THREAD = 4


class Steps(Protocol[_Item]):
    """What is done with an item; an exception in a step ends that item only."""

    def weight(self, item: _Item) -> int:
        """How much of the memory it takes; asked right before it is begun."""

    def read(self, item: _Item) -> Any:
        """The first step, in several threads at once."""

    def compute(self, read: Any) -> Any:
        """The second step, of what was read; in the caller's thread, in order."""

    def write(self, item: _Item, computed: Any) -> None:
        """The last step, in several threads at once."""


def one_by_one(items: Sequence[Item], steps: Steps[Item]) -> Outcomes[Item]:
    """Do the steps of one item after those of the other."""
    for item in items:
        try:
            steps.write(item, steps.compute(steps.read(item)))
        except Exception as error:
            yield item, error
        else:
            yield item, None


def pipelined(
    items: Sequence[Item], steps: Steps[Item], most: int, threads: Optional[int] = None
) -> Outcomes[Item]:
    """The same as `one_by_one`, sooner: reading runs ahead and writing behind, in threads.

    When the generator is closed, steps that have begun are ended and no more are begun.

    Args:
        most: the weight of all items that are begun and not yet done; one that weighs more is
            alone.
        threads: how many read, and how many write; by default one for each core. Four times as
            many items are begun and not yet done at most.
    """
    threads = threads or min(max(2, cores()), _MOST_THREADS)  # two: writers wait for the disk
    readers, writers = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
    try:
        line = _Line(steps, readers, writers)
        for item in items:
            weight = steps.weight(item)
            while line and (len(line) >= _ITEMS_A_THREAD * threads or line.weight + weight > most):
                yield from line.step()
            line.begin(item, weight)
        while line:
            yield from line.step()
    finally:
        for pool in (readers, writers):
            pool.shutdown(wait=True, cancel_futures=True)


class _Line:
    """The items that are begun and not yet done: being read, then being written."""

    def __init__(self, steps: Steps[Any], readers: ThreadPoolExecutor, writers: ThreadPoolExecutor):
        self._steps, self._readers, self._writers = steps, readers, writers
        self._read: Deque[Tuple[Any, int, Future]] = deque()
        self._written: Deque[Tuple[Any, int, Future]] = deque()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._read) + len(self._written)

    def begin(self, item: Any, weight: int) -> None:
        self.weight += weight
        self._read.append((item, weight, self._readers.submit(self._steps.read, item)))

    def step(self) -> Outcomes[Any]:
        """Yield the oldest item if it is done, or compute the next one."""
        if self._written and (not self._read or self._written[0][2].done()):
            item, weight, future = self._written.popleft()
            error = future.exception()
            self.weight -= weight
            yield item, error
        else:
            item, weight, future = self._read.popleft()
            self._written.append((item, weight, self._computed(item, future)))

    def _computed(self, item: Any, reading: Future) -> Future:
        try:
            computed = self._steps.compute(reading.result())
        except Exception as error:
            failed: Future = Future()
            failed.set_exception(error)
            return failed
        return self._writers.submit(self._steps.write, item, computed)
