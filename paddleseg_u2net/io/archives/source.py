"""What every kind of archive comes down to: members with a name, a size and bytes."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

BLOCK = 1 << 20

FETCH = (
    "the file is damaged, cut, or one of several parts: fetch it again and compare its size with "
    "the publisher's, or join the parts first"
)

# What the parsers of the standard library meet in broken bytes, not what a disk reports.
_BROKEN_BYTES = {None, 0, errno.EINVAL, errno.EOVERFLOW}


class ArchiveError(ValueError):
    """An archive cannot be unpacked; the message names it, the trouble and the repair."""


class Member(NamedTuple):
    """One entry of an archive.

    Its chunks are read at most once, and before the next member is asked for.
    """

    name: bytes  # as it stands in the archive, ``/`` or a backslash between folders
    size: int  # as declared
    what: str  # ``file``, ``folder``, or in words what else it is
    chunks: Callable[[], Iterator[bytes]]


@contextmanager
def reading(archive: Path, entry: str = "", hint: str = FETCH) -> Iterator[None]:
    """Turn what a parser raises on broken bytes into an ``ArchiveError`` with ``hint``.

    Parsers fail in more ways than they document. A disk that cannot be read keeps its ``OSError``.
    """
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in _BROKEN_BYTES:
            raise OSError(error.errno, error.strerror, str(archive)) from error
        where = f"{archive}: {entry}" if entry else f"{archive}"
        text = str(error) or type(error).__name__
        raise ArchiveError(f"{where}: cannot be read ({text}); {hint}") from error


def blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """What ``read`` returns, until it is empty."""
    return iter(lambda: read(BLOCK), b"")
