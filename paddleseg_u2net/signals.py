"""Signals that end a process (Ctrl-C, SIGTERM, SIGHUP), and what a command does about them.

Each becomes an exception in the main thread, so that nothing half-written is left; from a call of
C++ it is raised when that returns. A second signal ends the process where Python runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import Any, Iterator, Optional, Union

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# A launcher hands on to its processes what the whole group got: that is no second signal.
_SECONDS_OF_ONE_SIGNAL = 2.0


class Terminated(SystemExit):
    """A signal to end, other than Ctrl-C; ``code`` is 128 and its number, as shells have it."""

    code: int


class _Heard:
    """What has been heard."""

    def __init__(self) -> None:
        self.number = self.holds = 0
        self.is_raised = False
        self.since = 0.0

    def handle(self, number: int, _: Any) -> None:
        """In the main thread, between two bytecodes; raises the first time only."""
        now = time.monotonic()
        if not self.number:
            self.number, self.since = number, now
        elif now - self.since > _SECONDS_OF_ONE_SIGNAL:
            self.end()
        if not self.is_raised and not self.holds:
            self.is_raised = True
            raise exception(self.number)

    def end(self) -> None:
        with at_most(1, 128 + self.number), contextlib.suppress(OSError):
            os.write(2, (message(exception(self.number)) + "\n").encode())
        os._exit(128 + self.number)


_heard: Optional[_Heard] = None


def number() -> int:
    """The signal that this process was told to end by; 0 if none."""
    return _heard.number if _heard else 0


def message(error: BaseException) -> str:
    """One line about the end by ``KeyboardInterrupt`` or `Terminated`."""
    if isinstance(error, Terminated):
        return f"Terminated by {signal.Signals(error.code - 128).name}."
    return "Interrupted."


def exception(number: int) -> Union[KeyboardInterrupt, Terminated]:
    """What a signal is raised as."""
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(128 + number)


@contextlib.contextmanager
def at_most(seconds: float, code: int) -> Iterator[None]:
    """End the process if the block takes longer: last words, which nobody may be reading."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Let signals to end raise ``KeyboardInterrupt`` (Ctrl-C) or `Terminated` in the main thread.

    Any exception that leaves the block after such a signal becomes the signal's. Signals that are
    ignored stay so (nohup). Without effect in another thread, and within another such block.
    """
    global _heard
    if _heard is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _heard = now = _Heard()
    listened = [n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, now.handle) for number in listened}
    try:
        yield
    except BaseException as error:
        if now.number:
            raise exception(now.number) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        _heard = None


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let a signal wait for the end of the block, where it is raised."""
    now = _heard
    if now is None:
        yield
        return
    now.holds += 1
    try:
        yield
    finally:
        now.holds -= 1
    if now.number and not now.holds:
        now.is_raised = True
        raise exception(now.number)


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Let signals to end wait while this thread is in the block.

    Threads and processes that are started in it never get them.
    """
    is_main = threading.current_thread() is threading.main_thread()
    # Other threads may still get one, and Python then calls the handler in the main thread.
    with held() if is_main else contextlib.nullcontext():
        if not hasattr(signal, "pthread_sigmask"):
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
