"""What a network's feature maps hold on real images."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from paddleseg_u2net.export.quantization.graph import Network, QuantizationError, make_node
from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.inference.backends.engine_module import engine_module
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
    """ONNX Runtime on this file: float32 (N, C, h, w) -> arrays of these outputs, or of all.

    Raises:
        QuantizationError: ONNX Runtime is missing or does not run the file.
    """
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
    """Run the network in float32 on images, one after another.

    Args:
        inputs: float32 (1, C, h, w).

    Raises:
        QuantizationError: ONNX Runtime is missing, or a feature map holds NaN or infinity.
    """
    values = _values(network)
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
    for layer in network.layers.values():
        kernel = network.arrays[layer.node.input[1]]
        counts[layer.name] = int(np.prod(shapes[layer.value])) * int(np.prod(kernel.shape[1:]))
    return Observed(ranges, means, counts)


def _values(network: Network) -> List[str]:
    """All that may be quantized or is taken by a convolution."""
    made = [layer.value for layer in network.layers.values()]
    sums = [node.output[0] for node in network.nodes if node.op_type == "Add"]
    taken = [layer.node.input[0] for layer in network.layers.values()]
    return list(dict.fromkeys([network.input, *made, *sums, *taken]))


def with_outputs(
    network: Network, nodes: Sequence[Any], arrays: Mapping[str, np.ndarray] = {}
) -> Tuple[bytes, List[str]]:
    """The file with further nodes and arrays; those of their results that are not taken are its
    outputs. And the names of these.
    """
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
