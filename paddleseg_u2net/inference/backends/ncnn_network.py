"""ncnn as an engine: float32 by Winograd's algorithm, a quarter of the multiplications of a 3x3
convolution; the fastest of all where the processor has no instructions for 8 or 16 bits.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Mapping, Optional

import numpy as np

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.env import cores
from paddleseg_u2net.inference.backends.backend import (
    WEIGHTS,
    Backend,
    EngineNetwork,
    LoadError,
    Model,
    engine_module,
    register,
)
from paddleseg_u2net.io.files import write_bytes

INPUT, OUTPUT = "input", "d0"


def load(model: Model, threads: Optional[int] = None, device: str = "cpu") -> EngineNetwork:
    """The network of a ``model.param`` and its ``model.bin``, see `weights.ncnn_write`."""
    ncnn = engine_module("ncnn", "ncnn")
    net = ncnn.Net()
    net.opt.num_threads = threads or cores()
    # On ARM it would compute in half precision otherwise, which moves maps by whole levels.
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    param, weights = model.file(".param"), model.file(".bin")
    text = param.decode() if isinstance(param, bytes) else param.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(weights, bytes):  # ncnn's Python interface reads weights from files only
            content, weights = weights, Path(folder) / "model.bin"
            write_bytes(weights, content)
        if net.load_param_mem(text) != 0 or net.load_model(str(weights)) != 0:
            raise LoadError(f"backend ncnn does not load {weights}")

    def one(image: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()  # one a call: threads may overlap
        extractor.input(INPUT, ncnn.Mat(image))
        code, found = extractor.extract(OUTPUT)
        if code != 0:
            raise RuntimeError(f"code {code}")
        return np.array(found)

    # A batch gains nothing here: one image fills all cores.
    return EngineNetwork(
        lambda batch: np.stack([one(image) for image in batch]),
        "ncnn",
        model.output_type,
        model.num_classes,
        model.shape,
    )


def _from_weights(state: Mapping[str, np.ndarray], model: Architecture) -> Model:
    from paddleseg_u2net.weights.ncnn_write import ncnn_files

    what = (model.stages, model.num_classes, model.in_channels)
    param, weights = ncnn_files(state, *what, activation=False, source="--backend ncnn")
    return Model("ncnn", {"model.param": param.encode(), "model.bin": weights})


register(
    Backend(
        "ncnn",
        load,
        # By `python benchmarks/backends.py`, U2NetP in float32 on a processor with AVX2.
        times={WEIGHTS: 0.66, "ncnn": 1},
        packages=("ncnn",),
        install="pip install 'paddleseg_u2net[ncnn]'",
        from_weights=_from_weights,
    )
)
