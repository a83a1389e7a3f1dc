"""Paddle's inference engine, on a model that was exported in Paddle's format."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Optional

import numpy as np

from paddleseg_u2net.env import cores, load_paddle
from paddleseg_u2net.inference.backends.backend import (
    Backend,
    BackendError,
    EngineNetwork,
    LoadError,
    Model,
    engine_module,
    register,
)
from paddleseg_u2net.inference.backends.paddle_layers import why_not

# Megabytes of a GPU that are taken at the start; more are taken when they are needed.
_GPU_POOL = 100


def load(model: Model, threads: Optional[int] = None, device: str = "cpu") -> EngineNetwork:
    """The network of a program, ``model.json`` of Paddle 3 or ``model.pdmodel`` of Paddle 2, and
    its ``model.pdiparams``; threads take turns in it.
    """
    program, weights = str(model.file(".json", ".pdmodel")), str(model.file(".pdiparams"))
    with contextlib.suppress(ImportError):  # an error with the way out follows
        load_paddle(with_paddleseg=False)
    inference = engine_module("paddle.inference", "paddle-inference")
    try:
        engine = inference.create_predictor(
            _settings(inference, program, weights, threads or cores(), device, bool(model.network))
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

    # The engine does not say what its shapes are.
    return EngineNetwork(run, "paddle-inference", model.output_type, model.num_classes, model.shape)


def _settings(
    inference: Any, program: str, weights: str, threads: int, device: str, is_other: bool
) -> Any:
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
    if program.endswith(".json") or is_other:
        # Programs of Paddle 3 stop in oneDNN: it has no bilinear_interp for their attributes. Those
        # of Paddle 2 that pool to a grid stop in it at a second size.
        config.disable_mkldnn()
    else:
        config.enable_mkldnn()
        config.enable_memory_optim()
    return config


register(
    Backend(
        "paddle-inference",
        load,
        times={"paddle": 1},
        packages=("paddle",),
        install="pip install 'paddleseg_u2net[cpu]'",
        devices=("gpu",),
        why_not=why_not,
    )
)
