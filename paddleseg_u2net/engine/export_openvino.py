"""A U²-Net as OpenVINO's own files."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Iterable, Set

from paddleseg_u2net.inference.backends.engine_module import engine_module

_NOT_BF16 = {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:bf16"}


def write_openvino(
    folder: Path, content: bytes, half: bool = False, in_float: Iterable[str] = ()
) -> None:
    """Write ``model.xml`` and ``model.bin`` into ``folder``.

    Args:
        content: an ONNX file.
        half: whether weights are stored in float16.
        in_float: names of nodes that are to work in float32 where the rest works in bfloat16.

    Raises:
        BackendError: OpenVINO is not installed.
        OSError: it cannot write the files.
    """
    openvino = openvino_module()
    # convert_model would say the same to OpenVINO's authors over the network.
    model = openvino.Core().read_model(content)
    path = folder / "model.xml"
    try:
        openvino.save_model(model, str(path), compress_to_fp16=half)
    except RuntimeError as error:
        raise OSError(f"{path}: OpenVINO cannot write it ({error}); is the disk full?") from error
    names = set(in_float)
    if names:
        _keep_in_float(path, names)


def _keep_in_float(path: Path, names: Set[str]) -> None:
    """Mark layers as OpenVINO marks those that lose too much in bfloat16."""
    tree = ElementTree.parse(path)
    for layer in tree.iter("layer"):
        # A convolution and its bias are two layers there.
        name = layer.get("name", "").partition("/")[0]
        if name in names and layer.get("type") != "Const":
            notes = layer.find("rt_info")
            if notes is None:
                notes = ElementTree.SubElement(layer, "rt_info")
            ElementTree.SubElement(notes, "attribute", _NOT_BF16)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def openvino_module() -> Any:
    """The package ``openvino``.

    Raises:
        BackendError: it is not installed.
    """
    return engine_module("openvino", "openvino", "--format openvino")
