"""Work on many things in several processes: answers in order, few of them waiting."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Callable, Deque, Generator, List, Sequence, TypeVar

import cv2

__all__ = ["MOST_WORKERS", "end_with_parent", "in_chunks", "mapped"]

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST_WORKERS = 61  # that Python can wait for on Windows


def in_chunks(things: Sequence[Thing], size: int) -> List[Sequence[Thing]]:
    """Cut a sequence into pieces of ``size``, the last one smaller."""
    return [things[start : start + size] for start in range(0, len(things), size)]


def mapped(
    work: Callable[[Thing], Result], things: Sequence[Thing], workers: int
) -> Generator[Result, None, None]:
    """Yield ``work(thing)`` in the order of the things.

    When the caller stops early, no process works on after this generator is closed. Processes end
    when their parent was killed. OpenCV has one thread in each.

    Args:
        work: A function that other processes can import, or a `functools.partial` of one.
        things: Can be pickled. A thing should be worth sending, such as a chunk of files.
        workers: Processes; 0 works in this one.

    Raises:
        ChildProcessError: a process died, for instance for want of memory.
    """
    workers = min(workers, len(things), MOST_WORKERS)
    if workers < 1 or len(things) == 1:  # a single thing is done before a process has started
        yield from map(work, things)
        return
    # Not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin) as pool:
        waiting: Deque[Future] = deque()
        try:
            for thing in things:
                waiting.append(pool.submit(work, thing))
                if len(waiting) > 2 * workers:  # or the results of a slow reader would pile up
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise ChildProcessError(
                f"one of {workers} worker processes died, most often for want of memory; take "
                "fewer with --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def end_with_parent() -> None:
    """Let this process end when the one that started it does: a parent that was killed can stop
    nobody.
    """
    threading.Thread(target=_wait_for_the_parents_end, daemon=True).start()


def _wait_for_the_parents_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _begin() -> None:
    cv2.setNumThreads(1)
    # Ctrl-C goes to all processes; a worker ends at once and leaves the word to its parent.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent()
