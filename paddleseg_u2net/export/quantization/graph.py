"""An ONNX file of a U²-Net as the rewriting to a lower precision sees it."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, NamedTuple, Sequence, Set

import numpy as np

from paddleseg_u2net.weights.file_type import optional_package

# What moves values about; none of it makes a value larger than those that come in.
_CARRYING = ("MaxPool", "Resize", "Concat")


class QuantizationError(ValueError):
    """No model of a lower precision can be had: what is missing, or how far it is off."""


class Layer(NamedTuple):
    """A convolution ``node`` and the ReLU behind it, if there is one: ``value`` is what they give.
    ``name`` is that of its weights without ``.conv_s1``: ``stage1.rebnconvin``, ``side1``.
    """

    name: str
    node: Any
    value: str
    rectified: bool


def make_node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    """An ONNX node with one output, whose name it bears."""
    helper = optional_package("quantization", "onnx.helper")
    return helper.make_node(kind, inputs, [output], name=output, **attributes)


def copied(node: Any) -> Any:
    """A copy of an ONNX node or model."""
    copy = type(node)()
    copy.CopyFrom(node)
    return copy


class Network:
    """The nodes of an ONNX file in their order, and who makes and takes each value; its
    convolutions have to have constant float32 kernels and biases.
    """

    def __init__(self, content: bytes) -> None:
        self.model = optional_package("quantization", "onnx").load_model_from_string(content)
        to_array = optional_package("quantization", "onnx.numpy_helper").to_array
        self.nodes: List[Any] = list(self.model.graph.node)
        self.arrays: Dict[str, np.ndarray] = {
            tensor.name: to_array(tensor) for tensor in self.model.graph.initializer
        }
        self.maker = {name: node for node in self.nodes for name in node.output}
        self.takers: Dict[str, List[Any]] = {}
        for node in self.nodes:
            for name in filter(None, node.input):
                self.takers.setdefault(name, []).append(node)
        self.input: str = self.model.graph.input[0].name
        self.layers = {n.name: self._layer(n) for n in self.nodes if n.op_type == "Conv"}

    def _layer(self, node: Any) -> Layer:
        kernel = node.input[1]
        stored = [self.arrays.get(name, np.zeros(0)).dtype for name in node.input[1:]]
        if stored != [np.float32] * 2:
            raise QuantizationError(
                f"{node.name or node.output[0]}: expected a convolution with a constant float32 "
                "kernel and bias; export the network in fp32 and quantize that"
            )
        name = kernel[: -len(".weight")] if kernel.endswith(".weight") else node.name
        name = name[: -len(".conv_s1")] if name.endswith(".conv_s1") else name
        behind = self.takers.get(node.output[0], [])
        if len(behind) == 1 and behind[0].op_type == "Relu":
            return Layer(name, node, behind[0].output[0], True)
        return Layer(name, node, node.output[0], False)

    def carries(self, node: Any) -> bool:
        """Whether it hands on values of feature maps: pooling, resizing, joining of channels."""
        if node.op_type == "Concat":  # those of sizes join along axis 0
            return any(entry.name == "axis" and entry.i == 1 for entry in node.attribute)
        return node.op_type in _CARRYING

    def carried(self, node: Any) -> List[int]:
        """Which inputs of a node that carries are feature maps."""
        return list(range(len(node.input))) if node.op_type == "Concat" else [0]

    def rewritten(self, nodes: List[Any], arrays: Dict[str, np.ndarray]) -> bytes:
        """The file with other nodes and constants."""
        from_array = optional_package("quantization", "onnx.numpy_helper").from_array
        model = copied(self.model)
        del model.graph.node[:], model.graph.initializer[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(
            from_array(np.asarray(array), name) for name, array in arrays.items()
        )
        return model.SerializeToString()


class Plan:
    """Which nodes work in the lower precision if the layers ``low`` do, and which values exist only
    in it: what such a layer takes and gives. What carries values to such layers alone works in it,
    too, and so does a sum of two such values. A layer of float32 takes values as they come.
    """

    def __init__(self, network: Network, low: Collection[str]) -> None:
        self.network = network
        self.convolutions: Set[str] = {
            node for node, layer in network.layers.items() if layer.name in low
        }
        self.carriers: Set[str] = set()
        for node in reversed(network.nodes):
            if network.carries(node) and self._only_low(node.output[0]):
                self.carriers.add(node.name)
        self.stored = {network.layers[node].value for node in self.convolutions}
        for node in network.nodes:
            whole = node.op_type == "Add" and self.stored.issuperset(node.input)
            if whole or node.name in self.carriers:
                self.stored.update(node.output)

    def _only_low(self, value: str) -> bool:
        takers = [node for node in self.network.takers.get(value, []) if node.op_type != "Shape"]
        return bool(takers) and all(
            node.name in self.convolutions or node.name in self.carriers for node in takers
        )

    def float_nodes(self) -> List[str]:
        """Names of the nodes of feature maps that work in float32."""
        shapes = ("Shape", "Slice", "Concat")
        return [
            node.name
            for node in self.network.nodes
            if node.name not in self.carriers | self.convolutions
            and not self.stored.intersection(node.output)
            and not (node.op_type in shapes and not self.network.carries(node))
        ]

    def inputs(self, node: Any) -> List[int]:
        """Which inputs of a node are feature maps in the lower precision."""
        taken: List[int] = [0] if node.name in self.convolutions else []
        if node.name in self.carriers:
            taken = self.network.carried(node)
        indexed = enumerate(node.input)
        return [index for index, name in indexed if index in taken or name in self.stored]

    def groups(self) -> Dict[str, str]:
        """The values that share one scale, by a common name: those that are carried together."""
        parent: Dict[str, str] = {}

        def root(value: str) -> str:
            while parent.setdefault(value, value) != value:
                value = parent[value]
            return value

        for node in self.network.nodes:
            if node.name in self.carriers:
                for index in self.network.carried(node):
                    parent[root(node.input[index])] = root(node.output[0])
        return {value: root(value) for value in list(parent)}
