"""``tools/dataset.py check``: every image and mask opened, everything that is wrong told."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Set, Tuple

from paddleseg_u2net.commands.dataset.input import (
    Input,
    add_input,
    check_input,
    read_input,
    refuse_own_files,
)
from paddleseg_u2net.commands.parsing import Parser, file_of, printable
from paddleseg_u2net.data_tools.inspection.check import Checked, check, listable
from paddleseg_u2net.data_tools.inspection.findings import KINDS, Finding, by_kind, counts, dropped
from paddleseg_u2net.data_tools.inspection.parts import Part
from paddleseg_u2net.data_tools.inspection.scan import PairStats, Task, look
from paddleseg_u2net.io.files import write_bytes, write_text
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.text import one_line, short_list

_FILES = ("report", "json", "drop")
# Other files of a kind that are named behind the first finding.
_SHOWN = 3


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        "dataset check",
        description="Open every image and mask, and tell what is wrong. Exit code 0: no errors, "
        "1: errors, 2: wrong usage. No file of the data set is changed.",
    )
    add_input(result)
    how = result.add_argument_group("how").add_argument
    how("--similar", type=int, default=8, metavar="BITS", help="of 64 that nearly the same images "
        "differ in at most; 0: almost equal ones only; default: %(default)s")  # fmt: skip
    how("--strict", action="store_true", help="warnings count as errors")
    out = result.add_argument_group("what to write").add_argument
    out("--files", action="store_true", help="show every finding, not one of each kind")
    out("--report", type=Path, metavar="FILE", help="every finding as text, as --files shows them")
    out("--json", type=file_of(".json"), metavar="FILE", help="every finding for programs")
    out("--drop", type=Path, metavar="FILE", help="names of the images that are better left out")
    out("--write_lists", type=Path, metavar="DIR",
        help="train_list.txt and so on without them, for dataset_root and train_path")  # fmt: skip
    arguments = result.parse_args(argv)
    check_input(result, arguments)
    if not 0 <= arguments.similar <= 64:
        result.error("--similar: expected 0 to 64")
    files = [getattr(arguments, key).resolve() for key in _FILES if getattr(arguments, key)]
    if len(set(files)) < len(files):
        result.error("expected different files for --report, --json and --drop")
    return arguments


def run(argv: List[str]) -> int:
    """Check; 0 if there are no errors."""
    arguments = _arguments(argv)
    data = read_input(arguments)
    data = data._replace(settings=data.settings._replace(bits=arguments.similar))
    _check_outputs(arguments, data.parts)
    facts = _facts(data, arguments.workers)
    checked = check(data.parts, facts, data.settings)
    _write(data, checked, arguments)
    for line in _told(data.parts, checked, arguments.files):
        print(printable(line))
    number = counts(checked.findings)
    return int(number["error"] > 0 or (arguments.strict and number["warning"] > 0))


def _check_outputs(arguments: argparse.Namespace, parts: Sequence[Part]) -> None:
    own = [path for part in parts for path in part.files()]
    own += [arguments.config] if arguments.config else []
    for key in _FILES:
        refuse_own_files(f"--{key}", getattr(arguments, key), own)
    if arguments.write_lists is not None:
        for part in parts:
            path = _list_path(arguments.write_lists, part)
            if path.exists():
                raise FileExistsError(f"{path}: expected none yet; name another --write_lists")


def _facts(data: Input, workers: int) -> List[List[PairStats]]:
    task = Task(data.settings.channels, data.settings.size)
    total = sum(len(part.pairs) for part in data.parts)
    with Progress(total, "checking", "pairs") as progress:
        return [look(part.pairs, task, workers, progress.update).facts for part in data.parts]


# ---------------------------------------------------------------- what is shown


def _told(parts: Sequence[Part], checked: Checked, every: bool) -> Iterator[str]:
    """What was found, in lines; of each kind all or one and the names of a few more."""
    for part in parts:
        coding = checked.codings[part.name]
        read = f", masks read as {coding}" if coding is not None else ""
        yield f"{part.name}: {len(part.pairs)} pairs{read}"
    grouped = by_kind(checked.findings)
    rows = [("", "kind", "count", "what")]
    for kind, findings in grouped.items():
        rows.append((KINDS[kind].severity, kind, str(len(findings)), KINDS[kind].what))
    if grouped:
        yield ""
        yield from _aligned(rows)
    for kind, findings in grouped.items():
        yield ""
        yield f"{KINDS[kind].severity} {kind}" + ("" if every else ", such as")
        for finding in findings if every else findings[:1]:
            yield f"  {one_line(finding.message)}"
        if len(findings) > 1 and not every:
            yield f"  {_others(findings[1:])}"
    number = counts(checked.findings)
    yield ""
    yield f"{number['error']} errors, {number['warning']} warnings, {number['note']} notes"
    if not every and any(len(findings) > 1 for findings in grouped.values()):
        yield "every finding: --report FILE, or --files to see them here"


def _others(findings: Sequence[Finding]) -> str:
    files = [finding.files[0] for finding in findings if finding.files]
    names = [one_line(os.path.basename(name)) for name in files]  # noqa: PTH119 (as given)
    return "and " + (short_list(names, _SHOWN) if names else f"{len(findings)} more")


def _aligned(rows: Sequence[Tuple[str, ...]]) -> List[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if column == 2 else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


# ---------------------------------------------------------------- what is written


def _write(data: Input, checked: Checked, arguments: argparse.Namespace) -> None:
    left_out = dropped(checked.findings)
    if arguments.report is not None:
        lines = "".join(f"{line}\n" for line in _told(data.parts, checked, True))
        write_bytes(arguments.report, lines.encode("utf-8", "backslashreplace"))
        print(f"wrote {arguments.report}: {len(checked.findings)} findings")
    if arguments.json is not None:
        write_text(arguments.json, json.dumps(_report(data, checked), indent=1) + "\n")
        print(f"wrote {arguments.json}")
    if arguments.drop is not None:
        write_bytes(arguments.drop, _drop_list(data.parts, left_out))
        print(f"wrote {arguments.drop}: {len(left_out)} images")
    if arguments.write_lists is not None:
        _write_lists(data.parts, set(left_out), arguments.write_lists)


def _report(data: Input, checked: Checked) -> Dict[str, Any]:
    """Everything; the same for the same files, on any number of processes."""
    settings = data.settings
    return {
        "settings": {
            "num_classes": settings.num_classes,
            "ignore_index": settings.ignore_index,
            "size": list(settings.size),
            "similar": settings.bits,
        },
        "parts": {
            part.name: {
                "pairs": len(part.pairs),
                "masks_read_as": _as_json(checked.codings[part.name]),
            }
            for part in data.parts
        },
        "counts": counts(checked.findings),
        "kinds": {kind: len(found) for kind, found in by_kind(checked.findings).items()},
        "findings": [finding.as_json() for finding in checked.findings],
        "drop": [list(pair) for pair in dropped(checked.findings)],
    }


def _as_json(coding: object) -> object:
    if isinstance(coding, dict):
        return {str(value): label for value, label in coding.items()}
    return coding


def _drop_list(parts: Sequence[Part], left_out: Sequence[Tuple[str, str]]) -> bytes:
    """A name a line, below the name of its part; names with line breaks are left as a comment."""
    lines = []
    for part in parts:
        names = [name for of, name in left_out if of == part.name]
        if names:
            lines.append(f"# {part.name}")
        for name in names:
            one = len(name.splitlines()) == 1
            lines.append(name if one else f"# a name of several lines: {name!r}")
    return b"".join(os.fsencode(line) + b"\n" for line in lines)


def _list_path(folder: Path, part: Part) -> Path:
    return folder / f"{part.name}_list.txt"


def _write_lists(parts: Sequence[Part], left_out: Set[Tuple[str, str]], folder: Path) -> None:
    texts = {}
    for part in parts:
        kept = [pair for pair in part.pairs if (part.name, pair.name) not in left_out]
        rows = [tuple(_below(path, part) for path in (pair.image, pair.mask)) for pair in kept]
        lines = ["\t".join(row) + "\n" for row in rows if all(map(listable, row))]
        if not lines:
            raise ValueError(f"{part.name}: expected sound pairs to list, found none")
        texts[_list_path(folder, part)] = "".join(lines)
        missing = len(rows) - len(lines)
        if missing:
            print(f"{part.name}: {missing} pairs have names that no list can hold; rename them")
    for path, text in texts.items():
        write_text(path, text)
        print(f"wrote {path}")


def _below(path: Path, part: Part) -> str:
    """A path as a list has it: below the part's root where it is, else absolute."""
    if part.root is not None:
        try:
            return path.relative_to(part.root).as_posix()
        except ValueError:
            pass
    return str(path.absolute())
