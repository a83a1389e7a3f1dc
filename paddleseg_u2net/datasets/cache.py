"""Pairs kept on disk as they are before their random transforms: decoded once, then only mapped.

Training with a cache is the same to the bit as training without.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import platform
import re
import shutil
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import (
    IO,
    Any,
    Callable,
    ContextManager,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import cv2
import numpy as np
import PIL

from paddleseg_u2net._version import __version__
from paddleseg_u2net.datasets.pairing import Pair
from paddleseg_u2net.io import images
from paddleseg_u2net.io.files import atomic_path
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.log import logger

try:
    import fcntl
except ImportError:  # Windows: no set can be known to be unused there, and none is removed
    fcntl = None  # type: ignore[assignment]

_VARIABLE = "U2NET_CACHE"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt]?)(i?)b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SET = re.compile(r"[0-9a-f]{32}\.set")
_MAGIC = b"u2pair2\n"
_HEAD = struct.Struct("<8sII")  # magic number, CRC-32 of all behind it, length of the description
_CHECKED_FROM = 12
# What is raised of a pair's file that is missing, damaged or of another image.
_UNUSABLE = (OSError, ValueError, LookupError, TypeError)
# A change of these files makes older sets useless.
_CODE = sorted(f for of in (__file__, images.__file__) for f in Path(of).parent.glob("*.py"))


class Settings(NamedTuple):
    """The cache's folder, and the bytes that all in it may have."""

    folder: Path
    limit: int


class Prepared(NamedTuple):
    """A pair before its random transforms, and what the fixed ones noted in ``trans_info``."""

    image: np.ndarray
    label: np.ndarray
    trans_info: List[Tuple[Any, ...]]


def read_settings(value: object, key: str) -> Settings:
    """The meaning of ``cache``: a size such as 8 GB, 4 GiB, bytes, or ``{limit, folder}``.

    Without a folder it is U2NET_CACHE, or ``~/.cache/paddleseg_u2net/pairs``.
    """
    given = dict(value) if isinstance(value, dict) else {"limit": value}
    folder = given.pop("folder", None)
    limit = _bytes(given.pop("limit", None))
    if given or limit is None or not isinstance(folder, (str, os.PathLike, type(None))):
        raise ValueError(
            f"{key}: expected a size above 0 such as 8 GB or 500 MB, or a dictionary such as "
            f"{{limit: 8 GB, folder: /fast/disk}}, got {value!r}"
        )
    usual = os.environ.get(_VARIABLE) or "~/.cache/paddleseg_u2net/pairs"
    return Settings(Path(folder or usual).expanduser().absolute(), limit)


def _bytes(value: object) -> Optional[int]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value) if 1 <= value < math.inf else None
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    number, power, binary = match[1], _POWERS[(match[2] or "").lower()], match[3]
    return int(float(number) * (1024 if binary else 1000) ** power) or None


class PairCache:
    """The prepared pairs of one data set; a copy in another process is as good.

        FOLDER/.size              bytes in all sets
        FOLDER/<32 hex>.set/      a set: the pairs of one data set, prepared in one way
            in_use                locked by every process that uses the set
            00000007.pair         a pair, by its number in the data set

    A pair is decoded again when its files changed (path, size, times) or its cache file is damaged
    (a checksum); in a set of its own when settings, list, code or libraries changed. Where room is
    short, sets that no process uses are removed, the least recently used first. ``recipe`` holds,
    as JSON values, all settings that decide what is made of the pairs.
    """

    def __init__(
        self, settings: Settings, key: str, pairs: Sequence[Pair], recipe: Dict[str, Any]
    ) -> None:
        self._given = settings, key, pairs, recipe
        self._folder, self._limit = settings
        self.words = f"up to {self._limit / 1e9:.3g} GB in {self._folder}"
        self._key, self._pairs = key, pairs
        files = [[str(Path(p).absolute()) for p in (pair.image, pair.mask)] for pair in pairs]
        self._name = _digest([_circumstances(), recipe, files])
        self._path = self._folder / f"{self._name}.set"
        # Shared with the workers that are forked from this process: one of them warns.
        self._full = mmap.mmap(-1, 1)
        self._in_use: Optional[IO[bytes]] = None
        try:
            self._open()
        except OSError as error:
            self._stop(f"{error}; no pairs are stored, training goes on without")

    def __reduce__(self) -> Tuple[Any, ...]:
        return PairCache, self._given

    def get(self, index: int, make: Callable[[int], Prepared]) -> Prepared:
        """The pair from its file, or from ``make``, whose result is then stored."""
        try:
            states = [path.stat() for path in self._pairs[index][:2]]
        except OSError:  # reading says what is wrong
            return make(index)
        # The time of the last change tells files that were exchanged with their time kept.
        files = [[state.st_size, state.st_mtime_ns, state.st_ctime_ns] for state in states]
        facts = {"set": self._name, "index": index, "files": files}
        file = self._path / f"{index:08d}.pair"
        try:
            return _decode(file, facts)
        except _UNUSABLE:  # made anew
            pass
        prepared = make(index)
        data = None if self._full[0] else _encode(prepared, facts)
        if data is not None:
            try:
                self._store(file, data, facts)
            except OSError as error:
                self._stop(f"{error}; no more pairs are stored, training goes on without")
        return prepared

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self._path.mkdir(exist_ok=True)
            self._in_use = (self._path / "in_use").open("ab")
            os.utime(self._path)  # the last use
            _lock(self._in_use, shared=True)
            self._count()

    def _store(self, file: Path, data: bytes, facts: Dict[str, Any]) -> None:
        if not self._path.is_dir():
            raise OSError(f"{self._path} was removed meanwhile")
        with self._locked():
            try:
                _decode(file, facts)  # another process was faster
                return
            except _UNUSABLE:
                self._add(-_size(file))
                # Now, or for a moment it would be there beside its successor.
                file.unlink(missing_ok=True)
            if not self._has_room(len(data)):
                self._stop(f"the limit is reached ({self.words}); other pairs are decoded")
                return
            self._add(len(data))
        try:
            with atomic_path(file) as temporary:
                temporary.write_bytes(data)
        except OSError:
            with self._locked():
                self._count()
            raise

    def _stop(self, reason: str) -> None:
        """Store no more, and warn unless another worker has."""
        if not self._full[0]:
            self._full[0] = 1
            logger.warning(f"{self._key}: {reason}")

    def _locked(self) -> ContextManager[bool]:
        return locked(self._folder / "cache", patience=60)

    def _has_room(self, wanted: int) -> bool:
        """Whether there is room, once unused sets are removed if need be."""
        if self._total() + wanted <= self._limit:
            return True
        for path in sorted(_sets(self._folder), key=lambda path: path.stat().st_mtime):
            if path != self._path and _is_unused(path):
                shutil.rmtree(path, ignore_errors=True)
                if self._count() + wanted <= self._limit:
                    return True
        return False

    def _add(self, more: int) -> None:
        if more:
            (self._folder / ".size").write_text(str(self._total() + more))

    def _count(self) -> int:
        total = sum(_size(file) for path in _sets(self._folder) for file in path.iterdir())
        (self._folder / ".size").write_text(str(total))
        return total

    def _total(self) -> int:
        try:
            return int((self._folder / ".size").read_text())
        except (OSError, ValueError):  # removed, or its writer was killed
            return self._count()


def _sets(folder: Path) -> List[Path]:
    named = (path for path in folder.iterdir() if _SET.fullmatch(path.name))
    return [path for path in named if path.is_dir() and not path.is_symlink()]


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except FileNotFoundError:
        return 0


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


def _encode(prepared: Prepared, facts: Dict[str, Any]) -> Optional[bytes]:
    """A pair's file; None where the pair would not come back the same to the bit."""
    notes = json.loads(json.dumps(prepared.trans_info))
    if _tuples(notes) != prepared.trans_info:
        return None
    label = prepared.label
    with np.errstate(invalid="ignore"):
        numbers = label.astype(np.uint8)  # class numbers, of which all but soft labels are
    if numbers.astype(label.dtype).tobytes() == label.tobytes():
        label = numbers
    description = {
        "facts": facts,
        "image": (prepared.image.dtype.str, prepared.image.shape),
        "label": (label.dtype.str, label.shape),
        "is": prepared.label.dtype.str,
        "trans_info": notes,
    }
    text = json.dumps(description).encode()
    content = struct.pack("<I", len(text)) + text + prepared.image.tobytes() + label.tobytes()
    return _MAGIC + struct.pack("<I", zlib.crc32(content)) + content


def _decode(path: Path, facts: Dict[str, Any]) -> Prepared:
    """The pair of a file that was made with these ``facts``; the arrays are writable copies."""
    raw = np.asarray(np.memmap(path, np.uint8, "r"))
    if len(raw) < _HEAD.size:
        raise ValueError("truncated")
    magic, checksum, length = _HEAD.unpack(raw[: _HEAD.size].tobytes())
    if magic != _MAGIC or zlib.crc32(raw[_CHECKED_FROM:].data) != checksum:
        raise ValueError("damaged")
    start = _HEAD.size + length
    description = json.loads(raw[_HEAD.size : start].tobytes())
    if description["facts"] != facts:
        raise ValueError("made with other facts")
    arrays = []
    for kind, shape in (description["image"], description["label"]):
        end = start + int(np.prod(shape)) * np.dtype(kind).itemsize
        arrays.append(raw[start:end].copy().view(kind).reshape(shape))
        start = end
    image, label = arrays
    label = label.astype(description["is"], copy=False)
    return Prepared(image, label, _tuples(description["trans_info"]))


def _tuples(notes: List[Any]) -> List[Tuple[Any, ...]]:
    """JSON has lists only; PaddleSeg's notes are (word, (height, width))."""
    return [(note[0], *(tuple(part) for part in note[1:])) for note in notes]


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _circumstances() -> str:
    """A digest of code and libraries: all outside the settings that decides the result."""
    from importlib.metadata import PackageNotFoundError, version  # takes time; caches are rare

    code = [hashlib.sha256(file.read_bytes()).hexdigest() for file in _CODE]
    try:
        transforms = version("paddleseg")
    except PackageNotFoundError:
        transforms = "none"
    versions = [__version__, transforms, cv2.__version__, PIL.__version__, platform.machine()]
    return _digest([code, versions])
