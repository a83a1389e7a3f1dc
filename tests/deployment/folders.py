"""Exported folders with random weights, as small as they come."""

from __future__ import annotations

import pytest

from paddleseg_u2net.export.formats.onnx import finished
from paddleseg_u2net.inference.backends.open_vino import openvino_core
from paddleseg_u2net.inference.description import described_preprocess
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.inference.exporting import describe
from tests.weights import narrow


def export(folder, preprocess, num_classes=1, form="onnx", in_channels=3, output="probability"):
    """An exported folder with random weights."""
    folder.mkdir(parents=True)
    state, shape = narrow.state(num_classes, in_channels), (None, in_channels, None, None)
    content = onnx_bytes(state, narrow.table(), num_classes, in_channels, sides=False)
    content = finished(content, shape, numbers=output == "argmax")
    if form == "onnx":
        (folder / "model.onnx").write_bytes(content)
    else:
        openvino = pytest.importorskip("openvino")
        model = openvino_core().read_model(content)
        openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return describe(
        folder,
        format=form,
        output=output,
        shape=shape,
        num_classes=num_classes,
        classes=tuple(f'class "{number}"' for number in range(max(num_classes, 2))),
        preprocess=described_preprocess(preprocess),
    )
