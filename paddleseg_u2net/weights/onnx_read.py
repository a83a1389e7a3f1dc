"""U²-Net weights out of ONNX files, found by the structure of the graph.

Exporters fold BatchNorm into the convolutions and lose the layers' names, optimizers reorder the
nodes, quantizers spread a convolution over five of them. What all these files keep is which result
goes where, so that is what the weights' names are taken from: the program of
``paddleseg_u2net.architecture`` is run through the graph, step by step. Nothing in the file is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple, Union

import numpy as np

from paddleseg_u2net.architecture import (
    TABLES,
    Architecture,
    Convolution,
    Operation,
    Program,
    Stage,
    StageTable,
    build,
)
from paddleseg_u2net.log import logger
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.onnx_graph import EPSILON, Graph, Kernel
from paddleseg_u2net.weights.onnx_tensors import (
    AGAIN,
    Tensors,
    Unfit,
    onnx_module,
    refuse_large,
    resizes_otherwise,
)

_Height = Union[int, str]
# A BatchNorm that changes nothing.
_IDENTITY = {
    "weight": np.sqrt(np.ones(1) + EPSILON),
    "bias": np.zeros(1),
    "_mean": np.zeros(1),
    "_variance": np.ones(1),
}
_ONNX_KINDS = {
    "conv": "a convolution",
    "relu": "ReLU",
    "pool": "a 2x2 MaxPool",
    "resize": "a linear, half-pixel Resize",
    "concat": "the Concat",
    "add": "the sum",
}


def read_onnx(path: Path) -> State:
    """The weights of a U²-Net in an ONNX file, float32, in the published layout.

    The names are those of ``Program.shapes``. A BatchNorm that the file has folded into its
    convolution becomes one that changes nothing, so that evaluation is equal: weight
    sqrt(1 + 1e-5), bias 0, mean 0, variance 1. Weights may be float32, half, bfloat16 or double,
    quantized (DequantizeLinear, or ``quantize_dynamic`` of ONNX Runtime), and in another file of
    the same folder.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the package ``onnx`` is missing; the file is not of ONNX, damaged, larger than
            1 GiB, or of another network; or a weight is not finite. The message names the path,
            and for another network the first place where it differs.
    """
    return read_onnx_network(path)[1]


def read_onnx_network(path: Path) -> Tuple[Architecture, State]:
    """Which U²-Net an ONNX file holds, stages of its own included, and its weights.

    Unlike weights alone, the graph also shows dilations; see ``read_onnx`` for all else. A warning
    says where engines that run the file make other maps of it, see ``resizes_otherwise``.
    """
    onnx = onnx_module(path)
    try:
        model = _load(path, onnx)
        tensors = Tensors(model.graph, path.parent)
        found = _network(Graph(model.graph, tensors), tensors)
    except Unfit as error:
        raise ValueError(f"{path}: {error}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A node with too few inputs, or an attribute of another type than the operator's.
        raise ValueError(f"{path}: it holds a node that cannot be ({error!r}); {AGAIN}") from error
    if resizes_otherwise(model):
        logger.warning(f"{path}: read as a U²-Net of half pixels; {resizes_otherwise(model)}")
    return found


def _load(path: Path, onnx: Any) -> Any:
    """The file's ModelProto, with a graph in it."""
    refuse_large(path)
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except Exception as error:  # each version of protobuf raises its own
        raise Unfit(
            f"expected an ONNX model, but it cannot be parsed ({error}); {AGAIN}"
        ) from error
    # A file cut between two fields parses; the operator sets are written behind the graph.
    if not model.graph.node or not model.opset_import:
        part = "operators" if not model.graph.node else "operator set"
        raise Unfit(f"expected an ONNX model, but it has no {part}; {AGAIN}")
    return model


def _network(graph: Graph, tensors: Tensors) -> Tuple[Architecture, State]:
    """The network and its weights, all of them."""
    x = _image(graph)
    # Where the graph is of another form, following the published stages shows where.
    encoder, decoder = _Survey(graph).heights(x) or (
        [row.height for row in part] for part in TABLES["U2Net"]
    )
    # Widths do not matter for which result goes where.
    skeleton = StageTable(
        *([Stage(height, 1, 1) for height in part] for part in (encoder, decoder))
    )
    program = build(skeleton)
    kernels = _Matcher(graph, program, x).kernels
    state: State = {}
    for conv in program.convolutions:
        state.update(_weights(conv, kernels[conv.name], tensors))
    architecture = _architecture(skeleton, state)
    shapes = build(*architecture[1:]).shapes()
    for conv in program.convolutions:
        name = f"{conv.layer}.weight"
        if state[name].shape != shapes[name]:
            raise Unfit(
                f"{kernels[conv.name].words} ({name}) has shape {state[name].shape}, expected "
                f"{shapes[name]} by the widths of its stage: all layers of a stage have the same"
            )
    return architecture, {name: state[name] for name in shapes}


def _image(graph: Graph) -> int:
    """The input that the images are given to."""
    numbers = [n for n, value in enumerate(graph.values) if value.kind == "input"]
    taken = [number for number in numbers if graph.following(number, "conv")]
    if len(taken) != 1:
        names = ", ".join(graph.values[number].words for number in numbers) or "(none)"
        raise Unfit(
            "this is not a U²-Net: expected one input that a convolution takes as it is; there "
            f"are {names}. If the file prepares its images itself, export it without that"
        )
    return taken[0]


class _Survey:
    """Finds the stages' heights by following the graph, as far as it is that of a U²-Net."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def heights(self, x: int) -> Optional[Tuple[List[_Height], List[_Height]]]:
        """Of the encoder and of the decoder; None where the graph is of another form."""
        encoder: List[_Height] = []
        decoder: List[_Height] = []
        stage = self._stage(x)
        while stage:
            height, x = stage
            encoder.append(height)
            stage = self._stage(self._only(x, "pool"))
        stage = self._stage(self._only(self._only(x, "resize"), "concat"))
        while stage:
            height, x = stage
            decoder.append(height)
            stage = self._stage(self._only(self._only(x, "resize"), "concat"))
        return (encoder, decoder) if len(encoder) == len(decoder) + 1 > 1 else None

    def _stage(self, x: Optional[int]) -> Optional[Tuple[_Height, int]]:
        """Height and result of the RSU behind ``x``."""
        here, levels, pools = self._unit(x), 0, 0
        below = self._unit(here)
        while below is not None:
            here, levels = below, levels + 1
            pooled = self._only(here, "pool")
            pools += pooled is not None
            below = self._unit(here if pooled is None else pooled)
        for _ in range(levels - 1):
            resized = self._only(here, "resize")
            here = self._unit(self._only(here if resized is None else resized, "concat"))
        total = self._only(here, "add")
        if total is None or levels < 2:
            return None
        return (f"{levels}F" if levels > 2 and not pools else levels), total

    def _unit(self, x: Optional[int]) -> Optional[int]:
        """The result of convolution, BatchNorm and ReLU."""
        conv = self._only(x, "conv")
        return None if conv is None else self.graph.find("relu", conv)

    def _only(self, x: Optional[int], kind: str) -> Optional[int]:
        found = [] if x is None else self.graph.following(x, kind)
        return found[0] if len(found) == 1 else None


class _Matcher:
    """Runs a program through a graph: finds its every step there, and nothing but that.

    A value is the number of the graph's. ``kernels``: the convolutions by the program's names.
    """

    def __init__(self, graph: Graph, program: Program, image: int) -> None:
        self.graph, self.program, self.image = graph, program, image
        self.kernels: Dict[str, Kernel] = {}
        self.matched: Set[int] = set()
        program.run(self)
        for number in graph.convolutions():
            if number not in self.matched:
                words = graph.values[number].words
                raise self._other(f"it has no place for the convolution {words}")

    def input(self, step: Operation) -> int:
        return self.image

    def conv(self, step: Operation, x: int) -> int:
        conv, found = step.convolution, self.graph.following(x, "conv")
        if len(found) != 1:
            raise self._other(
                f"expected one convolution ({conv.layer}) of {self._origins([x])}; "
                + (self._takers(x) if not found else f"there are {self._origins(found)}")
            )
        kernel = self.graph.values[found[0]].kernel
        assert kernel is not None  # a value of kind "conv" has one
        problem = _difference(conv, kernel)
        if problem:
            raise self._other(f"{kernel.words} is {conv.layer}: {problem}")
        self.kernels[conv.name] = kernel
        self.matched.add(found[0])
        return self._step("relu", found[0]) if conv.normalised else found[0]

    def pool(self, step: Operation, x: int) -> int:
        return self._step("pool", x)

    def resize(self, step: Operation, x: int, like: int) -> int:
        return self._step("resize", x)  # the second input gives the size only

    def concat(self, step: Operation, *parts: int) -> int:
        return self._step("concat", *parts)

    def add(self, step: Operation, a: int, b: int) -> int:
        return self._step("add", a, b)

    def _step(self, kind: str, *inputs: int) -> int:
        number = self.graph.find(kind, *inputs)
        if number is None:
            expected = f"{_ONNX_KINDS[kind]} of {self._origins(inputs)}"
            raise self._other(f"expected {expected}; {self._takers(inputs[0])}")
        return number

    def _other(self, what: str) -> Unfit:
        ours, theirs = len(self.program.convolutions), len(self.graph.convolutions())
        return Unfit(
            f"this is not a U²-Net, or one that was changed (it has {theirs} convolutions, a "
            f"U²-Net with its stages {ours}): {what}"
        )

    def _origins(self, numbers: Sequence[int]) -> str:
        return " and ".join(self.graph.values[number].words for number in numbers[:6])

    def _takers(self, x: int) -> str:
        takers = [self.graph.values[taker] for taker in self.graph.takers[x]]
        shown = [
            f"{_ONNX_KINDS.get(taker.kind, taker.kind)} ({taker.words})"
            for taker in takers
            if taker.kind != "operator Shape"
        ]
        return f"there it goes to {', '.join(shown[:6]) or 'nothing'}"


def _difference(conv: Convolution, kernel: Kernel) -> str:
    """How a node's attributes differ from the program's convolution, or an empty text."""
    got = kernel.attributes
    expected: Dict[str, Tuple[Any, Any]] = {
        "group": (1, 1),
        "strides": ([1, 1], [1, 1]),
        "dilations": ([conv.dilation] * 2, [1, 1]),
        "kernel_shape": ([conv.kernel] * 2, [conv.kernel] * 2),
    }
    if not str(got.get("auto_pad", "")).startswith("SAME"):  # with stride 1: the same pads
        expected["pads"] = ([conv.padding] * 4, [0] * 4)
    for name, (wanted, default) in expected.items():
        value = got.get(name, default)
        if value != wanted:
            return f"expected {name} {wanted}, got {value}"
    if kernel.integer:
        return "its result is never multiplied with the scale of its quantized input"
    if kernel.batchnorm and not conv.normalised:
        return "expected no BatchNorm behind it"
    return ""


def _weights(conv: Convolution, kernel: Kernel, tensors: Tensors) -> State:
    """The arrays of a convolution and its BatchNorm, by their published names."""
    weight = tensors.value(kernel.weight)
    if kernel.zero:
        zero = tensors.value(kernel.zero)
        weight = weight - (zero.reshape(-1, 1, 1, 1) if zero.size > 1 else zero)
    if weight.ndim != 4 or not weight.size:
        raise Unfit(f"{kernel.words} ({conv.layer}): its kernel has shape {weight.shape}")
    channels = weight.shape[:1]
    try:
        if kernel.factor is not None:
            weight = weight * np.broadcast_to(kernel.factor, channels).reshape(-1, 1, 1, 1)
        bias = np.zeros(1) if kernel.shift is None else kernel.shift
        parts = {f"{conv.layer}.weight": weight, f"{conv.layer}.bias": bias}
        if conv.normalised:
            batchnorm = kernel.batchnorm or _IDENTITY
            parts.update({f"{conv.batchnorm}.{part}": batchnorm[part] for part in _IDENTITY})
        return {
            name: _finite(value if value.ndim == 4 else np.broadcast_to(value, channels), name)
            for name, value in parts.items()
        }
    except ValueError as error:
        raise Unfit(f"{kernel.words} ({conv.layer}): {error}") from error


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        rounded = np.array(array, np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError(f"{name} holds NaN or infinity, or numbers too large for float32")
    return rounded


def _architecture(skeleton: StageTable, state: State) -> Architecture:
    """The network, with widths from the first two layers of every stage."""

    def row(name: str, height: _Height) -> Stage:
        first, inner = (state[f"{name}.rebnconv{part}.conv_s1.weight"] for part in ("in", "1"))
        return Stage(height, inner.shape[0], first.shape[0])

    rows = [row(name, stage.height) for name, stage in skeleton.named().items()]
    table = StageTable(rows[: len(skeleton.encoder)], rows[len(skeleton.encoder) :])
    in_channels = state["stage1.rebnconvin.conv_s1.weight"].shape[1]
    return Architecture.of(table, state["outconv.weight"].shape[0], in_channels)
