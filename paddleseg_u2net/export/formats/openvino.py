"""OpenVINO's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable

from paddleseg_u2net.export.formats.format import AnyJob, Format, register
from paddleseg_u2net.export.formats.onnx import finished, metadata
from paddleseg_u2net.export.quantization.bf16 import make_markable, mark_precise
from paddleseg_u2net.inference.backends.backend import engine_module
from paddleseg_u2net.weights.file_type import optional_package


def write_openvino(
    folder: Path, content: bytes, half: bool = False, in_float: Iterable[str] = ()
) -> None:
    """Write an ONNX file as ``model.xml`` and ``model.bin``; ``half``: weights in float16;
    ``in_float``: names of nodes that are to work in float32 where the rest works in bfloat16.
    """
    openvino = engine_module("openvino", "openvino", "--format openvino")
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


def _write(folder: Path, job: AnyJob) -> None:
    made, numbers = job.description, job.description.output == "argmax"
    content = finished(job.onnx(), job.shape_to_fix, numbers, notes=metadata(made))
    in_float = job.found.float_nodes if job.found and made.precision == "bf16" else ()
    write_openvino(folder, content, made.precision == "fp16", in_float)


def _versions() -> Dict[str, str]:
    asked = "--format openvino"
    return {
        "onnx": optional_package(asked, "onnx").__version__,
        "openvino": engine_module("openvino", "openvino", asked).__version__,
    }


register(
    Format(
        "openvino",
        "OpenVINO",
        precisions=("fp32", "fp16", "bf16", "int8"),
        files=(("model.bin", "model.xml"),),
        write=_write,
        versions=_versions,
        any_network=True,
    )
)
