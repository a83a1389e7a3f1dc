"""ncnn as an engine: float32 by Winograd's algorithm, a quarter of the multiplications of a 3x3
convolution; the fastest of all where the processor has no instructions for 8 or 16 bits.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Optional

import numpy as np

from paddleseg_u2net.env import cores
from paddleseg_u2net.inference.backends.engine_module import engine_module
from paddleseg_u2net.inference.network import (
    ANY,
    BackendError,
    EngineNetwork,
    InputShape,
    LoadError,
)
from paddleseg_u2net.io.files import write_bytes

INPUT, OUTPUT = "input", "d0"


def ncnn_network(
    param: str,
    weights: Path,
    gives: str = "logits",
    threads: Optional[int] = None,
    shape: InputShape = ANY,
) -> EngineNetwork:
    """A network in ncnn; threads may share it.

    Args:
        param: the text of ``model.param``, see `weights.ncnn_write.ncnn_files`.
        weights: ``model.bin``.
        gives: what the blob ``d0`` is, "logits" or "probability".
        threads: as many; None: all cores that this process may use.
        shape: of the inputs that are let in; ncnn itself takes any.

    Raises:
        BackendError: ncnn is not installed.
        LoadError: it does not take the model.
    """
    ncnn = engine_module("ncnn", "ncnn")
    net = ncnn.Net()
    net.opt.num_threads = threads or cores()
    # On ARM it would compute in half precision otherwise, which moves maps by whole levels.
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    if net.load_param_mem(param) != 0 or net.load_model(str(weights)) != 0:
        raise LoadError(
            f"backend ncnn does not load {weights}; it is damaged, or of a newer version of ncnn"
        )

    def one(image: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()  # one a call: threads may overlap
        extractor.input(INPUT, ncnn.Mat(image))
        code, found = extractor.extract(OUTPUT)
        if code != 0:
            raise BackendError(
                f"backend ncnn stops with code {code} at an input {image.shape}; it may lack "
                "memory for this size: take --is_slide or a smaller preprocess.size"
            )
        return np.array(found)

    # A batch gains nothing here: one image fills all cores.
    return EngineNetwork(
        lambda batch: np.stack([one(image) for image in batch]), "ncnn", gives=gives, shape=shape
    )


def ncnn_in_memory(
    param: str, weights: bytes, gives: str = "logits", threads: Optional[int] = None
) -> EngineNetwork:
    """As `ncnn_network`, of weights that are in no file."""
    engine_module("ncnn", "ncnn")  # before anything is written
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        write_bytes(path, weights)  # ncnn's Python interface reads weights from files only
        return ncnn_network(param, path, gives, threads)
