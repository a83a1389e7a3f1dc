"""Where the pairs of a part lie: a row of the table, a list file, or two folders."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional

from paddleseg_u2net.datasets.pairing import PairingError
from paddleseg_u2net.datasets.table import find_row


class PairPaths(NamedTuple):
    """A list file whose paths are below ``root``, or two folders."""

    root: Path
    list_file: Optional[Path] = None
    images: Path = Path()
    masks: Path = Path()


def resolve_paths(
    mode: str,
    name: Optional[str] = None,
    dataset_root: Optional[str] = None,
    list_path: Optional[str] = None,
    images: Optional[str] = None,
    masks: Optional[str] = None,
) -> PairPaths:
    """Tell where a part's pairs are by what a configuration says of them."""
    root = _root(mode, name, dataset_root)
    if list_path is None and images is None and masks is None and name is not None:
        splits = find_row(name).splits
        if mode not in splits:
            raise PairingError(f"name: {name} has no {mode} part, only {', '.join(splits)}")
        split = splits[mode]
        # A list says more than folders: it may leave pairs out. But not everyone has it.
        if split.list_file and ((root / split.list_file).is_file() or not split.images):
            list_path = split.list_file
        else:
            images, masks = split.images, split.masks
    if list_path:
        # As in PaddleSeg a list may also be given relative to the working folder.
        candidates = [root / list_path, Path(list_path)]
        return PairPaths(root, next((path for path in candidates if path.is_file()), candidates[0]))
    if images and masks:
        return PairPaths(root, None, root / images, root / masks)
    raise PairingError(
        f"{mode}_dataset: expected name, or {mode}_path (a list file), or both images and masks "
        "(folders); got none of these"
    )


def _root(mode: str, name: Optional[str], dataset_root: Optional[str]) -> Path:
    folder = f"data/{find_row(name).name}" if name else "."
    root = Path(dataset_root or folder)
    if not root.is_dir():
        bring = (
            f"; `python benchmark_data_prepare/prepare.py {name}` fetches and prepares it (or "
            "with --archive FILES, or --source FOLDER for an unpacked copy)"
            if name
            else ""
        )
        raise PairingError(
            f"{root}: expected the data set's folder, found none{bring}; or name "
            f"another: --opts {mode}_dataset.dataset_root=FOLDER"
        )
    return root
