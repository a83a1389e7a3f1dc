"""Unpack an archive into a new folder: all of it, checked, or nothing."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import Callable, ContextManager, List, Optional, Set, Union

from paddleseg_u2net.io.archives.kinds import kind
from paddleseg_u2net.io.archives.limits import DEFAULT_LIMITS, Count, Limits, in_units
from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.plan import Plan
from paddleseg_u2net.io.archives.rar_file import open_rar
from paddleseg_u2net.io.archives.source import FETCH, ArchiveError, Member, Source
from paddleseg_u2net.io.archives.tar_file import open_tar
from paddleseg_u2net.io.archives.zip_file import open_zip
from paddleseg_u2net.io.files import new_dir

PathLike = Union[str, "os.PathLike[str]"]
# Called with the unpacked bytes so far and of all, None where only reading it all would tell.
Progress = Callable[[int, Optional[int]], None]


def unpack(
    archive: PathLike,
    target: PathLike,
    *,
    password: Optional[str] = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Optional[Progress] = None,
) -> List[PurePosixPath]:
    """Unpack an archive into a folder that is new, whole or not at all.

    Every name is checked, and every byte against the archive's checksums, before the folder gets
    its name. Files get the usual rights and the time of unpacking, whatever the archive says.
    Folders are made even if they are empty. What macOS and Windows keep for themselves
    (``__MACOSX``, ``._*``, ``.DS_Store``, ``Thumbs.db``, ``desktop.ini``) is left out.

    Args:
        archive: A zip, tar (also gzip, bzip2 or xz) or rar archive, whatever its suffix, or the
            first volume of a rar.
        target: A folder that is missing or empty. Missing parents are made.
        password: For encrypted zip and rar archives.
        limits: What is too much.
        progress: Called now and then with the unpacked bytes so far and of all, which is None for
            compressed tar archives.

    Returns:
        The files below ``target``, in the archive's order.

    Raises:
        FileNotFoundError: there is no such archive.
        FileExistsError: ``target`` is a file or has something in it; it stays as it is.
        ArchiveError: it is no archive, broken, incomplete or encrypted; or an entry leads out of
            the target, is a link or device, is one file with another entry, or is too much.
        OSError: it cannot be written; of too little room the message says how much is needed.
    """
    archive, target = Path(archive), Path(target)
    with _opened(archive, password) as source:
        packed = archive.stat().st_size
        needed = Count(archive, packed, limits)
        if source.listed:
            _survey(archive, source, needed)
        _require_room(archive, target, max(needed.on_disk, packed if not source.listed else 0))
        total = needed.bytes if source.listed else None
        count = Count(archive, packed, limits)
        with new_dir(target) as folder:
            tell = (lambda done: progress(done, total)) if progress else None
            return _write(archive, source, folder, count, tell)


def _opened(archive: Path, password: Optional[str]) -> ContextManager[Source]:
    found = kind(archive)
    if found == "zip":
        return open_zip(archive, password)
    return open_rar(archive, password) if found == "rar" else open_tar(archive)


def _survey(archive: Path, source: Source, count: Count) -> None:
    """Refuse what can be seen from the list alone, before anything is written."""
    plan = Plan(archive)
    for member in source.members():
        count.member(member.size)
        if plan.place(member) is not None:
            count.take(member.size)


def _write(
    archive: Path,
    source: Source,
    folder: Path,
    count: Count,
    tell: Optional[Callable[[int], None]],
) -> List[PurePosixPath]:
    plan = Plan(archive, folds=_folds_case(folder))
    files: List[PurePosixPath] = []
    made: Set[PurePosixPath] = set()
    for member in source.members():
        count.member(member.size)
        path = plan.place(member)
        if path is None:
            continue
        parent = path if member.what == "folder" else path.parent
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        if member.what == "file":
            _write_file(archive, member, folder / path, count, tell)
            files.append(path)
    if not files:
        raise ArchiveError(f"{archive}: expected files in it, found none; {FETCH}")
    return files


def _write_file(
    archive: Path,
    member: Member,
    path: Path,
    count: Count,
    tell: Optional[Callable[[int], None]],
) -> None:
    written = 0
    with path.open("xb") as file:
        for block in member.chunks():
            written += len(block)
            count.take(len(block))
            if written > member.size:
                break
            file.write(block)
            if tell:
                tell(count.bytes)
    if written != member.size:
        more = "more" if written > member.size else f"{written:,}"
        raise ArchiveError(
            f"{archive}: the entry {shown(readable(member.name))} has {more} bytes, expected "
            f"{member.size:,}; {FETCH}"
        )


def _folds_case(folder: Path) -> bool:
    """Whether the file system ignores case."""
    probe = folder / "Case"
    probe.touch()
    try:
        return (folder / "cASE").exists()
    finally:
        probe.unlink()


def _require_room(archive: Path, target: Path, needed: int) -> None:
    place = target.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"{archive}: needs {in_units(needed)} in {place}, where {in_units(free)} are free: "
            "free space or choose another folder; nothing was unpacked",
        )
