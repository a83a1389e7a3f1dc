"""Zip archives: stored, deflate, bzip2, lzma, zip64, and the old encryption with a password."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Iterator, Optional

from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import BLOCK, FETCH, ArchiveError, Member, blocks, reading

_END, _LONGEST_END = b"PK\x05\x06", 22 + 0xFFFF  # of the record at the end, by the zip standard
_LOCAL_HEADER = 30  # its fixed part
_ENCRYPTED, _STRONG, _UTF8 = 0x1, 0x40, 0x800
_AES, _UNICODE_PATH = 99, 0x7075
# zipfile unpacks in one go all that it reads: of 64 bytes with bzip2 come up to 1,000,000.
_PIECES = {zipfile.ZIP_BZIP2: 64, zipfile.ZIP_LZMA: 4096}
_READS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class ZipSource:
    """An open zip archive."""

    listed = True

    def __init__(self, archive: Path, file: zipfile.ZipFile, password: Optional[str]) -> None:
        self._archive, self._file = archive, file
        self._password = None if password is None else password.encode("utf-8")

    def members(self) -> Iterator[Member]:
        """All entries, in the order of the table of contents."""
        for info in self._file.infolist():
            yield Member(_name(info), info.file_size, _what(info), partial(self._chunks, info))

    def check(self) -> None:
        """Refuse what cannot be read, before any entry is.

        Raises:
            ArchiveError: Entries overlap, or a method, an encryption or a password is missing.
        """
        end = 0
        for info in sorted(self._file.infolist(), key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise ArchiveError(
                    f"{self._archive}: {_shown(info)} shares its bytes with another entry, as "
                    "archives made to fill disks do; do not unpack it"
                )
            # At least: the local header has the name, too, and may have further fields.
            end = info.header_offset + _LOCAL_HEADER + info.compress_size
        instead = f"which is not read here: unpack it with 7z x {self._archive.name} and give the"
        for info in self._file.infolist():
            method, entry = info.compress_type, f"{self._archive}: {_shown(info)}"
            if method == _AES or info.flag_bits & _STRONG:
                raise ArchiveError(f"{entry} is encrypted with AES, {instead} folder")
            if method not in _READS:
                name = zipfile.compressor_names.get(method, f"method {method}")  # type: ignore[attr-defined]
                raise ArchiveError(f"{entry} is packed with {name}, {instead} folder")
            if info.flag_bits & _ENCRYPTED and _what(info) == "file" and self._password is None:
                raise ArchiveError(
                    f"{entry} is encrypted: give the password (--password), which the publisher "
                    "of the data set names"
                )

    def _chunks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        encrypted = info.flag_bits & _ENCRYPTED
        hint = f"the password is wrong, or {FETCH}" if encrypted else FETCH
        password = self._password if encrypted else None
        with reading(self._archive, _shown(info), hint), self._file.open(info, pwd=password) as f:
            size = _PIECES.get(info.compress_type, BLOCK)
            f.MIN_READ_SIZE = min(size, zipfile.ZipExtFile.MIN_READ_SIZE)  # type: ignore[attr-defined]
            yield from blocks(f.read, size)


@contextmanager
def open_zip(archive: Path, password: Optional[str]) -> Iterator[ZipSource]:
    """Open a zip archive for reading.

    Raises:
        ArchiveError: It is broken, made to do harm or one of several volumes, needs a password
            that was not given, or uses what is not read here.
    """
    _refuse_volumes(archive)
    with reading(archive, hint=f"its end or its table of contents is broken: {FETCH}"):
        opened = zipfile.ZipFile(archive)
    with opened:
        source = ZipSource(archive, opened, password)
        source.check()
        yield source


def _refuse_volumes(archive: Path) -> None:
    """A zip in volumes (``.z01``, ``.z02``, ..., ``.zip``) counts its positions by volume."""
    with archive.open("rb") as file:
        file.seek(-min(_LONGEST_END, archive.stat().st_size), 2)
        end = file.read()
    place = end.rfind(_END)
    number = struct.unpack_from("<H", end, place + 4)[0] if 0 <= place <= len(end) - 22 else 0
    if 0 < number < 0xFFFF:  # zip64 has the number elsewhere
        raise ArchiveError(
            f"{archive}: is the last of {number + 1} volumes ({archive.stem}.z01 ...): join them "
            f"with zip -s 0 {archive.name} --out joined.zip and give joined.zip"
        )


def _name(info: zipfile.ZipInfo) -> bytes:
    if info.flag_bits & _UTF8:
        return info.orig_filename.encode("utf-8", "surrogatepass")
    raw = info.orig_filename.encode("cp437")  # one byte for each character, and back
    return _unicode_path(info.extra, raw) or raw


def _unicode_path(extra: bytes, raw: bytes) -> bytes:
    """The name in UTF-8 that many packers add to one in an old encoding, if it is of ``raw``."""
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<HH", extra)
        data = extra[4 : 4 + size]
        if tag == _UNICODE_PATH and len(data) == size > 5:
            version, crc = struct.unpack_from("<BL", data)
            if version == 1 and crc == zlib.crc32(raw):
                return data[5:]
        extra = extra[4 + size :]
    return b""


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
