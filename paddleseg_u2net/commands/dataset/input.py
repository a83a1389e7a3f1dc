"""Arguments that the parts of ``dataset`` share: which data set, and for which network."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Iterable, Optional

from paddleseg_u2net.commands.parsing import at_least
from paddleseg_u2net.data_tools.inspection.inputs import Input, Part, read_config, read_files
from paddleseg_u2net.env import cores
from paddleseg_u2net.parallel import MOST_WORKERS


def add_workers(group: Any) -> None:
    """Add ``--workers``."""
    group.add_argument("--workers", type=at_least(0), default=min(cores(), MOST_WORKERS),
        metavar="N", help="processes; 0: none beside this one; default: %(default)s")  # fmt: skip


def add_input(parser: argparse.ArgumentParser) -> Any:
    """Add the arguments that say which data set; return what adds more on what it is for."""
    which = parser.add_argument_group("which data set").add_argument
    which("--images", type=Path, metavar="DIR", help="images; masks of the same name in --masks")
    which("--masks", type=Path, metavar="DIR", help="masks")
    which("--root", type=Path, metavar="DIR",
        help="folder with train_list.txt, ..., or with images/ and masks/")  # fmt: skip
    which("--config", type=Path, metavar="YAML", help="its train_dataset and val_dataset")
    which("--opts", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="override keys of the configuration")  # fmt: skip
    what = parser.add_argument_group("what for; --config says it itself").add_argument
    what("--num_classes", type=at_least(1), metavar="N", help="1: foreground or not; default: as "
        "many as --root's classes.txt names, else 1")  # fmt: skip
    what("--mask_values", metavar="CODING", help="auto, index, binary, soft, instance, or a table "
        "such as '{0: 0, 255: 1}'; default: auto")  # fmt: skip
    return what


def add_whole_input(parser: argparse.ArgumentParser) -> None:
    """Add what says a data set of several parts, and the network that it is for."""
    what = add_input(parser)
    what("--ignore_index", type=int, metavar="N", help="label of ignored pixels; default: 255")
    what("--size", type=at_least(1), nargs=2, metavar=("W", "H"),
        help="network's input; default: 320 320")  # fmt: skip
    val = parser.add_argument_group("images to validate on, in folders apart").add_argument
    val("--val_images", type=Path, metavar="DIR", help="images")
    val("--val_masks", type=Path, metavar="DIR", help="their masks")
    add_workers(parser)


def check_input(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, *said_by_config: str
) -> None:
    """Leave with the exit code 2 if the arguments of `add_input` do not fit together."""
    given = {key for key, value in vars(arguments).items() if value not in (None, [])}
    folders = given & {"images", "masks", "val_images", "val_masks"}
    if len(given & {"config", "root"}) + bool(folders) != 1:
        parser.error("expected one of --images with --masks, --root, --config")
    if folders and not {"images", "masks"} <= given:
        parser.error("expected both --images and --masks")
    if len(given & {"val_images", "val_masks"}) == 1:
        parser.error("expected both --val_images and --val_masks")
    said = [f"--{key}" for key in ("num_classes", "mask_values", *said_by_config) if key in given]
    if "config" in given and said:
        parser.error(f"{', '.join(said)}: with --config the configuration says it; use --opts")
    if "opts" in given and "config" not in given:
        parser.error("--opts: expected --config, whose keys it overrides")
    if not 0 <= (getattr(arguments, "ignore_index", None) or 0) <= 255:
        parser.error("--ignore_index: expected 0 to 255")


def read_input(arguments: argparse.Namespace) -> Input:
    """Find the files of the data set."""
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
    """Refuse to write over the data set, under whatever name, before hours of work."""
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
