"""Work over many files in several processes, answered in order."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Callable, Deque, Iterator, List, Sequence

import cv2

# Small enough that all processes end at nearly the same time, large enough that sending costs
# nothing beside decoding.
CHUNK = 16
MOST_WORKERS = 61  # that Python can wait for on Windows


def mapped(
    work: Callable[[Sequence[Any], Any], Any], items: Sequence[Any], task: Any, workers: int
) -> Iterator[Any]:
    """Yield ``work(chunk, task)`` for chunks of `CHUNK` items, in their order.

    Args:
        work: A function of a module, so that other processes find it.
        items, task: Can be pickled.
        workers: Processes; 0 works in this one. Chunks are the same for any number.

    Raises:
        ChildProcessError: a process died.
    """
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    workers = min(workers, len(chunks), MOST_WORKERS)
    if workers < 1 or len(chunks) == 1:  # one chunk is done before a process has started
        for chunk in chunks:
            yield work(chunk, task)
        return
    yield from _in_processes(work, chunks, task, workers)


def _in_processes(work: Callable, chunks: List, task: Any, workers: int) -> Iterator[Any]:
    # Not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin_worker) as pool:
        waiting: Deque[Future] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(work, chunk, task))
                if len(waiting) > 2 * workers:  # or results would pile up
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise ChildProcessError(
                f"one of {workers} worker processes died, most often for want of memory; take "
                "fewer with --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    cv2.setNumThreads(1)
    # Ctrl-C goes to all processes; a worker ends at once and leaves the word to its parent.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
