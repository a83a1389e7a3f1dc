"""ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence, Union

import numpy as np

from paddleseg_u2net.env import cores
from paddleseg_u2net.inference.backends.engine_module import engine_module
from paddleseg_u2net.inference.network import EngineNetwork, InputShape, LoadError, check_sides


def onnxruntime(
    model: Union[bytes, str, Path], gives: str = "logits", threads: Optional[int] = None
) -> EngineNetwork:
    """A network in ONNX Runtime; threads may share it.

    Args:
        model: an ONNX file, or its content; its first output is taken.
        gives: what that is, see `OUTPUT_TYPES`.
        threads: as many; None: all cores that this process may use.

    Raises:
        BackendError: ONNX Runtime is not installed.
        LoadError: it does not take the model.
    """
    runtime = engine_module("onnxruntime", "onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # warnings about what it optimises concern nobody
    options.intra_op_num_threads = threads or cores()
    content = model if isinstance(model, bytes) else str(model)
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has many errors of its own
        raise LoadError(f"backend onnxruntime does not load the model: {error}") from error
    taken, given = session.get_inputs()[0], session.get_outputs()[0]
    check_sides("onnxruntime", gives, taken.shape, given.shape)

    def run(batch: np.ndarray) -> np.ndarray:
        return session.run([given.name], {taken.name: batch})[0]

    channels = None if gives == "argmax" else _numbers(given.shape)[1]
    return EngineNetwork(run, "onnxruntime", gives, channels, _numbers(taken.shape))


def _numbers(shape: Sequence[Any]) -> InputShape:
    """A shape in a model, whose free sides have names there."""
    n, c, h, w = (side if isinstance(side, int) else None for side in shape)
    return n, c, h, w
