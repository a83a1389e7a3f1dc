"""A file that FFmpeg writes to, on which a disk that fills up or Ctrl-C does no harm."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Optional

# What is set aside for the end of a file: packets that wait to be sorted, and its index.
_RESERVE = 4 * 2**20
_INDEX_ENTRY = 64  # bytes, for a packet


class KeptFile:
    """What PyAV asks of a file that it writes.

    An error that FFmpeg hears of is the end of a file, which then has no index and does not play.
    So it hears of none: space that was set aside is freed, writing goes on, and `error` tells;
    `lost` says that even so the file has no end.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._position = 0
        self._spare = path.with_name(f"{path.name}.spare")
        self._spare_size = 0
        self.error: Optional[BaseException] = None
        self.lost = False
        self.reserve(0)

    def reserve(self, packets: int) -> None:
        """Keep space for the end of a file of so many packets."""
        size = _RESERVE + _INDEX_ENTRY * packets
        if self.error is not None or size < self._spare_size + _RESERVE // 4 * bool(packets):
            return
        try:
            with self._spare.open("ab") as spare:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(spare.fileno(), 0, size)
                else:
                    spare.write(bytes(size - self._spare_size))
            self._spare_size = size
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._failed(error)

    def write(self, data: bytes) -> int:
        """Write all of `data` where the file stands."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            try:
                self._file.seek(self._position + done)
                done += self._file.write(view[done:]) or 0
            except (OSError, KeyboardInterrupt) as error:
                if isinstance(error, OSError) and isinstance(self.error, OSError):
                    self.lost = True  # nothing is left in reserve either
                    break
                self._failed(error)
        self._position += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, as a file does."""
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            offset += os.fstat(self._file.fileno()).st_size
        self._position = offset
        return offset

    def tell(self) -> int:
        """The place where the file stands."""
        return self._position

    def seekable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """End the file, and give back what was set aside."""
        self._file.close()
        self._free()

    def _failed(self, error: BaseException) -> None:
        self.error = error
        if isinstance(error, OSError):
            self._free()

    def _free(self) -> None:
        with contextlib.suppress(OSError):
            self._spare.unlink()
