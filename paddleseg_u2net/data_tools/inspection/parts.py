"""The parts of a data set (train, val, test), with what could not be paired."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

from paddleseg_u2net.config import DatasetSettings
from paddleseg_u2net.datasets.pairing import (
    Pair,
    PairingError,
    Problem,
    from_folders,
    from_list,
    split_train_val,
)
from paddleseg_u2net.datasets.resolve_paths import resolve_paths

_LIST = "_list.txt"
_USUAL = ("train", "val", "test")


@dataclass
class Part:
    """Pairs that are used together.

    Attributes:
        name: train, val, test, or all.
        pairs: Image and mask files that exist.
        problems: What could not be paired.
        mask_values: The coding of masks, see ``paddleseg_u2net.datasets.mask_encoding``.
        resizes: Whether masks of another size are fitted to their image.
        root: Where its lists have their files; None where there are no lists.
        images: The folder of its images; None where there is a list.
        list_file: The list.
    """

    name: str
    pairs: List[Pair]
    problems: List[Problem] = field(default_factory=list)
    mask_values: Any = "auto"
    resizes: bool = False
    root: Optional[Path] = None
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


def of_folders(name: str, images: Path, masks: Path) -> Part:
    """A part that is two folders; the errors are those of `from_folders`."""
    problems: List[Problem] = []
    return Part(name, from_folders(images, masks, problems), problems, images=images)


def of_list(name: str, path: Path, root: Path, separator: Optional[str] = None) -> Part:
    """A part that is a list file; the errors are those of `from_list`."""
    problems: List[Problem] = []
    pairs = from_list(path, root, separator, problems)
    return Part(name, pairs, problems, root=root, list_file=path)


def class_names(root: Optional[Path]) -> Tuple[str, ...]:
    """Classes as ``dataset import`` wrote them down, from the background on, if it did."""
    path = None if root is None else root / "classes.txt"
    if path is None or not path.is_file():
        return ()
    return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())


def of_root(root: Path) -> List[Part]:
    """The parts of a data set's folder: those of ``train_list.txt`` and so on, else all that is in
    ``images`` and ``masks``.

    Raises:
        PairingError: there is no such folder, or no such list, or a list cannot be used at all.
    """
    if not root.is_dir():
        raise PairingError(f"{root}: expected the data set's folder, found none; check the path")
    lists = [path for path in sorted(root.iterdir()) if path.name.endswith(_LIST)]
    if not lists and all((root / name).is_dir() for name in ("images", "masks")):
        return [of_folders("all", root / "images", root / "masks")]
    if not lists:
        raise PairingError(
            f"{root}: expected lists such as train{_LIST}, or the folders images and masks, found "
            "neither; name other folders with --images and --masks"
        )
    lists.sort(key=lambda path: _USUAL.index(_name(path)) if _name(path) in _USUAL else 9)
    return [of_list(_name(path), path, root) for path in lists]


def _name(path: Path) -> str:
    return path.name[: -len(_LIST)]


def of_settings(settings: DatasetSettings) -> Part:
    """The part that a configuration's ``train_dataset`` or ``val_dataset`` describes.

    Raises:
        PairingError, ValueError: as `PairDataset`, but for single files and lines.
    """
    mode, folders = settings.mode, (settings.images, settings.masks)
    paths = resolve_paths(mode, settings.name, settings.dataset_root, settings.list_path, *folders)
    if paths.list_file is None:
        part = of_folders(mode, paths.images, paths.masks)
    else:
        part = of_list(mode, paths.list_file, paths.root, settings.separator)
    part.mask_values = settings.mask_values
    part.resizes = settings.mismatched_masks == "resize"
    if settings.val_share:
        part.pairs = split_train_val(part.pairs, settings.val_share)[0 if mode == "train" else 1]
    return part
