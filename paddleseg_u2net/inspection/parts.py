"""The parts of a data set (train, val, test), with what could not be paired."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, List, Mapping, Optional

from paddleseg_u2net.datasets.pairs import (
    Pair,
    PairingError,
    Problem,
    look_through_folders,
    look_through_list,
    share,
)
from paddleseg_u2net.datasets.place import place_of

_LIST = "_list.txt"
_USUAL = ("train", "val", "test")


@dataclass
class Part:
    """Pairs that are used together.

    Attributes:
        name: train, val, test, or all.
        pairs: Image and mask files that exist.
        problems: What could not be paired.
        mask_values: The coding of masks, see ``paddleseg_u2net.datasets.masks``.
        resizes: Whether masks of another size are fitted to their image.
        root: Where its lists have their files; None where there are no lists.
        images: The folder of its images; None where there is a list.
    """

    name: str
    pairs: List[Pair]
    problems: List[Problem] = field(default_factory=list)
    mask_values: Any = "auto"
    resizes: bool = False
    root: Optional[Path] = None
    images: Optional[Path] = None


def of_folders(name: str, images: Path, masks: Path) -> Part:
    """A part that is two folders; the errors are those of ``pairs.look_through_folders``."""
    return Part(name, *look_through_folders(images, masks), images=images)


def of_root(root: Path, separator: Optional[str] = None) -> List[Part]:
    """The parts that list files in a data set's folder name: ``train_list.txt`` and so on.

    Raises:
        PairingError: there is no such folder, or no such list, or a list cannot be used at all.
    """
    if not root.is_dir():
        raise PairingError(f"{root}: expected the data set's folder, found none; check the path")
    lists = [path for path in sorted(root.iterdir()) if path.name.endswith(_LIST)]
    if not lists:
        raise PairingError(
            f"{root}: expected lists such as train{_LIST}, found none; write them, or name folders "
            "with --images and --masks"
        )
    lists.sort(key=lambda path: _USUAL.index(_name(path)) if _name(path) in _USUAL else 9)
    return [
        Part(_name(path), *look_through_list(path, root, separator), root=root) for path in lists
    ]


def _name(path: Path) -> str:
    return path.name[: -len(_LIST)]


def of_settings(mode: str, settings: Mapping[str, Any]) -> Part:
    """The part that a configuration's ``train_dataset`` or ``val_dataset`` describes.

    Args:
        mode: train or val.
        settings: The arguments of ``datasets.PairDataset``.

    Raises:
        PairingError: the settings name no pairs, or lists or folders cannot be used at all.
    """
    given = {key: settings.get(key) for key in ("name", "dataset_root", "images", "masks")}
    place = place_of(mode, list_path=settings.get(f"{mode}_path"), **given)
    if place.list_file is None:
        part = of_folders(mode, place.images, place.masks)
    else:
        found = look_through_list(place.list_file, place.root, settings.get("separator"))
        part = Part(mode, *found, root=place.root)
    part.mask_values = settings.get("mask_values", "auto")
    part.resizes = settings.get("mismatched_masks") == "resize"
    if settings.get("val_share"):
        part.pairs = share(part.pairs, settings["val_share"])[0 if mode == "train" else 1]
    return part
