"""``tools/dataset.py show``: a sheet of samples, with masks, and with what augmentation does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, List, Sequence, Tuple

from paddleseg_u2net.commands.dataset.input import add_input, check_input, refuse_own_files
from paddleseg_u2net.commands.parsing import Parser, at_least, printable
from paddleseg_u2net.data_tools.inspection import samples
from paddleseg_u2net.data_tools.inspection.inputs import Part, read_files
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.env import load_paddle
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.io.images import WRITABLE_SUFFIXES, ImageError, write_image
from paddleseg_u2net.progress import tracked
from paddleseg_u2net.render.contact_sheet import SMALLEST, contact_sheet
from paddleseg_u2net.text import short_lines

_AUGMENTED = 4
_ERRORS_SHOWN = 20


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        "dataset show",
        description="Draw samples of a data set with their masks, and, with a configuration, what "
        "its augmentation makes of them in training.",
    )
    what = add_input(result)
    what("--mismatched_masks", choices=("error", "resize"), help="default: error")
    what("--classes", nargs="+", metavar="NAME", help="their names, the background first")
    _add_manner(result.add_argument_group("how"))
    arguments = result.parse_args(argv)
    check_input(result, arguments, "mismatched_masks")
    if arguments.config:
        if arguments.part == "test":
            result.error("--part test: a configuration has train and val only; take --root")
        if arguments.part != "train" and arguments.augmented:
            result.error("--augmented: training augments --part train only")
    elif arguments.augmented:
        result.error("--augmented: has an effect with --config only")
    elif arguments.images and arguments.part != "train":
        result.error("--part: has an effect with --config and --root only")
    if arguments.augmented is None:
        augments = arguments.config and arguments.part == "train"
        arguments.augmented = _AUGMENTED if augments else 0
    return arguments


def _add_manner(group: Any) -> None:
    add = group.add_argument
    add("--part", choices=("train", "val", "test"), default="train", help="default: %(default)s")
    add("--count", type=at_least(1), default=8, help="samples; default: %(default)s")
    add("--sort", choices=samples.ORDERS, default="random",
        help="random: drawn by --seed; name: the first ones; foreground: from the least to the "
        "most, in even steps; default: %(default)s")  # fmt: skip
    add("--augmented", type=at_least(0), metavar="N", help="as in the first N epochs of training; "
        f"default: {_AUGMENTED} for the train part of --config")  # fmt: skip
    add("--seed", type=at_least(0), default=0,
        help="chooses, and augments as train.py with this --seed")  # fmt: skip
    add("--size", type=at_least(SMALLEST), default=192, metavar="PIXELS",
        help="of a cell; default: %(default)s")  # fmt: skip
    add("--output", type=Path, default=Path("sheet.png"), help="default: %(default)s")


def run(argv: List[str]) -> int:
    """Write the sheet; 0 if nothing is wrong with what was looked at."""
    arguments = _arguments(argv)
    output = arguments.output
    if output.suffix.lower() not in WRITABLE_SUFFIXES:
        suffixes = " ".join(sorted(WRITABLE_SUFFIXES))
        raise ImageError(output, f"expected one of the suffixes {suffixes}")
    check_writable(output, name=f"--output {output}")
    dataset, named = _dataset(arguments)
    refuse_own_files(arguments, ["output"], [Part("all", dataset.pairs)])
    names = arguments.classes or named
    chosen = samples.choose(dataset, arguments.count, arguments.sort, arguments.seed)
    rows = [
        samples.row(dataset, index, arguments.size, arguments.seed, arguments.augmented, names)
        for index in tracked(chosen, "drawing", "samples")
    ]
    headings = ["image", "mask over it"]
    headings += [f"epoch {epoch}" for epoch in range(arguments.augmented)]
    legend = samples.legend({number for row in rows for number in row.classes}, dataset, names)
    title = _title(dataset, len(rows), arguments)
    cells = [row.cells for row in rows]
    write_image(output, contact_sheet(cells, headings, arguments.size, title, legend))
    print(printable(f"{len(rows)} of {len(dataset)} pairs: wrote {output}"))
    messages = [*getattr(dataset, "unpaired", []), *(row.error for row in rows if row.error)]
    for line in short_lines(messages, _ERRORS_SHOWN):
        print(printable(line), file=sys.stderr)
    return 1 if messages else 0


def _dataset(arguments: argparse.Namespace) -> Tuple[PairDataset, Sequence[str]]:
    if arguments.config:
        dataset = _configured(arguments.config, arguments.opts, arguments.part)
        return dataset, dataset.classes
    given = {} if arguments.num_classes is None else {"num_classes": arguments.num_classes}
    folders = {"all": (arguments.images, arguments.masks)}
    data = read_files(arguments.root, folders, arguments.mask_values, given)
    part = samples.part_named(arguments.part, data.parts)
    dataset = samples.PartDataset(
        part,
        num_classes=data.settings.num_classes,
        mask_values=part.mask_values,
        mismatched_masks=arguments.mismatched_masks or "error",
    )
    return dataset, data.names


def _configured(path: Path, opts: Sequence[str], part: str) -> PairDataset:
    load_paddle()
    from paddleseg_u2net.config import Config

    config = Config(path, opts, training=False)
    if config.dataset_settings(part).cache is not None:  # a look shall not fill a disk
        config = Config(path, [*opts, f"{part}_dataset.cache=null"], training=False)
    return config.dataset(part)


def _title(dataset: PairDataset, count: int, arguments: argparse.Namespace) -> List[str]:
    source = arguments.config or arguments.root or f"{arguments.images} and {arguments.masks}"
    part = "" if arguments.images else f", {arguments.part}"
    lines = [
        f"{source}{part}: {count} of {len(dataset)} pairs",
        f"chosen by {arguments.sort}; masks read as {dataset.mask_encoding}",
    ]
    if arguments.augmented:
        lines.append(f"Epochs: what training with --seed {arguments.seed} is shown")
    return lines
