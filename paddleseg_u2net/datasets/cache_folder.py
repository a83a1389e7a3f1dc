"""The cache's folder, which several trainings share: how much it may hold, and what is removed.

    FOLDER/.cache.lock        held while sizes are counted and sets are removed
    FOLDER/.size              bytes in all sets
    FOLDER/<32 hex>.set/      a set: the pairs of one data set, prepared in one way
        in_use                locked by every process that uses the set; its time is the last use
        00000007.pair         a pair, by its number in the data set

Where room is short, sets that no process uses are removed, the least recently used first; a set in
use never is. Locks end with the process that holds them, however it ends.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, ContextManager, Dict, List, Optional

from paddleseg_u2net.io.files import atomic_path
from paddleseg_u2net.io.locks import locked

try:
    import fcntl
except ImportError:  # Windows: no set can be known to be unused there, and none is removed
    fcntl = None  # type: ignore[assignment]

# Left free on the disk, for checkpoints and for everybody else.
SPARE = 1_000_000_000
_BLOCK = 4096
_PATIENCE = 60.0  # seconds; counting takes seconds at most, even where many files are removed
_SET = re.compile(r"[0-9a-f]{32}\.set")
_OURS = re.compile(r"in_use|\d{8}\.pair|\.\d{8}\.tmp-[\w-]+\.pair")


class SetFolder:
    """The folder of one set.

    Args:
        folder: The cache's folder.
        name: 32 hexadecimal digits that stand for all that makes the set what it is.
        limit: Bytes that the whole folder may have.
    """

    def __init__(self, folder: Path, name: str, limit: int) -> None:
        self.folder, self.path, self.limit = folder, folder / f"{name}.set", limit
        self._in_use: Optional[IO[bytes]] = None

    def open(self) -> None:
        """Make the folder where it is missing, and keep it in use while this object lives.

        Raises:
            OSError: The folder cannot be written, or another process holds its lock.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self.path.mkdir(exist_ok=True)
            self._in_use = (self.path / "in_use").open("ab")
            os.utime(self.path / "in_use")
            self._count()
            if _lock(self._in_use, shared=False):
                self._tidy()
            _lock(self._in_use, shared=True)

    def __getstate__(self) -> Dict[str, Any]:
        """A copy in another process relies on the lock of the first."""
        return {**self.__dict__, "_in_use": None}

    def file(self, index: int) -> Path:
        """Where the pair of this number is, or would be."""
        return self.path / f"{index:08d}.pair"

    def store(self, index: int, data: bytes) -> bool:
        """Write a pair's file; False if there is no room for it.

        Raises:
            OSError: It cannot be written, the disk is almost full, or the set was removed.
        """
        if not self.path.is_dir():
            raise OSError(f"{self.path} was removed meanwhile")
        if shutil.disk_usage(self.path).free < SPARE + len(data):
            raise OSError(f"{self.path}: less than {SPARE / 1e9:g} GB are free on this disk")
        more = _in_blocks(len(data)) - _size(self.file(index))
        with self._locked():
            if not self._make_room(more):
                return False
            self._add(more)
        try:
            with atomic_path(self.file(index)) as temporary:
                temporary.write_bytes(data)
        except OSError:
            with self._locked():
                self._add(-more)
            raise
        return True

    def _locked(self) -> ContextManager[bool]:
        return locked(self.folder / "cache", poll=0.02, patience=_PATIENCE)

    def _tidy(self) -> None:
        """Remove what killed writers left, and of our own pairs what is above the limit."""
        for file in self.path.glob(".????????.tmp-*.pair"):
            file.unlink()
        self._make_room(0)
        excess = self._total() - self.limit
        for file in sorted(self.path.glob("[0-9]*.pair"), reverse=True):
            if excess <= 0:
                break
            excess -= _size(file)
            file.unlink()
        self._count()

    def _make_room(self, wanted: int) -> bool:
        """Remove unused sets until there is room for ``wanted`` bytes."""
        if self._total() + wanted <= self.limit:
            return True
        others = (path for path in _sets(self.folder) if path != self.path)
        for path in sorted(others, key=lambda path: _last_use(path / "in_use")):
            if _is_unused(path):
                _remove_set(path)
                self._count()
                if self._total() + wanted <= self.limit:
                    return True
        return False

    def _count(self) -> int:
        total = sum(_size(file) for path in _sets(self.folder) for file in path.iterdir())
        (self.folder / ".size").write_text(str(total))
        return total

    def _total(self) -> int:
        try:
            return int((self.folder / ".size").read_text())
        except (OSError, ValueError):  # removed, or its writer was killed
            return self._count()

    def _add(self, size: int) -> None:
        (self.folder / ".size").write_text(str(self._total() + size))


def _sets(folder: Path) -> List[Path]:
    return [
        path
        for path in folder.iterdir()
        if _SET.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    ]


def _remove_set(path: Path) -> None:
    """Remove our files of a set, and its folder if nothing else is in it."""
    for file in list(path.iterdir()):
        if _OURS.fullmatch(file.name):
            with suppress(OSError):  # what stays is counted
                file.unlink()
    with suppress(OSError):
        path.rmdir()


def _size(file: Path) -> int:
    """The bytes of a file as a disk counts them, 0 where there is none."""
    try:
        return _in_blocks(file.lstat().st_size)
    except FileNotFoundError:
        return 0


def _in_blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _last_use(in_use: Path) -> float:
    return in_use.stat().st_mtime if in_use.exists() else 0.0


def _is_unused(path: Path) -> bool:
    try:
        with (path / "in_use").open("rb") as file:
            return _lock(file, shared=False)
    except OSError:
        return False


def _lock(file: IO[bytes], shared: bool) -> bool:
    """Lock a file if no other open file has it locked otherwise."""
    if fcntl is None:
        return shared
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
