"""A known data set from the network, archives or a folder to its place, whole or not at all."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.arrange import Job, PreparationError, arrange
from paddleseg_u2net.data_tools.train_yaml import train_yaml
from paddleseg_u2net.datasets.pair_dataset import PairDataset
from paddleseg_u2net.datasets.pairing import from_list
from paddleseg_u2net.datasets.table import Row, find_row
from paddleseg_u2net.io import archives as archive_files
from paddleseg_u2net.io.archives.source import ArchiveError
from paddleseg_u2net.io.download import DownloadError, fetch, mirrored
from paddleseg_u2net.io.files import check_writable, new_dir, recover_dir, write_text
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.log import logger
from paddleseg_u2net.progress import Progress

_NOTE = "prepared.json"
_SCRIPT = "benchmark_data_prepare/prepare.py"


@dataclass(frozen=True)
class Prepared:
    """A data set in its place."""

    row: Row
    folder: Path
    parts: Dict[str, int]  # numbers of pairs
    remarks: List[str] = field(default_factory=list)  # what was changed or left out
    fresh: bool = True  # made now; else it was there, whole
    archives: List[Path] = field(default_factory=list)  # downloaded, and no longer needed


def prepare(
    name: str,
    root: Path,
    archives: Sequence[Path] = (),
    mirror: Optional[str] = None,
    source: Optional[Path] = None,
    allow_incomplete: bool = False,
    password: Optional[str] = None,
) -> Prepared:
    """Make ``root/name``, unless it is there; only ``root`` is written.

    Of several processes one does the work, the others wait. ``name`` may be a YAML file with a row;
    ``archives`` are taken instead of downloading, under any name; ``mirror`` is an address or a
    folder that has them by their names, asked first; ``source`` is an unpacked folder, linked if it
    has the layout of the row, else copied.
    """
    row = find_row(name)
    target = root / row.name
    for file in archives:
        if not file.is_file():
            raise PreparationError(f"--archive {file}: expected a file, found none")
    if source is not None and not source.is_dir():
        raise PreparationError(f"--source {source}: expected a folder, found none")
    # Before the lock: the data set may be on a disk that cannot be written.
    done = _existing(name, row, target, source)
    if done is not None:
        return done
    check_writable(root, folder=True, name=f"--root {root}")
    waiting = partial(logger.warning, f"waiting for another process that prepares {target}")
    with locked(target, waiting):
        done = _existing(name, row, target, source)
        if done is not None:
            return done
        recover_dir(target)  # what a killed process left
        job = Job(row, target, incomplete=allow_incomplete)
        if source is not None:
            return _from_folder(name, job, source)
        files = list(archives) or _fetch_archives(name, row, root, mirror)
        return _from_archives(job, files, not archives, password)


def _fetch_archives(name: str, row: Row, root: Path, mirror: Optional[str]) -> List[Path]:
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
        # What is there already is taken, also where it has no address.
        addresses = addresses or [str(target)]
        try:
            # Servers send pages and messages with code 200 for what they do not have.
            files.append(fetch(addresses, target, None, archive.checksum, check=archive_files.kind))
        except DownloadError as error:
            raise PreparationError(f"{error}\n{by_hand}") from error
    return files


def _by_hand(name: str, row: Row, root: Path) -> str:
    """Where to get which file without this program, and the command to go on with."""
    names = [archive.filename for archive in row.archives] or ["FILE"]
    words = ["python", _SCRIPT, name, "--root", str(root), "--archive", *names]
    lines = ["Get it by hand:"]
    for archive in row.archives:
        if archive.addresses:
            lines.append(f"  {archive.filename}: {' or '.join(archive.addresses)}")
    if row.by_hand:
        lines.append(f"  {row.by_hand}")
    lines.append(f"  page: {row.homepage}")
    lines.append(f"Then, whatever the files are called: {shlex.join(words)}")
    lines.append("or, with a folder that is unpacked already, --source FOLDER instead of --archive")
    return "\n".join(lines)


def _from_archives(
    job: Job, files: List[Path], downloaded: bool, password: Optional[str]
) -> Prepared:
    job.where = ", ".join(file.name for file in files)
    try:
        with new_dir(job.target) as folder:
            tree = folder / ".unpacked"  # beside its files, so that these can be linked
            for number, file in enumerate(files):
                place = tree / file.name
                if place.exists():  # of another folder
                    place = tree / f"{number} {file.name}"
                # Layouts look at names, and some archives hold files without a folder.
                place = place / file.name.split(".")[0]
                with Progress(None, f"unpacking {file.name}", "B") as bar:
                    archive_files.unpack(file, place, password=password, progress=bar.update)
            parts = _arranged(job, tree, folder)
            shutil.rmtree(tree)
    except ArchiveError as error:
        again = "; to fetch it again, delete it and repeat this command" if downloaded else ""
        raise PreparationError(f"{error}{again}") from error
    return Prepared(job.row, job.target, parts, job.remarks, True, files if downloaded else [])


def _from_folder(name: str, job: Job, source: Path) -> Prepared:
    job.where, job.copy = str(source), True
    try:
        found = _count(name, job.row, source)
    except ValueError as error:
        why = error
    else:
        return _linked(job, source, found)
    try:
        with new_dir(job.target) as folder:
            parts = _arranged(job, source, folder)
    except PreparationError as error:
        # What keeps it from being linked as it is may be less.
        raise PreparationError(f"{error}\n{why}") from error
    return Prepared(job.row, job.target, parts, job.remarks)


def _arranged(job: Job, tree: Path, folder: Path) -> Dict[str, int]:
    """Fill the data set's folder from unpacked files; the number of pairs of each part."""
    row, parts = job.row, arrange(job, tree, folder)
    if not row.config:
        coding = "binary" if row.mask_encoding in ("binary", "votes") else "index"
        write_text(folder / "train.yaml", train_yaml(job.target, row.classes, coding, parts))
    note = {"title": row.title, "parts": parts, "remarks": job.remarks, "from": job.where}
    note.update(homepage=row.homepage, licence=row.licence or "none is stated", cite=row.cite)
    write_text(folder / _NOTE, json.dumps(note, indent=1, ensure_ascii=False) + "\n")
    return parts


def _linked(job: Job, source: Path, parts: Dict[str, int]) -> Prepared:
    if not (job.incomplete or _is_whole(job.row, parts)):
        raise PreparationError(
            f"{source}: expected {job.row.title} with as many pairs as published, found {parts}; "
            "get a whole copy, or take what there is with --allow_incomplete"
        )
    job.target.symlink_to(source.resolve(), target_is_directory=True)
    remark = f"linked to {source.resolve()}, which was not changed"
    return Prepared(job.row, job.target, parts, [remark])


def _count(name: str, row: Row, folder: Path) -> Dict[str, int]:
    """Count the pairs of each part in a folder with the layout of the row, else a ValueError."""
    return {
        part: len(PairDataset(part, name, dataset_root=str(folder)).pairs)
        for part, split in row.splits.items()
        # Not every copy has its test list.
        if part != "test" or (folder / split.list_file).is_file()
    }


def _is_whole(row: Row, parts: Dict[str, int]) -> bool:
    if row.pool is not None:
        return sum(parts.values()) == row.pool.pairs
    wanted = {part: split.pairs for part, split in row.splits.items() if part != "test"}
    return all(parts.get(part) == pairs for part, pairs in wanted.items())


def _existing(name: str, row: Row, target: Path, source: Optional[Path]) -> Optional[Prepared]:
    """Return the data set that is at ``target``; None if nothing is."""
    if not target.is_symlink() and not target.exists():
        return None
    if (target / _NOTE).is_file() and not target.is_symlink():
        return Prepared(row, target, *_noted(row, target), fresh=False)
    try:
        if source is not None and target.resolve() != source.resolve():
            raise PreparationError(f"it is not {source}")
        parts = _count(name, row, target)
    except ValueError as error:
        raise PreparationError(
            f"{target}: something else lies there ({error}); move it away, or give another --root"
        ) from error
    remark = "put there by hand or linked; nothing in it was changed"
    return Prepared(row, target, parts, [remark], fresh=False)


def _noted(row: Row, target: Path) -> Tuple[Dict[str, int], List[str]]:
    """Parts and remarks of the note, if all files of the lists are there."""
    try:
        note = json.loads((target / _NOTE).read_text(encoding="utf-8"))
        parts, remarks = dict(note["parts"]), list(note["remarks"])
        found = {part: len(from_list(target / f"{part}_list.txt", target)) for part in parts}
        if found != parts:
            raise PreparationError(f"they name {found} pairs, {parts} were prepared")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PreparationError(
            f"{target}: expected {row.title} with its note {_NOTE} and its lists, but they cannot "
            f"be used ({error}); move the folder away and prepare it again"
        ) from error
    if not _is_whole(row, parts):
        remarks.append(
            "not as many pairs as published: for those, move the folder away and prepare it again"
        )
    return parts, remarks
