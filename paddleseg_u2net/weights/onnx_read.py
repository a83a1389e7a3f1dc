"""U²-Net weights out of ONNX files, found by the structure of the graph.

Exporters fold BatchNorm into the convolutions and lose the layers' names, optimizers reorder the
nodes, quantizers spread a convolution over five of them. What all these files keep is which result
goes where, so that is what the weights' names are taken from: the program of
``paddleseg_u2net.architecture`` is followed through the graph, step by step. Nothing in the file
is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple, Union

import numpy as np

from paddleseg_u2net.architecture import TABLES, Architecture, Convolution, Program, build
from paddleseg_u2net.architecture.stages import Stage, StageTable
from paddleseg_u2net.log import logger
from paddleseg_u2net.weights.file_type import check_file
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


def read_onnx(path: Union[str, Path]) -> State:
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


def read_onnx_network(path: Union[str, Path]) -> Tuple[Architecture, State]:
    """Which U²-Net an ONNX file holds, stages of its own included, and its weights.

    Unlike weights alone, the graph also shows dilations; see ``read_onnx`` for all else. A warning
    says where engines that run the file make other maps of it, see ``resizes_otherwise``.
    """
    path = check_file(path, [".onnx"], types=["onnx"])
    onnx = onnx_module(path)
    try:
        model = _load(path, onnx)
        tensors = Tensors(model.graph, path.parent)
        graph = Graph(model.graph, tensors)
        found = _Reader(graph, tensors).read()
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
            encoder.append(stage[0])
            pooled = self._only(stage[1], "pool")
            x, stage = stage[1], None if pooled is None else self._stage(pooled)
        while True:
            resized = self._only(x, "resize")
            joined = None if resized is None else self._only(resized, "concat")
            stage = None if joined is None else self._stage(joined)
            if stage is None:
                break
            decoder.append(stage[0])
            x = stage[1]
        return (encoder, decoder) if len(encoder) == len(decoder) + 1 > 1 else None

    def _stage(self, x: int) -> Optional[Tuple[_Height, int]]:
        """Height and result of the RSU behind ``x``."""
        here, levels, pools = self._unit(x), 0, 0
        if here is None:
            return None
        below = self._unit(here)
        while below is not None:
            here, levels = below, levels + 1
            pooled = self._only(here, "pool")
            pools += pooled is not None
            below = self._unit(here if pooled is None else pooled)
        for _ in range(levels - 1):
            resized = self._only(here, "resize")
            joined = self._only(here if resized is None else resized, "concat")
            up = None if joined is None else self._unit(joined)
            if up is None:
                return None
            here = up
        total = self._only(here, "add")
        if total is None or levels < 2:
            return None
        return (f"{levels}F" if levels > 2 and not pools else levels), total

    def _unit(self, x: int) -> Optional[int]:
        """The result of convolution, BatchNorm and ReLU."""
        conv = self._only(x, "conv")
        return None if conv is None else self.graph.find("relu", conv)

    def _only(self, x: int, kind: str) -> Optional[int]:
        found = self.graph.following(x, kind)
        return found[0] if len(found) == 1 else None


class _Reader:
    """Follows the program of a U²-Net through a graph and takes the weights along."""

    def __init__(self, graph: Graph, tensors: Tensors) -> None:
        self.graph, self.tensors = graph, tensors
        self.kernels: Dict[str, Kernel] = {}

    def read(self) -> Tuple[Architecture, State]:
        """The network and its weights, all of them."""
        x = self._input()
        heights = _Survey(self.graph).heights(x)
        if heights is None:  # following the published stages shows where it is of another form
            encoder, decoder = TABLES["U2Net"]
            heights = [row.height for row in encoder], [row.height for row in decoder]
        # Widths do not matter for which result goes where.
        skeleton = StageTable(*([Stage(height, 1, 1) for height in part] for part in heights))
        program = build(skeleton)
        self._follow(program, x)
        state: State = {}
        for conv in program.convolutions:
            state.update(self._weights(conv))
        architecture = _architecture(skeleton, state)
        shapes = build(*architecture[1:]).shapes()
        for conv in program.convolutions:
            self._refuse_shape(conv, state, shapes)
        return architecture, {name: state[name] for name in shapes}

    def _input(self) -> int:
        numbers = [n for n, value in enumerate(self.graph.values) if value.kind == "input"]
        taken = [number for number in numbers if self.graph.following(number, "conv")]
        if len(taken) != 1:
            names = ", ".join(self.graph.values[number].words for number in numbers) or "(none)"
            raise Unfit(
                "this is not a U²-Net: expected one input that a convolution takes as it is; there "
                f"are {names}. If the file prepares its images itself, export it without that"
            )
        return taken[0]

    def _follow(self, program: Program, x: int) -> None:
        """Find every step of ``program`` in the graph, and nothing but that."""
        found: List[int] = []
        matched: Set[int] = set()
        for step in program.operations:
            inputs = [found[number] for number in step.inputs]
            if step.conv is None:
                # A resize's second input gives the size only.
                inputs = inputs[:1] if step.kind == "resize" else inputs
                found.append(x if step.kind == "input" else self._step(step.kind, inputs, program))
                continue
            number = self._convolution(step.conv, inputs[0], program)
            matched.add(number)
            found.append(self._step("relu", [number], program) if step.conv.normalised else number)
        for number in self.graph.convolutions():
            if number not in matched:
                raise self._other(
                    program,
                    f"it has no place for the convolution {self.graph.values[number].words}",
                )

    def _step(self, kind: str, inputs: List[int], program: Program) -> int:
        number = self.graph.find(kind, *inputs)
        if number is None:
            expected = f"{_ONNX_KINDS[kind]} of {self._origins(inputs)}"
            raise self._other(program, f"expected {expected}; {self._takers(inputs[0])}")
        return number

    def _convolution(self, conv: Convolution, x: int, program: Program) -> int:
        found = self.graph.following(x, "conv")
        if len(found) != 1:
            raise self._other(
                program,
                f"expected one convolution ({conv.layer}) of {self._origins([x])}; "
                + (self._takers(x) if not found else f"there are {self._origins(found)}"),
            )
        kernel = self.graph.values[found[0]].kernel
        assert kernel is not None  # a value of kind "conv" has one
        problem = _difference(conv, kernel)
        if problem:
            raise self._other(program, f"{kernel.words} is {conv.layer}: {problem}")
        self.kernels[conv.name] = kernel
        return found[0]

    def _other(self, program: Program, what: str) -> Unfit:
        ours, theirs = len(program.convolutions), len(self.graph.convolutions())
        return Unfit(
            f"this is not a U²-Net, or one that was changed (it has {theirs} convolutions, a "
            f"U²-Net with its stages {ours}): {what}"
        )

    def _origins(self, numbers: List[int]) -> str:
        return " and ".join(self.graph.values[number].words for number in numbers[:6])

    def _takers(self, x: int) -> str:
        takers = [self.graph.values[taker] for taker in self.graph.takers[x]]
        shown = [
            f"{_ONNX_KINDS.get(taker.kind, taker.kind)} ({taker.words})"
            for taker in takers
            if taker.kind != "operator Shape"
        ]
        return f"there it goes to {', '.join(shown[:6]) or 'nothing'}"

    def _weights(self, conv: Convolution) -> State:
        kernel = self.kernels[conv.name]
        weight = self.tensors.value(kernel.weight)
        if kernel.zero:
            zero = self.tensors.value(kernel.zero)
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

    def _refuse_shape(
        self, conv: Convolution, state: State, shapes: Dict[str, Tuple[int, ...]]
    ) -> None:
        name = f"{conv.layer}.weight"
        if state[name].shape != shapes[name]:
            raise Unfit(
                f"{self.kernels[conv.name].words} ({name}) has shape {state[name].shape}, expected "
                f"{shapes[name]} by the widths of its stage: all layers of a stage have the same"
            )


_ONNX_KINDS = {
    "conv": "a convolution",
    "relu": "ReLU",
    "pool": "a 2x2 MaxPool",
    "resize": "a linear, half-pixel Resize",
    "concat": "the Concat",
    "add": "the sum",
}
_IDENTITY = {
    "weight": np.sqrt(np.ones(1) + EPSILON),
    "bias": np.zeros(1),
    "_mean": np.zeros(1),
    "_variance": np.ones(1),
}


def _difference(conv: Convolution, kernel: Kernel) -> str:
    """How a node's attributes differ from the program's convolution, or an empty text."""
    got = kernel.attributes
    pad = conv.dilation * (conv.kernel // 2)
    expected = {
        "group": (1, 1),
        "strides": ([1, 1], [1, 1]),
        "dilations": ([conv.dilation] * 2, [1, 1]),
        "kernel_shape": ([conv.kernel] * 2, [conv.kernel] * 2),
    }
    if not str(got.get("auto_pad", "")).startswith("SAME"):  # with stride 1: the same pads
        expected["pads"] = ([pad] * 4, [0] * 4)
    for name, (wanted, default) in expected.items():
        value = got.get(name, default)
        if value != wanted:
            return f"expected {name} {wanted}, got {value}"
    if kernel.integer:
        return "its result is never multiplied with the scale of its quantized input"
    if kernel.batchnorm and not conv.normalised:
        return "expected no BatchNorm behind it"
    return ""


def _architecture(skeleton: StageTable, state: State) -> Architecture:
    """The network, with widths from the first two layers of every stage."""

    def row(name: str, height: _Height) -> Stage:
        first, inner = (state[f"{name}.rebnconv{part}.conv_s1.weight"] for part in ("in", "1"))
        return Stage(height, inner.shape[0], first.shape[0])

    encoder = [row(f"stage{level}", r.height) for level, r in enumerate(skeleton.encoder, 1)]
    levels = range(len(skeleton.decoder), 0, -1)
    decoder = [row(f"stage{level}d", r.height) for level, r in zip(levels, skeleton.decoder)]
    table = StageTable(encoder, decoder)
    kind = next((name for name, known in TABLES.items() if known == table), "U2Net")
    in_channels = state["stage1.rebnconvin.conv_s1.weight"].shape[1]
    return Architecture(kind, table, state["outconv.weight"].shape[0], in_channels)


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        rounded = np.array(array, np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError(f"{name} holds NaN or infinity, or numbers too large for float32")
    return rounded
