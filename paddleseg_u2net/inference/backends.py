"""What runs a network: each backend turns a model into a function of arrays."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections import OrderedDict
from typing import Any, Callable, ContextManager, Dict, Tuple

import numpy as np

from paddleseg_u2net.inference.predictor import Network

# An engine that plans for one shape of input keeps as many plans.
_PLANS = 4


class BackendError(ValueError):
    """A backend that was asked for cannot be used; the message says what to install or change."""


def eager(
    model: Any, autocast: Callable[[], ContextManager[Any]] = contextlib.nullcontext
) -> Network:
    """Paddle, layer by layer, on the device that Paddle is set to; ``model`` is a Layer whose
    evaluation output is a list with the logits first.
    """
    import paddle

    def network(batch: np.ndarray) -> np.ndarray:
        with paddle.no_grad(), autocast():
            return model(paddle.to_tensor(batch))[0].astype("float32").numpy()

    return network


def onnxruntime(model: bytes) -> Network:
    """ONNX Runtime on the CPU.

    Args:
        model: an ONNX file whose first output is the logits, for any size of input.

    Raises:
        BackendError: ONNX Runtime is not installed or does not take the model.
    """
    runtime = _module("onnxruntime", "onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # warnings about what it optimises concern nobody
    try:
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has many errors of its own
        raise BackendError(f"backend onnxruntime does not load the model: {error}") from error
    name, first = session.get_inputs()[0].name, session.get_outputs()[0].name

    def network(batch: np.ndarray) -> np.ndarray:
        return session.run([first], {name: np.ascontiguousarray(batch, np.float32)})[0]

    return network


def openvino(model: bytes) -> Network:
    """OpenVINO on the CPU, in float32; each size of input is planned for when it first comes.

    Args:
        model: as for `onnxruntime`.

    Raises:
        BackendError: OpenVINO is not installed or does not take the model.
    """
    core = _module("openvino", "openvino").Core()
    # Left alone it computes in bfloat16 where the processor can, which moves maps by whole levels.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    plans: OrderedDict[Tuple[int, ...], Any] = OrderedDict()
    lock = threading.Lock()

    def planned(shape: Tuple[int, ...]) -> Any:
        with lock:
            if shape not in plans:
                network = core.read_model(model)
                network.reshape(list(shape))
                plans[shape] = core.compile_model(network, "CPU", settings)
                if len(plans) > _PLANS:
                    plans.popitem(last=False)
            plans.move_to_end(shape)
            return plans[shape]

    try:
        core.read_model(model)
    except Exception as error:
        raise BackendError(f"backend openvino does not load the model: {error}") from error

    def network(batch: np.ndarray) -> np.ndarray:
        batch = np.ascontiguousarray(batch, np.float32)
        request = planned(batch.shape).create_infer_request()  # one a call: threads may overlap
        return np.array(request.infer([batch])[0])

    return network


ENGINES: Dict[str, Callable[[bytes], Network]] = {"onnxruntime": onnxruntime, "openvino": openvino}
"""Backends that take an ONNX file, by name; they compute on the CPU."""

BACKENDS = ("paddle", *ENGINES)


def _module(name: str, backend: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BackendError(
            f"--backend {backend}: it cannot be imported ({error}): pip install {name} onnx; "
            "--backend paddle needs nothing more"
        ) from error
