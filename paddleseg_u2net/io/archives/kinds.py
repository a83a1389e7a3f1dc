"""What an archive is, told by its content; what is none is named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Optional, Union, cast

from paddleseg_u2net.io.archives.source import ArchiveError, reading
from paddleseg_u2net.io.archives.volumes import first_volume, open_pieces, packed_size

_HEADER = 512  # of a tar
RAR = (b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00")
SPANNED = (b"PK\x07\x08", b"PK00PK")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", *SPANNED)

Opener = Callable[[BinaryIO], BinaryIO]
COMPRESSORS: Dict[bytes, Opener] = {
    b"\x1f\x8b": lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast(BinaryIO, bz2.BZ2File(file)),
    b"\xfd7zXZ\x00": lambda file: cast(BinaryIO, lzma.LZMAFile(file)),  # noqa: SIM115
}

_SEVEN = "{0}: unpack it with 7z x {0} and give the folder"
# How a file begins, what it is and what to do; {0} is its name.
_OTHERS = (
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive of the file " + _SEVEN),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard: unzstd {0}, and give what comes out"),
    (b"\x1f\x9d", "packed with compress: uncompress {0}, and give what comes out"),
    (b"RE~^", "a RAR archive from before 1995: unpack it with unrar and give the folder"),
    (b"MZ", "a program, perhaps one that unpacks itself: 7z x {0}, and give the folder"),
    (b"MSCF", "a cabinet of Windows: 7z x {0}, and give the folder"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF-", "a PDF document"),
    (b"\x89HDF", "an HDF5 file"),
    (b"version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file itself"),
)
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<script", b"<!--")


def kind(path: Union[str, Path]) -> str:
    """The kind of an archive by its content, whatever its suffix.

    Returns:
        ``zip``, ``tar`` (plain or packed with gzip, bzip2 or xz) or ``rar``.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: it is none of them; the message says what it seems to be.
    """
    path = Path(path)
    with open_pieces(path) as file:
        start = file.read(_HEADER)
    if start.startswith(RAR):
        found = "rar"
    elif start.startswith(_ZIP):
        found = "zip"
    elif compressor_of(start) or _is_tar(start):
        _require_tar(path)
        return "tar"
    else:
        raise ArchiveError(f"{path}: expected a zip, tar or rar archive, {_seems(path, start)}")
    first = first_volume(path)
    if first is not None:
        raise ArchiveError(
            f"{path}: is a later volume of an archive: have all its volumes in one folder and "
            f"give {first}"
        )
    return found


def compressor_of(start: bytes) -> Optional[Opener]:
    """What opens the stream that begins with ``start``; None: it is not compressed."""
    return next((opens for magic, opens in COMPRESSORS.items() if start.startswith(magic)), None)


def _is_tar(start: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _require_tar(path: Path) -> None:
    with open_pieces(path) as file:
        opens = compressor_of(file.read(8))
        if opens is None:
            return
        file.seek(0)
        with reading(path):
            start = opens(file).read(_HEADER)
    if not _is_tar(start):
        what = "nothing" if not start else "one single file" if start.strip(b"\0") else "zeros"
        raise ArchiveError(
            f"{path}: expected an archive of files, but {what} is packed in it; unpack it with "
            "gunzip, bunzip2 or unxz and look at what comes out"
        )


def _seems(path: Path, start: bytes) -> str:
    if not start:
        return "but the file is empty: fetch it again"
    for magic, what in _OTHERS:
        if start.startswith(magic):
            return "but it is " + what.format(path.name)
    if not start.strip(b"\0"):
        return "but it begins with zeros, as a download does that never came: fetch it again"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_PAGES):
        return (
            "but it is a web page, as sites send that ask for a login, a form or a confirmation: "
            "open the address in a browser, fetch the archive there and give its path"
        )
    if text.startswith((b"{", b"[")):
        return "but it is a text in JSON, perhaps the answer of a server: fetch the archive again"
    first = first_volume(path)
    if first is not None:
        return f"but by its name it is a later volume of one: give {first}"
    return f"but it begins with {start[:8]!r} ({packed_size(path):,} bytes): fetch it again"
