"""Images and labels of other tools into this project's layout."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, Dict, List, Union

from paddleseg_u2net.commands.dataset.input import add_workers
from paddleseg_u2net.commands.parsing import Parser, at_least
from paddleseg_u2net.data_tools.convert import Imported, Options, check_output, write
from paddleseg_u2net.data_tools.importers import FORMATS, SOURCES
from paddleseg_u2net.data_tools.splits import PARTS
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.text import short_lines

_BAD_SHOWN = 5


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser("dataset import", description=__doc__)
    formats = result.add_subparsers(dest="format", required=True, metavar="FORMAT")
    for name, item in FORMATS.items():
        parser = formats.add_parser(name, help=item.about, description=item.about)
        group = parser.add_argument_group("what to import")
        for key, settings in item.arguments.items():
            group.add_argument(f"--{key}", **settings)
        _add_common(parser)
    arguments = result.parse_args(argv)
    if arguments.format == "coco" and bool(arguments.source) == bool(arguments.annotations):
        result.error("coco: expected --source, or --annotations with --images")
    if arguments.format == "coco" and arguments.source and arguments.images:
        result.error("coco: --images has an effect with --annotations only")
    if getattr(arguments, "tolerance", 0) < 0:
        result.error(f"--tolerance: expected 0 or more, got {arguments.tolerance}")
    if arguments.folds and arguments.val_share is not None:
        result.error("--val_share: has no effect with --folds, which validate on all in turn")
    if arguments.val_share is None:
        arguments.val_share = 0.0 if arguments.folds else Options.val_share
    return arguments


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to make of it")
    add = group.add_argument
    add("--output", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    add("--val_share", type=float, metavar="SHARE",
        help=f"of the images, for validation; default: {Options.val_share}")  # fmt: skip
    add("--folds", type=at_least(2), default=0, metavar="K",
        help="instead: K folds of a cross-validation, with a configuration each")  # fmt: skip
    add("--test_share", type=float, default=0.0, metavar="SHARE",
        help="of the images, for testing; default: %(default)s")  # fmt: skip
    add("--seed", type=int, default=0, help="another one divides otherwise")
    add("--group_by", default="", metavar="REGEX",
        help="its first group finds an image's group in its name, else in its path")  # fmt: skip
    add("--group_similar", type=at_least(0), nargs="?", const=8, metavar="BITS", help="keep images "
        "together that look nearly the same; of 64 bits that may differ: 8")  # fmt: skip
    add("--resplit", action="store_true", help="divide anew what the source has divided")
    add("--size", type=at_least(1), nargs=2, default=[320, 320], metavar=("W", "H"),
        help="that train.yaml lets the network see; default: 320 320")  # fmt: skip
    add("--copy", action="store_true", help="copy image files instead of linking them")
    add("--mismatched_masks", choices=("error", "resize"), default="error",
        help="mask files of another size than their image; default: %(default)s")  # fmt: skip
    add("--allow_missing", action="store_true",
        help="leave out images that are not there or have no mask, and the reverse")  # fmt: skip
    add("--skip_bad", action="store_true",
        help="leave out images that cannot be used, those of --allow_missing too")  # fmt: skip
    add("--allow_empty", action="store_true",
        help="write the data set even if no image has any foreground")  # fmt: skip
    add_workers(group)


def run(argv: List[str]) -> int:
    """Import; 0 if the data set is there."""
    arguments = _arguments(argv)
    options = Options(**{key: getattr(arguments, key) for key in Options.__dataclass_fields__})
    item = FORMATS[arguments.format]
    given = {key: getattr(arguments, key) for key in item.arguments}
    given = {key: value for key, value in given.items() if value}
    sources = {key: given.pop(key) for key in list(given) if key in SOURCES}
    check_output(arguments.output, [path for paths in sources.values() for path in _list(paths)])
    about: Dict[str, Any] = {"format": arguments.format, "sources": {}, "reading": given}
    for key, paths in sources.items():
        names = [str(path.resolve()) for path in _list(paths)]
        about["sources"][key] = names if isinstance(paths, list) else names[0]
    source = item.read(arguments)
    with Progress(len(source.samples), "importing") as progress:
        result = write(source, arguments.output, about, options, progress.update)
    print(_report(result))
    return 0


def _list(given: Union[Path, List[Path]]) -> List[Path]:
    return given if isinstance(given, list) else [given]


def _report(result: Imported) -> str:
    images = sum(part.images for part in result.parts.values())
    lines = [f"{images} images are in {result.root}", "", *_table(result)]
    if result.bad:
        lines += ["", f"{len(result.bad)} images could not be used and were left out:"]
        lines += [f"  {why}" for why in short_lines([i.why for i in result.bad], _BAD_SHOWN)]
        lines.append("All are listed in import.json.")
    if result.remarks:
        lines += ["", *(f"Note: {remark}." for remark in result.remarks)]
    config = shlex.quote(str(result.root / "train.yaml"))
    lines += ["", "Next:", f"  python tools/dataset.py check --config {config}"]
    if result.folds:
        fold, numbers = shlex.quote(str(result.root / "fold_")), range(1, len(result.folds) + 1)
        lines += [
            f"  for k in {' '.join(map(str, numbers))}; do python tools/train.py --config "
            f"{fold}$k.yaml --save_dir output/fold_$k --do_eval; done",
            "  python tools/val.py --model_path output/fold_*/best_model --json folds.json",
        ]
    elif "train" in result.parts:
        evaluation = " --do_eval" if "val" in result.parts else ""
        lines.append(f"  python tools/train.py --config {config}{evaluation}")
    return "\n".join(lines)


def _table(result: Imported) -> List[str]:
    names = [name for name in PARTS if name in result.parts]
    parts = [*(result.parts[name] for name in names), *result.folds]
    names += [f"fold {number}" for number in range(1, len(result.folds) + 1)]
    rows = [
        ["", *names],
        ["images", *(str(part.images) for part in parts)],
        ["without foreground", *(str(part.empty) for part in parts)],
        ["mean foreground", *(f"{part.foreground:.1%}" for part in parts)],
    ]
    for name in result.classes[1:]:
        rows.append([f"with {name}", *(str(part.classes[name]) for part in parts)])
    width = max(len(row[0]) for row in rows)
    return [f"{row[0]:<{width}}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows]
