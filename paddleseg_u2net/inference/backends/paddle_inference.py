"""Paddle's inference engine, on a model that was exported in Paddle's format."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from paddleseg_u2net.env import cores, load_paddle
from paddleseg_u2net.inference.backends.engine_module import engine_module
from paddleseg_u2net.inference.network import (
    ANY,
    BackendError,
    EngineNetwork,
    InputShape,
    LoadError,
)

# Megabytes of a GPU that are taken at the start; more are taken when they are needed.
_GPU_POOL = 100


def paddle_inference(
    program: Union[str, Path],
    weights: Union[str, Path],
    gives: str = "logits",
    threads: Optional[int] = None,
    device: str = "cpu",
    num_classes: Optional[int] = None,
    shape: InputShape = ANY,
) -> EngineNetwork:
    """A network in Paddle Inference; threads take turns in it.

    Args:
        program: ``model.json`` of Paddle 3 or ``model.pdmodel`` of Paddle 2. weights: the
            ``.pdiparams``.
        gives, threads: as for `onnxruntime`.
        device: ``cpu``, or ``gpu``, which takes a build of Paddle for it.
        num_classes, shape: of output and input; this engine does not say what they are.

    Raises:
        BackendError: Paddle is not installed, or has no such device.
        LoadError: it does not take the model.
    """
    inference = _module()
    try:
        engine = inference.create_predictor(
            _settings(inference, str(program), str(weights), threads or cores(), device)
        )
        taken = engine.get_input_handle(engine.get_input_names()[0])
        given = engine.get_output_handle(engine.get_output_names()[0])
    except BackendError:
        raise
    except Exception as error:  # it has many errors of its own, also of kinds that Python has
        raise LoadError(f"backend paddle-inference does not load the model: {error}") from error
    lock = threading.Lock()

    def run(batch: np.ndarray) -> np.ndarray:
        with lock:  # input and output are the engine's own
            taken.copy_from_cpu(batch)
            engine.run()
            return given.copy_to_cpu()

    return EngineNetwork(run, "paddle-inference", gives, num_classes, shape)


def _settings(inference: Any, program: str, weights: str, threads: int, device: str) -> Any:
    config = inference.Config(program, weights)
    config.disable_glog_info()
    if device == "gpu":
        config.enable_use_gpu(_GPU_POOL, 0)
        if not config.use_gpu():
            raise BackendError(
                "--device gpu: this build of Paddle computes on the CPU only; install the one for "
                "your GPU, or leave --device out"
            )
        return config
    config.disable_gpu()
    config.set_cpu_math_library_num_threads(threads)
    if program.endswith(".json"):
        # Programs of Paddle 3 stop in oneDNN: it has no bilinear_interp for their attributes.
        config.disable_mkldnn()
    else:
        config.enable_mkldnn()
        config.enable_memory_optim()
    return config


def _module() -> Any:
    with contextlib.suppress(ImportError):  # said below
        load_paddle(with_paddleseg=False)
    return engine_module("paddle.inference", "paddle-inference")
