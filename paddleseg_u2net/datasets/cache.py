"""Pairs kept on disk as they are before their random transforms: decoded once, then only mapped.

The key ``cache`` of a data set says how large the cache's folder may become: ``8 GB`` (500 MB,
4 GiB, a number of bytes) or ``{limit: 8 GB, folder: /fast/disk}``. The folder is else the
environment variable U2NET_CACHE, or ``~/.cache/paddleseg_u2net/pairs``.

What is kept of a pair is image and label as decoded, after those transforms at the beginning of
``transforms`` that do the same every time (see `augment.fixed_beginning`). The rest is done anew
for each sample. Training with a cache is therefore the same to the bit as training without.

A pair is decoded again when its files changed (path, size, times), when its cache file is
damaged (a checksum), and in a set of its own when anything changed that decides how pairs are
read: the settings, the list of pairs, the code, the libraries. See `cache_folder` for how
trainings share a folder.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import platform
import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

import cv2
import PIL

from paddleseg_u2net._version import __version__
from paddleseg_u2net.datasets.cache_entry import Prepared, decode, encode
from paddleseg_u2net.datasets.cache_folder import SetFolder
from paddleseg_u2net.datasets.pairing import Pair
from paddleseg_u2net.io import images
from paddleseg_u2net.log import logger

_VARIABLE = "U2NET_CACHE"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt]?)(i?)b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
# A change of these files makes older sets useless.
_CODE = sorted(f for of in (__file__, images.__file__) for f in Path(of).parent.glob("*.py"))


class Settings(NamedTuple):
    """The cache's folder, and the bytes that all in it may have."""

    folder: Path
    limit: int


def read_settings(value: object, key: str) -> Settings:
    """Return the meaning of the key ``cache``, see above.

    Raises:
        ValueError: It has none; the message names ``key``.
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
    """The prepared pairs of one data set.

    Args:
        settings: Where, and how much.
        key: What the settings are called in the configuration, for messages.
        pairs: The files, in order.
        recipe: All else that decides what is made of them: JSON values.
    """

    def __init__(
        self, settings: Settings, key: str, pairs: Sequence[Pair], recipe: Dict[str, Any]
    ) -> None:
        self._settings, self._key, self._pairs = settings, key, pairs
        self._news = _News()
        files = [[str(Path(p).absolute()) for p in (pair.image, pair.mask)] for pair in pairs]
        self._name = _digest([_circumstances(), recipe, files])
        self._folder = SetFolder(settings.folder, self._name, settings.limit)
        try:
            self._folder.open()
        except OSError as error:
            self._stop_storing(f"{error}; no pairs are stored, training goes on without")
            self.tell()

    def describe(self) -> str:
        """Return the cache's limit and folder in words."""
        if not self._folder.path.is_dir():
            return "no cache"
        limit = "only read" if self._news.text() else f"up to {_readable(self._settings.limit)}"
        return f"cache: {limit}, in {self._settings.folder}"

    def get(self, index: int, make: Callable[[int], Prepared]) -> Prepared:
        """Return the pair from its file, or from ``make``, whose result is then stored."""
        facts = self._facts(index)
        if facts is None:
            return make(index)
        try:
            return decode(self._folder.file(index), facts)
        except (OSError, ValueError, LookupError, TypeError):
            pass  # missing, damaged or of another file: made anew
        prepared = make(index)
        data = None if self._news.text() else encode(prepared, facts)
        if data is not None:
            try:
                if not self._folder.store(index, data):
                    limit = _readable(self._settings.limit)
                    self._stop_storing(f"the limit of {limit} is reached; other pairs are decoded")
            except OSError as error:
                self._stop_storing(f"{error}; no more pairs are stored, training goes on without")
        return prepared

    def _facts(self, index: int) -> Optional[Dict[str, Any]]:
        """Return what must be as it was for a file to be used; None if an original is missing."""
        try:
            states = [path.stat() for path in self._pairs[index][:2]]
        except OSError:  # reading says what is wrong
            return None
        # The time of the last change tells files that were exchanged with their time kept.
        files = [[state.st_size, state.st_mtime_ns, state.st_ctime_ns] for state in states]
        return {"set": self._name, "index": index, "files": files}

    def _stop_storing(self, reason: str) -> None:
        self._news.write(f"{self._key}: {reason}")

    def tell(self) -> None:
        """Warn, once, if storing has ended in this process or in one that was forked from it."""
        text = self._news.unread()
        if text:
            logger.warning(text)


class _News:
    """A text that a process leaves for all that were forked from the same one.

    Workers do not log it themselves: a lock of the log may be held for ever in a fork.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1000)
        self._is_read = False

    def __reduce__(self) -> Tuple[Any, ...]:
        return _News, ()  # a copy in a process of another kind begins anew

    def text(self) -> str:
        return self._memory[:].rstrip(b"\0").decode(errors="replace")

    def write(self, text: str) -> None:
        data = text.encode(errors="backslashreplace")[: len(self._memory)]
        if not self._memory[0]:
            self._memory[1 : len(data)] = data[1:]
            self._memory[0] = data[0]  # last: whoever sees it sees the whole text

    def unread(self) -> str:
        if self._is_read or not self._memory[0]:
            return ""
        self._is_read = True
        return self.text()


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _circumstances() -> str:
    """Return a digest of code and libraries: all outside the settings that decides the result."""
    code = [hashlib.sha256(file.read_bytes()).hexdigest() for file in _CODE]
    try:
        transforms = version("paddleseg")
    except PackageNotFoundError:
        transforms = "none"
    versions = [__version__, transforms, cv2.__version__, PIL.__version__, platform.machine()]
    return _digest([code, versions])


def _readable(size: int) -> str:
    unit = next((u for u in ("GB", "MB", "kB") if size >= 1000 ** _POWERS[u[0].lower()]), "B")
    return f"{size / 1000 ** _POWERS[unit[:-1].lower()]:.3g} {unit}"
