"""Who is served, when: places for requests, threads for pictures, memory for pixels."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Coroutine, Deque, Dict, Iterator, Tuple, TypeVar

from fastapi import Request

from paddleseg_u2net.io.images import at_most_pixels
from paddleseg_u2net.service.metrics import Metrics
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.web.errors import ServiceError

Result = TypeVar("Result")

# Threads for what is no picture yet: headers that are read, addresses that are fetched.
_ASIDE = 4
_OLD = 0.9  # how much the mean of seconds keeps of what it was


class Cancelled(Exception):
    """Nobody waits for this work any more."""


class Job:
    """Work on one picture, in a thread; it looks between its steps whether it is still wanted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self._cancelled = metrics, threading.Event()

    def cancel(self) -> None:
        """End the work at its next step."""
        self._cancelled.set()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do a step, and measure it; raises `Cancelled` where nobody waits any more."""
        if self._cancelled.is_set():
            raise Cancelled
        with self._metrics.step(name):
            yield


class Work:
    """The places, threads and pixels of a service; but for its threads all is in one event loop."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.taken = self.running = 0
        self.is_ending = False
        self._pool = ThreadPoolExecutor(settings.at_once, "picture")
        self._aside = ThreadPoolExecutor(_ASIDE, "aside")
        self._pixels = _Pixels(settings.max_pixels)
        self._seconds = 1.0  # of a picture, as a mean of the last ones

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for a request.

        Raises:
            ServiceError: 503, all are taken; or the service ends.
        """
        if self.is_ending:
            headers = {"Connection": "close", "Retry-After": "10"}
            raise ServiceError(503, "ending", "the service ends", headers)
        if self.taken >= self.settings.places:
            told = f"all {self.settings.places} places are taken; ask again later"
            raise ServiceError(503, "busy", told, self.retry_later())
        self.taken += 1
        self._tell()
        try:
            yield
        finally:
            self.taken -= 1
            self._tell()

    def retry_later(self) -> Dict[str, str]:
        """The header that says when a place may be free."""
        seconds = self.taken * self._seconds / self.settings.at_once
        return {"Retry-After": str(min(60, max(1, math.ceil(seconds))))}

    async def aside(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """What a function returns that is run in a thread beside those for pictures."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, function, *arguments)

    async def picture(self, pixels: int, work: Callable[[Job], Result]) -> Result:
        """What ``work`` returns in a thread, once there is one, and room for so many pixels.

        Where this is cancelled, work that has not begun never does, and a job that runs is told.
        """
        asked = time.monotonic()
        await self._pixels.take(pixels)
        loop, job = asyncio.get_running_loop(), Job(self.metrics)

        def worked() -> Result:
            began = time.monotonic()
            self.metrics.steps.labels("wait").observe(began - asked)
            _soon(loop, self._begun)
            try:
                with at_most_pixels(self.settings.max_pixels):
                    return work(job)
            finally:
                _soon(loop, self._done, time.monotonic() - began)

        future = self._pool.submit(worked)
        # Not when nobody waits any more, but when the memory is free.
        future.add_done_callback(lambda _: _soon(loop, self._pixels.give, pixels))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            job.cancel()
            raise

    def _begun(self) -> None:
        self.running += 1
        self._tell()

    def _done(self, seconds: float) -> None:
        self.running -= 1
        self._seconds = _OLD * self._seconds + (1 - _OLD) * seconds
        self._tell()

    def _tell(self) -> None:
        self.metrics.running.set(self.running)
        self.metrics.queue.set(max(0, self.taken - self.running))

    def close(self) -> None:
        """Begin nothing any more; what runs, runs on."""
        for pool in (self._pool, self._aside):
            pool.shutdown(wait=False, cancel_futures=True)


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(function, *arguments)


class _Pixels:
    """A number of pixels that pictures share, first come, first served."""

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._waiting: Deque[Tuple[int, asyncio.Future]] = deque()

    async def take(self, count: int) -> None:
        count = min(count, self._most)
        if not self._waiting and count <= self._free:
            self._free -= count
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # its turn came at the same moment
                self.give(count)
            else:
                self._waiting.remove((count, turn))
                self._advance()
            raise

    def give(self, count: int) -> None:
        self._free += min(count, self._most)
        self._advance()

    def _advance(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            count, turn = self._waiting.popleft()
            self._free -= count
            turn.set_result(None)


async def attended(request: Request, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """What a coroutine returns while the client waits for it, for so many seconds.

    Raises:
        Cancelled: the client has left.
        ServiceError: 503, the time is over.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        both = {task, gone}
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise Cancelled
        told = "the time for a request is over; ask again later, or send a smaller picture"
        raise ServiceError(503, "out_of_time", told, {"Retry-After": "10"})
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
