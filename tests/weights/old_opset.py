"""ONNX files as exporters wrote them before Resize knew half pixels."""

from __future__ import annotations


def with_scales(model, opset, operator="Resize"):
    """A model of this project in which all resizing doubles, in opset 9 (Upsample) or 10."""
    from onnx import helper

    scales = helper.make_tensor("scales", 1, [4], [1, 1, 2, 2])  # 1: float32
    model.graph.initializer.append(scales)
    for node in model.graph.node:
        if node.op_type == "Resize":
            x, result = node.input[0], node.output[0]
            node.CopyFrom(
                helper.make_node(operator, [x, "scales"], [result], node.name, mode="linear")
            )
    model.opset_import[0].version = opset
    return model
