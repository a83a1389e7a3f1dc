"""A data set of the table, from the network, archives or a folder to its place, whole."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.arrange import Job, arrange
from paddleseg_u2net.data_tools.error import PreparationError
from paddleseg_u2net.data_tools.lists import read_pairs
from paddleseg_u2net.data_tools.sources import fetched
from paddleseg_u2net.data_tools.staging import Staging
from paddleseg_u2net.datasets.pair_dataset import PairDataset
from paddleseg_u2net.datasets.table import TABLE, Row
from paddleseg_u2net.io.archives.source import ArchiveError
from paddleseg_u2net.io.files import check_writable, locked, repair_of, write_text
from paddleseg_u2net.log import logger

_NOTE = "prepared.json"
_SHOWN = 3


@dataclass(frozen=True)
class Prepared:
    """A data set in its place.

    Attributes:
        folder: ``root/name``.
        parts: Pairs of each part.
        remarks: What was changed or left out, a sentence each.
        fresh: Whether it was made now; False: it was there, whole.
        archives: Fetched ones, which are no longer needed.
    """

    folder: Path
    parts: Dict[str, int]
    remarks: List[str] = field(default_factory=list)
    fresh: bool = True
    archives: List[Path] = field(default_factory=list)


def prepare(
    name: str,
    root: Path,
    archives: Sequence[Path] = (),
    mirror: Optional[str] = None,
    source: Optional[Path] = None,
    allow_incomplete: bool = False,
    password: Optional[str] = None,
) -> Prepared:
    """Make ``root/name``, unless it is there; it appears whole or not at all.

    Only ``root`` is written. Of processes that make the same one does the work, the others wait.

    Args:
        name: a row of ``datasets.table``.
        archives: files to take instead of fetching; what they hold counts, not their names.
        mirror: an address or a folder that has the archives by their names, asked first.
        source: an unpacked folder to take instead: linked if it has the layout of the row, else
            copied into it.
        allow_incomplete: take another number of pairs than published.
        password: of encrypted archives.

    Raises:
        PreparationError: the files are not to be had or are not this data set, or something else
            lies at ``root/name``.
        ArchiveError, AnnotationError, ImageError: a file cannot be used.
        OSError: ``root`` cannot be written; the message has the repair.
    """
    row, target = TABLE[name], root / name
    for file in archives:
        if not file.is_file():
            raise PreparationError(f"--archive {file}: expected a file, found none")
    if source is not None and not source.is_dir():
        raise PreparationError(f"--source {source}: expected a folder, found none")
    staging = Staging(target)
    # What is there is whole, and may be on a disk that cannot be written.
    done = None if staging.folder.exists() else _there(row, target, source)
    if done is not None:
        return done
    check_writable(root, folder=True, name=f"--root {root}")
    with _explained(root), locked(target, lambda: _tell_waiting(target)):
        done = _there(row, target, source)
        if done is None:
            if source is None:
                files = list(archives) or fetched(name, row, root, mirror)
                return _from_archives(name, root, files, not archives, allow_incomplete, password)
            return _from_folder(name, root, source, allow_incomplete)
        staging.discard()
        return done


def _from_archives(
    name: str, root: Path, files: List[Path], ours: bool, incomplete: bool, password: Optional[str]
) -> Prepared:
    """``ours``: whether this program has fetched the files."""
    row, target = TABLE[name], root / name
    where = ", ".join(file.name for file in files)
    try:
        with _staged(target) as staging:
            tree = staging.unpack(files, password)
            job = Job(row, tree, staging.empty_ready(), where, incomplete=incomplete)
            parts = _arranged(job, staging)
    except ArchiveError as error:
        again = "" if not ours else "; to fetch it again, delete it and repeat this command"
        raise PreparationError(f"{error}{again}") from error
    return Prepared(target, parts, job.remarks, True, files if ours else [])


def _from_folder(name: str, root: Path, source: Path, incomplete: bool) -> Prepared:
    row, target = TABLE[name], root / name
    try:
        found = _by_layout(row, source)
    except ValueError as error:
        why = error
    else:
        return _linked(row, source, target, found, incomplete)
    try:
        with _staged(target) as staging:
            job = Job(row, source, staging.empty_ready(), str(source), True, incomplete)
            parts = _arranged(job, staging)
    except PreparationError as error:
        # What keeps it from being linked as it is may be less.
        raise PreparationError(f"{error}\n{why}") from error
    return Prepared(target, parts, job.remarks)


@contextmanager
def _staged(target: Path) -> Iterator[Staging]:
    """The hidden folder, which only an interruption leaves for the next run."""
    staging = Staging(target)
    staging.open()
    try:
        yield staging
    except Exception:
        staging.discard()
        raise
    staging.discard()


def _arranged(job: Job, staging: Staging) -> Dict[str, int]:
    parts = arrange(job)
    _write_note(job, parts)
    staging.finish()
    return parts


def _linked(
    row: Row, source: Path, target: Path, parts: Dict[str, int], incomplete: bool
) -> Prepared:
    """Link a folder that has the layout of the row already."""
    if not (incomplete or _is_whole(row, parts)):
        raise PreparationError(
            f"{source}: expected {row.title} with as many pairs as published, found {parts}; get a "
            "whole copy, or take what there is with --allow_incomplete"
        )
    target.symlink_to(source.resolve(), target_is_directory=True)
    return Prepared(target, parts, [f"linked to {source.resolve()}, which was not changed"])


def _by_layout(row: Row, folder: Path) -> Dict[str, int]:
    """Pairs by part of a folder with the layout of the row.

    Raises:
        PairingError, MaskError, ImageError: it has another one.
    """
    name = next(key for key, other in TABLE.items() if other is row)
    parts = {}
    for part, split in row.splits.items():
        if part == "test" and not (folder / split.list_file).is_file():
            continue  # not every copy has its test list
        parts[part] = len(PairDataset(part, name, dataset_root=str(folder)).pairs)
    return parts


def _is_whole(row: Row, parts: Dict[str, int]) -> bool:
    """Whether there are as many pairs as published."""
    if row.pool is not None:
        return sum(parts.values()) == row.pool.pairs
    # Not every copy has its test list.
    wanted = {part: split.pairs for part, split in row.splits.items() if part != "test"}
    return all(parts.get(part) == pairs for part, pairs in wanted.items())


# ---------------------------------------------------------------- what is there already


def _there(row: Row, target: Path, source: Optional[Path]) -> Optional[Prepared]:
    """The data set that is at ``target``; None if nothing is.

    Raises:
        PreparationError: it is something else, or not whole.
    """
    if not target.is_symlink() and not target.exists():
        return None
    note = target / _NOTE
    if note.is_file() and not target.is_symlink():
        return Prepared(target, *_checked(row, target, note), fresh=False)
    if source is not None and target.resolve() != source.resolve():
        raise PreparationError(
            f"{target}: something else lies there; move it, or give --root{_trouble(row, source)}"
        )
    try:
        parts = _by_layout(row, target)
    except ValueError as error:
        raise PreparationError(
            f"{target}: something else lies there ({error}); move it away, or give another --root"
        ) from error
    remark = "put there by hand or linked; nothing in it was changed"
    return Prepared(target, parts, [remark], fresh=False)


def _trouble(row: Row, source: Path) -> str:
    """What besides would keep a folder from being linked."""
    try:
        _by_layout(row, source)
    except ValueError as error:
        return f"\n{error}"
    return ""


def _checked(row: Row, target: Path, note: Path) -> Tuple[Dict[str, int], List[str]]:
    """Parts and remarks of the note, if all files of the lists are there."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        parts, remarks = dict(known["parts"]), list(known["remarks"])
        pairs = {part: read_pairs(target / row.splits[part].list_file) for part in parts}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PreparationError(
            f"{target}: expected {row.title} with its note {_NOTE} and its lists, but they cannot "
            f"be read ({error}); move the folder away and prepare it again"
        ) from error
    names = [name for both in pairs.values() for pair in both for name in pair]
    lost = [name for name in names if not (target / name).is_file()]
    if lost or {part: len(both) for part, both in pairs.items()} != parts:
        what = f"{len(lost)} files are missing, such as {', '.join(lost[:_SHOWN])}"
        raise PreparationError(
            f"{target}: expected {parts} pairs as prepared, but "
            f"{what if lost else 'the lists have been changed'}; move the folder away and prepare "
            "it again"
        )
    if not _is_whole(row, parts):
        remarks.append("not whole: for the rest, move the folder away and prepare it again")
    return parts, remarks


def _write_note(job: Job, parts: Dict[str, int]) -> None:
    row = job.row
    note = {"title": row.title, "parts": parts, "remarks": job.remarks, "from": job.where}
    note.update(homepage=row.homepage, licence=row.licence or "none is stated", cite=row.cite)
    write_text(job.target / _NOTE, json.dumps(note, indent=1, ensure_ascii=False) + "\n")


def _tell_waiting(target: Path) -> None:
    logger.warning(f"waiting for another process that prepares {target}")


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Failed writes below ``root``, told with what to do."""
    try:
        yield
    except OSError as error:
        repair = repair_of(error)
        below = error.filename is None or _is_below(Path(os.fsdecode(error.filename)), root)
        # What is not in the system's words has been explained already.
        if not repair or not below or error.strerror != os.strerror(error.errno or 0):
            raise
        free = f" ({shutil.disk_usage(root).free:,} bytes are free)" if root.is_dir() else ""
        raise OSError(error.errno, f"{root}: could not be written{free}: {repair}") from error


def _is_below(path: Path, root: Path) -> bool:
    return root.absolute() in (path.absolute(), *path.absolute().parents)
