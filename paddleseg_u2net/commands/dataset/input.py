"""Which data set ``dataset check`` and ``dataset stats`` look at, and for which network."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.inspection import parts as of
from paddleseg_u2net.data_tools.inspection.check import Settings
from paddleseg_u2net.data_tools.inspection.parts import Part
from paddleseg_u2net.datasets.mask_encoding import MaskError, check_mask_encoding
from paddleseg_u2net.env import cores
from paddleseg_u2net.io.yaml_text import YamlError, load_yaml
from paddleseg_u2net.parallel import MOST_WORKERS

_FOLDERS = ("images", "masks", "val_images", "val_masks")
# As imports name classes that nobody has named.
_UNNAMED = re.compile(r"class_\d+|object")
_SAID_BY_CONFIG = ("num_classes", "ignore_index", "mask_values", "size")


class Input(NamedTuple):
    """Parts of a data set with at least one pair in all, and what they are to be used for.

    ``names`` are those of the classes by number, empty where nothing says them.
    """

    parts: List[Part]
    settings: Settings
    names: Tuple[str, ...] = ()


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which data set."""
    which = parser.add_argument_group("which data set").add_argument
    which("--images", type=Path, metavar="DIR", help="images; masks of the same name in --masks")
    which("--masks", type=Path, metavar="DIR", help="masks")
    which("--val_images", type=Path, metavar="DIR", help="images to validate on, in a folder apart")
    which("--val_masks", type=Path, metavar="DIR", help="their masks")
    which(
        "--root",
        type=Path,
        metavar="DIR",
        help="folder with train_list.txt, ..., or with images/ and masks/",
    )
    which("--config", type=Path, metavar="YAML", help="its train_dataset and val_dataset")
    which("--opts", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="override keys of the configuration")  # fmt: skip
    what = parser.add_argument_group("what for; --config says it itself").add_argument
    what("--num_classes", type=int, metavar="N", help="1: foreground or not; default: as many as "
        "--root's classes.txt names, else 1")  # fmt: skip
    what("--ignore_index", type=int, metavar="N", help="label that counts nowhere; default: 255")
    what("--mask_values", metavar="CODING", help="auto, index, binary, soft, instance, or a table "
        "such as '{0: 0, 255: 1}'; default: auto")  # fmt: skip
    what("--size", type=int, nargs=2, metavar=("W", "H"), help="network's input; default: 320 320")
    parser.add_argument("--workers", type=int, default=min(cores(), MOST_WORKERS),
        metavar="N", help="processes; 0: none beside this one; default: %(default)s")  # fmt: skip


def check_input(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Leave with the exit code 2 if the arguments of `add_input` do not fit together."""
    ways = [
        bool(arguments.config),
        bool(arguments.root),
        any(getattr(arguments, key) for key in _FOLDERS),
    ]
    if sum(ways) != 1:
        parser.error("expected one of --images with --masks, --root, --config")
    if ways[2] and not (arguments.images and arguments.masks):
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


def refuse_own_files(flag: str, output: Optional[Path], own: Iterable[Path]) -> None:
    """Refuse to write over the data set, under whatever name, before hours of work.

    Args:
        flag: Of the argument, for the message.
        output: Where to write.
        own: Files that must stay as they are.

    Raises:
        ValueError: ``output`` is a folder, or one of ``own``, which may be a link to it.
    """
    if output is None or not output.exists():
        return
    if output.is_dir() or any(_is_same(output, path) for path in own):
        raise ValueError(f"{flag} {output}: expected a new file; name another one")


def _is_same(output: Path, path: Path) -> bool:
    try:
        return os.path.samefile(output, path)  # noqa: PTH121 (a third of the time)
    except OSError:  # one of them is not there
        return False


def read_input(arguments: argparse.Namespace) -> Input:
    """Find the files of the data set.

    Raises:
        PairingError, ConfigError, MaskError, ImageError: there is no such data set, or its lists
            or folders cannot be used at all.
    """
    found = _of_config(arguments) if arguments.config else _of_files(arguments)
    if not any(part.pairs or part.problems for part in found.parts):
        raise ValueError("expected pairs of images and masks, found none; check the paths")
    return found


def _of_files(arguments: argparse.Namespace) -> Input:
    names = of.class_names(arguments.root)
    settings = Settings(
        num_classes=arguments.num_classes or (len(names) if len(names) > 2 else 1),
        ignore_index=255 if arguments.ignore_index is None else arguments.ignore_index,
        size=tuple(arguments.size) if arguments.size else (320, 320),
        named=_named(names),
    )
    coding = _coding(arguments.mask_values, settings)
    if arguments.root:
        parts = of.of_root(arguments.root)
    elif arguments.val_images:
        parts = [
            of.of_folders("train", arguments.images, arguments.masks),
            of.of_folders("val", arguments.val_images, arguments.val_masks),
        ]
    else:
        parts = [of.of_folders("all", arguments.images, arguments.masks)]
    for part in parts:
        part.mask_values = coding
    return Input(parts, settings, names)


def _named(names: Sequence[str]) -> bool:
    return not all(map(_UNNAMED.fullmatch, names[1:]))


def _coding(text: Any, settings: Settings) -> Any:
    if text is None:
        return "auto"
    try:
        coding = load_yaml(text)
    except YamlError as error:
        raise MaskError(f"--mask_values: this is not YAML: {error}") from error
    check_mask_encoding(coding, settings.num_classes, "--mask_values", settings.ignore_index)
    return coding


def _of_config(arguments: argparse.Namespace) -> Input:
    from paddleseg_u2net.env import load_paddle

    load_paddle()
    from paddleseg_u2net.config import Config, ConfigError

    config = Config(arguments.config, arguments.opts, training=False)
    parts, complaints = [], []
    names: Tuple[str, ...] = ()
    for mode in ("train", "val"):
        try:
            dataset = config.dataset_settings(mode)
        except ConfigError as error:
            complaints.append(error)
            continue
        parts.append(of.of_settings(dataset))
        names = tuple(dataset.class_names or names)
    if not parts:
        raise complaints[0]
    if len(parts) == 2 and parts[0].problems == parts[1].problems:
        parts[1].problems = []  # of the same folders, of which each part has a share
    size = config.preprocess().size or (320, 320)
    settings = Settings(
        config.num_classes, config.ignore_index, config.in_channels, size, named=_named(names)
    )
    return Input(parts, settings, names)
