"""A second look at networks whose maps are 0 and 1 nearly everywhere, as after a few steps of
training: another network may have the same maps, but not the same logits.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from paddleseg_u2net.export.formats import FORMATS
from paddleseg_u2net.export.layers import LayerJob
from paddleseg_u2net.export.verify import logits_gap
from paddleseg_u2net.inference.backends import BACKENDS, Model
from paddleseg_u2net.inference.backends.backend import Network
from paddleseg_u2net.inference.description import Description

TOLERANCE = 0.01  # of their standard deviation within maps


def gap_of_logits(layer: Any, model: Network, made: Description, backend: str) -> float:
    """Write the files once more without activation and run them beside the model: the largest
    difference of logits as a share of their standard deviation within maps.
    """
    plain = replace(made, output="logits")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        FORMATS[made.format].write(folder, LayerJob(layer, plain))
        files = {path.name: path for path in folder.iterdir()}
        shape, classes = made.shape, made.num_classes
        written = Model(made.format, files, "logits", classes, shape, network=made.network)
        network = BACKENDS[backend].load(written, None, "cpu")
        return logits_gap(model, network, made.make_preprocess(), shape)
