"""A network in 8 bits, as an ONNX file of QuantizeLinear and DequantizeLinear (QDQ).

Kernels are int8 with a scale for each output channel, values of feature maps uint8 with one scale.
Kernels use 7 of their 8 bits: processors without VNNI add two products of uint8 and int8 in 16
bits, which 255 * 127 * 2 overflows without a word and 255 * 64 * 2 does not
(https://oneapi-src.github.io/oneDNN/dev_guide_int8_computations.html). So one file gives the same
maps everywhere.

See https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Tuple

import numpy as np

from paddleseg_u2net.export.quantization.graph import Layer, Network, Plan, copied, make_node
from paddleseg_u2net.export.quantization.observe import Observed, Rounding

_LARGEST_WEIGHT = 64
_LEVELS = 255
_SMALLEST = 1e-8  # a channel of zeros needs a scale, too


def in_int8(network: Network, low: Collection[str], observed: Observed) -> bytes:
    """The ONNX file with the layers ``low`` in 8 bits. What rounding a kernel adds to a channel on
    average is taken from its bias (Nagel et al. 2019, "Data-free quantization through weight
    equalization and bias correction").
    """
    writer = _Writer(network, low, observed)
    for node in network.nodes:
        writer.add(node)
    return network.rewritten(writer.nodes, writer.arrays)


def kernel_numbers(kernel: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """A kernel as int8 and the scale of each output channel, float32."""
    largest = np.maximum(np.abs(kernel).max((1, 2, 3)), _SMALLEST)
    scale = (largest / _LARGEST_WEIGHT).astype(np.float32)
    numbers = np.rint(kernel / scale[:, None, None, None])
    numbers = np.clip(numbers, -_LARGEST_WEIGHT, _LARGEST_WEIGHT)
    return numbers.astype(np.int8), scale


def _scale(low: float, high: float) -> Tuple[np.float32, np.uint8]:
    """Of uint8 values, and the one that stands for 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max(high - low, _SMALLEST) / _LEVELS)
    return scale, np.uint8(min(round(-low / scale), _LEVELS))


def int8_rounding(observed: Observed) -> Rounding:
    """What 8 bits do to kernels and values, for `sensitivity`."""

    def kernel(array: np.ndarray) -> np.ndarray:
        numbers, scale = kernel_numbers(array)
        return numbers * scale[:, None, None, None]

    def value(name: str, taken: str, given: str, arrays: Dict[str, np.ndarray]) -> List[Any]:
        scaling = [f"{given}.scale", f"{given}.zero"]
        scale, zero = _scale(*observed.ranges[name])
        arrays[scaling[0]], arrays[scaling[1]] = np.asarray(scale), np.asarray(zero)
        return [
            make_node("QuantizeLinear", [taken, *scaling], f"{given}.bytes"),
            make_node("DequantizeLinear", [f"{given}.bytes", *scaling], given),
        ]

    return Rounding(kernel, value)


class _Writer:
    """Copies nodes, with 8 bits around those of the plan."""

    def __init__(self, network: Network, low: Collection[str], observed: Observed) -> None:
        self.network, self.plan, self.means = network, Plan(network, low), observed.means
        self.nodes: List[Any] = []
        self.arrays = dict(network.arrays)
        self.groups = self.plan.groups()
        common: Dict[str, Tuple[float, float]] = {}
        for value, (least, most) in observed.ranges.items():
            group = self.groups.get(value, value)
            before = common.get(group, (0.0, 0.0))
            common[group] = (min(before[0], least), max(before[1], most))
        self.scales = {group: _scale(*ends) for group, ends in common.items()}

    def add(self, node: Any) -> None:
        copy = copied(node)
        for index in self.plan.inputs(node):
            copy.input[index] = self._in_bytes(node.input[index])
            if node.op_type == "Shape":
                # Of the bytes: asking for the shape of anything else would have it computed.
                copy.input[index] = f"{node.input[index]}.bytes"
        if node.name in self.plan.convolutions:
            self._kernel(self.network.layers[node.name], copy)
        self.nodes.append(copy)

    def _in_bytes(self, value: str) -> str:
        """The name of ``value`` after it has been 8 bits."""
        if f"{value}.scale" not in self.arrays:
            scale, zero = self.scales[self.groups.get(value, value)]
            self.arrays[f"{value}.scale"] = np.asarray(scale)
            self.arrays[f"{value}.zero"] = np.asarray(zero)
            self._node("QuantizeLinear", value, value, f"{value}.bytes")
            self._dequantize(value)
        return f"{value}.dequantized"

    def _kernel(self, layer: Layer, node: Any) -> None:
        """Kernel and bias in whole numbers; the bias in the scale of the products."""
        kernel, bias = layer.node.input[1:]
        values = self.arrays.pop(kernel)
        numbers, scale = kernel_numbers(values)
        self._constant(kernel, numbers, scale)
        value = layer.node.input[0]
        added = numbers * scale[:, None, None, None].astype(np.float64) - values
        shift = self.arrays.pop(bias) - added.sum((2, 3)) @ self.means[value]
        product = scale * self.scales[self.groups.get(value, value)][0]
        numbers = np.clip(np.rint(shift / product), -(2**31), 2**31 - 1)
        self._constant(bias, numbers.astype(np.int32), product)
        node.input[1], node.input[2] = f"{kernel}.dequantized", f"{bias}.dequantized"

    def _constant(self, name: str, numbers: np.ndarray, scale: np.ndarray) -> None:
        self.arrays[f"{name}.bytes"], self.arrays[f"{name}.scale"] = numbers, scale
        self.arrays[f"{name}.zero"] = np.zeros(len(scale), numbers.dtype)
        self._dequantize(name, axis=0)

    def _dequantize(self, name: str, **attributes: int) -> None:
        self._node("DequantizeLinear", f"{name}.bytes", name, f"{name}.dequantized", **attributes)

    def _node(self, kind: str, taken: str, scaled_as: str, given: str, **attributes: int) -> None:
        inputs = [taken, f"{scaled_as}.scale", f"{scaled_as}.zero"]
        self.nodes.append(make_node(kind, inputs, given, **attributes))
