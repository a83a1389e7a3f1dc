"""The arrays in an ONNX file, whatever their type, quantization and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Union

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
        first, *others = [name for name in node.input if name] or [""]
        # Only the first input may be worked out itself, so that this needs no recursion.
        known = first in self and all(name in self.stored for name in others)
        if node.op_type not in _ON_ARRAYS or node.domain not in OWN_DOMAINS or not known:
            return False
        self.made[node.output[0]] = node
        return True

    def value(self, name: str) -> np.ndarray:
        """The array of this name, float64 (exact for all types that weights have)."""
        steps = []
        while name in self.made:
            steps.append(self.made[name])
            name = steps[-1].input[0]
        array = self._read(self.stored[name])
        for node in reversed(steps):
            try:
                if node.op_type == "DequantizeLinear":
                    array = self._dequantized(array, node)
                elif node.op_type == "Reshape":
                    shape = [int(extent) for extent in self.value(node.input[1])]
                    array = array.reshape([n or array.shape[i] for i, n in enumerate(shape)])
            except ValueError as error:
                raise Unfit(f"{words(node)} cannot be worked out ({error})") from error
        return array

    def _dequantized(self, array: np.ndarray, node: Any) -> np.ndarray:
        """(array - zero point) * scale, both one number or one for each entry of an axis."""
        attributes = attributes_of(node)
        axis = attributes.get("axis", 1)
        parts = [self.value(name) for name in node.input[1:] if name]
        for number, part in enumerate(parts):
            if part.size == 1:
                parts[number] = part.reshape(())
            elif part.shape != (array.shape[axis],) or attributes.get("block_size"):
                raise ValueError("quantization in blocks is not supported")
            else:
                others = [i for i in range(array.ndim) if i != axis % array.ndim]
                parts[number] = np.expand_dims(part, others)
        return (array - parts[1] if len(parts) > 1 else array) * parts[0]

    def _read(self, tensor: Any) -> np.ndarray:
        if tensor.data_location == tensor.EXTERNAL:
            tensor = self._fetched(tensor)
        if tensor.data_type == tensor.STRING:
            raise Unfit(f"tensor {tensor.name!r}: expected numbers, got texts")
        try:
            # Bytes and dimensions that do not belong together raise here.
            array = np.asarray(optional_package("", "onnx.numpy_helper").to_array(tensor))
            if array.dtype.kind == "c":
                raise TypeError("complex numbers")
            return array.astype(np.float64)
        except Exception as error:
            raise Unfit(f"tensor {tensor.name!r} cannot be read ({error}); {AGAIN}") from error

    def _fetched(self, tensor: Any) -> Any:
        """A copy of ``tensor`` with its bytes, which are in another file of the same folder."""
        where = {entry.key: entry.value for entry in tensor.external_data}
        name = where.get("location", "")
        if name in ("", ".", "..") or any(sign in name for sign in "/\\:\0"):
            raise Unfit(
                f"tensor {tensor.name!r} is stored in {name!r}: expected a file in the same folder"
            )
        file = self.folder / name
        if not file.is_file():
            raise Unfit(f"tensor {tensor.name!r} is stored in {name!r}, which is not beside it")
        refuse_large(file)
        size = file.stat().st_size
        try:
            start = int(where.get("offset", "0"))
            length = int(where.get("length", str(size - start)))
        except ValueError:
            start = length = -1
        if start < 0 or length < 0 or start + length > size:
            raise Unfit(
                f"tensor {tensor.name!r} is said to be in bytes {where.get('offset', 0)} + "
                f"{where.get('length', 'the rest')} of {name}, which has {size}; {AGAIN}"
            )
        copy = type(tensor)()
        copy.CopyFrom(tensor)
        copy.ClearField("external_data")
        copy.data_location = tensor.DEFAULT
        with file.open("rb") as stream:
            stream.seek(start)
            copy.raw_data = stream.read(length)
        return copy


def words(node: Any) -> str:
    """A node for a message; older exporters leave it nameless."""
    result = node.output[0] if node.output else ""
    return f"node {node.name!r}" if node.name else f"the node that gives {result!r}"


def attributes_of(node: Any) -> Dict[str, Any]:
    """A node's attributes by name, texts decoded."""
    value_of = optional_package("", "onnx.helper").get_attribute_value
    found = {entry.name: value_of(entry) for entry in node.attribute}
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in found.items()
    }


# A number's type does not matter here: all are worked out in float64.
_ON_ARRAYS = ("Identity", "Cast", "DequantizeLinear", "Reshape")
