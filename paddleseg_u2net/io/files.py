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
    """Yield a temporary path for a file that becomes `path`, flushed to the disk, on a clean exit.

    It has the same suffix. On an exception an older file stays as it was. Missing folders are
    created. If `path` is a symbolic link, the file it points to is replaced and the link stays.
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
    """Write `text` as UTF-8, line ends unchanged, by `atomic_path`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write `data` by `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def what_is(path: PathLike) -> str:
    """What is at a path, in words: ``a file``, ``a folder``, ``no regular file`` or ``nothing``."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return "nothing"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "no regular file"


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
    """Raise OSError for a file, or a folder, that could not be written, before the work for it.

    ``name`` is what messages begin with, such as ``--json scores.json``; by default the path.
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
    """Yield an empty folder that becomes `path` on a clean exit; an existing one is replaced.

    Only a crash between two renames (`path` set aside, the new one in its place) can leave `path`
    missing; `recover_dir` repairs that.
    """
    target = _final_place(path)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{target}: expected a folder or nothing, found a file")
    with _temporary_folder(target) as temporary:
        yield temporary
        _sync_tree(temporary)
        _swap_in(temporary, target)


@contextmanager
def new_dir(path: PathLike) -> Iterator[Path]:
    """Yield an empty folder that becomes `path` on a clean exit; nothing is ever replaced.

    `path` must be missing or an empty folder, at the beginning and at the end, else a
    FileExistsError is raised: of two processes that make the same folder the first has it.
    """
    target = _final_place(path)
    _refuse_taken(target)
    with _temporary_folder(target) as temporary:
        yield temporary
        _sync_tree(temporary)
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
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(tmp|old)-(\d+)-\w+")
    left, aside = [], []
    for folder in target.parent.iterdir() if target.parent.is_dir() else ():
        match = pattern.fullmatch(folder.name)
        if match and folder.is_dir() and not _in_use(folder, int(match[2])):
            left.append(folder)
            if match[1] == "old":
                aside.append(folder)
    restored = bool(aside) and not target.exists()
    if restored:
        max(aside, key=lambda folder: folder.stat().st_mtime_ns).rename(target)
        _sync_folder(target.parent)
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return restored


def remove_dir(path: PathLike) -> None:
    """Delete a folder so that no half of it is ever found; `recover_dir` ends what a kill cut."""
    doomed = _sibling(Path(path), "tmp")
    Path(path).rename(doomed)
    shutil.rmtree(doomed)


def _final_place(path: PathLike) -> Path:
    # Absolute, so that a change of the working folder in between does no harm.
    place = Path(path).absolute()
    return place.resolve() if place.is_symlink() else place


def _refuse_taken(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        found = "a folder with something in it" if target.is_dir() else "a file"
        raise FileExistsError(
            f"{target}: expected nothing or an empty folder, found {found}: "
            "move it away or choose another folder"
        )


def _unique() -> str:
    return f"{os.getpid()}-{_RUN_MARK}{uuid.uuid4().hex[:8]}"


def _sibling(target: Path, kind: str) -> Path:
    return target.parent / f".{target.name}.{kind}-{_unique()}"


def _in_use(folder: Path, pid: int) -> bool:
    if pid == os.getpid():
        return f"-{_RUN_MARK}" in folder.name
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
    with suppress(FileNotFoundError):
        target.rename(old)
    try:
        temporary.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    _sync_folder(target.parent)
    # The new folder is in place; what cannot be deleted now is left to recover_dir.
    shutil.rmtree(old, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
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
