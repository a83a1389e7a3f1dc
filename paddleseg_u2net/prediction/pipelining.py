"""Many images at once: reading runs ahead, writing behind, and no image stops another."""

from __future__ import annotations

import errno
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from typing import (
    Any,
    Callable,
    Deque,
    Generator,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from paddleseg_u2net.env import cores
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.io.images import PathLike, image_size
from paddleseg_u2net.progress import Progress

# Pixels of all images that are in memory at a time; a larger image is alone. Each takes about 12
# bytes until its pictures are written, and four times that where the network sees it whole.
MOST_PIXELS = 48_000_000
_SEEN_WHOLE = 4

# After these no further picture can be written either.
DISK_ERRORS = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Failure(NamedTuple):
    """An image that gave no picture, and why."""

    image: Path
    reason: str


def worked(
    works: Sequence[Any],
    steps: Any,
    doing: str,
    again: str,
    on_failure: Callable[[Failure], None] = lambda failure: None,
) -> List[Failure]:
    """Do the steps of every work, which has an ``image``; the failures are returned, the rest done.

    Args:
        steps: see `pipelined`.
        doing: what the progress bar calls it.
        again: what is to be done with the images that are left where the disk is full.
        on_failure: is told of each failure, in the order of the works, while others go on.

    Raises:
        OSError: the disk is full or read-only; the message says how many images were done.
        BrokenPipeError: who reads what a step writes has gone.
    """
    failures: List[Failure] = []
    done = 0
    outcomes = pipelined(works, steps, MOST_PIXELS)
    bar = Progress(len(works), doing) if len(works) > 1 else nullcontext()
    with closing(outcomes), bar as progress:
        for work, error in outcomes:
            if isinstance(error, BrokenPipeError):
                raise error
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                left, place = len(works) - done - len(failures), error.filename or work.image
                raise OSError(
                    error.errno,
                    f"{place}: {error.strerror}; {done} of {len(works)} images are done, "
                    f"{len(failures)} failed, and {left} are left: {again}",
                ) from error
            if error is None:
                done += 1
            else:
                failures.append(Failure(work.image, reason(work.image, error)))
                on_failure(failures[-1])
            if progress:
                progress.update()
    return failures


def reason(image: PathLike, error: BaseException) -> str:
    """Why an image gave no picture: one text that names it."""
    text = str(error) or type(error).__name__
    return text if str(image) in text else f"{image}: {text}"


def pixels_of(image: PathLike, pipeline: Pipeline) -> int:
    """How much of `MOST_PIXELS` an image takes; 0 if it cannot be told: reading it says why."""
    try:
        return load_of(image_size(image), pipeline)
    except Exception:
        return 0


def load_of(size: Tuple[int, int], pipeline: Pipeline) -> int:
    """How much of `MOST_PIXELS` an image of a height and width takes."""
    whole = pipeline.window is not None or pipeline.preprocess.size is None
    return size[0] * size[1] * (_SEEN_WHOLE if whole else 1)


Outcomes = Generator[Tuple[Any, Optional[BaseException]], None, None]
"""Each item, in order, and what stopped it in one of its steps, or None."""

# More readers than this only wait for the network.
_MOST_THREADS = 8
_ITEMS_A_THREAD = 4


def pipelined(
    items: Iterable[Any], steps: Any, most: int, threads: Optional[int] = None
) -> Outcomes:
    """Do the steps of every item: reading runs ahead and writing behind, in ``threads`` each. When
    the generator is closed, steps that have begun are ended and no more are begun. An exception in
    a step ends that item only.

    Args:
        steps: an object with ``weight(item)``; ``read(item)`` and ``write(item, computed)``, called
            in several threads; and ``compute(read)``, called in the caller's thread, in order.
        most: the weight of all items that are begun and not yet done; a heavier one is alone.
    """
    threads = threads or min(max(2, cores()), _MOST_THREADS)  # two: writers wait for the disk
    readers, writers = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
    reading: Deque[Tuple[Any, int, Future]] = deque()
    writing: Deque[Tuple[Any, int, Future]] = deque()
    load = 0

    def compute(read: Future, item: Any) -> Future:
        try:
            computed = steps.compute(read.result())
        except Exception as error:
            failed: Future = Future()
            failed.set_exception(error)
            return failed
        return writers.submit(steps.write, item, computed)

    def advance() -> Outcomes:
        """Yield the oldest item if it is done, else compute the next one."""
        nonlocal load
        if writing and (not reading or writing[0][2].done()):
            item, weight, future = writing.popleft()
            error = future.exception()
            load -= weight
            yield item, error
        else:
            item, weight, future = reading.popleft()
            writing.append((item, weight, compute(future, item)))

    try:
        for item in items:
            weight = steps.weight(item)
            full = _ITEMS_A_THREAD * threads
            while (begun := len(reading) + len(writing)) and (
                begun >= full or load + weight > most
            ):
                yield from advance()
            load += weight
            reading.append((item, weight, readers.submit(steps.read, item)))
        while reading or writing:
            yield from advance()
    finally:
        for pool in (readers, writers):
            pool.shutdown(wait=True, cancel_futures=True)
