"""A model whose answers are known beforehand, and a service of it that can be held up.

``python -m tests.service.bright FOLDER --port 0 ...`` runs the command ``serve`` with it: each
picture leaves a file ``begun-N`` in FOLDER and waits until there is a file ``open``.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path
from typing import Any, Optional

import numpy as np

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.removal import Remover


class Bright:
    """A network that finds what is bright: logits of 50 times the first channel's sign."""

    output_type = "logits"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return 50 * np.sign(batch[:, :1])


class Gated(Bright):
    """The same, once a folder has a file ``open``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, itertools.count()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        (self.folder / f"begun-{next(self.numbers)}").touch()
        while not (self.folder / "open").exists():
            time.sleep(0.005)
        return super().__call__(batch)


def bright_remover(network: Optional[Any] = None) -> Remover:
    preprocess = Preprocess(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5], type="paddleseg")
    return Remover(Pipeline(network or Bright(), preprocess))


if __name__ == "__main__":
    from paddleseg_u2net.commands import end_by
    from paddleseg_u2net.service import app

    app.load_removers = lambda settings: {"bright": bright_remover(Gated(Path(sys.argv[1])))}
    end_by("serve", sys.argv[2:])
