"""A U²-Net as OpenVINO's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from paddleseg_u2net.export.quantization.openvino_precision import make_markable, mark_precise
from paddleseg_u2net.inference.backends.engine_module import engine_module


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
    nodes = list(in_float)
    make_markable(model, nodes)
    path = folder / "model.xml"
    try:
        openvino.save_model(model, str(path), compress_to_fp16=half)
    except RuntimeError as error:
        raise OSError(f"{path}: OpenVINO cannot write it ({error}); is the disk full?") from error
    if nodes:
        text = mark_precise(path.read_text(encoding="utf-8"), nodes)
        path.write_text(text, encoding="utf-8")


def openvino_module() -> Any:
    """The package ``openvino``.

    Raises:
        BackendError: it is not installed.
    """
    return engine_module("openvino", "openvino", "--format openvino")
