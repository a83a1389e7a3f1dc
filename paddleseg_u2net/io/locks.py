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
    """Let one process at a time work on `path`; whether this one is alone, False without locks.

    The lock is a hidden file beside `path`, which the system frees however its process ends.
    ``waiting`` is called once if another process is at work, and a TimeoutError raised if it still
    is after ``patience`` seconds.
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
        try:
            if sys.platform == "win32":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock has deleted it: is this the one that others would find?
            if os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        except (BlockingIOError, PermissionError, FileNotFoundError):
            pass
        except OSError as error:
            os.close(handle)
            if error.errno in _NO_LOCKS:
                return None
            raise
        os.close(handle)
        if not told:
            waiting()
            told = True
        if time.monotonic() >= until:
            raise TimeoutError(f"{lock}: another process holds it")
        time.sleep(_POLL)
