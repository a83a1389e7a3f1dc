"""Writes archives that no proper program would write, and RAR, which no free program writes."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Dict, Iterable, Optional, Tuple, Union

Content = Union[str, bytes]
Files = Union[Dict[str, bytes], Iterable[Tuple[str, bytes]]]


def pairs(files: Files):
    return list(files.items() if isinstance(files, dict) else files)


def make_zip(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip whose names are taken as they are, also twice or leading elsewhere."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in pairs(files):
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = method
            file.writestr(info, data)
    return path


def make_raw_zip(path: Path, files: Iterable[Tuple[bytes, bytes]], flags: int = 0, **central):
    """A stored zip of raw names; ``central`` replaces fields of the table of contents."""
    body, table = b"", b""
    entries = list(files)
    for raw, data in entries:
        method = central.get("method", 0)
        size = central.get("size", len(data))
        mode = central.get("mode", 0o100644)
        packed = central.get("packed", len(data))
        common = struct.pack("<HHHHHLLL", 20, flags, method, 0, 33, zlib.crc32(data), packed, size)
        fixed = common + struct.pack("<HH", len(raw), 0)
        offset = len(body)
        body += b"PK\x03\x04" + fixed + raw + data
        rest = struct.pack("<HHHLL", 0, 0, 0, mode << 16, central.get("offset", offset))
        table += b"PK\x01\x02" + struct.pack("<H", 0x0314) + fixed + rest + raw
    counts = (len(entries), len(entries), len(table), len(body), 0)
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, *counts)
    path.write_bytes(body + table + end)
    return path


def make_tar(path: Path, files: Files, mode: str = "w", **kwargs) -> Path:
    with tarfile.open(path, mode, **kwargs) as file:
        for name, data in pairs(files):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


class _ZipCrypto:
    """The old encryption of zip, as its standard (APPNOTE 6.1) describes it."""

    def __init__(self, password: bytes) -> None:
        self.keys = [0x12345678, 0x23456789, 0x34567890]
        for byte in password:
            self._update(byte)

    @staticmethod
    def _crc(byte: int, crc: int) -> int:
        return zlib.crc32(bytes([byte]), crc ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def _update(self, byte: int) -> None:
        first, second, third = self.keys
        first = self._crc(byte, first)
        second = ((second + (first & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        self.keys = [first, second, self._crc(second >> 24, third)]

    def encrypt(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            mix = (self.keys[2] | 2) & 0xFFFF
            out.append(byte ^ ((mix * (mix ^ 1)) >> 8 & 0xFF))
            self._update(byte)
        return bytes(out)


def make_locked_zip(path: Path, name: str, data: bytes, password: bytes) -> Path:
    crc = zlib.crc32(data)
    header = bytes(11) + bytes([crc >> 24])
    locked = _ZipCrypto(password).encrypt(header + data)
    fixed = struct.pack("<HHHHHLLLHH", 20, 1, 0, 0, 33, crc, len(locked), len(data), len(name), 0)
    raw = name.encode()
    body = b"PK\x03\x04" + fixed + raw + locked
    table = b"PK\x01\x02\x14\x03" + fixed + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + raw
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(table), len(body), 0)
    path.write_bytes(body + table + end)
    return path


def _vint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _block5(*fields: Union[int, bytes]) -> bytes:
    body = b"".join(_vint(field) if isinstance(field, int) else field for field in fields)
    body = _vint(len(body)) + body
    return struct.pack("<L", zlib.crc32(body)) + body


def _redirected(target: str) -> bytes:
    """The extra field of a symbolic link."""
    field = _vint(5) + _vint(1) + _vint(0) + _vint(len(target)) + target.encode()
    return _vint(len(field)) + field


def make_rar5(
    path: Path,
    files: Iterable[Tuple[Content, bytes]],
    *,
    volume: Optional[int] = None,
    more: bool = False,
    link: str = "",
    method: int = 0,
) -> Path:
    """RAR 5 with stored files; one of several volumes if ``volume`` is its number."""
    out = b"Rar!\x1a\x07\x01\x00"
    if volume is None:
        out += _block5(1, 0, 0)
    else:
        out += _block5(1, 0, 1 if volume == 0 else 3, *([volume] if volume else []))
    for name, data in pairs(files):
        raw = name.encode() if isinstance(name, str) else name
        crc = struct.pack("<L", zlib.crc32(data))
        extra = _redirected(link) if link else b""
        sizes = [len(extra), len(data)] if extra else [len(data)]
        fixed = [4, len(data), 0o100644, crc, method << 7, 1, len(raw), raw, extra]
        out += _block5(2, 3 if extra else 2, *sizes, *fixed) + data
    path.write_bytes(out + _block5(5, 0, 1 if more else 0))
    return path


def _block4(kind: int, flags: int, rest: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head


def make_rar4(path: Path, files: Iterable[Tuple[Content, bytes]]) -> Path:
    out = b"Rar!\x1a\x07\x00" + _block4(0x73, 0, bytes(6))
    for name, data in pairs(files):
        raw = name.encode() if isinstance(name, str) else name
        sizes = struct.pack("<LLB", len(data), len(data), 3)
        rest = struct.pack("<LLBBHL", zlib.crc32(data), 0x5A210000, 29, 0x30, len(raw), 0o100644)
        out += _block4(0x74, 0x8000, sizes + rest + raw) + data
    path.write_bytes(out + _block4(0x7B, 0x4000, b""))
    return path
