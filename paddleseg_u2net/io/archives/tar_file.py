"""Tar archives, plain or packed with gzip, bzip2 or xz, read once from front to end."""

from __future__ import annotations

import io
import tarfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Iterator, cast

from paddleseg_u2net.io.archives.kinds import compressor_of
from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import BLOCK, FETCH, ArchiveError, Member, blocks, reading
from paddleseg_u2net.io.archives.volumes import open_pieces

_LONGEST_HEADER = 16 << 20
_LONGEST_PADDING = 64 << 20
_TYPES = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}


class _Watched(io.RawIOBase):
    """The stream below tarfile: no endless headers, and it remembers the last block.

    tarfile reads a whole extended header at once, whatever size it claims, and takes a broken
    header in the middle for the end of the archive.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._file.read(size)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class TarSource:
    """An open tar archive."""

    def __init__(self, archive: Path, file: BinaryIO) -> None:
        self._archive, self._file = archive, file
        opens = compressor_of(file.read(8))
        file.seek(0)
        self.listed = opens is None
        self._stream = opens(file) if opens else file

    def members(self) -> Iterator[Member]:
        """All entries, in the archive's order."""
        self._stream.seek(0)
        watched = _Watched(self._stream)
        with reading(self._archive):
            tar = tarfile.open(  # noqa: SIM115 - it holds nothing that needs closing
                fileobj=cast(BinaryIO, watched),
                mode="r:",
                encoding="utf-8",
                errors="surrogateescape",
            )
        position = -1
        while True:
            with reading(self._archive):
                info = tar.next()
                if info is None:
                    self._require_end(watched)
                    return
                # A negative size leads back, and round for ever.
                if info.size < 0 or info.offset_data <= position:
                    raise tarfile.ReadError("a header with a negative size")
                position = info.offset_data
                tar.members = []  # type: ignore[attr-defined]  # it would keep all of them
            yield self._member(tar, info)

    def _member(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
        what = "folder" if info.isdir() else _TYPES.get(info.type, "file")
        if what == "file" and not info.isreg():
            what = "of an unknown type"
        size = info.size if what == "file" else 0
        return Member(_raw(info), size, what, partial(self._chunks, tar, info))

    def _chunks(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
        with reading(self._archive, shown(readable(_raw(info)))):
            file = tar.extractfile(info)
            assert file is not None  # it is one for all regular files
            yield from blocks(file.read)

    def _require_end(self, watched: _Watched) -> None:
        if watched.last == b"":
            raise ArchiveError(f"{self._archive}: its end is missing; {FETCH}")
        if watched.last.strip(b"\0"):
            raise ArchiveError(f"{self._archive}: a header in the middle is broken; {FETCH}")
        # Only at its very end a compressed stream is compared with its checksum.
        left = _LONGEST_PADDING
        while left > 0 and self._stream.read(BLOCK):
            left -= BLOCK


def _raw(info: tarfile.TarInfo) -> bytes:
    return info.name.encode("utf-8", "surrogateescape")


@contextmanager
def open_tar(archive: Path) -> Iterator[TarSource]:
    """Open a tar archive for reading.

    Raises:
        ArchiveError: it is broken.
    """
    with open_pieces(archive) as file:
        with reading(archive):
            source = TarSource(archive, file)
        yield source
