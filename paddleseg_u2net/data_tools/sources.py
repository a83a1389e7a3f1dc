"""The archives of a known data set: downloaded, or told how to get by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import List, Optional

from paddleseg_u2net.data_tools.arrange import PreparationError
from paddleseg_u2net.datasets.table import Row
from paddleseg_u2net.io.archives import kind
from paddleseg_u2net.io.download import DownloadError, fetch, mirrored

_SCRIPT = "benchmark_data_prepare/prepare.py"


def fetch_archives(name: str, row: Row, root: Path, mirror: Optional[str]) -> List[Path]:
    """Download the archives that are not there yet to ``root/archives/name``.

    Args:
        name: As the user gave it.
        row: Which data set it is.
        root: The folder of data sets.
        mirror: An address or a folder that has files of the same names, asked first.

    Raises:
        PreparationError: One has no address, or no address gives it.
    """
    by_hand = _by_hand(name, row, root)
    if not row.archives:
        raise PreparationError(f"{row.title} cannot be fetched.\n{by_hand}")
    files = []
    for archive in row.archives:
        target = root / "archives" / row.name / archive.filename
        addresses = [*mirrored(mirror, archive.filename), *archive.addresses]
        if not addresses and not target.is_file():
            raise PreparationError(
                f"{archive.filename} of {row.title} has no address that a program could fetch it "
                f"from.\n{by_hand}"
            )
        # Servers send pages and messages with code 200 for what they do not have: `kind` refuses
        # them. What is there already is taken, also where it has no address.
        try:
            place = addresses or [str(target)]
            files.append(fetch(place, target, None, archive.checksum, check=_is_archive))
        except DownloadError as error:
            raise PreparationError(f"{error}\n{by_hand}") from error
    return files


def _by_hand(name: str, row: Row, root: Path) -> str:
    """Where to get which file without this program, and the command to go on with."""
    fetched = [archive for archive in row.archives if archive.addresses]
    names = [archive.filename for archive in row.archives] or ["FILE"]
    words = ["python", _SCRIPT, name, "--root", str(root), "--archive", *names]
    return "\n".join([
        "Get it by hand:",
        *(f"  {archive.filename}: {' or '.join(archive.addresses)}" for archive in fetched),
        *([f"  {row.by_hand}"] if row.by_hand else []),
        f"  page: {row.homepage}",
        f"Then, whatever the files are called: {shlex.join(words)}",
        "or, with a folder that is unpacked already, --source FOLDER instead of --archive",
    ])  # fmt: skip


def _is_archive(path: Path) -> None:
    kind(path)
