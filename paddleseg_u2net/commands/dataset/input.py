"""Arguments that the parts of ``dataset`` share: which data set, and for which network."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Iterable, Optional

from paddleseg_u2net.data_tools.inspection.inputs import Input, Part, read_config, read_files
from paddleseg_u2net.env import cores
from paddleseg_u2net.parallel import MOST_WORKERS

_FOLDERS = ("images", "masks", "val_images", "val_masks")
_SAID_BY_CONFIG = ("num_classes", "ignore_index", "mask_values", "size")


def add_workers(group: Any) -> None:
    """Add ``--workers``."""
    group.add_argument("--workers", type=int, default=min(cores(), MOST_WORKERS), metavar="N",
        help="processes; 0: none beside this one; default: %(default)s")  # fmt: skip


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which data set."""
    which = parser.add_argument_group("which data set").add_argument
    which("--images", type=Path, metavar="DIR", help="images; masks of the same name in --masks")
    which("--masks", type=Path, metavar="DIR", help="masks")
    which("--val_images", type=Path, metavar="DIR", help="images to validate on, in a folder apart")
    which("--val_masks", type=Path, metavar="DIR", help="their masks")
    which("--root", type=Path, metavar="DIR",
        help="folder with train_list.txt, ..., or with images/ and masks/")  # fmt: skip
    which("--config", type=Path, metavar="YAML", help="its train_dataset and val_dataset")
    which("--opts", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="override keys of the configuration")  # fmt: skip
    what = parser.add_argument_group("what for; --config says it itself").add_argument
    what("--num_classes", type=int, metavar="N", help="1: foreground or not; default: as many as "
        "--root's classes.txt names, else 1")  # fmt: skip
    what("--ignore_index", type=int, metavar="N", help="label of ignored pixels; default: 255")
    what("--mask_values", metavar="CODING", help="auto, index, binary, soft, instance, or a table "
        "such as '{0: 0, 255: 1}'; default: auto")  # fmt: skip
    what("--size", type=int, nargs=2, metavar=("W", "H"), help="network's input; default: 320 320")
    add_workers(parser)


def check_input(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Leave with the exit code 2 if the arguments of `add_input` do not fit together."""
    folders = any(getattr(arguments, key) for key in _FOLDERS)
    if sum(map(bool, (arguments.config, arguments.root, folders))) != 1:
        parser.error("expected one of --images with --masks, --root, --config")
    if folders and not (arguments.images and arguments.masks):
        parser.error("expected both --images and --masks")
    if bool(arguments.val_images) != bool(arguments.val_masks):
        parser.error("expected both --val_images and --val_masks")
    given = [f"--{key}" for key in _SAID_BY_CONFIG if getattr(arguments, key) is not None]
    if arguments.config and given:
        parser.error(f"{', '.join(given)}: with --config the configuration says it; use --opts")
    if arguments.opts and not arguments.config:
        parser.error("--opts: expected --config, whose keys it overrides")
    counts = [1 if arguments.num_classes is None else arguments.num_classes]
    if arguments.workers < 0 or min(counts + (arguments.size or [])) < 1:
        parser.error("--workers: expected 0 or more; --num_classes, --size: 1 or more")
    if not 0 <= (arguments.ignore_index or 0) <= 255:
        parser.error("--ignore_index: expected 0 to 255")


def read_input(arguments: argparse.Namespace) -> Input:
    """Find the files of the data set; the errors are those of `read_files` and `read_config`."""
    if arguments.config:
        return read_config(arguments.config, arguments.opts)
    settings = {
        "num_classes": arguments.num_classes,
        "ignore_index": arguments.ignore_index,
        "size": tuple(arguments.size) if arguments.size else None,
    }
    folders = {"all": (arguments.images, arguments.masks)}
    if arguments.val_images:
        folders = {"train": folders["all"], "val": (arguments.val_images, arguments.val_masks)}
    given = {key: value for key, value in settings.items() if value is not None}
    return read_files(arguments.root, folders, arguments.mask_values, given)


def refuse_own_files(
    arguments: argparse.Namespace, keys: Iterable[str], parts: Iterable[Part]
) -> None:
    """Refuse to write over the data set, under whatever name, before hours of work.

    Raises:
        ValueError: An output is a folder, or a file of the data set, or a link to one.
    """
    own = [path for part in parts for path in part.files()]
    own += [Path(arguments.config)] if arguments.config else []
    for key in keys:
        output: Optional[Path] = getattr(arguments, key)
        if output is None or not output.exists():
            continue
        if output.is_dir() or any(_is_same(output, path) for path in own):
            raise ValueError(f"--{key} {output}: expected a new file; name another one")


def _is_same(output: Path, path: Path) -> bool:
    try:
        return os.path.samefile(output, path)  # noqa: PTH121 (a third of the time)
    except OSError:  # one of them is not there
        return False
