"""A U²-Net as an ONNX file, for ONNX Runtime and all that reads such files (rembg, OpenVINO)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

import numpy as np

from paddleseg_u2net.architecture import Operation, Program, StageTable, build
from paddleseg_u2net.weights.file_type import optional_package
from paddleseg_u2net.weights.layout import EPSILON, restore_biases

_OPSET = 13  # the first with today's Softmax; read by ONNX Runtime 1.7 and later


def onnx_bytes(
    state: Mapping[str, np.ndarray],
    table: StageTable,
    num_classes: int = 1,
    in_channels: int = 3,
    activation: bool = True,
    sides: bool = True,
    source: str = "ONNX",
) -> bytes:
    """The network for evaluation, every BatchNorm folded; errors (ValueError) name ``source``.

    Input ``input``, float32 (N, in_channels, H, W) of any N, H, W; outputs ``d0`` (fused) and with
    ``sides`` ``d1``, ... from fine to coarse, float32 (N, num_classes, H, W): probabilities,
    by sigmoid or softmax over classes, or logits without ``activation``.
    """
    onnx = optional_package(source, "onnx")
    program = build(table, num_classes, in_channels)
    weights = folded_weights(state, program, source)
    graph = _Graph(onnx.helper, program, activation, sides)
    return bytes(graph.model(onnx.numpy_helper, weights).SerializeToString())


def folded_weights(
    state: Mapping[str, np.ndarray], program: Program, source: str
) -> Dict[str, np.ndarray]:
    """Kernels and biases with BatchNorm in them, by layer, float32, rounded once."""
    state = restore_biases(state)
    for name, shape in program.shapes().items():
        got = np.shape(state[name]) if name in state else "none"
        if got != shape:
            raise ValueError(f"{source}: not written: expected {name} of shape {shape}, got {got}")
    weights = {}
    for conv in program.convolutions:
        kernel, bias = (
            np.asarray(state[f"{conv.layer}.{part}"], np.float64) for part in ("weight", "bias")
        )
        if conv.normalised:
            gamma, beta, mean, variance = (
                np.asarray(state[f"{conv.batchnorm}.{part}"], np.float64)
                for part in ("weight", "bias", "_mean", "_variance")
            )
            with np.errstate(all="ignore"):  # what is not finite is refused when it is rounded
                factor = gamma / np.sqrt(variance + EPSILON)
                kernel = kernel * factor.reshape(-1, 1, 1, 1)
                bias = bias * factor + (beta - mean * factor)
        for part, value in (("weight", kernel), ("bias", bias)):
            with np.errstate(over="ignore"):
                weights[f"{conv.layer}.{part}"] = rounded = value.astype(np.float32)
            if not np.isfinite(rounded).all():
                raise ValueError(
                    f"{source}: {conv.layer} cannot be folded: with {conv.batchnorm} in it, it "
                    "holds NaN or infinity; the BatchNorm's variance may be below 0"
                )
    return weights


class _Graph:
    """Turns the steps of a program into nodes; a step's result is named after its layer."""

    def __init__(self, helper: Any, program: Program, activation: bool, sides: bool) -> None:
        self.helper = helper
        self.nodes: List[Any] = []
        self.initializers: Dict[str, np.ndarray] = {
            "zero": np.array([0], np.int64),
            "two": np.array([2], np.int64),
            "four": np.array([4], np.int64),
        }
        self.in_channels = program.convolutions[0].in_channels
        self.classes = program.convolutions[-1].out_channels
        steps = program.outputs if sides else program.outputs[:1]
        self.outputs = [f"d{number}" for number in range(len(steps))]
        end = "_logits" if activation else ""
        self.names = {step: f"{output}{end}" for step, output in zip(steps, self.outputs)}
        program.run(self)
        for output in self.outputs if activation else ():
            attributes = {} if self.classes == 1 else {"axis": 1}
            operator = "Sigmoid" if self.classes == 1 else "Softmax"
            self._node(operator, [f"{output}_logits"], output, **attributes)

    def _name(self, step: Operation) -> str:
        return self.names.get(step.number, step.name)

    def input(self, step: Operation) -> str:
        return step.name

    def conv(self, step: Operation, x: str) -> str:
        conv = step.convolution
        result = self._node(
            "Conv",
            [x, f"{conv.layer}.weight", f"{conv.layer}.bias"],
            conv.layer if conv.normalised else self._name(step),
            kernel_shape=[conv.kernel] * 2,
            dilations=[conv.dilation] * 2,
            pads=[conv.padding] * 4,
        )
        return self._node("Relu", [result], conv.name) if conv.normalised else result

    def pool(self, step: Operation, x: str) -> str:
        # Padded at the end instead of ceil_mode, which is the same: OpenVINO refuses to pool a
        # side of one pixel without.
        two, pads = [2, 2], [0, 0, 1, 1]
        return self._node("MaxPool", [x], step.name, kernel_shape=two, strides=two, pads=pads)

    def concat(self, step: Operation, *parts: str) -> str:
        return self._node("Concat", list(parts), step.name, axis=1)

    def add(self, step: Operation, a: str, b: str) -> str:
        return self._node("Add", [a, b], step.name)

    def resize(self, step: Operation, x: str, like: str) -> str:
        """``x`` in the height and width of ``like``, whatever these are when the file is run."""
        name = self._name(step)
        parts = [
            self._slice(f"{name}.size", like, "two", "four"),
            self._slice(f"{name}.batch", x, "zero", "two"),
        ]
        sizes = self._node("Concat", parts[::-1], f"{name}.sizes", axis=0)
        return self._node(
            "Resize",
            [x, "", "", sizes],
            name,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _slice(self, name: str, x: str, start: str, end: str) -> str:
        shape = self._node("Shape", [x], f"{name}.shape")
        return self._node("Slice", [shape, start, end, "zero"], name)

    def _node(self, operator: str, inputs: List[str], output: str, **attributes: Any) -> str:
        self.nodes.append(
            self.helper.make_node(operator, inputs, [output], name=output, **attributes)
        )
        return output

    def model(self, numpy_helper: Any, weights: Mapping[str, np.ndarray]) -> Any:
        """The file's ModelProto."""
        tensors = [
            numpy_helper.from_array(value, name)
            for name, value in {**self.initializers, **weights}.items()
        ]
        graph = self.helper.make_graph(
            self.nodes,
            "U2Net",
            [self._image("input", self.in_channels)],
            [self._image(name, self.classes) for name in self.outputs],
            tensors,
        )
        versions = [self.helper.make_opsetid("", _OPSET)]
        return self.helper.make_model(
            graph,
            opset_imports=versions,
            # The oldest version that this opset allows: older programs read the file.
            ir_version=self.helper.find_min_ir_version_for(versions),
            producer_name="paddleseg_u2net",
        )

    def _image(self, name: str, channels: int) -> Any:
        shape = ["batch", channels, "height", "width"]
        return self.helper.make_tensor_value_info(name, 1, shape)  # 1: float32
