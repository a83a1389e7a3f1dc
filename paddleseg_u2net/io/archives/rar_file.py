"""RAR archives: listed with the package ``rarfile``; stored files are read without any program."""

from __future__ import annotations

import importlib
import zlib
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Iterator, List, Optional

from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.rar_tools import printed
from paddleseg_u2net.io.archives.source import BLOCK, FETCH, ArchiveError, Member, blocks, reading
from paddleseg_u2net.io.archives.volumes import pieces

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
        self._archive, self._file, self._password = archive, file, password
        self._infos = list(file.infolist())
        self._hint = f"the password is wrong, or {FETCH}" if file.needs_password() else FETCH
        self._simple = all(_stored(info, package) for info in self._infos if info.is_file())
        self._stack = ExitStack()
        self._stream: Optional[BinaryIO] = None
        self._next = 0

    def members(self) -> Iterator[Member]:
        """All entries, in the archive's order."""
        for number, info in enumerate(self._infos):
            size = info.file_size if info.is_file() else 0
            read = self._read if self._simple else self._cut_out
            yield Member(_name(info), size, _what(info), partial(read, number))

    def check(self) -> None:
        """Refuse names that ``rarfile`` cannot tell apart, since it opens entries by name.

        Raises:
            ArchiveError: there are such.
        """
        for info in self._infos:
            if self._file.getinfo(info) is not info:
                raise ArchiveError(
                    f"{self._archive}: the entry {_shown(info)} stands there twice; unpack it "
                    "yourself, keep the right one, and give the folder"
                )

    def close(self) -> None:
        """End the program that unpacks."""
        self._stack.close()

    def _read(self, number: int) -> Iterator[bytes]:
        info = self._infos[number]
        with reading(self._archive, _shown(info), self._hint), self._file.open(info) as file:
            yield from blocks(file.read)

    def _cut_out(self, number: int) -> Iterator[bytes]:
        """The part of a file in what the program prints of all of them."""
        if self._stream is None:
            volumes = self._file.volumelist()
            self._stream = self._stack.enter_context(
                printed(self._archive, len(volumes) == 1, self._password)
            )
        for passed in range(self._next, number):
            for _ in self._printed_file(passed):
                pass
        self._next = number + 1
        yield from self._printed_file(number)

    def _printed_file(self, number: int) -> Iterator[bytes]:
        info = self._infos[number]
        if not info.is_file():
            return
        assert self._stream is not None
        left, checksum = info.file_size, 0
        while left:
            block = self._stream.read(min(left, BLOCK))
            if not block:
                raise ArchiveError(
                    f"{self._archive}: {_shown(info)} ends early; {self._hint}; {_OTHER}"
                )
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
            yield block
        if _has_checksum(info) and checksum != info.CRC:
            raise ArchiveError(
                f"{self._archive}: {_shown(info)} has the checksum {checksum:08x}, expected "
                f"{info.CRC:08x}; {self._hint}; {_OTHER}"
            )


@contextmanager
def open_rar(archive: Path, password: Optional[str]) -> Iterator[RarSource]:
    """Open a RAR archive, the first volume of it, for reading.

    Raises:
        ArchiveError: it is broken, lacks volumes, needs a password that was not given, or
            ``rarfile`` is not installed.
    """
    package = _package(archive)
    parts = [part.name for part in pieces(archive)]
    if len(parts) > 1:
        raise ArchiveError(
            f"{archive}: is a RAR archive cut into {len(parts)} parts: join them with "
            f"cat {' '.join(parts)} > joined.rar (copy /b on Windows) and give joined.rar"
        )
    with reading(archive):
        file = _listed(archive, package, password)
        source = RarSource(archive, file, package, password)
        source.check()
    try:
        yield source
    finally:
        source.close()


def _package(archive: Path) -> Any:
    try:
        return importlib.import_module("rarfile")
    except ImportError as error:
        raise ArchiveError(
            f"{archive}: RAR archives are read with the package rarfile, which cannot be imported "
            f"({error}): pip install rarfile; most also need a program such as unrar or unar"
        ) from error


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
    except package.BadRarFile as error:
        if "next volume" in str(error):
            name = Path(str(error).rsplit(": ", 1)[-1]).name
            raise ArchiveError(
                f"{archive}: the volume {name} is missing: fetch it to the same folder"
            ) from error
        raise
    newest = max((info.extract_version or 0 for info in file.infolist()), default=0)
    if newest >= _MARKS_END and seen[-1].type != package.RAR_BLOCK_ENDARC:
        raise ArchiveError(f"{archive}: its end is missing; {FETCH}")
    return file


def _stored(info: Any, package: Any) -> bool:
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
