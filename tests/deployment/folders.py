"""Exported folders with random weights, as small as they come."""

from __future__ import annotations

import pytest

from paddleseg_u2net.export.formats.onnx import finished
from paddleseg_u2net.inference.backends.open_vino import openvino_core
from paddleseg_u2net.inference.description import (
    Description,
    checksum,
    described_preprocess,
    write_description,
)
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.weights import narrow


def export(folder, preprocess, num_classes=1, form="onnx", in_channels=3, output="probability"):
    """An exported folder with random weights."""
    folder.mkdir(parents=True)
    state, table = narrow.state(num_classes, in_channels), narrow.table()
    content = onnx_bytes(state, table, num_classes, in_channels, sides=False)
    shape = (None, in_channels, None, None)
    content = finished(content, shape, numbers=output == "argmax")
    if form == "onnx":
        (folder / "model.onnx").write_bytes(content)
    else:
        openvino = pytest.importorskip("openvino")
        openvino.save_model(
            openvino_core().read_model(content), folder / "model.xml", compress_to_fp16=False
        )
    description = Description(
        format=form,
        precision="fp32",
        output=output,
        shape=shape,
        num_classes=num_classes,
        classes=tuple(f'class "{number}"' for number in range(max(num_classes, 2))),
        preprocess=described_preprocess(preprocess),
        files={path.name: checksum(path) for path in sorted(folder.iterdir())},
    )
    write_description(folder, description)
    return folder
