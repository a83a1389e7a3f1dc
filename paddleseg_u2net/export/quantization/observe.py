"""What a network's feature maps hold on real images, and what layers lose in a lower precision."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Set, Tuple

import numpy as np

from paddleseg_u2net.export.quantization.graph import (
    Layer,
    Network,
    QuantizationError,
    copied,
    make_node,
)
from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.inference.backends.backend import engine_module
from paddleseg_u2net.progress import tracked
from paddleseg_u2net.weights.file_type import optional_package

_FLOAT, _INT64 = 1, 7  # TensorProto's

Run = Callable[[np.ndarray], List[np.ndarray]]


class Observed(NamedTuple):
    """By value: ``ranges``, smallest and largest, and ``means``, of each channel, float64 (C,).
    By layer: ``multiply_adds`` for one image.
    """

    ranges: Dict[str, Tuple[float, float]]
    means: Dict[str, np.ndarray]
    multiply_adds: Dict[str, int]


def session(content: bytes, outputs: Sequence[str] = ()) -> Run:
    """ONNX Runtime on this file: float32 (N, C, h, w) -> arrays of these outputs, or of all."""
    try:
        onnxruntime = engine_module("onnxruntime", "onnxruntime", "lower precision is measured")
    except BackendError as error:
        raise QuantizationError(str(error)) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        engine = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has many errors of its own
        raise QuantizationError(f"ONNX Runtime does not load the network: {error}") from error
    name, wanted = engine.get_inputs()[0].name, list(outputs) or None
    return lambda batch: engine.run(wanted, {name: batch})


def observe(network: Network, inputs: Iterable[np.ndarray]) -> Observed:
    """Run the network in float32 on images (1, C, h, w), one after another."""
    layers = network.layers.values()
    sums = [node.output[0] for node in network.nodes if node.op_type == "Add"]
    # all that may be quantized or is taken by a convolution
    made, taken = [layer.value for layer in layers], [layer.node.input[0] for layer in layers]
    values = list(dict.fromkeys([network.input, *made, *sums, *taken]))
    kinds = ("ReduceMin", "ReduceMax", "GlobalAveragePool", "Shape")
    nodes = [make_node(kind, [value], f"{value}.{kind}") for value in values for kind in kinds]
    run = session(*with_outputs(network, nodes))
    found = [run(batch) for batch in tracked(inputs, "looking at feature maps")]
    ranges, means, shapes = {}, {}, {}
    for at, value in enumerate(values):
        low, high, mean, shape = zip(*(row[4 * at : 4 * at + 4] for row in found))
        ranges[value] = (float(np.min(low)), float(np.max(high)))
        if not np.isfinite(ranges[value]).all():
            raise QuantizationError(
                f"{value}: this feature map holds NaN or infinity on a calibration image; check "
                "the weights"
            )
        means[value] = np.mean([np.ravel(item) for item in mean], 0, np.float64)
        shapes[value] = tuple(shape[0])
    counts = {}
    for layer in layers:
        kernel = network.arrays[layer.node.input[1]]
        counts[layer.name] = int(np.prod(shapes[layer.value])) * int(np.prod(kernel.shape[1:]))
    return Observed(ranges, means, counts)


def with_outputs(
    network: Network, nodes: Sequence[Any], arrays: Mapping[str, np.ndarray] = {}
) -> Tuple[bytes, List[str]]:
    """The file with these nodes and arrays, too, its outputs what they make for nobody; names."""
    content = network.rewritten([*network.nodes, *nodes], {**network.arrays, **arrays})
    model = optional_package("quantization", "onnx").load_model_from_string(content)
    taken = {name for node in nodes for name in node.input}
    results = {
        node.output[0]: _INT64 if node.op_type == "Shape" else _FLOAT
        for node in nodes
        if node.output[0] not in taken
    }
    helper = optional_package("quantization", "onnx.helper")
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, kind, None) for name, kind in results.items()
    )
    return model.SerializeToString(), list(results)


# Of the mean power of all channels: what a silent channel loses does not count for more.
_SILENT = 1e-3


class Rounding(NamedTuple):
    """A precision. ``kernel``: what is left of a kernel. ``value``: nodes that round a value, given
    its name in the network, the name of what is to be rounded and of the result, and the arrays.
    """

    kernel: Callable[[np.ndarray], np.ndarray]
    value: Callable[[str, str, str, Dict[str, np.ndarray]], List[Any]]


def sensitivity(
    network: Network, names: Sequence[str], rounding: Rounding, inputs: Iterable[np.ndarray]
) -> Dict[str, float]:
    """Noise over signal of each layer, the mean over its channels: by its rounded kernel and
    result, and by the rounding of its input, which counts for the layers that give the input, too,
    since these often have to be kept together.
    """
    layers = [layer for layer in network.layers.values() if layer.name in names]
    noise = _Trial(network, rounding, layers).noise(inputs)
    lost = {layer.name: sum(noise[layer.name]) for layer in layers}
    for layer in layers:
        for giver in _givers(network, layer):
            if giver in lost:
                lost[giver] = max(lost[giver], noise[layer.name][1])
    return lost


class _Trial:
    """Beside each layer the same with a rounded kernel and result, and with a rounded input."""

    def __init__(self, network: Network, rounding: Rounding, layers: Sequence[Layer]) -> None:
        self.network, self.rounding, self.layers = network, rounding, layers
        self.nodes: List[Any] = []
        self.arrays: Dict[str, np.ndarray] = {}
        for layer in layers:
            self._add(layer)

    def _add(self, layer: Layer) -> None:
        taken, kernel, bias = layer.node.input
        own = f"try.{layer.name}"
        self.arrays[f"{own}.kernel"] = self.rounding.kernel(self.network.arrays[kernel])
        result = self._layer(layer, [taken, f"{own}.kernel", bias], f"{own}.0")
        self._round(layer.value, result, f"{own}.0.rounded")
        self._round(taken, taken, f"{own}.taken")
        given = self._layer(layer, [f"{own}.taken", kernel, bias], f"{own}.1")
        for found in (f"{own}.0.rounded", given):
            self._power(self._node("Sub", [found, layer.value], f"{found}.off"), f"{found}.noise")
        self._power(layer.value, f"{own}.signal")

    def _round(self, value: str, taken: str, given: str) -> None:
        self.nodes += self.rounding.value(value, taken, given, self.arrays)

    def _layer(self, layer: Layer, inputs: List[str], given: str) -> str:
        copy = copied(layer.node)
        copy.name = copy.output[0] = given
        for index, name in enumerate(inputs):
            copy.input[index] = name
        self.nodes.append(copy)
        return self._node("Relu", [given], f"{given}.relu") if layer.rectified else given

    def _power(self, value: str, given: str) -> None:
        self._node("Mul", [value, value], f"{given}.square")
        self._node("GlobalAveragePool", [f"{given}.square"], given)

    def _node(self, kind: str, inputs: List[str], given: str) -> str:
        self.nodes.append(make_node(kind, inputs, given))
        return given

    def noise(self, inputs: Iterable[np.ndarray]) -> Dict[str, List[float]]:
        content, outputs = with_outputs(self.network, self.nodes, self.arrays)
        run = session(content, outputs)
        total = [sum(parts) for parts in zip(*map(run, tracked(inputs, "weighing layers")))]
        found = {}
        for at, layer in enumerate(self.layers):
            *off, signal = (np.ravel(part) for part in total[3 * at : 3 * at + 3])
            floor = signal + max(_SILENT * float(signal.mean()), 1e-30)
            found[layer.name] = [float((part / floor).mean()) for part in off]
        return found


def _givers(network: Network, layer: Layer) -> Set[str]:
    """Layers whose results come into this one, carried or summed."""
    by_value = {other.value: other.name for other in network.layers.values()}
    found: Set[str] = set()
    waiting = [layer.node.input[0]]
    while waiting:
        value = waiting.pop()
        maker = network.maker.get(value)
        if value in by_value:
            found.add(by_value[value])
        elif maker is not None and network.carries(maker):
            waiting += [maker.input[index] for index in network.carried(maker)]
        elif maker is not None and maker.op_type == "Add":
            waiting += list(maker.input)
    return found
