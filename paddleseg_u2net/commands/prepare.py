"""``benchmark_data_prepare/prepare.py``: a known data set in its place, from wherever it comes."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import List

from paddleseg_u2net.commands.arguments import add_plugins
from paddleseg_u2net.commands.parsing import Parser
from paddleseg_u2net.data_tools.known import Prepared, prepare
from paddleseg_u2net.datasets.table import TABLE, Row, is_row_file
from paddleseg_u2net.text import did_you_mean, one_line

_PROJECT = Path(__file__).resolve().parents[2]


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        "prepare",
        description="Fetch or unpack a known data set, check it and put it where the "
        "configurations look for it. A second run does nothing, an interrupted one goes on.",
        epilog=f"data sets: {', '.join(TABLE)}; --list tells more",
    )
    add = result.add_argument
    add("name", nargs="?", type=_known, metavar="NAME", help="a data set of --list, or a YAML file "
        "with a row of your own")  # fmt: skip
    add("--root", default=Path("data"), type=Path, metavar="DIR",
        help="NAME is made in it, nothing outside is written; default: %(default)s")  # fmt: skip
    add("--archive", nargs="+", action="extend", default=[], type=Path, metavar="FILE",
        help="archives to unpack instead of fetching; their names do not matter")  # fmt: skip
    add("--mirror", metavar="URL", help="an address or a folder with the archives by their "
        "published names, asked first")  # fmt: skip
    add("--source", type=Path, metavar="FOLDER", help="an unpacked folder: linked if it has the "
        "layout, else copied into it")  # fmt: skip
    add("--password", help="of encrypted archives")
    add("--allow_incomplete", action="store_true", help="take another number than published")
    add("--list", action="store_true", help="show what there is, and end")
    add_plugins(result)
    arguments = result.parse_args(argv)
    if arguments.name is None and not arguments.list:
        result.error("expected NAME, or --list")
    if arguments.source is not None and (arguments.archive or arguments.mirror):
        result.error("--source: expected no --archive and no --mirror beside it")
    if arguments.archive and arguments.mirror:
        result.error("--archive: expected no --mirror beside it")
    return arguments


def _known(name: str) -> str:
    if name in TABLE or is_row_file(name):
        return name
    names = list(TABLE)
    raise argparse.ArgumentTypeError(
        f"expected one of {', '.join(names)}, got {name!r}{did_you_mean(name, names)}"
    )


def run(argv: List[str]) -> int:
    """Prepare a data set; 0 if it is in its place, whole."""
    arguments = _arguments(argv)
    if arguments.list:
        print("\n".join(_listing()))
        return 0
    done = prepare(
        arguments.name,
        arguments.root,
        arguments.archive,
        arguments.mirror,
        arguments.source,
        arguments.allow_incomplete,
        arguments.password,
    )
    print("\n".join(_story(done)))
    return 0


def _listing() -> List[str]:
    lines = [f"{'NAME':<20}{'PAIRS':<26}{'DOWNLOAD':<12}{'FETCHED':<10}LICENCE"]
    for name, row in TABLE.items():
        parts = " ".join(f"{part} {split.pairs}" for part, split in row.splits.items())
        size = f"~{row.megabytes} MB" if row.megabytes else "unknown"
        how = "yes" if row.fetchable else "by hand"
        lines.append(f"{name:<20}{parts:<26}{size:<12}{how:<10}{row.licence or 'none is stated'}")
    return lines


def _story(done: Prepared) -> List[str]:
    row = done.row
    what = "prepared" if done.fresh else "is there already, checked quickly, nothing done"
    lines = [f"{row.title}: {what}: {done.folder}"]
    lines += [f"  {part}: {count} pairs" for part, count in done.parts.items()]
    lines += [f"  {remark}" for remark in done.remarks]
    if done.archives:
        lines.append(f"Archives: {done.archives[0].parent}, may be deleted now")
    lines.append(
        "; ".join(filter(None, (f"Licence: {row.licence or 'none is stated'}", row.homepage)))
    )
    lines += [f"Cite: {row.cite}"] if row.cite else []
    lines.append(f"Next: python tools/dataset.py check --root {shlex.quote(str(done.folder))}")
    lines.append(f"      {_next(row, done.folder)}")
    return [one_line(line) for line in lines]


def _next(row: Row, folder: Path) -> str:
    """The command to train, or to score where there is nothing to train with."""
    parts = [part for part in ("train", "val") if part in row.splits]
    words = ["python", "tools/train.py" if "train" in parts else "tools/val.py"]
    own = folder / "train.yaml"
    words += ["--config", f"configs/RGB/U2Net/{row.config}" if row.config else str(own)]
    words += [] if "train" in parts else ["--model_path", "u2netp"]
    # From the project's folder, where the command is typed, its own data need no address.
    places = (here / "data" / row.name for here in (Path.cwd(), _PROJECT))
    if row.config and folder.absolute() not in places:
        words += ["--opts", *(f"{part}_dataset.dataset_root={folder}" for part in parts)]
    return shlex.join(words)
