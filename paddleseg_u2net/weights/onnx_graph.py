"""An ONNX graph reduced to the kinds of operations that a U²-Net has.

Operators are those of https://github.com/onnx/onnx/blob/main/docs/Operators.md, opsets 9 and up.
"""

from __future__ import annotations

import math
from graphlib import CycleError, TopologicalSorter
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

import numpy as np

from paddleseg_u2net.weights.onnx_tensors import (
    AGAIN,
    OWN_DOMAINS,
    Tensors,
    Unfit,
    attributes_of,
    words,
)

EPSILON = 1e-5  # of every BatchNorm of the models


class Kernel(NamedTuple):
    """A convolution with all that is multiplied and added behind it, one number a channel."""

    words: str
    attributes: Dict[str, Any]
    weight: str
    zero: str = ""
    factor: Optional[np.ndarray] = None
    shift: Optional[np.ndarray] = None
    batchnorm: Optional[Dict[str, np.ndarray]] = None
    # Integers in, integers out: the scale of the input is still to be multiplied.
    integer: bool = False


class Value(NamedTuple):
    """A result: the kinds of ``architecture.Operation``, "relu", "scale" (of a quantized value),
    or what else makes it, in words.
    """

    kind: str
    inputs: Tuple[int, ...]
    words: str
    kernel: Optional[Kernel] = None
    factor: Optional[np.ndarray] = None


class Graph:
    """The file's nodes as values; equal operations on equal values are one value."""

    def __init__(self, graph: Any, tensors: Tensors) -> None:
        self.tensors = tensors
        self.values: List[Value] = []
        self.numbers: Dict[str, int] = {}
        self._known: Dict[Tuple[str, Tuple[int, ...]], int] = {}
        self._positive: Set[int] = set()
        self._replaced: Set[int] = set()
        for entry in graph.input:
            if entry.name not in tensors:
                value = Value("input", (), f"input {entry.name!r}")
                self.numbers[entry.name] = self._append(value)
        for node in _ordered(graph.node, {*self.numbers, *tensors.stored}):
            if not tensors.add(node):
                self._add(node)
        self.takers: List[List[int]] = [[] for _ in self.values]
        for number, value in enumerate(self.values):
            for taken in value.inputs if number not in self._replaced else ():
                self.takers[taken].append(number)

    def find(self, kind: str, *inputs: int) -> Optional[int]:
        """The value that ``kind`` makes of ``inputs``, if the file has it."""
        if kind == "relu" and inputs[0] in self._positive:
            return inputs[0]
        return self._known.get(_key(kind, inputs))

    def following(self, number: int, kind: str) -> List[int]:
        """Values of ``kind`` that are made of the value ``number``."""
        return [taker for taker in self.takers[number] if self.values[taker].kind == kind]

    def convolutions(self) -> List[int]:
        """All of them, each with what belongs to it."""
        return [
            number
            for number, value in enumerate(self.values)
            if value.kind == "conv" and number not in self._replaced
        ]

    def _add(self, node: Any) -> None:
        rule = _RULES.get(node.op_type) if node.domain in OWN_DOMAINS else None
        made = rule(self, node) if rule and node.input else None
        if node.op_type == "DynamicQuantizeLinear" and made is not None:
            scale = self.share("scale", (made,), node)
            self.numbers.update(zip(node.output, (made, scale)))
        elif made is not None:
            self.numbers[node.output[0]] = made
        for name in node.output:
            if name and name not in self.numbers:
                inputs = tuple(self.numbers[taken] for taken in node.input if taken in self.numbers)
                self.numbers[name] = self._append(Value(_kind_words(node), inputs, words(node)))

    def share(self, kind: str, inputs: Tuple[int, ...], node: Any) -> int:
        """The number of a value that only ``kind`` and ``inputs`` define."""
        found = self.find(kind, *inputs)
        if found is None:
            found = self._append(Value(kind, inputs, words(node)))
            self._known[_key(kind, inputs)] = found
            if kind == "relu" or (
                kind in ("pool", "resize", "concat", "add") and self._positive.issuperset(inputs)
            ):
                self._positive.add(found)
        return found

    def convolution(self, x: int, kernel: Kernel, instead_of: Optional[int] = None) -> int:
        """A convolution of ``x``, or one that takes the place of another because more is known."""
        if instead_of is not None:
            self._replaced.add(instead_of)
        return self._append(Value("conv", (x,), kernel.words, kernel))

    def scale(self, number: int, factor: np.ndarray) -> int:
        """A "scale" multiplied with ``factor``."""
        value = self.values[number]
        return self._append(value._replace(factor=_times(value.factor, factor)))

    def _append(self, value: Value) -> int:
        self.values.append(value)
        return len(self.values) - 1


def _key(kind: str, inputs: Tuple[int, ...]) -> Tuple[str, Tuple[int, ...]]:
    return kind, tuple(sorted(inputs)) if kind == "add" else inputs


def _ordered(nodes: Iterable[Any], given: Set[str]) -> List[Any]:
    """``nodes`` so that each stands behind those whose results it takes."""
    nodes = list(nodes)
    makers: Dict[str, int] = {}
    for number, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in given or name in makers:
                raise Unfit(f"two nodes give {name!r}; {AGAIN}")
            makers[name] = number
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for number, node in enumerate(nodes):
        taken = [name for name in node.input if name and name not in given]
        missing = [name for name in taken if name not in makers]
        if missing:
            raise Unfit(f"a node takes {missing[0]!r}, which no node before it gives; {AGAIN}")
        sorter.add(number, *(makers[name] for name in taken))
    try:
        return [nodes[number] for number in sorter.static_order()]
    except CycleError as error:
        name = nodes[error.args[1][0]].output[0]
        raise Unfit(f"a node takes {name!r}, which no node before it gives; {AGAIN}") from error


def _kind_words(node: Any) -> str:
    """An operation that is none of U²-Net's, with what could make it so."""
    attributes = attributes_of(node)
    shown = [f"{name} {attributes[name]}" for name in _TELLING if name in attributes]
    return f"operator {node.op_type}{' of ' if shown else ''}{', '.join(shown)}"


_TELLING = (
    *("mode", "coordinate_transformation_mode", "antialias"),
    *("kernel_shape", "strides", "pads", "axis"),
)


# -- what each operator is in a U²-Net; None: nothing ------------------------------------------

Rule = Callable[[Graph, Any], Optional[int]]


def _same(graph: Graph, node: Any) -> Optional[int]:
    return graph.numbers.get(node.input[0])


def _convolution(graph: Graph, node: Any) -> Optional[int]:
    """Conv (x, kernel, bias) or ConvInteger (x, kernel, zero of x, zero of the kernel)."""
    integer = node.op_type == "ConvInteger"
    x, (weight, bias, zero) = graph.numbers.get(node.input[0]), [*node.input[1:], "", "", ""][:3]
    other = zero if integer else bias
    if x is None or weight not in graph.tensors or (other and other not in graph.tensors):
        return None
    kernel = Kernel(words(node), attributes_of(node), weight, integer=integer)
    if integer:
        kernel = kernel._replace(zero=other)
    elif other:
        kernel = kernel._replace(shift=graph.tensors.value(other).reshape(-1))
    return graph.convolution(x, kernel)


def _batchnorm(graph: Graph, node: Any) -> Optional[int]:
    x, names = graph.numbers.get(node.input[0]), list(node.input[1:5])
    if x is None or any(name not in graph.tensors for name in names):
        return None
    kernel = graph.values[x].kernel
    if kernel is None or kernel.batchnorm or kernel.integer:
        return None
    parts = dict(zip(("weight", "bias", "_mean", "_variance"), map(graph.tensors.value, names)))
    # The models' epsilon is fixed; a file's other one goes into the weight.
    epsilon = attributes_of(node).get("epsilon", EPSILON)
    if not math.isclose(epsilon, EPSILON, rel_tol=1e-6):
        with np.errstate(all="ignore"):  # what is not finite is refused later
            parts["weight"] = parts["weight"] * np.sqrt(
                (parts["_variance"] + EPSILON) / (parts["_variance"] + epsilon)
            )
    return graph.convolution(graph.values[x].inputs[0], kernel._replace(batchnorm=parts), x)


def _arithmetic(graph: Graph, node: Any) -> Optional[int]:
    """The residual sum, or a number for each channel on a convolution's result."""
    operator, inputs = node.op_type, list(node.input)
    if len(inputs) != 2:
        return None
    if operator in ("Add", "Mul", "Sum") and inputs[0] in graph.tensors:
        inputs.reverse()
    if inputs[0] not in graph.numbers:
        return None
    first = graph.numbers[inputs[0]]
    if inputs[1] in graph.tensors:
        return _on_channels(graph, operator, first, inputs[1])
    second = graph.numbers[inputs[1]]
    if operator in ("Add", "Sum"):
        return graph.share("add", (first, second), node)
    return _scaled(graph, first, second) if operator == "Mul" else None


def _on_channels(graph: Graph, operator: str, x: int, name: str) -> Optional[int]:
    value, kernel = graph.values[x], graph.values[x].kernel
    if kernel is None and value.kind != "scale":
        return None
    array = graph.tensors.value(name)
    if array.size > 1 and kernel and (array.ndim < 3 or array.shape[-3] != array.size):
        return None
    numbers = array.reshape(-1)
    if operator in ("Div", "Sub"):
        with np.errstate(divide="ignore"):
            numbers = 1 / numbers if operator == "Div" else -numbers
    product = operator in ("Mul", "Div")
    if value.kind == "scale" and product:
        return graph.scale(x, numbers)
    if kernel is None or kernel.batchnorm or (kernel.integer and not product):
        return None
    if product:
        shift = None if kernel.shift is None else kernel.shift * numbers
        kernel = kernel._replace(factor=_times(kernel.factor, numbers), shift=shift)
    else:
        kernel = kernel._replace(shift=numbers + (0 if kernel.shift is None else kernel.shift))
    return graph.convolution(value.inputs[0], kernel, x)


def _scaled(graph: Graph, first: int, second: int) -> Optional[int]:
    """An integer convolution times the scale of its input."""
    for x, scale in ((first, second), (second, first)):
        value, by = graph.values[x], graph.values[scale]
        if value.kernel and value.kernel.integer and by.kind == "scale":
            if by.inputs != value.inputs:
                return None
            factor = _times(value.kernel.factor, by.factor)
            kernel = value.kernel._replace(factor=factor, integer=False)
            return graph.convolution(value.inputs[0], kernel, x)
    return None


def _times(a: Optional[np.ndarray], b: Optional[np.ndarray]) -> Optional[np.ndarray]:
    if a is None or b is None:
        return b if a is None else a
    return a * b


def _quantized(graph: Graph, node: Any) -> Optional[int]:
    """A step of static quantization: it takes ReLU's place where its range begins at 0."""
    x = graph.numbers.get(node.input[0])
    zero = node.input[2] if len(node.input) > 2 else ""
    if x is None or (zero and zero not in graph.tensors):
        return None
    lowest = 0
    if zero and zero in graph.tensors.stored:
        kinds = {3: -(2**7), 5: -(2**15)}  # TensorProto's INT8 and INT16
        lowest = kinds.get(graph.tensors.stored[zero].data_type, 0)
    cuts = not zero or bool((graph.tensors.value(zero) == lowest).all())
    return graph.share("relu", (x,), node) if cuts else x


def _halves(attributes: Dict[str, Any]) -> bool:
    """2x2 windows side by side; how an odd border is treated does not show in even sizes."""
    return (
        attributes.get("kernel_shape") == [2, 2]
        and attributes.get("strides") == [2, 2]
        and attributes.get("dilations", [1, 1]) == [1, 1]
        and attributes.get("pads", [0, 0, 0, 0])[:2] == [0, 0]
        and max(attributes.get("pads", [0])) <= 1
        and attributes.get("auto_pad", "NOTSET") != "SAME_LOWER"
    )


def _is_bilinear(attributes: Dict[str, Any]) -> bool:
    """To which size is not looked at: with any other one the concatenation behind it fails."""
    aligned = attributes.get("coordinate_transformation_mode", "half_pixel")
    return (
        attributes.get("mode") == "linear"
        and aligned in ("half_pixel", "pytorch_half_pixel")
        and not attributes.get("antialias")
    )


def _joins_channels(attributes: Dict[str, Any]) -> bool:
    return attributes.get("axis") in (1, -3)


def _if(kind: str, fits: Callable[[Dict[str, Any]], bool]) -> Rule:
    """The kind of operation that a node with fitting attributes is."""

    def rule(graph: Graph, node: Any) -> Optional[int]:
        names = node.input if kind == "concat" else node.input[:1]
        inputs = tuple(graph.numbers[name] for name in names if name in graph.numbers)
        if len(inputs) < len(names) or not fits(attributes_of(node)):
            return None
        return graph.share(kind, inputs, node)

    return rule


_RULES: Dict[str, Rule] = {
    **dict.fromkeys(("Identity", "Cast", "Dropout", "DequantizeLinear"), _same),
    "DynamicQuantizeLinear": _same,
    "QuantizeLinear": _quantized,
    **dict.fromkeys(("Conv", "ConvInteger"), _convolution),
    "BatchNormalization": _batchnorm,
    **dict.fromkeys(("Add", "Sum", "Sub", "Mul", "Div"), _arithmetic),
    "Relu": _if("relu", lambda attributes: True),
    "MaxPool": _if("pool", _halves),
    **dict.fromkeys(("Resize", "Upsample"), _if("resize", _is_bilinear)),
    "Concat": _if("concat", _joins_channels),
}
