"""Pictures to predict, and networks that look at single pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from paddleseg_u2net.inference import Pipeline, Preprocess
from tests.io.image_making import noise


def picture(path: Path, array=None, **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(4, 5, 3) if array is None else array).save(path, **how)
    return path


def red(batch: np.ndarray) -> np.ndarray:
    """Foreground where the picture is red."""
    return (batch[:, :1] - 0.5) * 8


def brightest_channel(batch: np.ndarray) -> np.ndarray:
    return batch * 4


def predictor(network=red, channels: int = 3, size=None, kind: str = "paddleseg", **how):
    plain = {"mean": (0,) * channels, "std": (1,) * channels}
    return Pipeline(network, Preprocess(size, channels=channels, type=kind, **plain), **how)


def saved(folder: Path, name: str) -> np.ndarray:
    return np.array(Image.open(folder / name))


def tree(folder: Path) -> dict:
    """The bytes of all files of a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
