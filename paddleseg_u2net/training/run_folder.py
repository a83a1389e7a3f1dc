"""The folder of a run: locked while it lasts, and checked for room before the first step."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Iterator

from paddleseg_u2net.io.files import atomic_dir, check_writable
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.log import logger
from paddleseg_u2net.training.distributed import Distributed

# A run that was killed a moment ago may still be ending.
_PATIENCE = 3.0
# Some network and virtual file systems cannot.
_CANNOT_SET_ASIDE = {errno.EINVAL, errno.ENODEV, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def reserved(save_dir: Path, distributed: Distributed) -> Iterator[None]:
    """Lock ``save_dir`` for one run. The system releases it when the run ends, in whatever way."""
    check_writable(save_dir, folder=True, name=f"--save_dir {save_dir}")
    with ExitStack() as until_the_end:

        def lock() -> None:
            if not save_dir.exists():  # and nothing may come into it, for want of data
                until_the_end.callback(_remove_empty, save_dir)
            try:
                own = locked(save_dir / "run", patience=_PATIENCE)
                alone = until_the_end.enter_context(own)
            except TimeoutError as error:
                raise ValueError(
                    f"--save_dir {save_dir}: another run is training there; let it end, stop it, "
                    "or name another --save_dir"
                ) from error
            if not alone:
                logger.warning(
                    f"--save_dir {save_dir}: this file system knows no locks; see to it that no "
                    "other run uses the folder"
                )

        distributed.first(lock)
        yield


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def try_writing(save_dir: Path, size: int) -> None:
    """Do what saving a checkpoint of ``size`` bytes does, and leave nothing of it."""
    save_dir.mkdir(parents=True, exist_ok=True)
    for left in save_dir.glob(".probe*"):
        shutil.rmtree(left)
    disk = shutil.disk_usage(save_dir)
    if disk.free < size and disk.total > 0:  # some virtual file systems do not count
        raise OSError(
            f"--save_dir {save_dir}: a checkpoint needs {_megabytes(size)}, and "
            f"{_megabytes(disk.free)} are free: free space, or name a folder on another disk"
        )
    probe = save_dir / ".probe"
    with atomic_dir(probe) as temporary, (temporary / "model.pdparams").open("wb") as file:
        if hasattr(os, "posix_fallocate"):  # a quota may refuse what the disk has
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno not in _CANNOT_SET_ASIDE:
                    raise
    shutil.rmtree(probe)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
