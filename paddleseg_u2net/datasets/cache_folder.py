"""The cache's folder, which several trainings share: who may store how much, and who goes.

    FOLDER/.lock              held while room is given out
    FOLDER/<32 hex>.set/      a set: the pairs of one data set, prepared in one way
        set.json              bytes reserved for it, and whose it is; its time is its last use
        in_use                locked by every process that uses the set
        writing               byte n is locked while pair n is written
        00000007.pair         a pair, by its number in the data set

A set reserves its room when it is opened and never grows beyond it, so the folder stays below
its limit without anyone counting. Where room is short, sets that nobody uses go, the one that
was not used for longest first. A set in use never goes: two trainings whose sets do not fit
together share the room as the first left it, and neither removes what the other will read.
Locks end with the process that holds them, however it ends.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Optional

import numpy as np

try:
    import fcntl
except ImportError:  # Windows: no set can be known to be unused there, and none goes
    fcntl = None  # type: ignore[assignment]

from paddleseg_u2net.io.files import atomic_path, write_text

# Left free on the disk, for checkpoints and for everybody else.
SPARE = 1_000_000_000
_BLOCK = 4096
# set.json, which is for a moment there twice.
_OVERHEAD = 2 * _BLOCK
# Giving out room takes seconds at most, even where many files have to go.
_PATIENCE = 60.0
_SET = re.compile(r"[0-9a-f]{32}\.set")
_UNFINISHED = re.compile(r"\.(\d{8}|set)\.tmp-[\w-]+\.(pair|json)")
_PAIR = re.compile(r"\d{8}\.pair")
_RECORD, _IN_USE, _WRITING = "set.json", "in_use", "writing"


class SetFolder:
    """The part of the cache's folder that belongs to one set; it is in use while this lives.

    Args:
        folder: the cache's folder; made where missing.
        name: 32 hexadecimal digits that stand for all that makes the set what it is.
        sizes: the bytes of each pair's file at most.
        limit: bytes that the whole folder may have.
        owner: what a person should read in ``set.json``.

    Attributes:
        kept: the first so many pairs have room here.
        problem: why nothing can be stored though what is there can be read, else None.

    Raises:
        OSError: the folder cannot be used at all.
    """

    def __init__(
        self, folder: Path, name: str, sizes: List[int], limit: int, owner: Dict[str, Any]
    ) -> None:
        self.path = folder / f"{name}.set"
        self.kept, self.problem = 0, None  # type: int, Optional[OSError]
        self._in_use: Optional[IO[bytes]] = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / ".lock"):
                self._open(np.cumsum([_in_blocks(size) for size in sizes]), limit, owner)
        except OSError as error:
            if not (self.path / _RECORD).is_file():
                raise
            self.kept, self.problem = len(sizes), error
            with suppress(OSError):
                self._in_use = (self.path / _IN_USE).open("rb")
                _share(self._in_use)

    def _open(self, ends: np.ndarray, limit: int, owner: Dict[str, Any]) -> None:
        self.path.mkdir(exist_ok=True)
        self._in_use = (self.path / _IN_USE).open("ab")
        alone = _is_unused(self._in_use)
        if alone:
            _remove(file for file in _files(self.path) if _UNFINISHED.fullmatch(file.name))
        wanted = int(ends[-1]) if len(ends) else 0
        room = _make_room(self.path, wanted + _OVERHEAD, limit) - _OVERHEAD
        self.kept = int(np.searchsorted(ends, room, side="right"))
        reserved = _OVERHEAD + (int(ends[self.kept - 1]) if self.kept else 0)
        if alone:
            beyond = f"{self.kept:08d}"
            _remove(f for f in _files(self.path) if _PAIR.fullmatch(f.name) and f.stem >= beyond)
        else:
            reserved = max(reserved, _reserved(self.path))
        write_text(self.path / _RECORD, json.dumps({"reserved": reserved, **owner}) + "\n")
        _share(self._in_use)

    def __getstate__(self) -> Dict[str, Any]:
        """A copy in another process relies on the lock of the first."""
        return {**self.__dict__, "_in_use": None}

    def file(self, index: int) -> Path:
        """Where the pair of this number is, or would be."""
        return self.path / f"{index:08d}.pair"

    def store(self, index: int, data: bytes) -> None:
        """Write a pair's file, unless it is there or another process is about to write it.

        Raises:
            OSError: it cannot be written, or the disk is almost full, or the set was removed.
        """
        if self._in_use is not None and os.fstat(self._in_use.fileno()).st_nlink == 0:
            raise OSError(f"{self.path} was removed meanwhile")
        if shutil.disk_usage(self.path).free < SPARE + len(data):
            raise OSError(f"{self.path}: less than {SPARE / 1e9:g} GB are free on this disk")
        # Two temporary files for one place would be more than was reserved.
        with (self.path / _WRITING).open("ab") as mark:
            if _claims(mark, index) and not self.file(index).exists():
                with atomic_path(self.file(index)) as temporary:
                    temporary.write_bytes(data)


# ---------------------------------------------------------------- room


def _make_room(own: Path, wanted: int, limit: int) -> int:
    """Bytes that the set ``own`` may have; unused sets go until that is ``wanted``, or all."""
    others = {path: _occupied(path) for path in _sets(own.parent) if path != own}
    oldest_first = sorted(others, key=_last_use)
    while True:
        free = max(0, shutil.disk_usage(own).free - SPARE)
        # What the set has stored is its own already, also on a full disk.
        room = min(limit - sum(others.values()), _stored(own) + _OVERHEAD + free)
        victim = next((path for path in oldest_first if _removable(path)), None)
        if room >= wanted or victim is None:
            return room
        oldest_first.remove(victim)
        _remove_set(victim)
        others[victim] = _occupied(victim)


def _removable(path: Path) -> bool:
    try:
        with (path / _IN_USE).open("rb") as lock:
            return _is_unused(lock)
    except FileNotFoundError:
        return fcntl is not None
    except OSError:
        return False


def _remove_set(path: Path) -> None:
    """Remove our files of a set, and its folder if nothing else is in it."""
    ours = (_RECORD, _IN_USE, _WRITING)
    _remove(
        file
        for file in _files(path)
        if file.name in ours or _PAIR.fullmatch(file.name) or _UNFINISHED.fullmatch(file.name)
    )
    with suppress(OSError):
        path.rmdir()


def _remove(found: Iterator[Path]) -> None:
    for file in list(found):
        with suppress(OSError):  # what stays is counted as it is
            file.unlink()


def _sets(folder: Path) -> List[Path]:
    return [
        path
        for path in folder.iterdir()
        if _SET.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    ]


def _files(path: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        yield from (Path(entry.path) for entry in entries if not entry.is_dir())


def _occupied(path: Path) -> int:
    """Bytes that a set has or may still take."""
    return max(_stored(path), _reserved(path))


def _stored(path: Path) -> int:
    total = 0
    for file in _files(path):
        with suppress(OSError):
            total += _in_blocks(file.lstat().st_size)
    return total


def _reserved(path: Path) -> int:
    try:
        return int(json.loads((path / _RECORD).read_text(encoding="utf-8"))["reserved"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _last_use(path: Path) -> float:
    try:
        return (path / _RECORD).stat().st_mtime
    except OSError:
        return 0.0


def _in_blocks(size: int) -> int:
    """``size`` as a disk counts it, in whole blocks."""
    return -(-size // _BLOCK) * _BLOCK


# ---------------------------------------------------------------- locks


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        until = time.monotonic() + _PATIENCE
        while fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OSError(
                        f"{path}: another process has held this for {_PATIENCE:g} s; end it"
                    ) from None
                time.sleep(0.02)
        yield


def _is_unused(file: IO[bytes]) -> bool:
    """Whether no other open file has this one locked; if so, it is now locked for this one."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _share(file: IO[bytes]) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _claims(file: IO[bytes], index: int) -> bool:
    """Whether no other process has byte ``index`` of this file; it is ours until it is closed."""
    if fcntl is not None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, index)
        except OSError as error:
            if isinstance(error, (BlockingIOError, PermissionError)):
                return False
            raise
    return True
