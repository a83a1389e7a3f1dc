"""Tar archives, plain or packed with gzip, bzip2 or xz, read once from front to end."""

from __future__ import annotations

import tarfile
from functools import partial
from pathlib import Path
from typing import Any, Generator, Iterator, Optional

from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import Member, blocks, reading

_LONGEST_HEADER = 16 << 20
_TYPES = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}


class _StrictInfo(tarfile.TarInfo):
    """A header; tarfile takes a broken or missing one in the middle for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> Any:
        if not buf:
            raise ValueError("its end is missing")
        if not buf.strip(b"\0"):
            return super().frombuf(buf, encoding, errors)  # the end
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise ValueError(f"it is no tar archive, or a header is broken: {error}") from error
        # A negative size leads back, and round for ever; extended headers are read at once.
        if info.size < 0 or (not info.isreg() and info.size > _LONGEST_HEADER):
            raise ValueError(f"a header has the size {info.size}")
        return info


def tar_members(archive: Path, _password: Optional[str]) -> Generator[Member, None, None]:
    """All entries of a tar archive, in its order."""
    with archive.open("rb") as file:
        with reading(archive):
            tar = tarfile.open(  # noqa: SIM115 - it holds nothing that needs closing
                fileobj=file,
                mode="r:*",
                encoding="utf-8",
                errors="surrogateescape",
                tarinfo=_StrictInfo,
            )
        while True:
            with reading(archive):
                info = tar.next()
                if info is None:
                    # Only at its very end a compressed stream is compared with its checksum.
                    for _ in blocks(tar.fileobj.read):
                        pass
                    return
                tar.members = []  # type: ignore[attr-defined]  # it would keep all of them
            yield _member(archive, tar, info)


def _member(archive: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    what = "folder" if info.isdir() else _TYPES.get(info.type, "file")
    if what == "file" and not info.isreg():
        what = "of an unknown type"
    name = info.name.encode("utf-8", "surrogateescape")
    size = info.size if what == "file" else 0
    return Member(name, size, what, partial(_chunks, archive, tar, info, name))


def _chunks(
    archive: Path, tar: tarfile.TarFile, info: tarfile.TarInfo, name: bytes
) -> Iterator[bytes]:
    with reading(archive, shown(readable(name))):
        file = tar.extractfile(info)
        assert file is not None  # it is one for all regular files
        yield from blocks(file.read)
