"""U²-Net weights out of ONNX files, whose layers have lost names and BatchNorms: every step of
``Program.run`` is found in the graph by what it takes.
Operators: https://github.com/onnx/onnx/blob/main/docs/Operators.md, opsets 9 and up.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.architecture import (
    TABLES,
    Architecture,
    Convolution,
    Operation,
    StageTable,
    build,
    stage_levels,
    with_widths,
)
from paddleseg_u2net.log import logger
from paddleseg_u2net.weights.file_type import optional_package
from paddleseg_u2net.weights.layout import EPSILON, State

_AGAIN = "it may be cut or of another format: fetch or export it again"
_OWN_DOMAINS = ("", "ai.onnx")
_LARGEST = 2**30  # bytes; the published network has 176 MB
_PASSED = ("Identity", "Cast", "Dropout")  # all numbers become float32 here
_QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv")
# A BatchNorm that changes nothing.
_IDENTITY = {"weight": np.sqrt(1 + EPSILON), "bias": 0.0, "_mean": 0.0, "_variance": 1.0}


class _Unfit(Exception):
    """The file cannot be read as a U²-Net; the text follows its path."""


def read_onnx(path: Path, expected: Optional[StageTable] = None) -> Tuple[Architecture, State]:
    """Which U²-Net an ONNX file holds, and its weights, float32, in the published layout.

    A BatchNorm that the file has folded becomes one that changes nothing. Weights may be in another
    file of the same folder; integers of dynamic quantization become the numbers that they stand
    for. Stages of heights that no named variant has are found by the names of the layers, or are
    those of ``expected``. What cannot be read is a ValueError that names the file.
    """
    onnx = optional_package(path, "onnx")
    try:
        model = _load(path, onnx)
        found = _network(_Graph(model.graph, path.parent, onnx), expected)
    except _Unfit as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # a node with too few inputs, an attribute of another type, ...
        raise ValueError(f"{path}: it holds a node that cannot be ({error!r}); {_AGAIN}") from error
    why = resizes_otherwise(model)
    if why:
        logger.warning(f"{path}: read as a U²-Net of half pixels; {why}")
    return found


def resizes_otherwise(model: Any) -> str:
    """Why engines make other maps of a ModelProto than its weights were trained for, if they do.

    PyTorch writes its half-pixel resizing into files of opsets 9 and 10 as well, with a warning;
    their Resize and Upsample have asymmetric coordinates only.
    """
    opset = max((o.version for o in model.opset_import if o.domain in _OWN_DOMAINS), default=0)
    kinds = {"Resize", "Upsample"} & {node.op_type for node in model.graph.node}
    if opset > 10 or not kinds:
        return ""
    return (
        f"in its opset {opset} {kinds.pop()} has asymmetric coordinates, not the half-pixel ones "
        "that U²-Nets are trained with; export it with opset 11 or later for engines that run the "
        "file itself"
    )


def _load(path: Path, onnx: Any) -> Any:
    _refuse_large(path)
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except Exception as error:  # each version of protobuf raises its own
        raise _Unfit(
            f"expected an ONNX model, but it cannot be parsed ({error}); {_AGAIN}"
        ) from error
    # A file cut between two fields parses; the operator sets are written behind the graph.
    if not model.graph.node or not model.opset_import:
        raise _Unfit(
            f"expected an ONNX model, but it has no operators or no operator set; {_AGAIN}"
        )
    return model


def _refuse_large(path: Path) -> None:
    if path.stat().st_size > _LARGEST:
        raise _Unfit(f"{path.name} has more than 1 GiB; a U²-Net has 176 MB")


class _Graph:
    """The file's arrays, and its nodes by what they take; Identity, Cast and Dropout are none."""

    def __init__(self, graph: Any, folder: Path, onnx: Any) -> None:
        self.folder, self.onnx = folder, onnx
        self.arrays: Dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
        self.inputs = [entry.name for entry in graph.input if entry.name not in self.arrays]
        self.takers: Dict[str, List[Any]] = defaultdict(list)
        self.convolutions: List[Any] = []
        self._same: Dict[str, str] = {}
        given = {*self.arrays, *self.inputs}
        for node in graph.node:
            if node.op_type in _QUANTIZED:
                raise _Unfit(
                    f"it is quantized (operator {node.op_type}), expected weights of floating "
                    "point; give the file that it was made of"
                )
            for name in filter(None, node.output):
                if name in given:
                    raise _Unfit(f"two nodes give {name!r}; {_AGAIN}")
                given.add(name)
            kind = self.kind(node)
            if kind in ("Conv", "ConvInteger"):
                self.convolutions.append(node)
            elif kind == "Constant" and node.attribute[0].HasField("t"):
                self.arrays[node.output[0]] = node.attribute[0].t
            elif kind == "Reshape" and all(name in self.arrays for name in node.input):
                array, shape = map(self.array, node.input)
                tensor = onnx.numpy_helper.from_array(array.reshape(shape.astype(int)))
                self.arrays[node.output[0]] = tensor
            elif kind in _PASSED:
                self._same[node.output[0]] = node.input[0]
        # Converters to half precision append their nodes, so that the order says nothing.
        for node in graph.node:
            for name in set(self.taken(node)) if self.kind(node) not in _PASSED else ():
                self.takers[name].append(node)

    def kind(self, node: Any) -> str:
        """The standard operator that a node is, or an empty text."""
        return node.op_type if node.domain in _OWN_DOMAINS else ""

    def taken(self, node: Any) -> List[str]:
        """The values that a node takes."""
        return [self._made(name) for name in node.input]

    def _made(self, name: str) -> str:
        for _ in self._same:  # no more steps, also around a ring
            if name not in self._same:
                break
            name = self._same[name]
        return name

    def attributes(self, node: Any) -> Dict[str, Any]:
        """A node's attributes by name, texts decoded."""
        value_of = self.onnx.helper.get_attribute_value
        found = {entry.name: value_of(entry) for entry in node.attribute}
        return {k: v.decode() if isinstance(v, bytes) else v for k, v in found.items()}

    def of(self, value: str, *kinds: str) -> List[Any]:
        """The nodes of these kinds that take ``value``."""
        return [node for node in self.takers[value] if self.kind(node) in kinds]

    def array(self, name: str) -> np.ndarray:
        """The array of this name, float64 (exact for all types that weights have)."""
        if name not in self.arrays:
            raise _Unfit(f"{name!r} is worked out by a node, expected an array in the file")
        tensor = self.arrays[name]
        if tensor.data_location == tensor.EXTERNAL:
            self._refuse_elsewhere(tensor)
        try:
            # Bytes and dimensions that do not belong together raise here.
            array = np.asarray(self.onnx.numpy_helper.to_array(tensor, str(self.folder)))
            if array.dtype.kind in "cOSU":
                raise TypeError(f"{array.dtype} is no type of weights")
            return array.astype(np.float64)
        except Exception as error:
            raise _Unfit(f"tensor {name!r} cannot be read ({error}); {_AGAIN}") from error

    def _refuse_elsewhere(self, tensor: Any) -> None:
        """Raise an error unless the file that holds a tensor lies beside this one."""
        where = {entry.key: entry.value for entry in tensor.external_data}
        name = where.get("location", "")
        if any(sign in name for sign in "/\\:\0") or not (self.folder / name).is_file():
            raise _Unfit(
                f"tensor {tensor.name!r} is stored in {name!r}: expected a file in the same folder"
            )
        _refuse_large(self.folder / name)


def _network(graph: _Graph, expected: Optional[StageTable]) -> Tuple[Architecture, State]:
    """The network and its weights, all of them."""
    tables = [*TABLES.values(), *([expected] if expected else [])]
    heights = [[row.height for row in table.named().values()] for table in tables]
    named, problems = _named_heights(graph), []
    for kept in [named] if named else heights:
        try:
            state = _Reader(graph, with_widths(kept)).state
            break
        except _Unfit as error:
            problems.append(error)
    else:
        raise problems[0]
    kernels = {name[: -len(".weight")]: v.shape for name, v in state.items() if v.ndim == 4}
    in_channels = kernels["stage1.rebnconvin.conv_s1"][1]
    found = Architecture.of(with_widths(kept, kernels), kernels["outconv"][0], in_channels)
    shapes = found.program().shapes()
    for name, shape in shapes.items():
        if state[name].shape != shape:
            raise _Unfit(
                f"{name} has shape {state[name].shape}, expected {shape} by the widths of its "
                "stage: all layers of a stage have the same"
            )
    return found, {name: state[name] for name in shapes}


def _named_heights(graph: _Graph) -> List[Any]:
    """The heights of all stages where the file kept the layers' names, else nothing."""
    layers = {node.input[1].partition(".weight")[0]: node for node in graph.convolutions}
    heights: List[Any] = []
    for name, count in stage_levels(layers).items():
        second = layers.get(f"{name}.rebnconv2.conv_s1")
        wide = second is not None and graph.attributes(second).get("dilations") == [2, 2]
        heights.append(f"{count}F" if wide and count > 2 else count)
    return heights


class _Reader:
    """Finds every step of a program in the file, and nothing but those; a value is a name there."""

    def __init__(self, graph: _Graph, table: StageTable) -> None:
        self.graph = graph
        self.state: State = {}
        program = build(table)
        program.run(self)
        ours, theirs = len(program.convolutions), len(graph.convolutions)
        if ours != theirs:
            raise self._other(f"it has {theirs} convolutions, expected {ours}")

    def input(self, step: Operation) -> str:
        kinds = ("Conv", "DynamicQuantizeLinear")
        taken = [name for name in self.graph.inputs if self.graph.of(name, *kinds)]
        if len(taken) != 1:
            raise _Unfit(
                "this is not a U²-Net: expected one input that a convolution takes as it is; "
                f"there are {', '.join(self.graph.inputs) or '(none)'}. If the file prepares its "
                "images itself, export it without that"
            )
        return taken[0]

    def conv(self, step: Operation, x: str) -> str:
        conv, found = step.convolution, self.graph.of(x, "Conv")
        for quantizer in self.graph.of(x, "DynamicQuantizeLinear"):
            found += self.graph.of(quantizer.output[0], "ConvInteger")
        if len(found) != 1:
            raise self._other(f"expected one convolution {conv.layer}, found {len(found)}")
        problem = _difference(conv, self.graph.attributes(found[0]))
        if problem:
            raise self._other(f"{conv.layer}: {problem}")
        if found[0].op_type == "Conv":
            _, weight, bias, *_ = [*self.graph.taken(found[0]), ""]
            array, result = self.graph.array(weight), found[0].output[0]
        else:
            bias, (array, result) = "", self._dequantized(conv.layer, found[0], quantizer)
        kernel = self._set(f"{conv.layer}.weight", array)
        channels = kernel.shape[:1]
        if kernel.ndim != 4 or not kernel.size:
            raise _Unfit(f"{conv.layer}: its kernel has shape {kernel.shape}")
        shift = self.graph.array(bias).reshape(-1) if bias else np.zeros(channels)
        for node in self.graph.of(result, "Add"):  # of a bias
            (other,) = [name for name in self.graph.taken(node) if name != result]
            added = self.graph.array(other)
            if added.size > 1 and added.shape[-3:] != (*channels, 1, 1):
                raise self._other(f"{conv.layer}: an array of shape {added.shape} is added to it")
            shift, result = shift + added.reshape(-1), node.output[0]
        self._set(f"{conv.layer}.bias", shift, channels)
        if not conv.normalised:
            return result
        parts: Dict[str, Any] = dict(_IDENTITY)
        for node in self.graph.of(result, "BatchNormalization"):
            arrays = map(self.graph.array, self.graph.taken(node)[1:5])
            parts, result = dict(zip(_IDENTITY, arrays)), node.output[0]
            epsilon = self.graph.attributes(node).get("epsilon", EPSILON)
            if abs(epsilon - EPSILON) > 1e-6 * EPSILON:  # another one goes into the weight
                variance = parts["_variance"]
                parts["weight"] *= np.sqrt((variance + EPSILON) / (variance + epsilon))
        for part, value in parts.items():
            self._set(f"{conv.batchnorm}.{part}", value, channels)
        return self._find(conv.layer, "ReLU", ["Relu"], [result])

    def _dequantized(self, layer: str, node: Any, quantizer: Any) -> Tuple[np.ndarray, str]:
        """The kernel of a ConvInteger in floating point, and its result times both scales.

        As onnxruntime's ``quantize_dynamic`` writes it: x_bytes, x_scale, x_zero =
        DynamicQuantizeLinear(x), ConvInteger(x_bytes, kernel, x_zero, zero) * (x_scale * scale).
        """
        _, kernel, *zeros = self.graph.taken(node)
        for product in self.graph.of(node.output[0], "Mul"):
            for scales in self.graph.of(quantizer.output[1], "Mul"):
                if scales.output[0] in product.input and zeros[:1] == quantizer.output[2:]:
                    (scale,) = {*self.graph.taken(scales)} - {quantizer.output[1]}
                    array = self.graph.array(kernel)
                    for zero in zeros[1:]:  # one for all or one a channel, as the scale
                        array = array - self.graph.array(zero).reshape(-1, 1, 1, 1)
                    array = array * self.graph.array(scale).reshape(-1, 1, 1, 1)
                    return array, product.output[0]
        raise self._other(f"{layer}: no Mul of its result and the scales of input and kernel")

    def pool(self, step: Operation, x: str) -> str:
        return self._find(step.stage, "MaxPool of 2x2", ["MaxPool"], [x], _halves)

    def resize(self, step: Operation, x: str, like: str) -> str:
        # To which size is not looked at: with any other one the concatenation behind it fails.
        what = "linear, half-pixel Resize"
        return self._find(step.stage, what, ["Resize", "Upsample"], [x], _is_bilinear)

    def concat(self, step: Operation, *parts: str) -> str:
        what = "Concat of channels"
        return self._find(step.stage, what, ["Concat"], parts, lambda a: a.get("axis") in (1, -3))

    def add(self, step: Operation, a: str, b: str) -> str:
        return self._find(step.stage, "residual sum", ["Add", "Sum"], [a, b])

    def _find(
        self,
        place: str,
        words: str,
        kinds: Sequence[str],
        inputs: Sequence[str],
        fits: Callable[[Dict[str, Any]], bool] = lambda attributes: True,
    ) -> str:
        """What one of ``kinds`` makes of ``inputs``."""
        for node in self.graph.of(inputs[0], *kinds):
            taken = self.graph.taken(node)[: len(inputs)]  # the size of a Resize follows
            if "Add" in kinds:
                taken, inputs = sorted(taken), sorted(inputs)
            if taken == list(inputs) and fits(self.graph.attributes(node)):
                return node.output[0]
        raise self._other(f"no {words} in {place}")

    def _other(self, what: str) -> _Unfit:
        return _Unfit(f"this is not a U²-Net that can be read: {what}")

    def _set(self, name: str, value: Any, channels: Tuple[int, ...] = ()) -> np.ndarray:
        if channels and np.size(value) not in (1, *channels):
            raise _Unfit(f"{name} has {np.size(value)} numbers, expected {channels[0]}")
        with np.errstate(over="ignore"):
            rounded = np.array(value, np.float32)
        self.state[name] = np.full(channels, rounded) if channels else rounded
        if not np.isfinite(rounded).all():
            raise _Unfit(f"{name} holds NaN or infinity, or numbers too large for float32")
        return rounded


def _difference(conv: Convolution, got: Dict[str, Any]) -> str:
    """How a node's attributes differ from the program's convolution, or an empty text."""
    expected: Dict[str, Tuple[Any, Any]] = {
        "group": (1, 1),
        "strides": ([1, 1], [1, 1]),
        "dilations": ([conv.dilation] * 2, [1, 1]),
    }
    if not str(got.get("auto_pad", "")).startswith("SAME"):  # with stride 1: the same pads
        expected["pads"] = ([conv.padding] * 4, [0] * 4)
    for name, (wanted, default) in expected.items():
        if got.get(name, default) != wanted:
            return f"expected {name} {wanted}, got {got.get(name, default)}"
    return ""


def _halves(attributes: Dict[str, Any]) -> bool:
    """2x2 windows side by side; how an odd border is treated does not show in even sizes."""
    pads = attributes.get("pads", [0, 0, 0, 0])
    return (
        attributes.get("kernel_shape") == attributes.get("strides") == [2, 2]
        and attributes.get("dilations", [1, 1]) == [1, 1]
        and pads[:2] == [0, 0]
        and max(pads) <= 1
        and attributes.get("auto_pad", "NOTSET") != "SAME_LOWER"
    )


def _is_bilinear(attributes: Dict[str, Any]) -> bool:
    mode = attributes.get("coordinate_transformation_mode", "half_pixel")
    half = mode in ("half_pixel", "pytorch_half_pixel")
    return half and attributes.get("mode") == "linear" and not attributes.get("antialias")
