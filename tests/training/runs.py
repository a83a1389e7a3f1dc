"""Runs, and whether two of them came to the same bits."""

from pathlib import Path
from typing import Any, Dict

import numpy as np

from paddleseg_u2net.config import Config
from paddleseg_u2net.training.trainer import RunOptions, Trainer
from paddleseg_u2net.weights import read_pickle

EVERY_SECOND = {"do_eval": True, "use_ema": True, "save_interval": 2}


def trainer_of(tiny: dict, folder: Path, **options: Any) -> Trainer:
    return Trainer(Config(tiny), RunOptions(save_dir=str(folder), **options))


def train(tiny: dict, folder: Path, **options: Any) -> Trainer:
    trainer = trainer_of(tiny, folder, **options)
    trainer.run()
    return trainer


def weights(folder: Path) -> Dict[str, np.ndarray]:
    return read_pickle(folder / "model.pdparams")


def outcome(run: Path, last: int = 6) -> Dict[str, str]:
    """The states of the last checkpoint and the best models, with the SHA-256 of their files."""
    folders = [run / f"iter_{last}", *sorted(run.glob("*best_model"))]
    return {folder.name: (folder / "state.json").read_text() for folder in folders}
