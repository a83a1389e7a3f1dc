"""OpenVINO on the CPU."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Optional, Tuple

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

# It plans for one shape of input; plans of so many shapes are kept.
_PLANS = 4
_beginning = threading.Lock()


def openvino_core() -> Any:
    """An ``openvino.Core`` that has loaded its part for CPUs.

    Its Python part finds numpy when it makes its first array. Two threads that are the first to do
    so wait for each other for ever, one for Python's lock, the other with it; so this is first.
    """
    module = engine_module("openvino", "openvino")
    with _beginning:
        module.Tensor(np.zeros(1, np.float32)).data.sum()
    core = module.Core()
    with _signal_stack_kept():
        core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return core


def computes_in_bf16(core: Any) -> bool:
    """Whether OpenVINO computes in bfloat16 here. Its capabilities are the processor's; with
    ``ONEDNN_MAX_CPU_ISA=AVX2`` no convolution compiles.
    """
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return False
    module = engine_module("openvino", "openvino")
    ops = module.opset1
    x = ops.parameter([1, 1, 2, 2], np.float32)
    kernel = np.ones((1, 1, 1, 1), np.float32)
    model = module.Model([ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1])], [x])
    try:
        core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    except RuntimeError:
        return False
    return True


class _SignalStack(ctypes.Structure):
    """stack_t of <signal.h> on Linux."""

    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


@contextlib.contextmanager
def _signal_stack_kept() -> Iterator[None]:
    """Leave this thread the stack for signals that it has: OpenVINO's part for CPUs gives it
    another one, whose memory goes with OpenVINO, and the next signal, be it of a child that has
    ended, would end this process without a word.
    """
    if sys.platform != "linux":
        yield
        return
    library, before = ctypes.CDLL(None), _SignalStack()
    known = library.sigaltstack(None, ctypes.byref(before)) == 0
    try:
        yield
    finally:
        if known:
            library.sigaltstack(ctypes.byref(before), None)


class _Plans:
    """What is compiled for shapes of input, to be run. One plan does one call at a time, whatever
    number of requests is made of it, so threads that overlap get one each.
    """

    def __init__(self, core: Any, model: Any, settings: Dict[str, Any]) -> None:
        self._core, self._model, self._settings = core, model, settings
        self._free: OrderedDict[Tuple[int, ...], List[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def one(self, shape: Tuple[int, ...]) -> Iterator[Any]:
        """Hold a request that nobody else has; it is compiled if none is free."""
        with self._lock:
            free = self._free.setdefault(shape, [])
            self._free.move_to_end(shape)
            while len(self._free) > _PLANS:
                self._free.popitem(last=False)
            request = free.pop() if free else None
            model = self._of_shape(shape) if request is None else None
        if request is None:
            request = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        yield request
        free.append(request)  # of a shape that is kept no more it goes with the list

    def _of_shape(self, shape: Tuple[int, ...]) -> Any:
        """The model for it: a clone, or every shape would be set on the same one; cloning it in two
        threads is not promised to work.
        """
        if not self._model.is_dynamic():
            return self._model
        model = self._model.clone()
        model.reshape(list(shape))
        return model


def load(model: Model, threads: Optional[int] = None, device: str = "cpu") -> EngineNetwork:
    """The network of an ``.xml`` with its ``.bin`` beside it, or of an ONNX file, of which the
    first output is taken. In the precision ``bf16`` it computes in bfloat16 where the processor
    can; all else is computed in float32, but for what the file itself has in 8 bits.
    """
    core = openvino_core()
    low = model.precision == "bf16" and computes_in_bf16(core)
    settings = {
        # Left alone it computes in bfloat16 where it can, which moves maps by up to 0.81.
        "INFERENCE_PRECISION_HINT": "bf16" if low else "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads or cores(),
        # Else plans of one thread all compute on the first core, one after the other.
        "ENABLE_CPU_PINNING": False,
    }
    file = model.file(".xml", ".onnx")
    try:
        read = core.read_model(file if isinstance(file, bytes) else str(file))
    except Exception as error:  # it has errors of its own
        raise LoadError(f"backend openvino does not load the model: {error}") from error

    plans = _Plans(core, read, settings)

    def run(batch: np.ndarray) -> np.ndarray:
        with plans.one(batch.shape) as request:
            return np.array(request.infer([batch])[0])

    sides = read.input(0).partial_shape
    shape = tuple(side.get_length() if side.is_static else None for side in sides)
    network = EngineNetwork(run, "openvino", model.output_type, model.num_classes, shape)
    if model.precision == "bf16" and not low:
        network.note = "in float32, because OpenVINO cannot compute in bfloat16 here"
    return network


register(
    Backend(
        "openvino",
        load,
        # Networks in 8 bits take nine tenths of ONNX Runtime's time, also on processors without
        # instructions for them.
        times={WEIGHTS: 1.01, "onnx": 1.01, "onnx int8": 0.9, "openvino": 1},
        packages=("openvino",),
        install="pip install 'paddleseg_u2net[openvino]'",
        from_weights=onnx_of_weights,
        weights_packages=("onnx",),
    )
)
