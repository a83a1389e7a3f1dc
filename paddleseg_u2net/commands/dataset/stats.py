"""``tools/dataset.py stats``: what a data set is made of, as numbers and one picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from paddleseg_u2net.commands.dataset.input import (
    add_input,
    check_input,
    read_input,
    refuse_own_files,
)
from paddleseg_u2net.commands.parsing import Parser, file_of
from paddleseg_u2net.data_tools.inspection.inputs import Part
from paddleseg_u2net.data_tools.inspection.statistics import (
    Numbers,
    ScannedPart,
    advice,
    quantiles,
    scan_parts,
    summed,
    usable,
)
from paddleseg_u2net.io.files import write_bytes, write_text
from paddleseg_u2net.progress import Progress

_SIZES_SHOWN = 3


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        "dataset stats",
        description="Sizes, foreground, classes, places and colours of a data set.",
    )
    add_input(result)
    out = result.add_argument_group("what to write").add_argument
    out("--json", type=file_of(".json"), metavar="FILE", help="all numbers, per part and together")
    out("--output", type=Path, metavar="PNG", help="one picture of all")
    arguments = result.parse_args(argv)
    check_input(result, arguments)
    if arguments.output is not None and arguments.output.suffix.lower() != ".png":
        result.error(f"--output: expected a name that ends in .png, got {arguments.output}")
    return arguments


def run(argv: List[str]) -> int:
    """Count; 0 if the masks could be understood."""
    arguments = _arguments(argv)
    data = read_input(arguments)
    refuse_own_files(arguments, ("json", "output"), data.parts)
    with Progress(sum(len(part.pairs) for part in data.parts), "counting", "pairs") as progress:
        parts = scan_parts(data, arguments.workers, progress.update)
    size = data.settings.size
    numbers = {part.name: summed([one], size) for part, one in zip(data.parts, parts)}
    together = summed(parts, size)
    if not len(together.sizes) or not len(together.foreground):
        raise ValueError(f"none of {together.pairs} pairs can be read; `dataset check` tells why")
    counsel = advice(together, size, data.settings.num_classes)
    for line in _lines(numbers, together, parts, data.names):
        print(line)
    for line in counsel:
        print(f"advice: {line}")
    if arguments.json is not None:
        report = {
            "parts": {name: item.as_json() for name, item in numbers.items()},
            "together": together.as_json(),
            "advice": counsel,
        }
        write_text(arguments.json, json.dumps(report, indent=1) + "\n")
        print(f"wrote {arguments.json}")
    if arguments.output is not None:
        # It shows sizes and foreground of the same images: those that can be used.
        shown = summed([usable(part) for part in parts], size)
        write_bytes(arguments.output, _picture(shown, together, _title(data.parts)))
        print(f"wrote {arguments.output}")
    return 0


def _lines(
    numbers: Dict[str, Numbers],
    together: Numbers,
    parts: Sequence[ScannedPart],
    names: Sequence[str],
) -> Iterator[str]:
    for (name, item), part in zip(numbers.items(), parts):
        unread = f", {item.unreadable} with unreadable files" if item.unreadable else ""
        yield f"{name}: {item.pairs} pairs{unread}, masks read as {part.reader.encoding}"
    width, height = (quantiles(together.sizes[:, axis].astype(float)) for axis in (1, 0))
    yield f"width: {_three(width)}   height: {_three(height)}"
    sizes = together.most_sizes()[:_SIZES_SHOWN]
    yield "most frequent: " + ", ".join(f"{w}x{h} ({count})" for (h, w), count in sizes)
    yield "files: " + ", ".join(f"{key} ({n})" for key, n in together.formats.items())
    share = quantiles(100 * together.foreground)
    empty, full = ((together.foreground == value).sum() for value in (0, 1))
    yield (
        f"foreground: mean {100 * together.foreground.mean():.4g} %, {_three(share)}, "
        f"empty {empty}, full {full}"
    )
    if len(together.classes) > 2:
        for label, (of_pixels, masks) in together.classes.items():
            name = f" {names[int(label)]}" if int(label) < len(names) else ""
            yield f"class {label}{name}: {100 * of_pixels:.4g} % of pixels, in {masks} masks"
    if together.ignored:
        yield f"ignored: {100 * together.ignored:.4g} % of pixels"
    row, column = together.middle()
    yield f"middle of the foreground: {column:.2f} of the width, {row:.2f} of the height"
    mean, std = (", ".join(f"{v:.4f}" for v in row) for row in (together.mean, together.std))
    yield f"mean: [{mean}]   std: [{std}]"


def _three(values: Dict[str, float]) -> str:
    shown = " / ".join(f"{values[key]:.4g}" for key in ("min", "median", "max"))
    return f"{shown} (min / median / max)"


def _title(parts: Sequence[Part]) -> str:
    counts = ", ".join(f"{len(part.pairs)} {part.name}" for part in parts)
    places = [part.root or part.images for part in parts]
    name = next((place.resolve().name for place in places if place is not None), "")
    return f"{name}: {counts}" if name else counts


def _picture(shown: Numbers, together: Numbers, title: str) -> bytes:
    from paddleseg_u2net.render import statistics

    if not len(shown.sizes):
        raise ValueError("--output: no pair has both files sound; `dataset check` tells why")
    return statistics.as_png(shown.sizes, shown.foreground, together.centre.clip(0, 1), title)
