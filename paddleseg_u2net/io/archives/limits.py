"""How much an archive may hold: bombs are stopped, every real data set passes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paddleseg_u2net.io.archives.source import ArchiveError

_CLUSTER = 4096  # what a small file takes on most file systems


@dataclass(frozen=True)
class Limits:
    """The largest archive that is unpacked.

    The defaults are well above the largest data sets in use (COCO has 164,000 images in 25 GB).
    Deflate packs at most 1032 times and bombs come near it, or far above with other methods.
    Whole data sets stay below 100 even where every mask is an unpacked bitmap.

    Attributes:
        members: Number of entries, folders included.
        total: Unpacked bytes.
        ratio: Unpacked bytes per byte of the archive.
        harmless: Unpacked bytes that are allowed at any ratio.
    """

    members: int = 2_000_000
    total: int = 256 << 30
    ratio: float = 400.0
    harmless: int = 1 << 30


DEFAULT_LIMITS = Limits()


class Count:
    """Counts what has come out of an archive, and stops at the limits."""

    def __init__(self, archive: Path, packed: int, limits: Limits) -> None:
        self._archive, self._packed, self._limits = archive, packed, limits
        self.members = 0
        self.bytes = 0
        self.on_disk = 0  # about what the finished files take

    def member(self, size: int) -> None:
        """Count an entry of ``size`` bytes, but not yet its bytes.

        Raises:
            ArchiveError: there are too many.
        """
        self.members += 1
        self.on_disk += -(-size // _CLUSTER) * _CLUSTER
        if self.members > self._limits.members:
            self._stop(f"more than {self._limits.members:,} entries")

    def take(self, size: int) -> None:
        """Count bytes.

        Raises:
            ArchiveError: there are too many, or too many for the size of the archive.
        """
        self.bytes += size
        if self.bytes > self._limits.total:
            self._stop(f"more than {in_units(self._limits.total)} when unpacked")
        if self.bytes > max(self._limits.harmless, self._limits.ratio * self._packed):
            self._stop(
                f"{in_units(self.bytes)} or more in {in_units(self._packed)}, "
                f"over {self._limits.ratio:g} times its size"
            )

    def _stop(self, found: str) -> None:
        raise ArchiveError(
            f"{self._archive}: holds {found}, as archives made to fill disks do; nothing was kept. "
            "If you trust it, unpack it yourself and give the folder"
        )


def in_units(size: float) -> str:
    """A number of bytes for people: ``1.5 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
