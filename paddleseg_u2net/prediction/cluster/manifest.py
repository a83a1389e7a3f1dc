"""The manifest of a large job: a row for each picture, in Parquet files that only ever grow in
number. A job that is killed loses the rows of its last seconds, and never leaves half a file.
"""

from __future__ import annotations

import io
import json
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, Optional, Sequence

from paddleseg_u2net.prediction.cluster.remote import Place, place

FOLDER = "_manifest"
DONE, EMPTY, FAILED = "done", "empty", "failed"

_PART = re.compile(r"part-(\d+)-\w+-\d+\.parquet")
# After so many a file is written, or so many seconds after the last one.
_ROWS, _SECONDS = 5000, 20.0
_READERS = 16


def schema() -> Any:
    """The columns: what `docs/background_removal.md` says of each."""
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    return pa.schema(
        [
            ("input", text),
            ("output", text),
            ("state", text),
            ("error", text),
            ("presence", pa.float64()),
            ("found", pa.bool_()),
            ("box", pa.list_(pa.int32())),
            ("area", pa.float64()),
            ("seconds", pa.float64()),
            ("attempt", whole),
            ("notes", pa.list_(text)),
            ("identity", text),
            ("bytes", whole),
            ("model", text),
            ("settings", text),
            ("version", text),
        ]
    )


def read_manifest(target: str, columns: Optional[Sequence[str]] = None) -> Any:
    """The manifest of a target folder: one row for each picture, the last that was written.

    >>> table = read_manifest("s3://bucket/cutouts")
    >>> table.to_pandas().state.value_counts()

    Args:
        target: the folder that `remove --ray` wrote to.
        columns: those that are wanted; None: all.

    Returns:
        A `pyarrow.Table`, empty where there is no manifest.
    """
    import pyarrow as pa

    folder = place(target) / FOLDER
    wanted = None if columns is None else list(dict.fromkeys(["input", *columns]))
    table = _parts(folder, parts_of(folder), wanted)
    if not len(table):
        return table if columns is None else table.select(list(columns))
    numbered = table.select(["input"]).append_column("row", pa.array(range(len(table))))
    last = numbered.group_by("input").aggregate([("row", "max")]).column("row_max")
    table = table.take(last.combine_chunks().sort())
    return table if columns is None else table.select(list(columns))


def parts_of(folder: Place) -> List[str]:
    """The names of a manifest's files, in the order in which they were begun."""
    if not folder.fs.exists(folder.path):
        return []
    return sorted(name for name in folder.files() if _PART.fullmatch(name))


def _parts(folder: Place, names: Sequence[str], columns: Optional[Sequence[str]]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def read(name: str) -> Any:
        return pq.read_table(io.BytesIO((folder / name).read()), columns=columns)

    with ThreadPoolExecutor(_READERS) as pool:
        tables = list(pool.map(read, names))
    own = schema()
    empty = own.empty_table()
    tables.append(empty if columns is None else empty.select(list(columns)))
    return pa.concat_tables(tables, promote_options="default")


class Writer:
    """Adds rows to the manifest in ``folder``, in files of its own."""

    def __init__(self, folder: Place) -> None:
        runs = [int(match[1]) for match in map(_PART.fullmatch, parts_of(folder)) if match]
        # The random part keeps two jobs that begin at once from each other's files.
        self._folder, self._name = folder, f"{max(runs, default=0) + 1:05d}-{uuid.uuid4().hex[:8]}"
        self._rows: List[Mapping[str, Any]] = []
        self._parts, self._last = 0, time.monotonic()

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; they are in a file within seconds, if rows go on coming."""
        self._rows += rows
        if len(self._rows) >= _ROWS or time.monotonic() - self._last >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are in no file yet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._last = time.monotonic()
        if not self._rows:
            return
        stream = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(self._rows, schema()), stream)
        (self._folder / f"part-{self._name}-{self._parts:06d}.parquet").write(stream.getvalue())
        self._parts += 1
        self._rows = []


def write_settings(folder: Place, name: str, settings: Mapping[str, Any]) -> None:
    """Keep what the hash ``name`` in the column ``settings`` stands for, as JSON."""
    text = json.dumps(settings, indent=2, sort_keys=True)
    (folder / f"settings-{name}.json").write(text.encode())


def read_settings(folder: Place, name: str) -> Dict[str, Any]:
    """What `write_settings` kept; nothing where it is not there any more."""
    try:
        return dict(json.loads((folder / f"settings-{name}.json").read()))
    except (OSError, ValueError):
        return {}
