"""What a file is expected to be: its size and its checksum."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

_DIGITS = {"sha256": 64, "md5": 32}


class DownloadError(OSError):
    """A file could not be fetched, or is not the expected one; the message says why."""


@dataclass(frozen=True)
class Checksum:
    """A digest that a file must have: ``algorithm`` is sha256 or md5, ``digest`` hexadecimal."""

    algorithm: str
    digest: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", self.digest.lower())
        digits = _DIGITS.get(self.algorithm, 0)
        if not digits or not re.fullmatch(f"[0-9a-f]{{{digits}}}", self.digest):
            raise ValueError(
                f"{self}: expected sha256 and 64 hexadecimal digits, or md5 and 32 of them"
            )

    @classmethod
    def parse(cls, text: str) -> Checksum:
        """Read ``sha256:...`` or ``md5:...``.

        Raises:
            ValueError: it is not of this form.
        """
        algorithm, _, digest = text.partition(":")
        return cls(algorithm.strip().lower(), digest.strip())

    def of(self, path: Path) -> Checksum:
        """The checksum that the file has, by the same algorithm."""
        # md5 tells files apart here, it protects nothing; some systems forbid it otherwise.
        digest = hashlib.new(self.algorithm, usedforsecurity=False)
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        return Checksum(self.algorithm, digest.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"


def verify(path: Path, size: Optional[int] = None, checksum: Optional[Checksum] = None) -> None:
    """Compare a file with its expected size in bytes and its checksum; None: not compared.

    Raises:
        FileNotFoundError: there is no such file.
        DownloadError: it differs; the message has the expected and the found value.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file, found none")
    problem = difference(path, size, checksum)
    if problem:
        raise DownloadError(f"{path}: {problem}; delete the file and fetch it again")


def difference(path: Path, size: Optional[int], checksum: Optional[Checksum]) -> str:
    """What differs between a file and its expected size and checksum, or an empty text."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"expected {size} bytes, got {found}"
    digest = None if checksum is None else checksum.of(path)
    return "" if digest == checksum else f"expected {checksum}, got {digest}"
