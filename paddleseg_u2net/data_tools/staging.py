"""The hidden folder beside a data set in which it is made, and which survives an interruption.

``.NAME.part`` has a note that tells it from anything of the user's; ``unpacked`` with a folder for
each archive, renamed to its name when it is whole; and ``ready``, which becomes the data set.
"""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from pathlib import Path
from typing import List, Optional, Sequence

from paddleseg_u2net.data_tools.error import PreparationError
from paddleseg_u2net.io import archives
from paddleseg_u2net.io.files import sync_tree, write_text
from paddleseg_u2net.progress import Progress

_NOTE = "made_by_prepare.txt"
_TEXT = "A data set is being made here. Once prepare.py has ended, this folder may be deleted.\n"


class Staging:
    """The folder for one data set; only to be used by the process that holds its lock."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = target.with_name(f".{target.name}.part")
        self.unpacked, self.ready = self.folder / "unpacked", self.folder / "ready"

    def open(self) -> None:
        """Make the folder, or take what an interrupted run has left.

        Raises:
            PreparationError: something that is not ours has its name.
        """
        if self.folder.is_symlink() or (self.folder.exists() and not self._is_ours()):
            raise PreparationError(
                f"{self.folder}: expected nothing, or what an earlier run has left; something else "
                "lies there: move it away"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / _NOTE).is_file():
            write_text(self.folder / _NOTE, _TEXT)

    def _is_ours(self) -> bool:
        if not self.folder.is_dir():
            return False
        # Killed between making the folder and writing the note: empty, but for half a note.
        names = [path.name for path in self.folder.iterdir()]
        return _NOTE in names or all(name.startswith(".made_by_prepare.tmp") for name in names)

    def unpack(self, files: Sequence[Path], password: Optional[str] = None) -> Path:
        """Unpack each archive into a folder of its own, but for those that are; returns the tree.

        Raises:
            ArchiveError: one cannot be unpacked.
        """
        places = [self.unpacked / _key(file) for file in files]
        if self.unpacked.is_dir():
            for path in self.unpacked.iterdir():  # of other archives, or half unpacked
                if path.is_symlink() or not path.is_dir():
                    path.unlink()
                elif path not in places:
                    shutil.rmtree(path)
        for file, place in zip(files, places):
            if not place.is_dir():
                half = place.with_name(f"{place.name}.half")
                # Layouts look at names, and some archives hold files without a folder.
                with Progress(None, f"unpacking {file.name}", "B") as bar:
                    archives.unpack(
                        file,
                        half / file.name.split(".")[0],
                        password=password,
                        progress=partial(_show, bar),
                    )
                half.rename(place)
        return self.unpacked

    def empty_ready(self) -> Path:
        """An empty folder for the data set."""
        if self.ready.exists():
            shutil.rmtree(self.ready)
        self.ready.mkdir()
        return self.ready

    def finish(self) -> None:
        """Let the data set appear under its name, whole."""
        sync_tree(self.ready)
        self.ready.rename(self.target)

    def discard(self) -> None:
        """Delete the folder if it is ours."""
        if not self.folder.is_symlink() and self.folder.is_dir() and self._is_ours():
            # The note last: a kill leaves a folder that is known as ours.
            for path in self._but_note():
                shutil.rmtree(path)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _but_note(self) -> List[Path]:
        return [path for path in self.folder.iterdir() if path.is_dir()]


def _show(bar: Progress, done: int, total: Optional[int]) -> None:
    bar.total = total
    bar.update(done - bar.done)


def _key(file: Path) -> str:
    """A name for what is in an archive."""
    status = file.stat()
    text = f"{file.resolve()} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
