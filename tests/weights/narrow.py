"""A U²-Net of the published heights and few channels, with random weights: small and recognised."""

from __future__ import annotations

import numpy as np

from paddleseg_u2net.architecture import TABLES, StageTable, build


def table(divisor=16):
    rows = {
        part: [[row.height, max(row.mid // divisor, 2), row.out // divisor] for row in rows]
        for part, rows in TABLES["U2Net"]._asdict().items()
    }
    return StageTable.parse(rows)


def state(num_classes=1, in_channels=3, seed=0, stages=None):
    """Random float32 weights in the published layout, biases that BatchNorm cancels included.

    Their maps of pictures vary, and are far from 0 and 1 nearly everywhere.
    """
    rng = np.random.default_rng(seed)
    drawn = {}
    for name, shape in build(stages or table(), num_classes, in_channels).shapes().items():
        if name.endswith("._variance"):
            value = rng.uniform(0.5, 2, shape)
        elif name.endswith("bn_s1.weight"):
            value = rng.uniform(0.5, 1.5, shape)
            # The last one of a stage: its result is added to what the stage began with.
            value *= 0.5 if ".rebnconv1d." in name else 1
        elif len(shape) == 4:
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
            if name.startswith("side"):
                value = 0.2 * (value - value.mean((1, 2, 3), keepdims=True))
        else:
            value = rng.normal(0, 0.3, shape)
        drawn[name] = value.astype(np.float32)
    return drawn
