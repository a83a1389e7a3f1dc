"""The documentation of the known data sets: a page for each, and the table in ``docs/data.md``."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Iterator, List, Tuple, Union

from paddleseg_u2net.datasets.table import TABLE, Row
from paddleseg_u2net.io.files import write_text

_WIDTH = 108
_HEAD = (
    "| data set | name | train | val | test | fetched |\n| --- | --- | --- | --- | --- | --- |\n"
)
_PARTS = ("train", "val", "test")
# Short names of the time before all data sets had one.
_SCRIPTS = {"optic_disc_seg": "MICCAI2021/disc_cpu"}


def write_pages(docs: Union[str, Path]) -> None:
    """Write ``data/NAME.md`` for each known data set, and the table in ``data.md``."""
    docs = Path(docs)
    for row in TABLE.values():
        write_text(docs / "data" / f"{row.name}.md", page(row))
    text = (docs / "data.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(_HEAD)
    write_text(docs / "data.md", before + table() + rest[rest.index("\n\n") + 1 :])


def table() -> str:
    """Return the table of all known data sets."""
    lines = []
    for row in TABLE.values():
        counts = [f"{row.splits[p].pairs:,}" if p in row.splits else "" for p in _PARTS]
        cells = [row.title, f"[`{row.name}`](data/{row.name}.md)", *counts]
        lines.append(f"| {' | '.join([*cells, 'yes' if row.fetchable else 'by hand'])} |\n")
    return _HEAD + "".join(lines)


def page(row: Row) -> str:
    """Return the page of a data set."""
    given = "" if row.fetchable else " --archive FILE"
    script = Path("benchmark_data_prepare/RGB") / f"{_SCRIPTS.get(row.name, row.name)}.sh"
    lines = [f"# {row.title}", "", "```"]
    lines.append(f"python benchmark_data_prepare/prepare.py {row.name}{given}")
    if (Path(__file__).parents[2] / script).is_file():
        lines.append(f"bash {script.as_posix()}{given}     # the same")
    lines += ["```", ""]
    if not row.fetchable:
        by_hand = f"No program may fetch it. Get {row.by_hand}, from <{row.homepage}>; "
        lines += [*_wrapped(f"{by_hand}`--source FOLDER` takes an unpacked copy."), ""]
    lines += ["| | |", "| --- | --- |", *(f"| {key} | {text} |" for key, text in _facts(row)), ""]
    if row.shows:
        lines += [*_wrapped(f"**What the pictures show.** {row.shows}"), ""]
    if row.notes:
        lines += [*_wrapped(row.notes), ""]
    splits = row.splits.values() if row.pool is None else [row.pool]
    folders = [row.folders] if row.folders else [f"{s.images}/  {s.masks}/" for s in splits]
    folders.append("  ".join(split.list_file for split in row.splits.values()))
    lines += ["```", f"data/{row.name}/", *(f"    {line}" for line in folders), "```"]
    return "\n".join(lines) + "\n"


def _facts(row: Row) -> Iterator[Tuple[str, str]]:
    yield "pairs", ", ".join(f"{part} {split.pairs:,}" for part, split in row.splits.items())
    yield "classes", ", ".join(row.classes)
    yield "size", f"about {row.megabytes:,} MB to download" if row.megabytes else "unknown"
    yield "licence", row.licence or "none is stated"
    yield "home", f"<{row.homepage}>"
    yield "cite", row.cite
    if row.config:
        larger = row.config.replace("u2netp", "u2net", 1)
        yield "configurations", f"`configs/RGB/U2Net/{row.config}`, `{larger}`"
    else:
        yield "configuration", f"`data/{row.name}/train.yaml`, written as it is prepared"


def _wrapped(text: str) -> List[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
