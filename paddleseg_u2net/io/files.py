"""Files and folders that appear whole or not at all, whatever stops the writer, even a power cut.

Each is first written beside its final place under a hidden temporary name and then renamed.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Iterator, List, Tuple, Union

PathLike = Union[str, "os.PathLike[str]"]

# In containers a restarted program often has the very process number of the one that was
# killed. This mark tells leftovers of such a predecessor from what this process is writing.
_RUN_MARK = uuid.uuid4().hex[:8]

# More are not synced one by one.
_MANY_FILES = 500

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how such texts begin


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Write a file so that it appears whole or not at all.

    Yields a temporary path in the folder of `path`, with the same suffix, where the caller writes
    the file. On a clean exit it is flushed to the disk and renamed to `path`; on an exception an
    older file stays as it was. Missing folders are created. If `path` is a symbolic link, the file
    it points to is replaced and the link stays.

    Raises:
        OSError: as the system reports it, of `path`.
    """
    target = _final_place(path)
    # A shorter stem keeps long names below the limit of the file system.
    temporary = target.parent / f".{target.stem[:40]}.tmp-{_unique()}{target.suffix}"
    try:
        with naming(target, temporary):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync_file(temporary)
            temporary.replace(target)
            _sync_folder(target.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: PathLike, text: str) -> None:
    """Write `text` as UTF-8, line ends unchanged, whole or not at all (see `atomic_path`)."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write `data` whole or not at all (see `atomic_path` for the errors)."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def what_is(path: PathLike) -> str:
    """What is at a path, in words: ``a file``, ``a folder``, ``no regular file`` or ``nothing``."""
    path = Path(path)
    try:
        if not path.exists():
            return "nothing"
    except (OSError, ValueError):
        return "nothing"
    return "a folder" if path.is_dir() else "a file" if path.is_file() else "no regular file"


def open_file(path: PathLike) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device would block or never end."""
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(f"{path}: expected a file, found {what_is(path)}")
    return Path(path).open("rb")


def read_text(path: PathLike) -> str:
    """Read a text in UTF-8, or in UTF-16 if it begins with that mark, as PowerShell writes it."""
    with open_file(path) as file:
        data = file.read()
    return data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")


def read_lines(path: PathLike) -> List[Tuple[int, str]]:
    """(number, line) of a list file, stripped, without empty lines and comments (``#``)."""
    try:
        lines = read_text(path).splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a list in UTF-8 ({error}); save it so") from error
    stripped = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def with_slashes(name: str, folder: PathLike) -> str:
    r"""A path of a list that was written on Windows, with ``/`` for ``\``.

    It stays as it is where ``folder`` has a file of that very name.
    """
    if "\\" not in name or Path(folder, name).exists():
        return name
    return name.replace("\\", "/")


def check_writable(path: PathLike, folder: bool = False, name: str = "") -> None:
    """Refuse a file, or a folder, that could not be written, before the work that it is for.

    Args:
        folder: `path` is a folder that is to appear or to be filled.
        name: What messages begin with, such as ``--json scores.json``; by default the path.

    Raises:
        OSError: a folder is in the place of the file, a file in that of a folder, or the nearest
            folder that exists takes no files.
    """
    place, name = Path(path).absolute(), name or os.fspath(path)
    if not folder and place.is_dir():
        raise IsADirectoryError(
            f"{name}: expected a file or nothing, found a folder; name a file in it"
        )
    folders = [place, *place.parents] if folder else place.parents
    there = next(parent for parent in folders if parent.exists())
    if not there.is_dir():
        raise NotADirectoryError(f"{name}: expected a folder, but {there} is a file; name another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(
            f"{name}: cannot be written, because {there} takes no files; choose another folder, or "
            "change its rights"
        )


@contextmanager
def atomic_dir(path: PathLike) -> Iterator[Path]:
    """Write a folder so that it appears whole or not at all; an existing one is replaced.

    Yields an empty temporary folder beside `path`, which the caller fills. Only a crash between two
    renames (`path` set aside, the new one in its place) can leave `path` missing; `recover_dir`
    repairs that.
    """
    target = _final_place(path)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{target}: expected a folder or nothing, found a file")
    with _temporary_folder(target) as temporary:
        yield temporary
        sync_tree(temporary)
        _swap_in(temporary, target)


@contextmanager
def new_dir(path: PathLike) -> Iterator[Path]:
    """Write a folder that is not there yet, whole or not at all; nothing is ever replaced.

    `path` must be missing or an empty folder, at the beginning and at the end: of two processes
    that make the same folder the first to finish has it, and the other gets a FileExistsError.
    """
    target = _final_place(path)
    _refuse_taken(target)
    with _temporary_folder(target) as temporary:
        yield temporary
        sync_tree(temporary)
        _refuse_taken(target)
        if os.name == "nt" and target.exists():
            target.rmdir()  # there, a rename does not even replace an empty folder
        temporary.rename(target)  # fails if something has come into it since
        _sync_folder(target.parent)


@contextmanager
def _temporary_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, which is gone at the end unless it was renamed."""
    temporary = _sibling(target, "tmp")
    try:
        with naming(target, temporary):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recover_dir(path: PathLike) -> bool:
    """Repair what a killed `atomic_dir` or `new_dir` left behind; whether `path` was brought back.

    If `path` is missing, the newest folder set aside for it is renamed back; others are deleted.
    Folders of a living process are not touched. Processes are looked up on this computer only: do
    not call this while another one writes the same folder. On Windows nothing is touched.
    """
    target = _final_place(path)
    leftovers = [item for item in _siblings(target) if not _in_use(item[0], item[2])]
    restored = False
    if not target.exists():
        aside = [folder for folder, kind, _ in leftovers if kind == "old"]
        if aside:
            max(aside, key=lambda folder: folder.stat().st_mtime_ns).rename(target)
            _sync_folder(target.parent)
            restored = True
    for folder, _, _ in leftovers:
        shutil.rmtree(folder, ignore_errors=True)
    return restored


def remove_dir(path: PathLike) -> None:
    """Delete a folder so that no half of it is ever found under its name.

    What a kill leaves of it is deleted by `recover_dir`.
    """
    doomed = _sibling(Path(path), "tmp")
    Path(path).rename(doomed)
    shutil.rmtree(doomed)


def _final_place(path: PathLike) -> Path:
    # Absolute, so that a change of the working folder in between does no harm.
    place = Path(path).absolute()
    if place.is_symlink():
        place = place.resolve()
    return place


def _refuse_taken(target: Path) -> None:
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        found = "a folder with something in it" if target.is_dir() else "a file"
        raise FileExistsError(
            f"{target}: expected nothing or an empty folder, found {found}: "
            "move it away or choose another folder"
        )


def _unique() -> str:
    return f"{os.getpid()}-{_RUN_MARK}{uuid.uuid4().hex[:8]}"


def _sibling(target: Path, kind: str) -> Path:
    return target.parent / f".{target.name}.{kind}-{_unique()}"


def _siblings(target: Path) -> List[Tuple[Path, str, int]]:
    """All (folder, "tmp" or "old", process number) that belong to `target`."""
    if not target.parent.is_dir():
        return []
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(tmp|old)-(\d+)-\w+")
    found = []
    for folder in sorted(target.parent.iterdir()):
        match = pattern.fullmatch(folder.name)
        if match and folder.is_dir():
            found.append((folder, match[1], int(match[2])))
    return found


def _in_use(folder: Path, pid: int) -> bool:
    if pid == os.getpid():
        return f"-{_RUN_MARK}" in folder.name
    return _alive(pid)


def _alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # there, signal 0 is not a harmless question
    if pid == 0:
        return False  # kill(0, ...) would ask about our own group
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _swap_in(temporary: Path, target: Path) -> None:
    old = _sibling(target, "old")
    replacing = target.exists()
    if replacing:
        target.rename(old)
    try:
        temporary.rename(target)
    except BaseException:
        if replacing and not target.exists():
            old.rename(target)
        raise
    _sync_folder(target.parent)
    # The new folder is in place; what cannot be deleted now is left to recover_dir.
    shutil.rmtree(old, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Flush all files of a folder and its subfolders to the disk."""
    below = [(Path(root), names) for root, _, names in os.walk(folder, topdown=False)]
    if hasattr(os, "sync") and sum(len(names) for _, names in below) > _MANY_FILES:
        os.sync()  # tens of thousands of images would take minutes one by one
        return
    for root, names in below:
        for file in (root / name for name in names):
            if file.is_file() and not file.is_symlink():
                _sync_file(file)
        _sync_folder(root)


def _sync_file(path: Path) -> None:
    # Windows syncs only files that are open for writing.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network and virtual file systems cannot sync a folder; the rename itself still holds.
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def naming(target: Path, temporary: Path) -> Iterator[None]:
    """Let an `OSError` that names the temporary file, or none, name the target."""
    try:
        yield
    except OSError as error:
        failed = None if error.filename is None else Path(os.fsdecode(error.filename))
        is_ours = failed is None or temporary in (failed, *failed.parents)
        # Those without a number have a message of their own.
        if error.errno is None or not is_ours:
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error
