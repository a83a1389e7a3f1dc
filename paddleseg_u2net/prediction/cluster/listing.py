"""Which pictures a source on this machine or in an object store has, and what they are called."""

from __future__ import annotations

import csv
import glob
import io
from pathlib import Path, PurePosixPath
from typing import Iterator, List, NamedTuple, Optional, Tuple

from paddleseg_u2net.io.images import IMAGE_SUFFIXES
from paddleseg_u2net.log import logger
from paddleseg_u2net.prediction.cluster.remote import (
    Place,
    RemoteError,
    has_scheme,
    place,
)
from paddleseg_u2net.prediction.jobs import LIST_SUFFIXES, Job, Results, collect
from paddleseg_u2net.prediction.naming import Names

_TABLES = (".csv", ".parquet")
# The column of a table that has the addresses, where there are several columns.
_COLUMNS = ("input", "path", "url", "uri", "address", "image")


class Found(NamedTuple):
    """A picture of a source.

    Args:
        address: by which any process reads it.
        name: its path below the source, which its result gets below the target.
        identity: see `remote.Stored`; None where nobody has asked.
    """

    address: str
    name: str
    identity: Optional[str] = None


def images_of(source: str, target: Place, names: Names) -> List[Found]:
    """The pictures of a folder or prefix, of a pattern, of a list, or the one that it is.

    Those below ``target``, and those that are called as results are, are none. A list is a text, an
    address a line, or a table (CSV, Parquet; also a folder of Parquet files, its name ending in
    ``.parquet``). Relative ones are below the list's folder, and named as for the local command;
    addresses elsewhere are named by all of their path.

    Raises:
        RemoteError: there are none, or it is no such source.
    """
    suffix = PurePosixPath(source.rstrip("/")).suffix.lower()
    if suffix in (*LIST_SUFFIXES, *_TABLES):
        found = list(_listed(place(source), suffix))
    elif place(source).is_local:
        found = _of_folder(place(source).path, target, names)
    else:
        found = _of_store(place(source), target, names)
    if not found:
        raise RemoteError(f"{source}: expected images, found none")
    return found


def _of_folder(source: str, target: Place, names: Names) -> List[Found]:
    """As the local command has them."""
    folders = [Path(target.path)] if target.is_local else []
    earlier = Results("that an earlier run wrote", folders, names.is_result)
    return [_of_job(job) for job in collect(source, results=earlier, flag="")]


def _of_job(job: Job) -> Found:
    path = str(job.image.absolute())
    try:
        return Found(path, job.name.as_posix(), place(path).stored().identity)
    except OSError:  # who reads it says what is wrong
        return Found(path, job.name.as_posix())


def _of_store(source: Place, target: Place, names: Names) -> List[Found]:
    """The images of an object store's prefix or pattern."""
    top = source
    if glob.has_magic(source.path) and not source.fs.exists(source.path):
        parts = source.path.split("/")
        fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
        top = Place(source.fs, "/".join(parts[:fixed]))
        files = top.files("/".join(parts[fixed:]))
    else:
        files = source.files()
        if not files and source.fs.isfile(source.path):
            name = PurePosixPath(source.path).name
            return [Found(source.address, name, source.stored().identity)]
    own = _below(target, top)
    found = sorted(
        name
        for name in files
        if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
        and not _is_hidden(name)
        and not names.is_result(Path(name))
        and not (own and name.startswith(own))
    )
    if len(found) < len(files):
        left = len(files) - len(found)
        logger.info(f"Left out {left} of {source.address} that are no images, hidden, or results")
    return [Found((top / name).address, name, files[name].identity) for name in found]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _below(target: Place, top: Place) -> str:
    """The path of the target below a folder of the source, with a slash; "" if it is not there."""
    start, end = top.path.rstrip("/") + "/", target.path.rstrip("/") + "/"
    same = type(top.fs) is type(target.fs) and end.startswith(start) and end != start
    return end[len(start) :] if same else ""


def _listed(source: Place, suffix: str) -> Iterator[Found]:
    folder = Place(source.fs, source.path.rstrip("/").rpartition("/")[0])
    lines = _lines(source, suffix)
    if suffix in LIST_SUFFIXES and source.is_local and not any(map(has_scheme, lines)):
        yield from map(_of_job, collect(source.path, flag=""))
        return
    seen = set()
    for line in lines:
        address, name = _named(line, folder)
        if address not in seen:  # a picture that is listed twice is one
            seen.add(address)
            yield Found(address, name)


def _named(line: str, folder: Place) -> Tuple[str, str]:
    """The address of a list's line, and the name of its picture."""
    if not has_scheme(line):
        path = PurePosixPath(line)
        # As for the local command: what leads out of the list's folder keeps its last part.
        outside = path.is_absolute() or ".." in path.parts
        if path.is_absolute():
            return (str(path) if folder.is_local else f"/{line}"), path.name
        return (folder / str(path)).address, path.name if outside else path.as_posix()
    start = folder.address.rstrip("/") + "/"
    if line.startswith(start):
        return line, line[len(start) :]
    return line, line.partition("://")[2].partition("?")[0].lstrip("/")


def _lines(source: Place, suffix: str) -> List[str]:
    """The addresses that a list has."""
    try:
        if suffix == ".parquet":
            import pyarrow.dataset as data

            table = data.dataset(source.path, filesystem=source.fs, format="parquet")
            name = _column(table.schema.names, source)
            values = table.to_table(columns=[name]).column(name).to_pylist()
            return [str(value) for value in values if value]
        text = source.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, RemoteError):
            raise
        raise RemoteError(f"{source.address}: expected a list of images; {error}") from error
    if suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        name = _column(list(rows[0]) if rows else [], source)
        return [row[name].strip() for row in rows if row[name]]
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _column(columns: List[str], source: Place) -> str:
    name = columns[0] if len(columns) == 1 else next((n for n in _COLUMNS if n in columns), None)
    if name is None:
        raise RemoteError(
            f"{source.address}: expected a column named {', '.join(_COLUMNS[:-1])} or "
            f"{_COLUMNS[-1]}, found {', '.join(columns) or 'none'}"
        )
    return name
