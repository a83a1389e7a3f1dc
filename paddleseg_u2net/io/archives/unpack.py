"""Unpack an archive into a new folder: all of it, checked, or nothing."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Callable, List, Optional, Set, Union

from paddleseg_u2net.io.archives.names import litter, readable, safe_path, shown
from paddleseg_u2net.io.archives.rar_file import rar_members
from paddleseg_u2net.io.archives.source import FETCH, ArchiveError, Member
from paddleseg_u2net.io.archives.tar_file import tar_members
from paddleseg_u2net.io.archives.zip_file import zip_members
from paddleseg_u2net.io.file_types import HEAD, file_type, found
from paddleseg_u2net.io.files import new_dir, what_is

PathLike = Union[str, "os.PathLike[str]"]

# Bombs are stopped, every real data set passes: COCO has 164,000 images in 25 GB. Deflate packs at
# most 1032 times and bombs come near it; whole data sets stay below 100 even where every mask is an
# unpacked bitmap.
_MEMBERS = 2_000_000
_TOTAL = 256 << 30
_RATIO = 400
_HARMLESS = 1 << 30  # bytes that are allowed at any ratio

_TARS = ("tar", "gzip", "bzip2", "xz")
_READERS = {"zip": zip_members, "tar": tar_members, "rar": rar_members}


def kind(path: PathLike) -> str:
    """The kind of an archive by its content, whatever its suffix: ``zip``, ``tar`` or ``rar``.

    Raises FileNotFoundError, or an ArchiveError for what is none of them.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected an archive, found {what_is(path)}")
    with path.open("rb") as file:
        start = file.read(HEAD)
    known = file_type(start)
    if known is None or known.name not in ("zip", "rar", *_TARS):
        what = found(start, path.stat().st_size)
        raise ArchiveError(f"{path}: expected a zip, tar or rar archive, {what}")
    return "tar" if known.name in _TARS else known.name


def unpack(
    archive: PathLike,
    target: PathLike,
    *,
    password: Optional[str] = None,
    progress: Callable[[int], None] = lambda size: None,
) -> List[PurePosixPath]:
    """Unpack an archive into a folder that is new, whole or not at all.

    Every name is checked, and every byte against the archive's checksums, before the folder gets
    its name. Files get the usual rights and the time of unpacking. What macOS and Windows keep for
    themselves (``__MACOSX``, ``Thumbs.db`` ...) is left out.

    Args:
        archive: A zip, tar (also gzip, bzip2 or xz) or rar archive, whatever its suffix, or the
            first volume of a rar.
        target: A folder that is missing or empty, else a FileExistsError is raised.
        password: For encrypted zip and rar archives.
        progress: Called with the size of each block of bytes that is unpacked.

    Returns:
        The files below ``target``, in the archive's order.

    Raises:
        ArchiveError: it is no archive, broken, incomplete or encrypted; or an entry leads out of
            the target, is a link or device, is one file with another entry, or is too much.
    """
    archive = Path(archive)
    members = _READERS[kind(archive)](archive, password)
    count = _Count(archive, progress)
    files: List[PurePosixPath] = []
    made: Set[PurePosixPath] = set()
    with closing(members), new_dir(target) as folder:
        for member in members:
            count.member()
            path = _place(archive, member)
            if path is None:
                continue
            parent = path if member.what == "folder" else path.parent
            try:
                if parent not in made:
                    (folder / parent).mkdir(parents=True, exist_ok=True)
                    made.add(parent)
                if member.what == "file":
                    (folder / path).touch(exist_ok=False)
            except (FileExistsError, NotADirectoryError) as error:
                raise ArchiveError(
                    f"{archive}: the entry {shown(str(path))} stands there twice, or it is or lies "
                    "in a file and also a folder; unpack it yourself, keep the right one, and give "
                    "the folder"
                ) from error
            if member.what == "file":
                _write_file(archive, member, folder / path, count)
                files.append(path)
        if not files:
            raise ArchiveError(f"{archive}: expected files in it, found none; {FETCH}")
    return files


def _write_file(archive: Path, member: Member, path: Path, count: _Count) -> None:
    written = 0
    with path.open("wb") as file:
        for block in member.chunks():
            written += len(block)
            count.take(len(block))
            if written > member.size:
                break
            file.write(block)
    if written != member.size:
        more = "more" if written > member.size else f"{written:,}"
        raise ArchiveError(
            f"{archive}: the entry {shown(readable(member.name))} has {more} bytes, expected "
            f"{member.size:,}; {FETCH}"
        )


class _Count:
    """Counts what has come out of an archive, and stops at the limits."""

    def __init__(self, archive: Path, progress: Callable[[int], None]) -> None:
        self._archive, self._progress = archive, progress
        self._members = self._bytes = 0
        self._most = max(_HARMLESS, _RATIO * archive.stat().st_size)

    def member(self) -> None:
        self._members += 1
        if self._members > _MEMBERS:
            self._stop(f"more than {_MEMBERS:,} entries")

    def take(self, size: int) -> None:
        self._bytes += size
        if self._bytes > _TOTAL:
            self._stop(f"more than {_TOTAL:,} bytes")
        if self._bytes > self._most:
            self._stop(f"over {_RATIO} times its size")
        self._progress(size)

    def _stop(self, found: str) -> None:
        raise ArchiveError(
            f"{self._archive}: holds {found}, as archives made to fill disks do; nothing was kept. "
            "If you trust it, unpack it yourself and give the folder"
        )


def _place(archive: Path, member: Member) -> Optional[PurePosixPath]:
    """Where an entry goes below the target; None: it is left out."""
    path = safe_path(archive, member.name)
    if member.what not in ("file", "folder"):
        raise ArchiveError(
            f"{archive}: the entry {shown(readable(member.name))} is {member.what}, expected files "
            "and folders only: unpack it yourself, put a copy in its place (tar packs copies with "
            "-h --hard-dereference), and give the folder"
        )
    return None if litter(path) else path
