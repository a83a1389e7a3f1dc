"""Work on many files in several processes, in order and with few results waiting."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Callable, Deque, Generator, List, Sequence, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

# Things that one process takes at a time: it is also what is still done after an interruption.
CHUNK = 8
MOST_WORKERS = 61  # that Python can wait for on Windows


def mapped(
    work: Callable[[Thing], Result], things: Sequence[Thing], workers: int
) -> Generator[Result, None, None]:
    """Yield ``work(thing)`` in the order of the things.

    When the caller stops early, no process works on after this generator is closed.

    Args:
        work: Can be pickled.
        things: Can be pickled.
        workers: Processes; 0 works in this one.

    Raises:
        ChildProcessError: a process died, for instance for want of memory.
    """
    chunks = [things[start : start + CHUNK] for start in range(0, len(things), CHUNK)]
    workers = min(workers, len(chunks), MOST_WORKERS)
    if workers < 1 or len(chunks) == 1:  # one chunk is done before a process has started
        yield from map(work, things)
        return
    # Not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin_worker) as pool:
        waiting: Deque[Future] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_chunk, work, chunk))
                if len(waiting) > 2 * workers:  # or the results of a slow reader would pile up
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise ChildProcessError(
                f"one of {workers} worker processes died, most often for want of memory; take "
                "fewer with --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _chunk(work: Callable[[Thing], Result], things: Sequence[Thing]) -> List[Result]:
    return [work(thing) for thing in things]


def _begin_worker() -> None:
    # Ctrl-C goes to all processes; a worker ends at once and leaves the word to its parent.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # A parent that was killed can stop nobody.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
