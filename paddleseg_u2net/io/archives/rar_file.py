"""RAR archives, with the package ``rarfile``.

Stored files are read without any program. All others come from one that ``rarfile`` finds (unrar,
unar, 7-Zip or bsdtar) and that prints them one after the other: the package itself would start it
anew for each of thousands of files.
"""

from __future__ import annotations

import importlib
import subprocess
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Iterator, List, Optional

from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import BLOCK, FETCH, ArchiveError, Member, blocks, reading

# By the format: a name in UTF-16 (RAR 4), a checksum that depends on the password (RAR 5), an
# archive that marks its end (since RAR 3).
_UNICODE_NAME = 0x200
_KEYED_CHECKSUM = 0x2
_MARKS_END = 29
_OTHER = "or the program that unpacks it failed: install unrar of RARLAB, which is taken first"


class RarSource:
    """An open RAR archive."""

    listed = True

    def __init__(self, archive: Path, file: Any, package: Any, password: Optional[str]) -> None:
        self._archive, self._file, self._package = archive, file, package
        self._password = password
        self._infos = list(file.infolist())
        self._hint = f"the password is wrong, or {FETCH}" if file.needs_password() else FETCH
        self._process: Optional[subprocess.Popen] = None
        self._next = 0

    def members(self) -> Iterator[Member]:
        """All entries, in the archive's order."""
        stored = all(_is_stored(info, self._package) for info in self._infos if info.is_file())
        read = self._read if stored else self._cut_out
        for number, info in enumerate(self._infos):
            size = info.file_size if info.is_file() else 0
            yield Member(_name(info), size, _what(info), partial(read, number))

    def check(self) -> None:
        """Refuse names that ``rarfile`` cannot tell apart, since it opens entries by name.

        Raises:
            ArchiveError: There are such.
        """
        for info in self._infos:
            if self._file.getinfo(info) is not info:
                raise ArchiveError(
                    f"{self._archive}: the entry {_shown(info)} stands there twice; unpack it "
                    "yourself, keep the right one, and give the folder"
                )

    def close(self) -> None:
        """End the program that unpacks."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _read(self, number: int) -> Iterator[bytes]:
        info = self._infos[number]
        with reading(self._archive, _shown(info), self._hint), self._file.open(info) as file:
            yield from blocks(file.read)

    def _cut_out(self, number: int) -> Iterator[bytes]:
        """The part of a file in what the program prints of all of them."""
        if self._process is None:
            self._process = self._started()
        for passed in range(self._next, number):
            for _ in self._printed(self._infos[passed]):
                pass
        self._next = number + 1
        yield from self._printed(self._infos[number])

    def _started(self) -> subprocess.Popen:
        try:
            locked = self._password is not None
            tool = self._package.tool_setup(bsdtar=not locked, force=True)
        except self._package.RarCannotExec as error:
            raise ArchiveError(
                f"{self._archive}: no program was found to unpack RAR: install one of unrar (of "
                "RARLAB), unar, 7-Zip with RAR, or bsdtar (apt-get install unar; brew install "
                "unar; https://www.7-zip.org on Windows)"
            ) from error
        command = tool.open_cmdline(self._password, str(self._archive.absolute()))
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _printed(self, info: Any) -> Iterator[bytes]:
        assert self._process is not None and self._process.stdout is not None
        stream: BinaryIO = self._process.stdout  # type: ignore[assignment]
        left, checksum = info.file_size if info.is_file() else 0, 0
        while left:
            block = stream.read(min(left, BLOCK))
            if not block:
                raise ArchiveError(
                    f"{self._archive}: {_shown(info)} ends early; {self._hint}; {_OTHER}"
                )
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
            yield block
        if info.is_file() and _has_checksum(info) and checksum != info.CRC:
            raise ArchiveError(
                f"{self._archive}: {_shown(info)} has the checksum {checksum:08x}, expected "
                f"{info.CRC:08x}; {self._hint}; {_OTHER}"
            )


@contextmanager
def open_rar(archive: Path, password: Optional[str]) -> Iterator[RarSource]:
    """Open a RAR archive, the first volume of it, for reading.

    Raises:
        ArchiveError: It is broken, lacks volumes, needs a password that was not given, or
            ``rarfile`` is not installed.
    """
    try:
        package = importlib.import_module("rarfile")
    except ImportError as error:
        raise ArchiveError(
            f"{archive}: RAR archives are read with the package rarfile, which cannot be imported "
            f"({error}): pip install rarfile; most also need a program such as unrar or unar"
        ) from error
    with reading(archive):
        source = RarSource(archive, _listed(archive, package, password), package, password)
        source.check()
    try:
        yield source
    finally:
        source.close()


def _listed(archive: Path, package: Any, password: Optional[str]) -> Any:
    seen: List[Any] = []
    try:
        file = package.RarFile(str(archive), errors="strict", info_callback=seen.append)
        locked = file.needs_password()
        if locked and password is None:
            raise ArchiveError(
                f"{archive}: is encrypted: give the password (--password), which the publisher "
                "of the data set names"
            )
        if locked:
            file.setpassword(password)
    except package.NeedFirstVolume as error:
        raise ArchiveError(f"{archive}: is a later volume: give the first one") from error
    except package.NoCrypto as error:
        raise ArchiveError(
            f"{archive}: its list of files is encrypted: pip install cryptography"
        ) from error
    newest = max((info.extract_version or 0 for info in file.infolist()), default=0)
    if newest >= _MARKS_END and seen[-1].type != package.RAR_BLOCK_ENDARC:
        raise ArchiveError(f"{archive}: its end is missing; {FETCH}")
    return file


def _is_stored(info: Any, package: Any) -> bool:
    return info.compress_type == package.RAR_M0 and not info.needs_password()


def _has_checksum(info: Any) -> bool:
    encryption = getattr(info, "file_encryption", None)
    keyed = encryption is not None and encryption[1] & _KEYED_CHECKSUM
    return info.CRC is not None and not (keyed and info.needs_password())


def _name(info: Any) -> bytes:
    if info.flags & _UNICODE_NAME or not isinstance(info.orig_filename, bytes):
        return info.filename.encode("utf-8", "replace")
    return info.orig_filename


def _what(info: Any) -> str:
    if info.is_symlink():
        return "a symbolic link"
    if info.file_redir:
        return "a link"
    return "folder" if info.is_dir() else "file"


def _shown(info: Any) -> str:
    return shown(readable(_name(info)))
