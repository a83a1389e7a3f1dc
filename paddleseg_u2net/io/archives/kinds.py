"""The kind of an archive, told by its content."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Optional, Union, cast

from paddleseg_u2net.io.archives.source import ArchiveError, reading
from paddleseg_u2net.io.archives.volumes import first_volume, open_pieces, packed_size
from paddleseg_u2net.io.file_types import HEAD, file_type, found

Opener = Callable[[BinaryIO], BinaryIO]
_OPENERS: Dict[str, Opener] = {
    "gzip": lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)),
    "bzip2": lambda file: cast(BinaryIO, bz2.BZ2File(file)),
    "xz": lambda file: cast(BinaryIO, lzma.LZMAFile(file)),  # noqa: SIM115
}


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
        start = file.read(HEAD)
    known = file_type(start)
    name = known.name if known else ""
    if name == "tar" or name in _OPENERS:
        _require_tar(path)
        return "tar"
    if name in ("zip", "rar", ""):
        first = first_volume(path)
        if first is not None:
            raise ArchiveError(
                f"{path}: is a later volume of an archive: have all its volumes in one folder and "
                f"give {first}"
            )
    if name not in ("zip", "rar"):
        what = found(start, packed_size(path))
        raise ArchiveError(f"{path}: expected a zip, tar or rar archive, {what}")
    return name


def compressor_of(start: bytes) -> Optional[Opener]:
    """What opens the stream that begins with ``start``; None: it is not compressed."""
    known = file_type(start)
    return _OPENERS.get(known.name) if known else None


def _require_tar(path: Path) -> None:
    with open_pieces(path) as file:
        opens = compressor_of(file.read(HEAD))
        if opens is None:
            return
        file.seek(0)
        with reading(path):
            start = opens(file).read(HEAD)
    known = file_type(start)
    if known is None or known.name != "tar":
        what = "nothing" if not start else "one single file" if start.strip(b"\0") else "zeros"
        raise ArchiveError(
            f"{path}: expected an archive of files, but {what} is packed in it; unpack it with "
            "gunzip, bunzip2 or unxz and look at what comes out"
        )
