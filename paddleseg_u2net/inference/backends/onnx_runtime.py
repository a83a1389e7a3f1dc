"""ONNX Runtime, on the CPU or on a GPU of NVIDIA's."""

from __future__ import annotations

import contextlib
import io
from typing import Any, List, Optional, Tuple

import numpy as np

from paddleseg_u2net.env import cores
from paddleseg_u2net.inference.backends.backend import (
    WEIGHTS,
    Backend,
    BackendError,
    EngineNetwork,
    LoadError,
    Model,
    engine_module,
    onnx_of_weights,
    register,
)

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# Left alone it rounds what it multiplies to 10 bits.
_CUDA_SETTINGS = {"use_tf32": "0"}
# Both packages are one folder: the one that was installed last is imported.
_INSTALL_GPU = "`pip uninstall onnxruntime` and `pip install 'onnxruntime-gpu[cuda,cudnn]'`"


def load(model: Model, threads: Optional[int] = None, device: str = "cpu") -> EngineNetwork:
    """The network of an ONNX file, of which the first output is taken."""
    runtime = engine_module("onnxruntime", "onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # no warnings about what it optimises
    options.intra_op_num_threads = threads or cores()
    file = model.file(".onnx")
    content = file if isinstance(file, bytes) else str(file)
    providers, missing = _providers(runtime, device)
    try:
        session = runtime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # it has many errors of its own
        raise LoadError(f"backend onnxruntime does not load the model: {error}") from error
    if device == "gpu" and _CUDA not in session.get_providers():  # it says so to a log at most
        raise BackendError(
            f"--device gpu: onnxruntime {runtime.__version__} would compute on the CPU: it finds "
            f"no GPU, or not the CUDA and cuDNN that it was built for{missing}: `pip install "
            "'onnxruntime-gpu[cuda,cudnn]'` brings them; mend that, or leave --device out"
        )
    taken, given = session.get_inputs()[0], session.get_outputs()[0]

    def run(batch: np.ndarray) -> np.ndarray:
        return session.run([given.name], {taken.name: batch})[0]

    # free sides have names
    shape = tuple(side if isinstance(side, int) else None for side in taken.shape)
    return EngineNetwork(run, "onnxruntime", model.output_type, model.num_classes, shape)


def _providers(runtime: Any, device: str) -> Tuple[List[Any], str]:
    """What computes, the first that knows an operation, and which libraries are missing;
    BackendError if this package has no such provider.
    """
    if device == "cpu":
        return [_CPU], ""
    if reason := _why_not(device):
        raise BackendError(f"--device {device}: {reason}")
    said = io.StringIO()
    if hasattr(runtime, "preload_dlls"):  # of CUDA and cuDNN from packages of their own
        with contextlib.redirect_stdout(said):  # which may be a picture's
            runtime.preload_dlls()
    first = said.getvalue().partition("\n")[0]
    return [(_CUDA, _CUDA_SETTINGS), _CPU], f" ({first})" if first else ""


def _why_not(device: str) -> str:
    """Why the package that is installed does not compute on a GPU, or an empty text."""
    runtime = engine_module("onnxruntime", "onnxruntime")
    if _CUDA in runtime.get_available_providers():
        return ""
    return (
        f"the onnxruntime {runtime.__version__} that is installed computes on the CPU only: "
        f"{_INSTALL_GPU}"
    )


register(
    Backend(
        "onnxruntime",
        load,
        # It starts sooner than OpenVINO, which is as fast.
        times={WEIGHTS: 1, "onnx": 1},
        packages=("onnxruntime",),
        install="pip install 'paddleseg_u2net[deploy]'",
        devices=("gpu",),
        why_not=_why_not,
        from_weights=onnx_of_weights,
        weights_packages=("onnx",),
    )
)
