"""What the runtime that a weights file was made for makes of it: the other side of a conversion."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np

from paddleseg_u2net.architecture import TABLES, Architecture, Operation, Program, build
from paddleseg_u2net.inference.backends import eager
from paddleseg_u2net.inference.predictor import activate
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.weights import fold_biases, restore_biases
from paddleseg_u2net.weights.biases import State

Run = Callable[[np.ndarray], np.ndarray]


class Runtime(NamedTuple):
    """``run``: float32 (N, C, H, W) -> the fused map's probabilities, float32 (N, K, H, W).
    ``size``: the only (height, width) that the file takes, or None for any.
    """

    name: str
    run: Run
    size: Optional[List[int]] = None


def runtime_of(format_name: str, path: Path, state: State, model: Architecture) -> Runtime:
    """The own runtime of a file if it is installed, else this project's model.

    Args:
        format_name: a key of ``weights.formats.FORMATS``.
        path: the file. state: what was read from it, in the published layout. model: its kind.
    """
    maker = _MAKERS.get(format_name)
    return maker(path, state, model) if maker else ours(path, state, model)


def ours(path: Path, state: State, model: Architecture) -> Runtime:
    """This project's layers."""
    return _paddle("this project", U2Net(model.num_classes, model.in_channels, model.stages), state)


def _stock(path: Path, state: State, model: Architecture) -> Runtime:
    from paddleseg.models import u2net as stock

    if model.stages != TABLES[model.type]:
        return ours(path, state, model)
    kind = {"U2Net": stock.U2Net, "U2NetP": stock.U2Netp}[model.type]
    return _paddle("PaddleSeg's model", kind(model.num_classes, model.in_channels), state)


def _paddle(name: str, network: Any, state: State) -> Runtime:
    published = restore_biases(state)
    has_biases = "stage1.rebnconvin.conv_s1.bias" in network.state_dict()
    fitting = published if has_biases else fold_biases(published)
    network.set_state_dict({key: np.asarray(value, np.float32) for key, value in fitting.items()})
    network.eval()
    logits = eager(network)
    return Runtime(name, lambda images: activate(logits(images)))


def _torch(path: Path, state: State, model: Architecture) -> Runtime:
    if importlib.util.find_spec("torch") is None:
        return ours(path, state, model)
    import torch

    tensors = {name: torch.from_numpy(np.array(value)).float() for name, value in state.items()}
    program = build(model.stages, model.num_classes, model.in_channels)

    def run(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return activate(_interpret(program, tensors, torch.from_numpy(images)).numpy())

    return Runtime("PyTorch", run)


def _interpret(program: Program, tensors: Dict[str, Any], x: Any) -> Any:
    """The program run with PyTorch's functions; tensors in, the fused logits out."""
    import torch
    import torch.nn.functional as F

    def convolve(step: Operation, x: Any) -> Any:
        conv = step.conv
        assert conv is not None
        padding = conv.dilation * (conv.kernel // 2)
        weight, bias = tensors[f"{conv.layer}.weight"], tensors[f"{conv.layer}.bias"]
        x = F.conv2d(x, weight, bias, padding=padding, dilation=conv.dilation)
        if not conv.normalised:
            return x
        parts = (tensors[f"{conv.batchnorm}.{p}"] for p in ("_mean", "_variance", "weight", "bias"))
        return F.relu(F.batch_norm(x, *parts))

    steps: Dict[str, Callable[..., Any]] = {
        "input": lambda step: x,
        "conv": convolve,
        "pool": lambda step, a: F.max_pool2d(a, 2, 2, ceil_mode=True),
        "resize": lambda step, a, like: F.interpolate(a, like.shape[2:], mode="bilinear"),
        "concat": lambda step, *parts: torch.cat(parts, 1),
        "add": lambda step, a, b: a + b,
    }
    values: List[Any] = []
    for step in program.operations:
        values.append(steps[step.kind](step, *(values[number] for number in step.inputs)))
    return values[program.outputs[0]]


def _onnx(path: Path, state: State, model: Architecture) -> Runtime:
    if importlib.util.find_spec("onnxruntime") is None:
        return ours(path, state, model)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    size = [extent for extent in given.shape[2:] if isinstance(extent, int)]

    def run(images: np.ndarray) -> np.ndarray:
        output = session.run(None, {given.name: images})[0]
        inside = output.min() >= 0 and output.max() <= 1
        return output if inside else activate(output)

    return Runtime("ONNX Runtime", run, size if len(size) == 2 else None)


_MAKERS: Dict[str, Callable[[Path, State, Architecture], Runtime]] = {
    "PyTorch": _torch,
    "safetensors": _torch,
    "Paddle": _stock,
    "ONNX": _onnx,
}
