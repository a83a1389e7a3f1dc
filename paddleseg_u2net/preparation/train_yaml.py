"""The configuration that trains on an imported data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Iterable, List

import yaml

# Beside the package where the project was unpacked.
CONFIGS = Path(__file__).resolve().parents[2] / "configs"

_RECIPE = ("_base_/u2net.yml", "_base_/augment_288.yml")


def train_yaml(root: Path, classes: int, soft: bool, parts: Iterable[str]) -> str:
    """The text of a configuration for the data set in ``root``.

    Its bases are the recipe alone, without a data set whose keys would be merged into this one.

    Args:
        root: The data set's final folder.
        classes: Number of classes with the background, 2 or more.
        soft: Whether masks are probabilities.
        parts: Those of train, val and test that have images.
    """
    root = root.resolve()
    tree: Dict[str, Any] = {
        "_base_": _bases(root),
        "model": {"type": "U2NetP", "num_classes": 1 if classes == 2 else classes},
    }
    for part in ("train", "val"):
        if part in parts:
            tree[f"{part}_dataset"] = {
                "type": "PairDataset",
                "dataset_root": str(root),
                f"{part}_path": f"{part}_list.txt",
                "mask_values": "soft" if soft else "index",
            }
    lines = ["# Trains on this folder. Moved it? Correct dataset_root and _base_."]
    if not CONFIGS.is_dir():
        lines.append("# _base_ is to point to the folder configs of paddleseg_u2net.")
    if "test" in parts:
        lines.append("# To score on the testing part: --opts val_dataset.val_path=test_list.txt")
    return "\n".join(lines) + "\n" + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _bases(root: Path) -> List[str]:
    if not CONFIGS.is_dir():
        return [f"configs/{name}" for name in _RECIPE]
    files = [CONFIGS.resolve() / name for name in _RECIPE]
    try:
        return [Path(os.path.relpath(file, root)).as_posix() for file in files]
    except ValueError:  # on Windows, another drive
        return [str(file) for file in files]
