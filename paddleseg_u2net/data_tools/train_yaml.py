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
_MOVED = "# Trains on this folder. Moved it? Correct dataset_root and _base_."
_NO_CONFIGS = "# _base_ is to point to the folder configs of paddleseg_u2net."
_TEST = "# To score on the testing part: --opts val_dataset.val_path=test_list.txt"
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
    soft: bool,
    parts: Collection[str],
    size: Tuple[int, int] = (320, 320),
) -> str:
    """The text of a configuration for the data set in ``root``.

    What people change first stands in it; the rest is in its base.

    Args:
        root: The data set's final folder.
        classes: Their names, the background first, 2 or more.
        soft: Whether masks are probabilities.
        parts: Those of train, val and test that have images.
        size: Width and height that the network sees; training sees nine tenths of them.
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
            tree[f"{part}_dataset"] = {
                "type": "PairDataset",
                "dataset_root": str(root),
                f"{part}_path": f"{part}_list.txt",
                "mask_values": "soft" if soft else "index",
                "class_names": list(classes),
            }
    if "train" in parts:
        tree["train_dataset"]["transforms"] = _transforms(size)
    lines = [_MOVED]
    lines += [] if CONFIGS.is_dir() else [_NO_CONFIGS]
    lines += [_TEST] if "test" in parts else []
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=None)
    text = text.replace(_FLIP, _FLIP + _OTHER_FLIP)
    return "\n".join(lines) + "\n" + text + (_FINE_TUNING if "train" in parts else "")


def _transforms(size: Tuple[int, int]) -> Sequence[Dict[str, Any]]:
    """The paper's recipe for any size, but for its vertical flip: resize, a random crop, a flip."""
    return [
        {"type": "Resize", "target_size": list(size)},
        {"type": "RandomCrop", "crop_size": [max(1, round(side * _CROP)) for side in size]},
        {"type": "RandomHorizontalFlip", "prob": 0.5},
    ]


def _base(root: Path) -> str:
    if not CONFIGS.is_dir():
        return f"configs/{_BASE}"
    file = CONFIGS.resolve() / _BASE
    try:
        return Path(os.path.relpath(file, root)).as_posix()
    except ValueError:  # on Windows, another drive
        return str(file)
