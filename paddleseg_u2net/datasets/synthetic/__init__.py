"""A salient-object data set of drawings, with exact masks and without a download.

Everything is computed in 64-bit floats and rounded once, at the end: processors differ in the last
bits of a float. Until then a picture is planar, (3, H, W), which is twice as fast.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Tuple

import numpy as np

from paddleseg_u2net.datasets.synthetic.fields import blurred
from paddleseg_u2net.datasets.synthetic.outlines import draw_outlines, shrunk
from paddleseg_u2net.datasets.synthetic.painting import draw_background, draw_object
from paddleseg_u2net.io.files import PathLike, new_dir, write_text
from paddleseg_u2net.io.images import write_png

__all__ = ["draw_dataset", "draw_pair"]

# Changed with every change of what is drawn, so that an older folder is not taken for a new one.
_DRAWING = 1
_SMALLEST_SIDE = 32
_RECORD = "drawn.json"


def draw_pair(
    index: int, seed: int = 0, size: Tuple[int, int] = (160, 160)
) -> Tuple[np.ndarray, np.ndarray]:
    """Draw one picture and its mask; the same arguments give the same bytes.

    ``size`` is height and width in pixels, each 32 or more. The image is uint8 (H, W, 3) in RGB;
    the mask, uint8 (H, W), has 255 on the objects, which cover 3 to 45 %, and 0 elsewhere.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must be 0 or more, not {index} and {seed}")
    height, width = size
    if min(height, width) < _SMALLEST_SIDE:
        raise ValueError(f"size must be {_SMALLEST_SIDE} or more a side, not {height} x {width}")
    rng = np.random.default_rng([seed, index])
    picture = draw_background(rng, size)
    coverages = draw_outlines(rng, size)
    light = rng.uniform(0, 2 * np.pi)
    shadow = rng.uniform(0.25, 0.6)
    for coverage in coverages:
        draw_object(rng, picture, shrunk(coverage), light, shadow)
    union = np.bitwise_or.reduce(coverages)
    mask = np.where(shrunk(union) >= 0.5, 255, 0).astype(np.uint8)
    return _photographed(rng, picture), mask


def draw_dataset(
    folder: PathLike,
    train: int = 160,
    val: int = 40,
    seed: int = 0,
    size: Tuple[int, int] = (160, 160),
) -> None:
    """Write a data set of drawings: PNG files, lists, and `drawn.json` with these arguments.

    The held-out drawings are the `val` indices after the `train` first. The folder appears whole or
    not at all; where it holds the same drawings already, nothing is done; where it holds something
    else, that is an OSError.
    """
    if train < 0 or val < 0 or train + val == 0:
        raise ValueError(f"train and val must be 0 or more and not both 0, not {train} and {val}")
    draw_pair(0, seed, size)  # refuses a wrong seed or size before anything is written
    record = {
        "drawing": _DRAWING,
        "train": int(train),
        "val": int(val),
        "seed": int(seed),
        "size": [int(side) for side in size],
    }
    drawn = Path(folder) / _RECORD
    if drawn.is_file() and drawn.read_text(encoding="utf-8").strip() == json.dumps(record):
        return
    with new_dir(folder) as temporary:
        lines = []
        for index in range(train + val):
            image, mask = draw_pair(index, seed, size)
            names = f"images/{index:05d}.png", f"masks/{index:05d}.png"
            write_png(temporary / names[0], image)
            write_png(temporary / names[1], mask)
            lines.append(" ".join(names) + "\n")
        write_text(temporary / "train_list.txt", "".join(lines[:train]))
        write_text(temporary / "val_list.txt", "".join(lines[train:]))
        write_text(temporary / _RECORD, json.dumps(record) + "\n")


def _photographed(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Return `picture` (3, H, W) through a lens and a sensor, as uint8 (H, W, 3)."""
    picture = blurred(picture, rng.uniform(0.3, 0.7))
    # One plane of grain, moved along for each colour: as good as three, in a third of the time.
    grain = rng.standard_normal(picture.shape[1:])
    # Bright places are noisier, as the number of photons varies.
    noise = rng.uniform(0.005, 0.02) * (0.5 + np.sqrt(np.maximum(picture[1], 0)))
    for plane, rows in zip(picture, (0, 11, 23)):
        plane += np.roll(grain, rows, axis=0) * noise
    levels = np.rint(np.clip(picture, 0, 1, out=picture) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
