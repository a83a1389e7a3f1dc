"""A large job: which pictures of a source are missing in a target, and what became of each."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Dict, Generator, List, Mapping, NamedTuple, Optional, Sequence

from paddleseg_u2net import signals
from paddleseg_u2net.prediction.cluster.listing import Found
from paddleseg_u2net.prediction.cluster.manifest import (
    DONE,
    EMPTY,
    FAILED,
    FOLDER,
    Writer,
    read_manifest,
    read_settings,
    write_settings,
)
from paddleseg_u2net.prediction.cluster.remote import Place, RemoteError, place
from paddleseg_u2net.prediction.cluster.worker import KEPT, Row
from paddleseg_u2net.prediction.jobs import Job
from paddleseg_u2net.prediction.naming import Names, Output
from paddleseg_u2net.progress import Progress

Results = Generator[List[Dict[str, Any]], None, None]
"""Rows of the manifest, some at a time."""


class Summary(NamedTuple):
    """How many pictures came to what in a run; ``kept`` were done by an earlier one."""

    done: int = 0
    empty: int = 0
    failed: int = 0
    kept: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        made = self.done + self.empty
        parts = [f"{made} of {made + self.failed + self.kept} images"]
        if self.empty:
            parts.append(f"{self.empty} of them empty")
        if self.kept:
            parts.append(f"{self.kept} were done before")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if made and self.seconds:
            parts.append(f"{made / self.seconds:.2f} images/s")
        return ", ".join(parts)


def names_below(suffixes: Sequence[str], template: Optional[str] = None) -> Names:
    """The names of results below a target, which are those of the local command."""
    return Names(Output(folder=Path()), suffixes, template)


def outputs_of(found: Sequence[Found], target: Place, names: Names) -> List[str]:
    """The addresses of the results."""
    jobs = [Job(Path(picture.address), Path(picture.name)) for picture in found]
    top = target.address.rstrip("/") + "/"
    return [top + path.as_posix() for path in names(jobs)]


def settings_hash(settings: Mapping[str, Any]) -> str:
    """A short name of settings, equal where they are."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


class _Earlier(NamedTuple):
    """A row of the manifest, as far as it counts for a restart."""

    output: str
    made: bool
    identity: Optional[str]
    size: Optional[int]
    attempt: int
    settings: str


class Plan(NamedTuple):
    """What is to be done: the rows, and the number of those that are done already."""

    rows: List[Row]
    kept: int


def planned(
    found: Sequence[Found],
    outputs: Sequence[str],
    target: Place,
    settings: Mapping[str, Any],
    again: bool = False,
) -> Plan:
    """Find what is missing.

    A picture is done if its last row says so and names the same result, made with the same
    settings of an input that is still the same, and the result is there, as large as it was.

    Args:
        settings: what results depend on.
        again: do all, whatever the manifest says.

    Raises:
        RemoteError: results were made with other settings, are of another source, or would
            overwrite the pictures themselves.
    """
    inputs = {picture.address for picture in found}
    for output in outputs:
        if output in inputs:
            raise RemoteError(
                f"{output}: would be overwritten by its own result; name another TARGET"
            )
    earlier = _earlier(target)
    rows, kept = [], 0
    if not again:
        _refuse_others(earlier, inputs, set(outputs), target, settings)
    there = _sizes(target) if earlier and not again else {}
    for picture, output in zip(found, outputs):
        before = earlier.get(picture.address)
        known = None
        if before and before.made and before.output == output and not again:
            known = before.identity if there.get(output, -1) == before.size else None
        if known is not None and picture.identity == known:
            kept += 1
            continue
        attempt = before.attempt if before else 0
        rows.append(Row(picture.address, output, picture.identity, known, attempt))
    return Plan(rows, kept)


def _earlier(target: Place) -> Dict[str, _Earlier]:
    columns = ["input", "output", "state", "identity", "bytes", "attempt", "settings"]
    table = read_manifest(target.address, columns)
    rows = zip(*(table.column(name).to_pylist() for name in columns))
    return {
        name: _Earlier(output, state in (DONE, EMPTY), tag, size, attempt, settings)
        for name, output, state, tag, size, attempt, settings in rows
    }


def _sizes(target: Place) -> Dict[str, int]:
    """The files below the target, and how large they are."""
    top = target.address.rstrip("/") + "/"
    return {top + path: file.size for path, file in target.files().items()}


def _refuse_others(
    earlier: Mapping[str, _Earlier],
    inputs: set[str],
    outputs: set[str],
    target: Place,
    settings: Mapping[str, Any],
) -> None:
    """Raise for results of other settings, and of pictures that this source does not have."""
    own = settings_hash(settings)
    for name, row in earlier.items():
        if not row.made:
            continue
        if name in inputs and row.settings != own:
            other = read_settings(target / FOLDER, row.settings)
            raise RemoteError(
                f"{target.address}: its pictures were made with other settings"
                f"{_difference(other, settings)}; give the same, name another TARGET, or do all "
                "anew with --again"
            )
        if name not in inputs and row.output in outputs and place(name).fs.exists(name):
            raise RemoteError(
                f"{row.output}: is the result of {name}, which is not in this source; name another "
                "TARGET, or overwrite it with --again"
            )


def _difference(other: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    names = [name for name in settings if other and other.get(name) != settings[name]]
    said = [f"{name} was {other.get(name)!r}, is {settings[name]!r}" for name in names]
    return f" ({'; '.join(said)})" if said else ""


def do(
    plan: Plan,
    target: Place,
    settings: Mapping[str, Any],
    work: Callable[[Sequence[Row]], Results],
    on_failure: Callable[[str], None] = lambda reason: None,
) -> Summary:
    """Do what is planned, and write the manifest while it is done.

    However this ends, what has come from ``work`` by then is in the manifest.

    Args:
        work: rows to rows of the manifest, some at a time.
        on_failure: is told why a picture failed.
    """
    if not plan.rows:
        return Summary(kept=plan.kept)
    folder = target / FOLDER
    write_settings(folder, settings_hash(settings), settings)
    writer, begun = Writer(folder), time.monotonic()
    counts = {DONE: 0, EMPTY: 0, FAILED: 0, KEPT: plan.kept}
    results = work(plan.rows)
    with closing(results), Progress(len(plan.rows), "removing") as progress:
        try:
            for rows in results:
                for row in rows:
                    counts[row["state"]] += 1
                    if row["state"] == FAILED:
                        on_failure(row["error"])
                writer.add([row for row in rows if row["state"] != KEPT])
                progress.update(len(rows))
        finally:
            with signals.held():
                writer.flush()
    seconds = time.monotonic() - begun
    return Summary(counts[DONE], counts[EMPTY], counts[FAILED], counts[KEPT], seconds)
