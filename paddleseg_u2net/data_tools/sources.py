"""The archives of a known data set: fetched, or told how to get by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import List, Optional

from paddleseg_u2net.data_tools.error import PreparationError
from paddleseg_u2net.datasets.table import Archive, Row
from paddleseg_u2net.io.archives.kinds import kind
from paddleseg_u2net.io.download import Checksum, DownloadError, fetch

_SCRIPT = "benchmark_data_prepare/prepare.py"


def fetched(name: str, row: Row, root: Path, mirror: Optional[str]) -> List[Path]:
    """Fetch the archives of a data set to ``root/archives/name``, those that are not there yet.

    Args:
        mirror: An address or a folder that has files of the same names, asked first.

    Raises:
        PreparationError: one has no address, or no address gives it.
    """
    folder = root / "archives" / name
    if not row.archives:
        raise PreparationError(f"{row.title} cannot be fetched.\n{by_hand(name, row, root)}")
    files = []
    for archive in row.archives:
        target = folder / archive.filename
        addresses = [*_mirrored(archive, mirror), *archive.addresses]
        if not addresses and not target.is_file():
            raise PreparationError(
                f"{archive.filename} of {row.title} has no address that a program could fetch it "
                f"from.\n{by_hand(name, row, root)}"
            )
        checksum = Checksum.parse(archive.checksum) if archive.checksum else None
        try:
            # What is there is taken, also where it has no address.
            files.append(
                fetch(addresses or [str(target)], target, None, checksum, check=_is_archive)
            )
        except DownloadError as error:
            raise PreparationError(f"{error}\n{by_hand(name, row, root)}") from error
    return files


def by_hand(name: str, row: Row, root: Path) -> str:
    """Where to get which file without this program, and the command to go on with."""
    lines = ["Get it by hand:"]
    lines += [
        f"  {archive.filename}: {' or '.join(archive.addresses)}"
        for archive in row.archives
        if archive.addresses
    ]
    if row.by_hand:
        lines.append(f"  {row.by_hand}")
    lines.append(f"  page: {row.homepage}")
    names = [archive.filename for archive in row.archives] or ["FILE"]
    words = ["python", _SCRIPT, name, "--root", str(root), "--archive", *names]
    lines.append(f"Then, whatever the files are called: {shlex.join(words)}")
    lines.append("or, with a folder that is unpacked already, --source FOLDER instead of --archive")
    return "\n".join(lines)


def _mirrored(archive: Archive, mirror: Optional[str]) -> List[str]:
    if not mirror:
        return []
    if "://" in mirror:
        return [f"{mirror.rstrip('/')}/{archive.filename}"]
    return [str(Path(mirror).expanduser() / archive.filename)]


def _is_archive(path: Path) -> None:
    """Refuse what servers send with code 200 for what they do not have: a page, a message."""
    kind(path)
