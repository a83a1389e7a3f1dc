"""Pairs kept on disk as they are before their random transforms: read once, then only parallel_map.

The key ``cache`` of a data set says how large the cache's folder may become:

    train_dataset:
      cache: 8 GB                                # or 500 MB, 4 GiB, a number of bytes
      cache: {limit: 8 GB, folder: /fast/disk}   # where it is, if not the usual place

The usual place is the environment variable U2NET_CACHE, else ``~/.cache/paddleseg_u2net/pairs``.

What is kept of a pair is image and label as decoded, after those transforms at the beginning of
``transforms`` that do the same every time (a `Resize` to a fixed size, see
`fixed_transforms`). The rest is done anew for each sample. Training with a cache is therefore
the same to the bit as training without.

A pair is decoded again when its files changed (path, size, times), when its cache file is
damaged (a checksum), and in a set of its own when anything changed that decides how pairs are
read: the settings, the list of pairs, the code, the libraries. See `cache_folder` for how
trainings share a folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import mmap
import os
import platform
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import cv2
import PIL

from paddleseg_u2net._version import __version__
from paddleseg_u2net.datasets.cache_entry import Prepared, decode, encode
from paddleseg_u2net.datasets.cache_folder import SetFolder
from paddleseg_u2net.datasets.pairing import Pair
from paddleseg_u2net.io import images

logger = logging.getLogger("paddleseg_u2net")

_VARIABLE = "U2NET_CACHE"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt]?)(i?)b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
# What decides how a pair is read. A change of these files makes older sets useless.
_CODE = [
    Path(__file__).with_name(name)
    for name in ("cache_entry.py", "fixed_transforms.py", "mask_encoding.py", "pair_dataset.py")
] + [Path(images.__file__)]
_LONGEST_NEWS = 1000


class Settings(NamedTuple):
    """The cache's folder, and the bytes that all in it may have."""

    folder: Path
    limit: int


def read_settings(value: object, key: str) -> Settings:
    """The meaning of the key ``cache``, see above.

    Raises:
        ValueError: it has none; the message names ``key``.
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
        settings: where, and how much.
        key: what the settings are called in the configuration, for messages.
        pairs: the files, in order.
        recipe: all else that decides what is made of them: JSON values.
        sizes: the bytes of each pair's file at most, see `cache_entry.encode`.
    """

    _news: mmap.mmap
    _told: bool

    def __init__(
        self,
        settings: Settings,
        key: str,
        pairs: Sequence[Pair],
        recipe: Dict[str, Any],
        sizes: List[int],
    ) -> None:
        self._settings, self._key, self._pairs, self._sizes = settings, key, pairs, sizes
        self._watch()
        self._place: Optional[SetFolder] = None
        files = [[str(Path(p).absolute()) for p in (pair.image, pair.mask)] for pair in pairs]
        self._name = _digest([_circumstances(), recipe, files])
        owner = {"pairs": len(pairs), "first": files[0] if files else [], "key": key}
        try:
            self._place = SetFolder(settings.folder, self._name, sizes, settings.limit, owner)
            if self._place.problem is not None:
                self._stop_storing(self._place.problem)
        except OSError as error:
            self._stop_storing(error)

    def describe(self) -> str:
        """How many pairs have room, of which size, and where."""
        if self._place is None:
            return "no cache"
        if self._place.problem is not None:
            return f"cache: only read, in {self._place.path}"
        kept, limit = self._place.kept, self._settings.limit
        line = f"cache: {kept} of {len(self._pairs)} pairs fit, "
        line += f"{_readable(sum(self._sizes[:kept]))} of {_readable(limit)} in {self._place.path}"
        if kept < len(self._pairs):
            line += " (the limit, other runs' pairs or the disk leave no room for more)"
        return line

    def get(self, index: int, make: Callable[[int], Prepared]) -> Prepared:
        """The pair from its file, or from ``make``, whose result is then stored."""
        if self._place is None or not 0 <= index < self._place.kept:
            return make(index)
        facts = self._facts(index)
        if facts is not None:
            file = self._place.file(index)
            try:
                return decode(file, facts)
            except FileNotFoundError:
                pass
            except (OSError, ValueError, LookupError, TypeError):
                self._discard(file)
        prepared = make(index)
        if facts is not None and not self._has_stopped():
            self._store(index, prepared, facts)
        return prepared

    def _store(self, index: int, prepared: Prepared, facts: Dict[str, Any]) -> None:
        assert self._place is not None
        data = encode(prepared, facts)
        if data is None or len(data) > self._sizes[index]:
            return
        try:
            self._place.store(index, data)
        except OSError as error:
            self._stop_storing(error)

    def _facts(self, index: int) -> Optional[Dict[str, Any]]:
        """What must be as it was for a file to be used; None where an original is missing."""
        try:
            states = [path.stat() for path in self._pairs[index][:2]]
        except OSError:  # reading says what is wrong
            return None
        # The time of the last change tells files that were exchanged with their time kept.
        files = [[state.st_size, state.st_mtime_ns, state.st_ctime_ns] for state in states]
        return {"set": self._name, "index": index, "files": files}

    def _discard(self, file: Path) -> None:
        """Remove a file that is of no use: with the next one it would be too much."""
        try:
            file.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._stop_storing(error)

    # -- trouble -----------------------------------------------------------------------------

    def _has_stopped(self) -> bool:
        return self._news[0] != 0

    def _stop_storing(self, error: OSError) -> None:
        """Go on without storing, in all processes; the first of them says so, see `tell`."""
        text = f"{self._key}: {error}; no more pairs are stored, training goes on without"
        news = text.encode(errors="backslashreplace")[:_LONGEST_NEWS]
        if not self._has_stopped():
            self._news[1 : len(news)] = news[1:]
            self._news[0] = news[0]  # last: whoever sees it sees the whole text
        if os.getpid() == self._process:
            self.tell()

    def tell(self) -> None:
        """Warn, once, if storing has ended; called in the process that made this.

        Workers leave it to that process: a lock of the log may be held for ever in a fork.
        """
        if self._has_stopped() and not self._told:
            self._told = True
            logger.warning(self._news[:].rstrip(b"\0").decode(errors="replace"))

    def _watch(self) -> None:
        # Memory that forked workers share: what one of them writes is read in all.
        self._news = mmap.mmap(-1, _LONGEST_NEWS)
        self._told = False
        self._process = os.getpid()

    def __getstate__(self) -> Dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_news"}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._watch()


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _circumstances() -> str:
    """All outside the settings that decides what a picture becomes: code and libraries."""
    code = [hashlib.sha256(file.read_bytes()).hexdigest() for file in _CODE if file.is_file()]
    try:
        transforms = version("paddleseg")
    except PackageNotFoundError:
        transforms = "none"
    versions = [__version__, transforms, cv2.__version__, PIL.__version__, platform.machine()]
    return _digest([code, versions])


def _readable(size: int) -> str:
    unit = next((u for u in ("GB", "MB", "kB") if size >= 1000 ** _POWERS[u[0].lower()]), "B")
    return f"{size / 1000 ** _POWERS[unit[:-1].lower()]:.3g} {unit}"
