"""Archives in several files: parts of one byte stream are read in turn, missing ones are named."""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any, BinaryIO, List, Optional

from paddleseg_u2net.io.archives.source import ArchiveError
from paddleseg_u2net.io.files import what_is

_SPLIT = re.compile(r"(.+)\.(\d{3,})")
_ZIP_PART = re.compile(r"(.+)\.z(\d{2,})", re.IGNORECASE)
_RAR_PART = re.compile(r"(.+)\.part(\d+)\.rar", re.IGNORECASE)
_OLD_RAR_PART = re.compile(r"(.+)\.[r-z]\d{2}", re.IGNORECASE)


class Joined(io.RawIOBase):
    """Files read one after the other as one; seekable."""

    def __init__(self, paths: List[Path]) -> None:
        self._files: List[BinaryIO] = []
        self._starts = [0]
        for path in paths:
            self._files.append(path.open("rb"))
            self._starts.append(self._starts[-1] + path.stat().st_size)
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}
        if base[whence] + offset < 0:
            raise ValueError("negative position")
        self._position = base[whence] + offset
        return self._position

    def tell(self) -> int:
        """As any file."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """As any file; at the end of a part fewer bytes may come."""
        number = bisect_right(self._starts, self._position) - 1
        if number >= len(self._files):
            return 0
        left = self._starts[number + 1] - self._position
        self._files[number].seek(self._position - self._starts[number])
        count = self._files[number].readinto(memoryview(buffer)[:left])  # type: ignore[attr-defined]
        self._position += count
        return count

    def close(self) -> None:
        """Close all parts."""
        for file in self._files:
            file.close()
        super().close()


def pieces(path: Path) -> List[Path]:
    """The files that make up an archive cut at any byte (``.001``, ``.002``, ...), or ``path``.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: a part is missing between others, or ``path`` is not the first one.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected an archive, found {what_is(path)}")
    match = _SPLIT.fullmatch(path.name)
    if match is None:
        return [path]
    found = {}
    for other in path.parent.iterdir():
        part = _SPLIT.fullmatch(other.name)
        if part and part[1] == match[1] and len(part[2]) == len(match[2]):
            found[int(part[2])] = other
    if min(found) == 0 or max(found) == 1:  # numbers that mean something else, or a lone file
        return [path]
    missing = [number for number in range(1, max(found)) if number not in found]
    if missing:
        names = ", ".join(f"{match[1]}.{number:0{len(match[2])}}" for number in missing[:20])
        raise ArchiveError(
            f"{path}: is one of at least {max(found)} parts, of which {names} cannot be found: "
            "fetch them to the same folder"
        )
    if int(match[2]) != 1:
        raise ArchiveError(f"{path}: is a later part of an archive: give {found[1].name}")
    return [found[number] for number in sorted(found)]


def open_pieces(path: Path) -> BinaryIO:
    """An archive as one binary file; errors as ``pieces``."""
    paths = pieces(path)
    if len(paths) == 1:
        return paths[0].open("rb")
    return io.BufferedReader(Joined(paths), buffer_size=1 << 16)


def packed_size(path: Path) -> int:
    """Bytes of an archive, of all its parts where it is cut at any byte; errors as ``pieces``."""
    return sum(part.stat().st_size for part in pieces(path))


def first_volume(path: Path) -> Optional[str]:
    """The name to give instead, if ``path`` is by its name a later volume of zip or rar."""
    match = _ZIP_PART.fullmatch(path.name)
    if match:
        return f"{match[1]}.zip"
    match = _RAR_PART.fullmatch(path.name)
    if match and int(match[2]) != 1:
        return f"{match[1]}.part{1:0{len(match[2])}}.rar"
    match = _OLD_RAR_PART.fullmatch(path.name)
    return f"{match[1]}.rar" if match else None


def missing_volumes(path: Path, count: int) -> List[str]:
    """Of a zip in ``count`` volumes before ``path``, the names of those that are not there."""
    there = {other.name.lower() for other in path.parent.iterdir()}
    names = [f"{path.stem}.z{number:02}" for number in range(1, count + 1)]
    return [name for name in names if name.lower() not in there]
