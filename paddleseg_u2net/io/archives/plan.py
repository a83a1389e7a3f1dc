"""Which entries of an archive are written, and where; clashes between them are refused."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Dict, Optional, Set

from paddleseg_u2net.io.archives.names import identity, litter, readable, safe_path, shown
from paddleseg_u2net.io.archives.source import ArchiveError, Member

_TWICE = "unpack it yourself, keep the right one, and give the folder"


class Plan:
    """Takes the entries of one archive in turn.

    ``folds``: the target ignores case, so that names that differ in case alone are one file.
    """

    def __init__(self, archive: Path, folds: bool = False) -> None:
        self._archive, self._folds = archive, folds
        self._files: Dict[PurePosixPath, PurePosixPath] = {}
        self._folders: Set[PurePosixPath] = {PurePosixPath()}

    def place(self, member: Member) -> Optional[PurePosixPath]:
        """Where an entry goes below the target; None: it is left out.

        Raises:
            ArchiveError: its name leads elsewhere, it is no file or folder, or another entry has
                its place.
        """
        path = safe_path(self._archive, member.name)
        if member.what not in ("file", "folder"):
            raise ArchiveError(
                f"{self._archive}: the entry {shown(readable(member.name))} is {member.what}, "
                "expected files and folders only: unpack it yourself, put a copy in its place "
                "(tar packs copies with -h --hard-dereference), and give the folder"
            )
        if litter(path):
            return None
        key = identity(path, self._folds)
        if member.what == "folder":
            self._enter(key, path)
            return path
        if key in self._folders:
            self._clash(path, "is a file and also a folder")
        if key in self._files:
            other = self._files[key]
            alike = "stands there twice" if other == path else f"and {shown(str(other))} are one "
            self._clash(path, alike if other == path else f"{alike}file on this file system")
        self._enter(key.parent, path)
        self._files[key] = path
        return path

    def _enter(self, folder: PurePosixPath, path: PurePosixPath) -> None:
        while folder not in self._folders:
            if folder in self._files:
                self._clash(path, f"lies in {shown(str(self._files[folder]))}, which is a file")
            self._folders.add(folder)
            folder = folder.parent

    def _clash(self, path: PurePosixPath, reason: str) -> None:
        raise ArchiveError(f"{self._archive}: the entry {shown(str(path))} {reason}; {_TWICE}")
