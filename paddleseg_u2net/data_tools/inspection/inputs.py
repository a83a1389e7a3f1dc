"""Which data set is looked at: its parts (train, val, test), and the network that it is for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.config import DatasetSettings
from paddleseg_u2net.datasets.mask_encoding import MaskError, check_mask_encoding
from paddleseg_u2net.datasets.pairing import (
    Pair,
    PairingError,
    Problem,
    from_folders,
    from_list,
    split_train_val,
)
from paddleseg_u2net.datasets.patterns import from_patterns
from paddleseg_u2net.datasets.table import resolve_paths
from paddleseg_u2net.io.yaml_text import YamlError, load_yaml

_LIST = "_list.txt"
_USUAL = ("train", "val", "test")
# As imports name classes that nobody has named.
_UNNAMED = re.compile(r"class_\d+|object")


@dataclass
class Part:
    """Pairs that are used together, from a list or two folders."""

    name: str  # train, val, test, or all
    pairs: List[Pair]
    problems: List[Problem] = field(default_factory=list)
    mask_values: Any = "auto"  # see ``datasets.mask_encoding``
    resizes: bool = False  # masks of another size are fitted to their image
    root: Optional[Path] = None  # of the list's paths
    images: Optional[Path] = None
    list_file: Optional[Path] = None

    def files(self) -> Iterator[Path]:
        """All that it consists of: images, masks, those that could not be paired, its list."""
        for pair in self.pairs:
            yield from (pair.image, pair.mask)
        for problem in self.problems:
            yield from problem.files
        if self.list_file is not None:
            yield self.list_file


class Settings(NamedTuple):
    """What the network is to be trained with."""

    num_classes: int = 1
    ignore_index: int = 255
    channels: int = 3
    size: Tuple[int, int] = (320, 320)  # width and height of the network's input
    named: bool = False  # somebody has named the classes


class Input(NamedTuple):
    """A data set, what it is to be used for, and the names of its classes where they are known."""

    parts: List[Part]
    settings: Settings
    names: Tuple[str, ...] = ()


def of_folders(name: str, images: Path, masks: Path) -> Part:
    """A part that is two folders."""
    problems: List[Problem] = []
    return Part(name, from_folders(images, masks, problems), problems, images=images)


def of_list(name: str, path: Path, root: Path, separator: Optional[str] = None) -> Part:
    """A part that is a list file."""
    problems: List[Problem] = []
    pairs = from_list(path, root, separator, problems)
    return Part(name, pairs, problems, root=root, list_file=path)


def of_root(root: Path) -> List[Part]:
    """The parts of a data set's folder: by ``train_list.txt`` and so on, else all of its images."""
    if not root.is_dir():
        raise PairingError(f"{root}: expected the data set's folder, found none; check the path")
    names = [path.name[: -len(_LIST)] for path in sorted(root.glob(f"*{_LIST}"))]
    if names:
        names.sort(key=lambda name: _USUAL.index(name) if name in _USUAL else len(_USUAL))
        return [of_list(name, root / f"{name}{_LIST}", root) for name in names]
    if all((root / name).is_dir() for name in ("images", "masks")):
        return [of_folders("all", root / "images", root / "masks")]
    raise PairingError(
        f"{root}: expected lists such as train{_LIST}, or the folders images and masks, found "
        "neither; name other folders with --images and --masks"
    )


def of_settings(settings: DatasetSettings) -> Part:
    """The part that a configuration's ``train_dataset`` or ``val_dataset`` describes."""
    mode, folders = settings.mode, (settings.images, settings.masks)
    paths = resolve_paths(mode, settings.name, settings.dataset_root, settings.list_path, *folders)
    if paths.patterns is not None:
        problems: List[Problem] = []
        pairs = from_patterns(paths.root, paths.patterns, problems)
        part = Part(mode, pairs, problems, root=paths.root)
    elif paths.list_file is None:
        part = of_folders(mode, paths.images, paths.masks)
    else:
        part = of_list(mode, paths.list_file, paths.root, settings.separator)
    part.mask_values = settings.mask_values
    part.resizes = settings.mismatched_masks == "resize"
    if settings.val_share:
        both = split_train_val(part.pairs, settings.val_share)
        part.pairs = both[0 if mode == "train" else 1]
    return part


def _class_names(root: Optional[Path]) -> Tuple[str, ...]:
    """The classes that ``dataset import`` wrote down, from the background on, if it did."""
    path = None if root is None else root / "classes.txt"
    if path is None or not path.is_file():
        return ()
    return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())


def _encoding(text: Optional[str], num_classes: int, ignore_index: int) -> Any:
    try:
        encoding = "auto" if text is None else load_yaml(text)
    except YamlError as error:
        raise MaskError(f"--mask_values: this is not YAML: {error}") from error
    check_mask_encoding(encoding, num_classes, "--mask_values", ignore_index)
    return encoding


def read_files(
    root: Optional[Path],
    folders: Mapping[str, Tuple[Path, Path]],
    mask_values: Optional[str],
    settings: Mapping[str, Any],
) -> Input:
    """Find the files of a data set: in its folder, else in folders of images and masks by part.

    ``mask_values`` is a YAML text, None: auto; ``settings``: values of `Settings` that are given.
    """
    names = _class_names(root)
    classes = len(names) if len(names) > 2 else 1
    made = Settings(**{"num_classes": classes, "named": _are_named(names), **settings})
    encoding = _encoding(mask_values, made.num_classes, made.ignore_index)
    parts = of_root(root) if root else [of_folders(part, *two) for part, two in folders.items()]
    for part in parts:
        part.mask_values = encoding
    return _not_empty(Input(parts, made, names))


def read_config(path: Path, opts: Sequence[str]) -> Input:
    """Find the files of a configuration's ``train_dataset`` and ``val_dataset``."""
    from paddleseg_u2net.env import load_paddle

    load_paddle()  # before anything imports it, for its warnings
    from paddleseg_u2net.config import Config, ConfigError

    config = Config(path, list(opts), training=False)
    parts: List[Part] = []
    complaints: List[ConfigError] = []
    names: Tuple[str, ...] = ()
    for mode in ("train", "val"):
        try:
            dataset = config.dataset_settings(mode)
        except ConfigError as error:
            complaints.append(error)
            continue
        parts.append(of_settings(dataset))
        names = tuple(dataset.class_names or names)
    if not parts:
        raise complaints[0]
    if len(parts) == 2 and parts[0].problems == parts[1].problems:
        parts[1].problems = []  # of the same folders, of which each part has a share
    size = config.preprocess().size or (320, 320)
    named = _are_named(names)
    settings = Settings(config.num_classes, config.ignore_index, config.in_channels, size, named)
    return _not_empty(Input(parts, settings, names))


def _are_named(names: Sequence[str]) -> bool:
    return not all(map(_UNNAMED.fullmatch, names[1:]))


def _not_empty(data: Input) -> Input:
    if not any(part.pairs or part.problems for part in data.parts):
        raise ValueError("expected pairs of images and masks, found none; check the paths")
    return data
