"""The configuration that trains on an imported data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Collection, Dict, Sequence, Tuple

import yaml

# Beside the package where the project was unpacked.
CONFIGS = Path(__file__).resolve().parents[2] / "configs"

_BASE = "_base_/u2net.yml"
# Of the size; the paper crops 288 of 320.
_CROP = 0.9
_MOVED = "# Trains on this folder. Moved it? Correct dataset_root and _base_.\n"
_MOVED_FOLD = "# Moved it? Correct dataset_root here and in train.yaml.\n"
_FOLD = "# Fold {number} of {count}: validates on its own images, trains on those of the others.\n"
_NO_CONFIGS = "# _base_ is to point to the folder configs of paddleseg_u2net.\n"
_TEST = "# To score on the testing part: --opts val_dataset.val_path=test_list.txt\n"
_FLIP = "  - {type: RandomHorizontalFlip, prob: 0.5}\n"
_OTHER_FLIP = """\
  # - {type: RandomVerticalFlip, prob: 0.5}   # for data without an up: microscopy, satellites
"""
_FINE_TUNING = """\
# From published weights: `pretrained: u2netp` into model, and this, or the first steps undo what
# they know; for another task than salient objects `new_heads: true` into model instead of this.
# lr_scheduler: {learning_rate: 1.0e-4, warmup_iters: 200, warmup_start_lr: 1.0e-6}
"""


def train_yaml(
    root: Path,
    classes: Sequence[str],
    mask_values: str,
    parts: Collection[str],
    size: Tuple[int, int] = (320, 320),
) -> str:
    """Return the text of a configuration for the data set in ``root``, its final folder.

    What people change first is written out; the rest is in its base. ``size`` is the width and
    height that the network sees, of which training sees nine tenths.
    """
    root = root.resolve()
    tree: Dict[str, Any] = {
        "_base_": _base(root),
        "model": {"type": "U2NetP", "num_classes": 1 if len(classes) == 2 else len(classes)},
        "batch_size": 4,
        "iters": 10000,
        "preprocess": {"size": list(size)},
    }
    for part in ("train", "val"):
        if part in parts:
            tree[f"{part}_dataset"] = _dataset(root, classes, mask_values, part)
    if "train" in parts:
        # The paper's recipe for any size, but for its vertical flip.
        crop = [max(1, round(side * _CROP)) for side in size]
        tree["train_dataset"]["transforms"] = [
            {"type": "Resize", "target_size": list(size)},
            {"type": "RandomCrop", "crop_size": crop},
            {"type": "RandomHorizontalFlip", "prob": 0.5},
        ]
    text = _dumped(tree)
    before = _MOVED + ("" if CONFIGS.is_dir() else _NO_CONFIGS) + (_TEST if "test" in parts else "")
    after = _FINE_TUNING if "train" in parts else ""
    return before + text.replace(_FLIP, _FLIP + _OTHER_FLIP) + after


def fold_yaml(root: Path, classes: Sequence[str], mask_values: str, number: int, count: int) -> str:
    """Return the text of the configuration of one of ``count`` folds, over ``train.yaml``."""
    tree: Dict[str, Any] = {
        "_base_": "train.yaml",
        "train_dataset": {"train_path": f"fold_{number}/train_list.txt"},
        "val_dataset": _dataset(root.resolve(), classes, mask_values, "val", f"fold_{number}/"),
    }
    return _FOLD.format(number=number, count=count) + _MOVED_FOLD + _dumped(tree)


def _dataset(
    root: Path, classes: Sequence[str], mask_values: str, part: str, folder: str = ""
) -> Dict[str, Any]:
    return {
        "type": "PairDataset",
        "dataset_root": str(root),
        f"{part}_path": f"{folder}{part}_list.txt",
        "mask_values": mask_values,
        "class_names": list(classes),
    }


def _dumped(tree: Dict[str, Any]) -> str:
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _base(root: Path) -> str:
    if not CONFIGS.is_dir():
        return f"configs/{_BASE}"
    file = CONFIGS.resolve() / _BASE
    try:
        return Path(os.path.relpath(file, root)).as_posix()
    except ValueError:  # on Windows, another drive
        return str(file)
