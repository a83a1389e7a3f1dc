"""Running a weights file with the runtime that it was made for, to check a conversion."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from paddleseg_u2net.architecture import TABLES, Architecture, Functional
from paddleseg_u2net.inference.backends.choice import is_installed
from paddleseg_u2net.inference.backends.engine_module import engine_module
from paddleseg_u2net.weights import fold_biases, format_of, restore_biases
from paddleseg_u2net.weights.checkpoints import network_weights
from paddleseg_u2net.weights.layout import State, from_torch
from paddleseg_u2net.weights.onnx_tensors import resizes_otherwise

Run = Callable[[np.ndarray], np.ndarray]

# Sums in another order differ by 9e-5 of the largest logit on the published U2NetP, whose numbers
# grow large inside, and by 3e-6 on random weights; half precision differs by 1.2e-2.
ROUNDING = 5e-4
HALF = 5e-2
# The deepest of six stages is 9 pixels high then, so that its dilations of 8 meet more than zeros.
SIZE = (288, 320)


class Runtime(NamedTuple):
    """``run``: float32 (1, C, H, W) -> the fused map, float32 (1, K, H, W), of logits or of
    ``probabilities``, for the ``size`` (H, W). ``tolerance``: how far the map may be from this
    project's, in parts of the largest logit; None: ``why`` says what makes it differ.
    """

    name: str
    run: Run
    size: Tuple[int, int] = SIZE
    probabilities: bool = False
    tolerance: Optional[float] = ROUNDING
    why: str = ""


class RuntimeUnavailable(Exception):
    """A file cannot be run; ``installed``: though what should run it is there."""

    def __init__(self, runtime: str, reason: str, installed: bool = True) -> None:
        super().__init__(reason)
        self.runtime, self.installed = runtime, installed


@contextlib.contextmanager
def _explained(runtime: str, what: str) -> Iterator[None]:
    """Turn any error, of which runtimes have their own, into RuntimeUnavailable."""
    try:
        yield
    except RuntimeUnavailable:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        line = lines[0][:200] if lines else type(error).__name__
        raise RuntimeUnavailable(runtime, f"{what} ({line})") from error


def runtime_of(format_name: str, path: Path, model: Architecture) -> Runtime:
    """The runtime that a file is made for, which reads the file by itself.

    Args:
        format_name: a key of ``weights.formats.FORMATS``.
        path: the file; ``read_weights`` has found no code in it. model: its kind.

    Raises:
        RuntimeUnavailable: it is not installed, or does not read the file.
    """
    return _MAKERS[format_name](path, model)


def ours(state: State, model: Architecture, name: str = "this project") -> Runtime:
    """This project's layers; needs Paddle."""
    from paddleseg_u2net.models import U2Net

    network = U2Net(model.num_classes, model.in_channels, model.stages)
    return Runtime(name, _paddle(network, fold_biases(state)))


def _stock(path: Path, model: Architecture) -> Runtime:
    """PaddleSeg's model, or this project's where PaddleSeg has none, of what Paddle loads."""
    if not (is_installed("paddle") and is_installed("paddleseg")):
        raise RuntimeUnavailable("Paddle", "Paddle and PaddleSeg are not installed", False)
    import paddle
    from paddleseg.models import u2net as stock

    with _explained("Paddle", "paddle.load does not read it"):
        arrays = {
            name: (value.astype("float32").numpy() if paddle.is_tensor(value) else value)
            for name, value in _published(paddle.load(str(path))).items()
        }
    known = {"U2Net": stock.U2Net, "U2NetP": stock.U2Netp}
    if model.type not in known or model.stages != TABLES[model.type]:
        return ours(arrays, model, "paddle.load (PaddleSeg has no model with these stages)")
    network = known[model.type](model.num_classes, model.in_channels)
    return Runtime("PaddleSeg's model", _paddle(network, restore_biases(arrays)))


def _paddle(network: Any, state: Mapping[str, np.ndarray]) -> Run:
    from paddleseg_u2net.inference.backends.paddle_layers import eager

    network.set_state_dict({key: np.asarray(value, np.float32) for key, value in state.items()})
    network.eval()
    return eager(network)


def _published(content: Any) -> Dict[str, Any]:
    """A checkpoint's tensors by their published names, without what wrappers put before them."""
    weights = network_weights(content).weights
    return from_torch({k: v for k, v in weights.items() if hasattr(v, "shape")})


def _torch_file(path: Path, model: Architecture) -> Runtime:
    """PyTorch's functions on the tensors that it, or safetensors for it, reads."""
    if importlib.util.find_spec("torch") is None:
        raise RuntimeUnavailable("PyTorch", "PyTorch is not installed", False)
    import torch
    import torch.nn.functional as F

    if format_of(path).name == "safetensors":
        from safetensors.torch import load_file

        with _explained("PyTorch", "safetensors does not read it"):
            state = _published(load_file(str(path)))
    else:
        with _explained("PyTorch", "torch.load does not read it safely"):
            state = _published(torch.load(str(path), map_location="cpu", weights_only=True))
    tensors = {name: value.float() for name, value in state.items()}
    program = model.program()

    def run(images: np.ndarray) -> np.ndarray:
        # it may have read other names or shapes than we did
        with _explained("PyTorch", "it does not run"), torch.no_grad():
            network = Functional(F, torch.cat, tensors, torch.from_numpy(images))
            return program.run(network)[program.outputs[0]].numpy()

    return Runtime("PyTorch", run)


_NUMBERS = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
_ACTIVATIONS = {"Sigmoid", "Softmax", "QLinearSigmoid", "QLinearSoftmax", "Div"}
_PASSING = {"Cast", "Identity", "QuantizeLinear", "DequantizeLinear"}
_HALVES = (10, 16)  # FLOAT16 and BFLOAT16 in onnx's TensorProto


def _onnx_file(path: Path, model: Architecture) -> Runtime:
    if importlib.util.find_spec("onnxruntime") is None:
        raise RuntimeUnavailable("ONNX Runtime", "onnxruntime is not installed", False)
    import onnx

    onnxruntime = engine_module("onnxruntime", "onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    with _explained("ONNX Runtime", "it does not load the file"):
        content = onnx.load(str(path), load_external_data=False)
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    given = session.get_inputs()[0]
    if given.type not in _NUMBERS:
        raise RuntimeUnavailable("ONNX Runtime", f"numpy cannot make its input, a {given.type}")
    if len(given.shape) != 4:
        why = f"its input has the shape {given.shape}, not one of images"
        raise RuntimeUnavailable("ONNX Runtime", why)
    free = (1, model.in_channels, *SIZE)
    sides = (own if isinstance(own, int) else any_ for own, any_ in zip(given.shape, free))
    batch, _, height, width = sides

    def run(images: np.ndarray) -> np.ndarray:
        repeated = np.repeat(images.astype(_NUMBERS[given.type]), batch, axis=0)
        with _explained("ONNX Runtime", "it does not run the file"):
            return session.run(None, {given.name: repeated})[0][:1].astype(np.float32)

    activated = _activated(content.graph)
    return Runtime("ONNX Runtime", run, (height, width), activated, *_agreement(content))


def _agreement(model: Any) -> Tuple[Optional[float], str]:
    """``Runtime.tolerance`` and ``Runtime.why`` of an ONNX file."""
    graph, otherwise = model.graph, resizes_otherwise(model)
    if otherwise:
        return None, otherwise
    if {"DynamicQuantizeLinear", "QuantizeLinear"} & {node.op_type for node in graph.node}:
        return None, "the file rounds its activations to 8 bits, which float32 weights do not do"
    types = {tensor.data_type for tensor in graph.initializer}
    types |= {value.type.tensor_type.elem_type for value in graph.input}
    return (HALF, "the file computes in half precision") if types & set(_HALVES) else (ROUNDING, "")


def _activated(graph: Any) -> bool:
    """Whether a sigmoid or softmax makes the first output."""
    makers = {output: node for node in graph.node for output in node.output}
    node = makers.get(graph.output[0].name)
    while node is not None and node.op_type in _PASSING:
        node = makers.get(node.input[0])
    return node is not None and node.op_type in _ACTIVATIONS


_MAKERS: Dict[str, Callable[[Path, Architecture], Runtime]] = {
    "PyTorch": _torch_file,
    "safetensors": _torch_file,
    "Paddle": _stock,
    "ONNX": _onnx_file,
}
