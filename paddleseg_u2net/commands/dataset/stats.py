"""``tools/dataset.py stats``: what a data set is made of, as numbers and one picture."""

from __future__ import annotations

import argparse
import json
from typing import Dict, Iterator, List, Sequence

from paddleseg_u2net.commands.dataset.input import (
    add_whole_input,
    check_input,
    read_input,
    refuse_own_files,
)
from paddleseg_u2net.commands.parsing import Parser, file_of
from paddleseg_u2net.data_tools.inspection.inputs import Part
from paddleseg_u2net.data_tools.inspection.statistics import (
    Numbers,
    ScannedPart,
    quantiles,
    scan_parts,
    summed,
)
from paddleseg_u2net.io.files import write_bytes, write_text
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.render import statistics as render

_SIZES_SHOWN = 3


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        "dataset stats",
        description="Sizes, foreground, classes and colours of a data set.",
    )
    add_whole_input(result)
    out = result.add_argument_group("what to write").add_argument
    out("--json", type=file_of(".json"), metavar="FILE", help="all numbers, per part and together")
    out("--output", type=file_of(".png"), metavar="FILE", help="one picture of all")
    arguments = result.parse_args(argv)
    check_input(result, arguments, "ignore_index", "size")
    return arguments


def run(argv: List[str]) -> int:
    """Count; 0 if the masks could be understood."""
    arguments = _arguments(argv)
    data = read_input(arguments)
    refuse_own_files(arguments, ("json", "output"), data.parts)
    with Progress(sum(len(part.pairs) for part in data.parts), "counting", "pairs") as progress:
        parts = scan_parts(data, arguments.workers, progress.update)
    numbers = {part.name: summed([one], data.settings) for part, one in zip(data.parts, parts)}
    together = summed(parts, data.settings)
    if not len(together.sizes) or not len(together.foreground):
        raise ValueError(f"none of {together.pairs} pairs can be read; `dataset check` tells why")
    for line in _lines(numbers, together, parts, data.names):
        print(line)
    if arguments.json is not None:
        report = {
            "parts": {name: item.as_json() for name, item in numbers.items()},
            "together": together.as_json(),
        }
        write_text(arguments.json, json.dumps(report, indent=1) + "\n")
        print(f"wrote {arguments.json}")
    if arguments.output is not None:
        picture = render.as_png(together.sizes, together.foreground, _title(data.parts))
        write_bytes(arguments.output, picture)
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
        yield f"{name}: {item.pairs} pairs{unread}, masks read as {part.encoding}"
    width, height = (quantiles(together.sizes[:, axis].astype(float)) for axis in (1, 0))
    yield f"width: {_three(width)}   height: {_three(height)}"
    sizes = together.most_sizes()[:_SIZES_SHOWN]
    yield "most frequent: " + ", ".join(f"{w}x{h} ({count})" for (h, w), count in sizes)
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
    for name, item in numbers.items():
        weights = ", ".join(f"{weight:g}" for weight in item.weights)
        yield f"{name}: weight: auto of a loss is [{weights}]"
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
