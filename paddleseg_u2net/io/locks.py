"""Locks between processes, by the system's own means."""

from __future__ import annotations

import errno
import math
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator, Optional

from paddleseg_u2net.io.files import PathLike

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_POLL = 0.05
# Some network file systems know no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def locked(
    path: PathLike,
    waiting: Callable[[], None] = lambda: None,
    patience: float = math.inf,
) -> Iterator[bool]:
    """Let one process at a time work on `path`; the others wait, ``patience`` seconds at most.

    The lock is a hidden file beside `path`, which the system frees when its process ends, in
    whatever way. ``waiting`` is called once if another process is at work, and a TimeoutError
    raised if it still is. Yields whether this one is alone; False where there are no locks.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    handle = _acquire(lock, waiting, patience)
    try:
        yield handle is not None
    finally:
        with suppress(OSError):  # on Windows an open file stays
            lock.unlink()
        if handle is not None:
            os.close(handle)


def _acquire(lock: Path, waiting: Callable[[], None], patience: float) -> Optional[int]:
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
            raise TimeoutError(f"{lock}: another process holds it")
        time.sleep(_POLL)


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
