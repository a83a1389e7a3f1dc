"""Work in stages, each in a thread of its own, with few things waiting between them."""

from __future__ import annotations

import atexit
import threading
from collections import deque
from contextlib import closing, nullcontext
from typing import Any, Deque, Dict, Generator, Generic, Iterable, Iterator, Optional, TypeVar

from paddleseg_u2net import signals

Thing = TypeVar("Thing")


class _Channel(Generic[Thing]):
    """Things from one thread to another, in order, few at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: Deque[Thing] = deque()
        self._changed = threading.Condition()
        self._error: Optional[BaseException] = None
        self._ended = self._closed = False

    def put(self, thing: Thing) -> bool:
        """Wait for a place; False if nobody takes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._things) < self._most)
            self._things.append(thing)
            self._changed.notify_all()
            return not self._closed

    def end(self, error: Optional[BaseException] = None) -> None:
        """There are no more; the error is what whoever takes meets behind the last one."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Thing]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._things or self._ended or self._closed)
                if self._closed:
                    return
                if not self._things:
                    if self._error is not None:
                        raise self._error
                    return
                thing = self._things.popleft()
                self._changed.notify_all()
            yield thing

    def close(self) -> None:
        """Take no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


_running: Dict[_Channel[Any], threading.Thread] = {}
# A camera that hangs must not keep the process.
_SECONDS_TO_END = 5.0


def staged(things: Iterable[Thing], waiting: int) -> Generator[Thing, None, None]:
    """Yield the things, which are made in a thread of their own while others are worked on.

    An error reaches whoever asks for the thing that it came in place of. When this is closed, so is
    ``things``, if it can be, and the thread has ended.

    Args:
        waiting: how many things are made before they are asked for.
    """
    channel: _Channel[Thing] = _Channel(waiting)
    thread = threading.Thread(target=_make, args=(things, channel), daemon=True)
    with signals.waiting():
        thread.start()
    _running[channel] = thread
    try:
        yield from channel
    finally:
        channel.close()
        thread.join()
        _running.pop(channel, None)


@atexit.register
def _end_all() -> None:
    """End what nobody has closed: Python stops threads that are left, and calls of C++ abort then.

    They are daemons, since Python waits for all others before it comes here.
    """
    for channel in list(_running):
        channel.close()
    for thread in list(_running.values()):
        thread.join(_SECONDS_TO_END)


def _make(things: Iterable[Any], channel: _Channel[Any]) -> None:
    try:
        made = iter(things)
        with closing(made) if isinstance(made, Generator) else nullcontext():
            for thing in made:
                if not channel.put(thing):
                    return
    except BaseException as error:  # whoever takes is told
        channel.end(error)
    else:
        channel.end()
