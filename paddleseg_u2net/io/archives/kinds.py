"""The kind of an archive, told by its content."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Optional, Union, cast

from paddleseg_u2net.io.archives.source import ArchiveError, reading
from paddleseg_u2net.io.file_types import HEAD, file_type, found
from paddleseg_u2net.io.files import what_is

Opener = Callable[[BinaryIO], BinaryIO]
_OPENERS: Dict[str, Opener] = {
    "gzip": lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)),
    "bzip2": lambda file: cast(BinaryIO, bz2.BZ2File(file)),
    "xz": lambda file: cast(BinaryIO, lzma.LZMAFile(file)),  # noqa: SIM115
}
_PART = re.compile(r"(.+)\.(\d{3})")
# Names of later volumes, and of the volume to give instead.
_LATER_VOLUMES = (
    (re.compile(r"(.+)\.z\d{2,}", re.I), r"\1.zip"),
    (re.compile(r"(.+)\.part(0*)(?:[2-9]|1\d|[2-9]\d)\.rar", re.I), r"\1.part\g<2>1.rar"),
    (re.compile(r"(.+)\.[r-z]\d{2}", re.I), r"\1.rar"),
)


def kind(path: Union[str, Path]) -> str:
    """The kind of an archive by its content, whatever its suffix.

    Returns:
        ``zip``, ``tar`` (plain or packed with gzip, bzip2 or xz) or ``rar``.

    Raises:
        FileNotFoundError: There is no such file.
        ArchiveError: It is none of them, or one part of several; the message says what it is.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected an archive, found {what_is(path)}")
    _refuse_part(path)
    with path.open("rb") as file:
        start = file.read(HEAD)
        known = file_type(start)
        name = known.name if known else ""
        if name == "tar" or name in _OPENERS:
            _require_tar(path, file)
            return "tar"
    if name in ("zip", "rar", ""):
        _refuse_later_volume(path)
    if name not in ("zip", "rar"):
        what = found(start, path.stat().st_size)
        raise ArchiveError(f"{path}: expected a zip, tar or rar archive, {what}")
    return name


def compressor_of(file: BinaryIO) -> Optional[Opener]:
    """What opens a compressed stream that begins here; None: it is not compressed."""
    known = file_type(file.read(HEAD))
    file.seek(0)
    return _OPENERS.get(known.name) if known else None


def _require_tar(path: Path, file: BinaryIO) -> None:
    file.seek(0)
    opens = compressor_of(file)
    if opens is None:
        return
    with reading(path):
        start = opens(file).read(HEAD)
    known = file_type(start)
    if known is None or known.name != "tar":
        what = "one single file" if start.strip(b"\0") else "nothing"
        raise ArchiveError(
            f"{path}: expected an archive of files, but {what} is packed in it; unpack it with "
            "gunzip, bunzip2 or unxz and look at what comes out"
        )


def _refuse_part(path: Path) -> None:
    match = _PART.fullmatch(path.name)
    others = [path.with_name(f"{match[1]}.{number:03}") for number in (1, 2)] if match else []
    if match and any(other.exists() and other != path for other in others):
        raise ArchiveError(
            f"{path}: is one of several parts of an archive: join them with cat {match[1]}.??? > "
            f"{match[1]} (copy /b on Windows) and give {match[1]}"
        )


def _refuse_later_volume(path: Path) -> None:
    for pattern, first in _LATER_VOLUMES:
        match = pattern.fullmatch(path.name)
        if match:
            raise ArchiveError(
                f"{path}: is a later volume of an archive: have all its volumes in one folder and "
                f"give {match.expand(first)}"
            )
