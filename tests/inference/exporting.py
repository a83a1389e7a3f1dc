"""Exported folders, written out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paddleseg_u2net.architecture import build
from paddleseg_u2net.inference.backends import BACKENDS, Model
from paddleseg_u2net.inference.backends.backend import engine_module
from paddleseg_u2net.inference.backends.open_vino import openvino_core
from paddleseg_u2net.inference.description import NAME, Description, checksum, write_description
from paddleseg_u2net.weights.onnx_write import folded_weights, onnx_bytes
from tests.weights import narrow


def on_engine(name, model, threads=None, output_type="logits", device="cpu", **more):
    """An ONNX file, as a path or its content, on a backend."""
    made = Model("onnx", {"model.onnx": model}, output_type, **more)
    return BACKENDS[name].load(made, threads, device)


def on_ncnn(param, weights, threads=None, output_type="logits"):
    """The two files of ncnn, as text and content or path, on ncnn."""
    made = Model("ncnn", {"model.param": param.encode(), "model.bin": weights}, output_type)
    return BACKENDS["ncnn"].load(made, threads, "cpu")


def describe(folder: Path, **changes) -> Path:
    """Write the description for the model's files in ``folder``."""
    format = changes.get("format", "onnx")
    names = sorted(path.name for path in folder.iterdir() if path.name != NAME)
    content = {
        "format": format,
        "precision": "fp32",
        "output": "probability",
        "shape": (None, 3, None, None),
        "num_classes": 1,
        "classes": ("background", "object"),
        "preprocess": {
            "type": "paddleseg",
            "size": [48, 40],
            "mean": [0.5] * 3,
            "std": [0.5] * 3,
            "channels": 3,
        },
        "files": {name: checksum(folder / name) for name in names},
        **changes,
    }
    write_description(folder, Description(**content))
    return folder


def content(num_classes=1, shape=None, argmax=False) -> bytes:
    """An ONNX model of probabilities or class numbers; for one shape, if one is given."""
    model = onnx_bytes(narrow.state(num_classes), narrow.table(), num_classes, sides=False)
    if shape is None and not argmax:
        return model
    import onnx

    proto = onnx.load_from_string(model)
    graph = proto.graph
    if argmax:
        output = graph.output[0]
        graph.node.append(
            onnx.helper.make_node("ArgMax", [output.name], ["numbers"], axis=1, keepdims=0)
        )
        graph.output.insert(0, onnx.helper.make_tensor_value_info("numbers", 7, ["n", "h", "w"]))
    if shape is not None:
        for value, channels in ((graph.input[0], shape[1]), (graph.output[0], num_classes)):
            sides = value.type.tensor_type.shape.dim
            for side, number in zip(sides, (shape[0], channels, *shape[2:])):
                side.dim_value = number
    return proto.SerializeToString()


def onnx_folder(folder: Path, num_classes=1, shape=None, argmax=False, **changes) -> Path:
    """An export to ONNX."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content(num_classes, shape, argmax))
    said = {"num_classes": num_classes, **changes}
    if num_classes > 1:
        said.setdefault("classes", tuple(f"class {n}" for n in range(num_classes)))
    if shape is not None:
        said.setdefault("shape", shape)
    if argmax:
        said.setdefault("output", "argmax")
    return describe(folder, **said)


def openvino_folder(folder: Path, **changes) -> Path:
    """An export to OpenVINO's own format."""
    openvino = engine_module("openvino", "openvino")

    folder.mkdir(parents=True, exist_ok=True)
    model = openvino_core().read_model(content())
    openvino.save_model(model, str(folder / "model.xml"), compress_to_fp16=False)
    return describe(folder, format="openvino", **changes)


def paddle_folder(folder: Path, **changes) -> Path:
    """An export to Paddle's format, of the Paddle that is installed."""
    from paddleseg_u2net.export.paddle import write_paddle

    program = build(narrow.table(), 1, 3)
    weights = folded_weights(narrow.state(), program, "a test")
    folder.mkdir(parents=True, exist_ok=True)
    write_paddle(folder, weights, program, "probability", (None, 3, None, None))
    return describe(folder, format="paddle", **changes)


def picture(height=30, width=50, channels=3, seed=0) -> np.ndarray:
    """Noise, uint8 (H, W, C)."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels)).astype(np.uint8)
