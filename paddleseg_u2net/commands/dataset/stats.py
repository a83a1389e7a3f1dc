"""``tools/dataset.py stats``: what a data set is made of, as numbers and one picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from paddleseg_u2net.commands.dataset.input import (
    Input,
    add_input,
    check_input,
    read_input,
    refuse_own_files,
)
from paddleseg_u2net.commands.parsing import Parser, file_of
from paddleseg_u2net.data_tools.inspection.parts import Part
from paddleseg_u2net.data_tools.inspection.scan import Look, PairStats, Task, look
from paddleseg_u2net.data_tools.inspection.statistics import Numbers, advice, quantiles, summed
from paddleseg_u2net.data_tools.inspection.values import SAYING, Reader, coding_of
from paddleseg_u2net.datasets.mask_encoding import MaskError
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
    _check_outputs(arguments, data.parts)
    looks = _looks(data, arguments.workers)
    size, classes = data.settings.size, data.settings.num_classes
    numbers = {part.name: summed([one], size) for part, one in zip(data.parts, looks)}
    together = summed(looks, size)
    if not len(together.sizes) or not len(together.foreground):
        raise ValueError(f"none of {together.pairs} pairs can be read; `dataset check` tells why")
    counsel = advice(together, size, classes)
    for line in _lines(numbers, together, looks, data.names):
        print(line)
    for line in counsel:
        print(f"advice: {line}")
    if arguments.json is not None:
        report = _report(numbers, together, counsel)
        write_text(arguments.json, json.dumps(report, indent=1) + "\n")
        print(f"wrote {arguments.json}")
    if arguments.output is not None:
        write_bytes(arguments.output, _picture(looks, together, size, _title(data.parts)))
        print(f"wrote {arguments.output}")
    return 0


def _check_outputs(arguments: argparse.Namespace, parts: Sequence[Part]) -> None:
    own = [path for part in parts for path in part.files()]
    own += [arguments.config] if arguments.config else []
    for key in ("json", "output"):
        refuse_own_files(f"--{key}", getattr(arguments, key), own)


def _looks(data: Input, workers: int) -> List[Tuple[Look, Reader]]:
    """PairStats about each part, and how its masks are read.

    Raises:
        MaskError: it is not clear what the values of masks mean.
    """
    settings = data.settings
    task = Task(settings.channels, settings.size, copies=False, statistics=True)
    total = sum(len(part.pairs) for part in data.parts)
    looks = []
    with Progress(total, "counting", "pairs") as progress:
        for part in data.parts:
            found = look(part.pairs, task, workers, progress.update)
            coding: Any = part.mask_values
            masks = [(p.mask, f.values) for p, f in zip(part.pairs, found.facts) if f.values]
            if coding == "auto":
                coding, why = "index", None
                if masks:
                    coding, why = coding_of(masks, settings.num_classes, settings.ignore_index)
                if coding is None:
                    raise MaskError(f"{why}; here with {SAYING}")
            looks.append((found, Reader(coding, settings.num_classes, settings.ignore_index)))
    return looks


# ---------------------------------------------------------------- what is shown


def _lines(
    numbers: Dict[str, Numbers],
    together: Numbers,
    looks: Sequence[Tuple[Look, Reader]],
    names: Sequence[str],
) -> List[str]:
    lines = []
    for (name, item), (_, reader) in zip(numbers.items(), looks):
        unread = f", {item.unreadable} with unreadable files" if item.unreadable else ""
        lines.append(f"{name}: {item.pairs} pairs{unread}, masks read as {reader.coding}")
    width, height = (quantiles(together.sizes[:, axis].astype(float)) for axis in (1, 0))
    lines.append(f"width: {_three(width)}   height: {_three(height)}")
    shown = together.most_sizes()[:_SIZES_SHOWN]
    lines.append(
        "most frequent: " + ", ".join(f"{size[1]}x{size[0]} ({count})" for size, count in shown)
    )
    lines.append("files: " + ", ".join(f"{key} ({n})" for key, n in together.formats.items()))
    share = quantiles(100 * together.foreground)
    empty, full = ((together.foreground == value).sum() for value in (0, 1))
    lines.append(
        f"foreground: mean {100 * together.foreground.mean():.4g} %, {_three(share)}, "
        f"empty {empty}, full {full}"
    )
    if len(together.classes) > 2:
        for label, (part, masks) in together.classes.items():
            name = f" {names[int(label)]}" if int(label) < len(names) else ""
            lines.append(f"class {label}{name}: {100 * part:.4g} % of pixels, in {masks} masks")
    if together.ignored:
        lines.append(f"ignored: {100 * together.ignored:.4g} % of pixels")
    row, column = _middle(together.centre)
    lines.append(f"middle of the foreground: {column:.2f} of the width, {row:.2f} of the height")
    mean, std = (", ".join(f"{v:.4f}" for v in row) for row in (together.mean, together.std))
    lines.append(f"mean: [{mean}]   std: [{std}]")
    return lines


def _three(values: Dict[str, float]) -> str:
    return " / ".join(f"{values[key]:.4g}" for key in ("min", "median", "max")) + (
        " (min / median / max)"
    )


def _middle(centre: np.ndarray) -> Tuple[float, float]:
    """Row and column of the mean place, as shares; the middle of an empty map."""
    if not centre.sum():
        return 0.5, 0.5
    places = (np.arange(len(centre)) + 0.5) / len(centre)
    weights = centre / centre.sum()
    return float(weights.sum(axis=1) @ places), float(weights.sum(axis=0) @ places)


# ---------------------------------------------------------------- what is written


def _report(numbers: Dict[str, Numbers], together: Numbers, counsel: List[str]) -> Dict[str, Any]:
    return {
        "parts": {name: item.as_json() for name, item in numbers.items()},
        "together": together.as_json(),
        "advice": counsel,
    }


def _title(parts: Sequence[Part]) -> str:
    counts = ", ".join(f"{len(part.pairs)} {part.name}" for part in parts)
    places = [part.root or part.images for part in parts]
    name = next((place.resolve().name for place in places if place is not None), "")
    return f"{name}: {counts}" if name else counts


def _picture(
    looks: Sequence[Tuple[Look, Reader]], together: Numbers, size: Tuple[int, int], title: str
) -> bytes:
    from paddleseg_u2net.render import statistics

    # It shows sizes and foreground of the same images: those that can be used.
    usable = summed([(Look(_usable(*one)), one[1]) for one in looks], size)
    if not len(usable.sizes):
        raise ValueError("--output: no pair has both files sound; `dataset check` tells why")
    return statistics.as_png(usable.sizes, usable.foreground, together.centre.clip(0, 1), title)


def _usable(look: Look, reader: Reader) -> List[PairStats]:
    """PairStats about pairs of which both files can be read, and of whose mask something counts."""
    return [
        fact
        for fact in look.facts
        if fact.shape and fact.values and reader.content(fact.values).pixels
    ]
