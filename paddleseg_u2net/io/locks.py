"""Locks between processes, by the system's own means.

A process that ends, in whatever way, frees its locks, and forked children do not have them.
"""

from __future__ import annotations

import errno
import math
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator, Optional, Set

from paddleseg_u2net.io.files import PathLike

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Some network file systems know no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def locked(
    path: PathLike,
    waiting: Callable[[], None] = lambda: None,
    poll: float = 0.1,
    patience: float = math.inf,
    owner: str = "",
) -> Iterator[bool]:
    """Let one process at a time work on `path`; the others wait.

    The lock is a hidden file beside `path`, which the system frees when its process ends, in
    whatever way, and which is deleted at the end. Forked children do not have it.

    Args:
        waiting: Called once if another process is at work.
        poll: Seconds between two tries.
        patience: Seconds to wait for another process.
        owner: What others are told of this process.

    Yields:
        Whether this process is alone; False where the file system knows no locks.

    Raises:
        TimeoutError: Another process is still at work; the message is its `owner`.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    handle = _acquire(lock, waiting, poll, patience)
    try:
        if handle is not None:
            _HELD.add(handle)
            with suppress(OSError):  # a full disk
                os.ftruncate(handle, 0)  # what a killed owner wrote
                os.write(handle, owner.encode())
        yield handle is not None
    finally:
        with suppress(OSError):  # on Windows an open file stays
            lock.unlink()
        if handle is not None:
            _HELD.discard(handle)
            os.close(handle)


_HELD: Set[int] = set()


def _close_in_a_child() -> None:
    """A lock is its process's: a child that outlives it would keep it."""
    while _HELD:
        os.close(_HELD.pop())


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_close_in_a_child)


def _acquire(
    lock: Path, waiting: Callable[[], None], poll: float, patience: float
) -> Optional[int]:
    told, until = False, time.monotonic() + patience
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        taken = False
        try:
            taken = _try_lock(handle) and _still_there(handle, lock)
            if taken:
                return handle
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return None
            raise
        finally:
            if not taken:
                os.close(handle)
        if not told:
            waiting()
            told = True
        if time.monotonic() >= until:
            raise TimeoutError(_owner(lock) or f"{lock}: another process holds it")
        time.sleep(poll)


def _owner(lock: Path) -> str:
    try:
        return lock.read_text(encoding="utf-8")
    except OSError:  # just deleted, or on Windows, where a locked file cannot be read
        return ""


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _still_there(handle: int, lock: Path) -> bool:
    """Whether it is the lock that others would find: whoever had it has deleted it."""
    try:
        return os.path.samestat(os.fstat(handle), lock.stat())
    except FileNotFoundError:
        return False
