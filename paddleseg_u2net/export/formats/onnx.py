"""What an ONNX file becomes for export: fixed sizes, class numbers, half storage, of
https://github.com/onnx/onnx/blob/main/docs/Operators.md, opset 13 and up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence

import numpy as np

from paddleseg_u2net._version import __version__
from paddleseg_u2net.export.formats.format import AnyJob, Format, register
from paddleseg_u2net.inference.description import Description, ExportError, Shape
from paddleseg_u2net.weights.file_type import optional_package

_CLASSES = "classes"
_FLOAT, _INT32 = 1, 6  # TensorProto's


def finished(
    content: bytes,
    shape: Optional[Shape],
    numbers: bool = False,
    half: bool = False,
    notes: Mapping[str, str] = {},
) -> bytes:
    """An ONNX file as it is exported.

    Args:
        content: a file with one output, ``d0``, probabilities; convolutions may be quantized.
        shape: of the input (N, C, H, W). With H and W given all sizes inside are constants, which
            simple runtimes need, OpenCV's among them. None: it is in the file.
        numbers: whether the output is to be class numbers, ``classes``, int32 (N, H, W).
        half: whether kernels are to be stored in float16. They are computed with in float32.
        notes: texts by name, for the file's metadata.
    """
    model = optional_package("export", "onnx").load_model_from_string(content)
    if shape is not None:
        _fix(model, shape)
    if numbers:
        _number(model)
    if half:
        _halve(model)
    optional_package("export", "onnx.helper").set_model_props(model, dict(notes))
    return model.SerializeToString()


def _fix(model: Any, shape: Shape) -> None:
    """Write ``shape`` into the input and the output, and sizes inside where they follow from it."""
    graph = model.graph
    batch, _, height, width = shape
    for entry in (graph.input[0], graph.output[0]):
        extents = entry.type.tensor_type.shape.dim
        for axis, own in ((0, batch), (2, height), (3, width)):
            if own is not None:
                extents[axis].dim_value = own
    if height is None or width is None:
        return
    # of all values between the nodes; 0 where a number is not known
    inference = optional_package("export", "onnx.shape_inference")
    values = inference.infer_shapes(model, data_prop=True).graph.value_info
    known = {item.name: [d.dim_value for d in item.type.tensor_type.shape.dim] for item in values}
    for node in graph.node:
        if node.op_type == "Resize" and all(known.get(node.output[0], [0])[1:]):
            _fix_resize(graph, node, known[node.output[0]])
    _drop_unused(graph)


def _fix_resize(graph: Any, node: Any, shape: Sequence[int]) -> None:
    """Constant sizes for one Resize; of a batch of any number, constant height and width."""
    name = node.output[0]
    # OpenCV takes no inputs that are left out.
    if not any(tensor.name == "none" for tensor in graph.initializer):
        _store(graph, "none", np.zeros(0, np.float32))
    node.input[1] = node.input[2] = "none"
    if shape[0]:
        node.input[3] = _store(graph, f"{name}.constant", np.asarray(shape, np.int64))
        return
    joined = next(other for other in graph.node if other.output[0] == node.input[3])
    joined.input[1] = _store(graph, f"{name}.constant", np.asarray(shape[2:], np.int64))


def _drop_unused(graph: Any) -> None:
    """Remove nodes and arrays whose results are not used any more."""
    outputs = {entry.name for entry in graph.output}
    while True:
        taken = outputs | {name for node in graph.node for name in node.input}
        unused = [node for node in graph.node if not taken.intersection(node.output)]
        if not unused:
            break
        for node in unused:
            graph.node.remove(node)
    for tensor in [item for item in graph.initializer if item.name not in taken]:
        graph.initializer.remove(tensor)


def _number(model: Any) -> None:
    """Class numbers behind the probabilities."""
    helper, graph = optional_package("export", "onnx.helper"), model.graph
    given = graph.output[0]
    batch, channels, height, width = given.type.tensor_type.shape.dim
    if channels.dim_value == 1:
        half = _store(graph, "half", np.array(0.5, np.float32))
        channel = _store(graph, "channel", np.array([1], np.int64))
        steps = [
            helper.make_node("GreaterOrEqual", [given.name, half], ["foreground"]),
            helper.make_node("Squeeze", ["foreground", channel], ["largest"]),
        ]
    else:
        steps = [helper.make_node("ArgMax", [given.name], ["largest"], axis=1, keepdims=0)]
    steps.append(helper.make_node("Cast", ["largest"], [_CLASSES], to=_INT32))
    for step in steps:
        step.name = step.output[0]
    shape = [d.dim_value or d.dim_param for d in (batch, height, width)]
    entry = helper.make_tensor_value_info(_CLASSES, _INT32, shape)
    graph.node.extend(steps)
    del graph.output[:]
    graph.output.append(entry)


def _halve(model: Any) -> None:
    """Kernels in float16 with a Cast behind each, which runtimes work out as they load."""
    helper = optional_package("export", "onnx.helper")
    numpy_helper = optional_package("export", "onnx.numpy_helper")
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != _FLOAT or len(tensor.dims) < 2:
            continue
        name = tensor.name
        with np.errstate(over="ignore"):
            array = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(array).all():
            raise ExportError(
                f"{name}: with its BatchNorm folded into it, it holds numbers above 65504, the "
                "largest that float16 has; take --precision fp32"
            )
        tensor.CopyFrom(numpy_helper.from_array(array, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=name, to=_FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _store(graph: Any, name: str, array: np.ndarray) -> str:
    from_array = optional_package("export", "onnx.numpy_helper").from_array
    graph.initializer.append(from_array(array, name))
    return name


def _write(folder: Path, job: AnyJob) -> None:
    made, numbers = job.description, job.description.output == "argmax"
    half = made.precision == "fp16"
    content = finished(job.onnx(), job.shape_to_fix, numbers, half, metadata(made))
    (folder / "model.onnx").write_bytes(content)


def metadata(made: Description) -> Dict[str, str]:
    """What of the description is of use to who has the model's file alone."""
    return {
        "paddleseg_u2net": __version__,
        "preprocess": json.dumps(dict(made.preprocess)),
        "classes": json.dumps(list(made.classes), ensure_ascii=False),
    }


def _versions() -> Dict[str, str]:
    return {"onnx": optional_package("--format onnx", "onnx").__version__}


register(
    Format(
        "onnx",
        "ONNX Runtime and many more",
        precisions=("fp32", "fp16", "int8"),
        files=(("model.onnx",),),
        write=_write,
        versions=_versions,
        any_network=True,
    )
)
