"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Optional

import numpy as np

from paddleseg_u2net.env import cores
from paddleseg_u2net.inference.backends.backend import (
    WEIGHTS,
    Backend,
    EngineNetwork,
    LoadError,
    Model,
    engine_module,
    onnx_of_weights,
    register,
)


def load(model: Model, threads: Optional[int] = None, device: str = "cpu") -> EngineNetwork:
    """The network of an ONNX file, of which the first output is taken."""
    runtime = engine_module("onnxruntime", "onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # no warnings about what it optimises
    options.intra_op_num_threads = threads or cores()
    file = model.file(".onnx")
    content = file if isinstance(file, bytes) else str(file)
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has many errors of its own
        raise LoadError(f"backend onnxruntime does not load the model: {error}") from error
    taken, given = session.get_inputs()[0], session.get_outputs()[0]

    def run(batch: np.ndarray) -> np.ndarray:
        return session.run([given.name], {taken.name: batch})[0]

    # free sides have names
    shape = tuple(side if isinstance(side, int) else None for side in taken.shape)
    return EngineNetwork(run, "onnxruntime", model.output_type, model.num_classes, shape)


register(
    Backend(
        "onnxruntime",
        load,
        # It starts sooner than OpenVINO, which is as fast.
        times={WEIGHTS: 1, "onnx": 1},
        packages=("onnxruntime",),
        install="pip install 'paddleseg_u2net[deploy]'",
        from_weights=onnx_of_weights,
        weights_packages=("onnx",),
    )
)
