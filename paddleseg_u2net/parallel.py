"""Work on many things in several processes: answers in order, few of them waiting."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Callable, Deque, Generator, List, Optional, Sequence, TypeVar

import cv2
import numpy as np

from paddleseg_u2net import plugins, signals

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST_WORKERS = 61  # that Python can wait for on Windows


def in_chunks(things: Sequence[Thing], size: int) -> List[Sequence[Thing]]:
    """Cut a sequence into pieces of ``size``, the last one smaller."""
    return [things[start : start + size] for start in range(0, len(things), size)]


def parallel_map(
    work: Callable[[Thing], Result], things: Sequence[Thing], workers: int
) -> Generator[Result, None, None]:
    """Yield ``work(thing)`` in the order of the things, by some processes or (0) in this one.

    ``work`` is a function that can be imported, or a `functools.partial` of one; a thing should be
    worth sending, such as a chunk of files. No process works on after this generator is closed or
    the parent was killed or told to end. OpenCV has one thread in each.
    """
    workers = min(workers, len(things), MOST_WORKERS)
    if workers < 1 or len(things) == 1:  # a single thing is done before a process has started
        _keep_memory()
        yield from map(work, things)
        return
    # Not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (plugins.loaded(),)) as pool:
        waiting: Deque[Future] = deque()
        try:
            for thing in things:
                with signals.waiting():  # a process may be started here, see `follow_parent`
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
        except (KeyboardInterrupt, SystemExit):
            _end(pool)
            raise
        finally:
            if signals.number():  # and the caller, not this generator, was interrupted
                _end(pool)
            pool.shutdown(wait=True, cancel_futures=True)


def _keep_memory() -> None:
    """Let glibc keep the memory of freed arrays for the next ones, as it does once a large one was
    freed; to get it from the system anew takes a quarter of the time of scoring.
    """
    np.empty(31 << 20, np.uint8)


def _end(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()


def follow_parent() -> None:
    """Let this process end when the one that started it does, or tells it to; not before.

    Ctrl-C, and many a scheduler's SIGTERM, go to a whole group of processes; the first may have a
    checkpoint to write. It starts this one inside of `signals.waiting`, or a signal may be sooner.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signals.ENDING)
        threading.Thread(target=_wait_for_the_parents_word, args=(parent.pid,), daemon=True).start()
    threading.Thread(target=_wait_for_the_parents_end, args=(parent,), daemon=True).start()


def _wait_for_the_parents_word(parent: Optional[int]) -> None:
    while signal.sigwaitinfo(signals.ENDING).si_pid != parent:
        pass
    os._exit(1)


def _wait_for_the_parents_end(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _begin(modules: Sequence[str]) -> None:
    _keep_memory()
    cv2.setNumThreads(1)
    follow_parent()
    plugins.load_plugins(modules)
