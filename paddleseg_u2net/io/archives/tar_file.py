"""Tar archives, plain or packed with gzip, bzip2 or xz, read once from front to end."""

from __future__ import annotations

import tarfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Iterator

from paddleseg_u2net.io.archives.kinds import compressor_of
from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import BLOCK, Member, blocks, reading

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
            raise ValueError(f"a header in the middle is broken: {error}") from error
        # A negative size leads back, and round for ever; extended headers are read at once.
        if info.size < 0 or (not info.isreg() and info.size > _LONGEST_HEADER):
            raise ValueError(f"a header has the size {info.size}")
        return info


class TarSource:
    """An open tar archive."""

    def __init__(self, archive: Path, file: BinaryIO) -> None:
        opens = compressor_of(file)
        self.listed = opens is None
        self._archive, self._stream = archive, opens(file) if opens else file

    def members(self) -> Iterator[Member]:
        """All entries, in the archive's order."""
        self._stream.seek(0)
        with reading(self._archive):
            tar = tarfile.open(  # noqa: SIM115 - it holds nothing that needs closing
                fileobj=self._stream,
                mode="r:",
                encoding="utf-8",
                errors="surrogateescape",
                tarinfo=_StrictInfo,
            )
        while True:
            with reading(self._archive):
                info = tar.next()
                if info is None:
                    # Only at its very end a compressed stream is compared with its checksum.
                    while self._stream.read(BLOCK):
                        pass
                    return
                tar.members = []  # type: ignore[attr-defined]  # it would keep all of them
            yield self._member(tar, info)

    def _member(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
        what = "folder" if info.isdir() else _TYPES.get(info.type, "file")
        if what == "file" and not info.isreg():
            what = "of an unknown type"
        name = info.name.encode("utf-8", "surrogateescape")
        size = info.size if what == "file" else 0
        return Member(name, size, what, partial(self._chunks, tar, info, name))

    def _chunks(self, tar: tarfile.TarFile, info: tarfile.TarInfo, name: bytes) -> Iterator[bytes]:
        with reading(self._archive, shown(readable(name))):
            file = tar.extractfile(info)
            assert file is not None  # it is one for all regular files
            yield from blocks(file.read)


@contextmanager
def open_tar(archive: Path) -> Iterator[TarSource]:
    """Open a tar archive for reading.

    Raises:
        ArchiveError: It is broken.
    """
    with archive.open("rb") as file:
        with reading(archive):
            source = TarSource(archive, file)
        yield source
