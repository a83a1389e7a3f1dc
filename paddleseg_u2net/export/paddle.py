"""A U²-Net as a saved program for Paddle Inference, written out here instead of by Paddle's
translator: in a second and not in fifteen, without BatchNorm, with known sizes as constants.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Iterator, Mapping

import numpy as np
import paddle
import paddle.nn.functional as F

from paddleseg_u2net import signals
from paddleseg_u2net.architecture import Operation, Program
from paddleseg_u2net.inference.description import Shape


def write_paddle(
    folder: Path, weights: Mapping[str, np.ndarray], program: Program, output: str, shape: Shape
) -> None:
    """Write ``model.json`` (Paddle 2: ``model.pdmodel``) and ``model.pdiparams``; ``weights`` have
    BatchNorm folded into them.
    """
    # Paddle asks Python where each operator was called; an exception then is a crash in its C++.
    with (
        signals.held(),
        _static(),
        paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()),
    ):
        x = paddle.static.data("input", [-1 if n is None else n for n in shape], "float32")
        values = program.run(_Graph(weights, x))
        y = activated(values[program.outputs[0]], output)
        executor = paddle.static.Executor(paddle.CPUPlace())
        paddle.static.save_inference_model(
            str(folder / "model"), [x], [y], executor, program=paddle.static.default_main_program()
        )
    if (path := folder / "model.pdmodel").exists():
        without_code(path)


def without_code(path: Path) -> None:
    """Take out of a program of Paddle 2 where, on this machine, the code is that wrote it."""
    from paddle.base.proto import framework_pb2

    program = framework_pb2.ProgramDesc.FromString(path.read_bytes())
    for operation in (operation for block in program.blocks for operation in block.ops):
        kept = [item for item in operation.attrs if item.name != "op_callstack"]
        del operation.attrs[:]
        operation.attrs.extend(kept)
    path.write_bytes(program.SerializeToString())


@contextlib.contextmanager
def _static() -> Iterator[None]:
    """Paddle writes down what is computed, into a scope of its own."""
    dynamic = paddle.in_dynamic_mode()
    paddle.enable_static()
    try:
        with paddle.static.scope_guard(paddle.static.Scope()), paddle.utils.unique_name.guard():
            yield
    finally:
        if dynamic:
            paddle.disable_static()


class _Graph:
    """Paddle's functions, as they are written down in a program."""

    def __init__(self, weights: Mapping[str, np.ndarray], images: Any) -> None:
        self.weights, self.images = weights, images

    def input(self, step: Operation) -> Any:
        return self.images

    def conv(self, step: Operation, x: Any) -> Any:
        conv = step.convolution
        kernel, bias = (_stored(f"{conv.layer}.{p}", self.weights) for p in ("weight", "bias"))
        x = F.conv2d(x, kernel, bias, padding=conv.padding, dilation=conv.dilation)
        return F.relu(x) if conv.normalised else x

    def pool(self, step: Operation, x: Any) -> Any:
        return F.max_pool2d(x, 2, 2, ceil_mode=True)

    def concat(self, step: Operation, *parts: Any) -> Any:
        return paddle.concat(list(parts), 1)

    def resize(self, step: Operation, x: Any, like: Any) -> Any:
        return F.interpolate(x, size=_size(like), mode="bilinear")

    def add(self, step: Operation, a: Any, b: Any) -> Any:
        return paddle.add_n([a, b])  # Paddle 3 warns of each `a + b` in a program


def _stored(name: str, weights: Mapping[str, np.ndarray]) -> Any:
    """A parameter of the program, with its value in the scope that the program is saved from."""
    value, name = weights[name], name.replace(".", "_")
    attributes = paddle.ParamAttr(name=name, initializer=paddle.nn.initializer.Uniform())
    parameter = paddle.create_parameter(list(value.shape), "float32", attr=attributes)
    paddle.static.global_scope().var(name).get_tensor().set(value, paddle.CPUPlace())
    return parameter


def _size(like: Any) -> Any:
    """Height and width, as numbers where they are known."""
    size = [int(extent) for extent in like.shape[2:]]
    return size if min(size) > 0 else paddle.shape(like)[2:]


def activated(logits: Any, output: str) -> Any:
    """Logits (N, K, h, w) as ``output``, "logits" or one of `OUTPUTS`, says."""
    if output == "logits":
        return logits
    single = logits.shape[1] == 1
    probability = F.sigmoid(logits) if single else F.softmax(logits, 1)
    if output != "argmax":
        return probability
    if single:
        return (probability >= 0.5).astype("int32").squeeze(1)
    return probability.argmax(1).astype("int32")
