"""``tools/dataset.py check``: every image and mask opened, everything that is wrong told."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import List

from paddleseg_u2net.commands.dataset.input import (
    add_whole_input,
    check_input,
    read_input,
    refuse_own_files,
)
from paddleseg_u2net.commands.parsing import Parser, file_of, printable
from paddleseg_u2net.data_tools.inspection import report
from paddleseg_u2net.data_tools.inspection.check import check
from paddleseg_u2net.data_tools.inspection.findings import counts, dropped
from paddleseg_u2net.data_tools.inspection.scan import scan
from paddleseg_u2net.io.files import write_bytes, write_text
from paddleseg_u2net.progress import Progress

_FILES = ("report", "json", "drop")


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        "dataset check",
        description="Open every image and mask, and tell what is wrong. Exit code 0: no errors, "
        "1: errors, 2: wrong usage. No file of the data set is changed.",
    )
    add_whole_input(result)
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
    check_input(result, arguments, "ignore_index", "size")
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
    refuse_own_files(arguments, _FILES, data.parts)
    lists = arguments.write_lists
    if lists is not None:
        for part in data.parts:
            report.refuse_list(lists, part)
    channels = data.settings.channels
    with Progress(sum(len(part.pairs) for part in data.parts), "checking", "pairs") as progress:
        stats = [
            scan(part.pairs, channels, arguments.workers, progress.update) for part in data.parts
        ]
    checked = check(data.parts, stats, data.settings, arguments.similar)
    left_out = dropped(checked.findings)
    if arguments.report is not None:
        lines = "".join(f"{line}\n" for line in report.text(data.parts, checked, True))
        write_bytes(arguments.report, lines.encode("utf-8", "backslashreplace"))
        print(f"wrote {arguments.report}: {len(checked.findings)} findings")
    if arguments.json is not None:
        found = report.as_json(data, checked, arguments.similar)
        write_text(arguments.json, json.dumps(found, indent=1) + "\n")
        print(f"wrote {arguments.json}")
    if arguments.drop is not None:
        write_bytes(arguments.drop, report.drop_list(data.parts, left_out))
        print(f"wrote {arguments.drop}: {len(left_out)} images")
    if lists is not None:
        for line in report.write_lists(data.parts, set(left_out), lists):
            print(line)
    for line in report.text(data.parts, checked, arguments.files):
        print(printable(line))
    number = counts(checked.findings)
    return int(number["error"] > 0 or (arguments.strict and number["warning"] > 0))
