"""The arrays in an ONNX file, whatever their type, quantization and place."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Callable, Dict, Union

import numpy as np

from paddleseg_u2net.weights.file_type import optional_package

AGAIN = "it may be cut or of another format: fetch or export it again"
OWN_DOMAINS = ("", "ai.onnx")
_LARGEST = 2**30  # bytes; the published network has 176 MB


class Unfit(Exception):
    """The file cannot be read as a U²-Net; the text follows its path."""


def onnx_module(path: Union[str, Path], name: str = "onnx") -> Any:
    """The module ``name`` of the package ``onnx``, which only files of ONNX need.

    Raises:
        ValueError: it is not installed.
    """
    return optional_package(path, name)


def resizes_otherwise(model: Any) -> str:
    """Why engines make other maps of a ModelProto than its weights were trained for, if they do.

    PyTorch writes its half-pixel resizing into files of opsets 9 and 10 as well, with a warning;
    their Resize and Upsample have asymmetric coordinates only.
    """
    opset = max((o.version for o in model.opset_import if o.domain in OWN_DOMAINS), default=0)
    kinds = {"Resize", "Upsample"} & {node.op_type for node in model.graph.node}
    if opset > 10 or not kinds:
        return ""
    return (
        f"in its opset {opset} {kinds.pop()} has asymmetric coordinates, not the half-pixel ones "
        "that U²-Nets are trained with; export it with opset 11 or later for engines that run the "
        "file itself"
    )


def refuse_large(path: Path) -> None:
    """Raise ``Unfit`` for a file of more than 1 GiB."""
    size = path.stat().st_size
    if size > _LARGEST:
        raise Unfit(f"{path.name} has {size} bytes: expected 1 GiB at most; a U²-Net has 176 MB")


class Tensors:
    """Arrays that do not depend on the network's input, worked out when they are asked for."""

    def __init__(self, graph: Any, folder: Path) -> None:
        self.folder = folder
        self.stored: Dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
        self.made: Dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.stored or name in self.made

    def add(self, node: Any) -> bool:
        """Take note of ``node`` if its result is such an array."""
        if node.op_type == "Constant":
            value = node.attribute[0] if len(node.attribute) == 1 else None
            if value is None or not value.HasField("t"):
                return False
            self.stored[node.output[0]] = value.t
            return True
        names = [name for name in node.input if name]
        # Only the first input may be worked out itself, so that this needs no recursion.
        known = bool(names) and names[0] in self and all(name in self.stored for name in names[1:])
        if node.op_type not in _ON_ARRAYS or node.domain not in OWN_DOMAINS or not known:
            return False
        self.made[node.output[0]] = node
        return True

    def value(self, name: str) -> np.ndarray:
        """The array of this name, float64 (exact for all types that weights have)."""
        steps = []
        while name in self.made:
            node = self.made[name]
            steps.append(node)
            name = node.input[0]
        array = self._read(self.stored[name])
        for node in reversed(steps):
            try:
                array = _ON_ARRAYS[node.op_type](array, node, self)
            except ValueError as error:
                raise Unfit(f"{words(node)} cannot be worked out ({error})") from error
        return array

    def _read(self, tensor: Any) -> np.ndarray:
        helper = importlib.import_module("onnx.numpy_helper")
        if tensor.data_location == tensor.EXTERNAL:
            tensor = self._fetched(tensor)
        if tensor.data_type == tensor.STRING:
            raise Unfit(f"tensor {tensor.name!r}: expected numbers, got texts")
        try:
            # Bytes and dimensions that do not belong together raise here.
            array = np.asarray(helper.to_array(tensor))
            if array.dtype.kind == "c":
                raise TypeError("complex numbers")
            return array.astype(np.float64)
        except Exception as error:
            raise Unfit(f"tensor {tensor.name!r} cannot be read ({error}); {AGAIN}") from error

    def _fetched(self, tensor: Any) -> Any:
        """A copy of ``tensor`` with its bytes, which are in another file."""
        where = {entry.key: entry.value for entry in tensor.external_data}
        name = where.get("location", "")
        if not name or name in (".", "..") or any(sign in name for sign in "/\\:\0"):
            raise Unfit(
                f"tensor {tensor.name!r} is stored in {name!r}: expected a file in the same folder"
            )
        file = self.folder / name
        if not file.is_file():
            raise Unfit(f"tensor {tensor.name!r} is stored in {name!r}, which is not beside it")
        refuse_large(file)
        copy = type(tensor)()
        copy.CopyFrom(tensor)
        copy.ClearField("external_data")
        copy.data_location = tensor.DEFAULT
        copy.raw_data = _section(file, where, tensor.name)
        return copy


def words(node: Any) -> str:
    """A node for a message; older exporters leave it nameless."""
    result = node.output[0] if node.output else ""
    return f"node {node.name!r}" if node.name else f"the node that gives {result!r}"


def _section(file: Path, where: Dict[str, str], name: str) -> bytes:
    size = file.stat().st_size
    try:
        start = int(where.get("offset", "0"))
        length = int(where.get("length", str(size - start)))
    except ValueError:
        start = length = -1
    if start < 0 or length < 0 or start + length > size:
        raise Unfit(
            f"tensor {name!r} is said to be in bytes {where.get('offset', 0)} + "
            f"{where.get('length', 'the rest')} of {file.name}, which has {size}; {AGAIN}"
        )
    with file.open("rb") as stream:
        stream.seek(start)
        return stream.read(length)


def attributes_of(node: Any) -> Dict[str, Any]:
    """Numbers, lists of numbers and texts among a node's attributes."""
    found: Dict[str, Any] = {}
    for entry in node.attribute:
        if entry.type == entry.INTS:
            found[entry.name] = list(entry.ints)
        elif entry.type == entry.INT:
            found[entry.name] = entry.i
        elif entry.type == entry.FLOAT:
            found[entry.name] = entry.f
        elif entry.type == entry.STRING:
            found[entry.name] = entry.s.decode("utf-8", "replace")
    return found


def _dequantized(array: np.ndarray, node: Any, tensors: Tensors) -> np.ndarray:
    """(array - zero point) * scale, both one number or one for each entry of an axis."""
    attributes = attributes_of(node)
    axis = attributes.get("axis", 1)

    def fitted(part: np.ndarray) -> np.ndarray:
        if part.size == 1:
            return part.reshape(())
        if attributes.get("block_size") or part.shape != (array.shape[axis],):
            raise ValueError("quantization in blocks is not supported")
        return part.reshape([-1 if i == axis % array.ndim else 1 for i in range(array.ndim)])

    scale, *zero = (fitted(tensors.value(name)) for name in node.input[1:] if name)
    return (array - zero[0] if zero else array) * scale


def _reshaped(array: np.ndarray, node: Any, tensors: Tensors) -> np.ndarray:
    shape = [int(extent) for extent in tensors.value(node.input[1])]
    return array.reshape(
        [array.shape[i] if extent == 0 else extent for i, extent in enumerate(shape)]
    )


def _unsqueezed(array: np.ndarray, node: Any, tensors: Tensors) -> np.ndarray:
    axes = attributes_of(node).get("axes")
    if axes is None:
        axes = [int(axis) for axis in tensors.value(node.input[1])]
    return np.expand_dims(array, tuple(axes))


# A number's type does not matter here: all are worked out in float64.
_ON_ARRAYS: Dict[str, Callable[[np.ndarray, Any, Tensors], np.ndarray]] = {
    "Identity": lambda array, node, tensors: array,
    "Cast": lambda array, node, tensors: array,
    "DequantizeLinear": _dequantized,
    "Reshape": _reshaped,
    "Unsqueeze": _unsqueezed,
}
