"""Zip archives: stored, deflate, zip64, and the old encryption with a password."""

from __future__ import annotations

import stat
import zipfile
from functools import partial
from pathlib import Path
from typing import Generator, Iterator, Optional

from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import FETCH, ArchiveError, Member, blocks, reading

_LOCAL_HEADER = 30  # its fixed part
_ENCRYPTED, _STRONG, _UTF8 = 0x1, 0x40, 0x800
_READS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def zip_members(archive: Path, password: Optional[str]) -> Generator[Member, None, None]:
    """All entries of a zip archive, in the order of its table of contents."""
    with reading(archive, hint=f"its end or its table of contents is broken: {FETCH}"):
        opened = zipfile.ZipFile(archive)
    with opened as file:
        _refuse_overlaps(archive, file)
        for info in file.infolist():
            _refuse_unreadable(archive, info, password)
            chunks = partial(_chunks, archive, file, info, password)
            yield Member(_name(info), info.file_size, _what(info), chunks)


def _refuse_overlaps(archive: Path, file: zipfile.ZipFile) -> None:
    end = 0
    for info in sorted(file.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise ArchiveError(
                f"{archive}: {_shown(info)} shares its bytes with another entry, as archives made "
                "to fill disks do; do not unpack it"
            )
        # At least: the local header has the name, too, and may have further fields.
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _refuse_unreadable(archive: Path, info: zipfile.ZipInfo, password: Optional[str]) -> None:
    if info.compress_type not in _READS or info.flag_bits & _STRONG:
        raise ArchiveError(
            f"{archive}: {_shown(info)} is packed with method {info.compress_type} or encrypted "
            f"with AES, which is not read here: unpack it with 7z x {archive.name} and give the "
            "folder"
        )
    if info.flag_bits & _ENCRYPTED and _what(info) == "file" and password is None:
        raise ArchiveError(
            f"{archive}: {_shown(info)} is encrypted: give the password (--password), which the "
            "publisher of the data set names"
        )


def _chunks(
    archive: Path, file: zipfile.ZipFile, info: zipfile.ZipInfo, password: Optional[str]
) -> Iterator[bytes]:
    encrypted = info.flag_bits & _ENCRYPTED
    hint = f"the password is wrong, or {FETCH}" if encrypted else FETCH
    key = password.encode("utf-8") if encrypted and password is not None else None
    with reading(archive, _shown(info), hint), file.open(info, pwd=key) as entry:
        yield from blocks(entry.read)


def _name(info: zipfile.ZipInfo) -> bytes:
    if info.flag_bits & _UTF8:
        return info.orig_filename.encode("utf-8", "surrogatepass")
    return info.orig_filename.encode("cp437")  # one byte for each character, and back


def _what(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a device, a pipe or a socket"
    if not stat.S_ISDIR(mode) and not info.orig_filename.endswith(("/", "\\")):
        return "file"
    return "a folder with bytes of its own" if info.file_size else "folder"


def _shown(info: zipfile.ZipInfo) -> str:
    return shown(readable(_name(info)))
