"""Zip archives: stored, deflate, bzip2, lzma, zip64, and the old encryption with a password."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Iterator, Optional

from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import BLOCK, FETCH, ArchiveError, Member, blocks, reading
from paddleseg_u2net.io.archives.volumes import missing_volumes, open_pieces

# Fixed parts of a local header and of the end record, by the zip standard.
_LOCAL_HEADER = 30
_END = b"PK\x05\x06"
_LONGEST_END = 22 + 0xFFFF
_MOST_VOLUMES = 999
_ENCRYPTED, _STRONG, _UTF8 = 0x1, 0x40, 0x800
_AES = 99
_UNICODE_PATH = 0x7075
_READS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_METHODS = {9: "Deflate64", 93: "Zstandard", 95: "xz", 98: "PPMd", 96: "JPEG", 97: "WavPack"}
# Of bzip2 and lzma zipfile unpacks all that it reads in one go, and at least MIN_READ_SIZE bytes.
# The most that can come of one is 7,000 bytes with lzma, and 1,000,000 with bzip2.
_PIECES = {zipfile.ZIP_BZIP2: 64, zipfile.ZIP_LZMA: 4096}


class ZipSource:
    """An open zip archive."""

    listed = True

    def __init__(self, archive: Path, file: zipfile.ZipFile, password: Optional[str]) -> None:
        self._archive, self._file = archive, file
        self._password = None if password is None else password.encode("utf-8")

    def members(self) -> Iterator[Member]:
        """All entries, in the order of the central directory."""
        for info in self._file.infolist():
            yield Member(_name(info), info.file_size, _what(info), partial(self._chunks, info))

    def check(self) -> None:
        """Refuse what can be seen to fail without reading any entry.

        Raises:
            ArchiveError: entries overlap, or a method, an encryption or a password is missing.
        """
        infos = self._file.infolist()
        end = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise ArchiveError(
                    f"{self._archive}: {_shown(info)} shares its bytes with another entry, as "
                    "archives made to fill disks do; do not unpack it"
                )
            # At least: the local header may have further fields.
            name = len(info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437"))
            end = info.header_offset + _LOCAL_HEADER + name + info.compress_size
        for info in infos:
            self._check_method(info)

    def _check_method(self, info: zipfile.ZipInfo) -> None:
        instead = f"unpack it with 7z x {self._archive.name} and give the folder"
        if info.flag_bits & _ENCRYPTED and _what(info) == "file":
            if info.compress_type == _AES or info.flag_bits & _STRONG:
                raise ArchiveError(
                    f"{self._archive}: {_shown(info)} is encrypted with AES, which is not read "
                    f"here: {instead}"
                )
            if self._password is None:
                raise ArchiveError(
                    f"{self._archive}: {_shown(info)} is encrypted: give the password "
                    "(--password), which the publisher of the data set names"
                )
        if info.compress_type not in _READS:
            method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
            raise ArchiveError(
                f"{self._archive}: {_shown(info)} is packed with {method}, which is not read "
                f"here: {instead}"
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
        ArchiveError: it is broken, made to do harm, lacks volumes, needs a password that was not
            given, or uses what is not read here.
    """
    with open_pieces(archive) as file:
        _refuse_volumes(archive, file)
        with reading(archive, hint=f"its end or its table of contents is broken: {FETCH}"):
            opened = zipfile.ZipFile(file)
        with opened:
            source = ZipSource(archive, opened, password)
            with reading(archive):
                source.check()
            yield source


def _refuse_volumes(archive: Path, file: BinaryIO) -> None:
    """A zip in volumes (``.z01``, ``.z02``, ..., ``.zip``) counts its positions by volume."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _LONGEST_END))
    end = file.read()
    file.seek(0)
    place = end.rfind(_END)
    if place < 0 or len(end) < place + 22:
        return
    volumes = struct.unpack_from("<H", end, place + 4)[0]
    if volumes == 0 or volumes > _MOST_VOLUMES:  # zip64 has the number elsewhere
        return
    missing = missing_volumes(archive, volumes)
    if missing:
        raise ArchiveError(
            f"{archive}: is the last of {volumes + 1} volumes, of which {', '.join(missing)} "
            "cannot be found: fetch them to the same folder"
        )
    raise ArchiveError(
        f"{archive}: is the last of {volumes + 1} volumes: join them with zip -s 0 {archive.name} "
        "--out joined.zip and give joined.zip"
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
        if tag == _UNICODE_PATH and size > 5 and len(data) == size:
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
