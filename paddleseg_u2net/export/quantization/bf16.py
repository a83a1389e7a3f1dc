"""A network that computes as one in bfloat16 does, on any processor: those with bfloat16
(AVX512_BF16, AMX) round the values and kernels that go into a convolution, multiply exactly and add
in float32; OpenVINO rounds its bias, too. Feature maps in between are stored in bfloat16.
"""

from __future__ import annotations

import re
from typing import Any, Collection, Iterable, List, Set, Tuple

import numpy as np

from paddleseg_u2net.export.quantization.graph import (
    Network,
    Plan,
    QuantizationError,
    copied,
    make_node,
)
from paddleseg_u2net.export.quantization.observe import Rounding
from paddleseg_u2net.inference.backends.backend import engine_module

_FLOAT, _BFLOAT16 = 1, 16  # TensorProto's


def in_bf16(network: Network, low: Collection[str]) -> bytes:
    """The ONNX file, of opset 13 and up, with these layers rounded as bfloat16 rounds."""
    plan = Plan(network, low)
    nodes: List[Any] = []
    arrays = dict(network.arrays)
    done: Set[str] = set()
    for node in network.nodes:
        copy = copied(node)
        for index in plan.inputs(node) if node.op_type != "Shape" else ():
            name = node.input[index]
            copy.input[index] = f"{name}.rounded"
            if name not in done:
                done.add(name)
                nodes += _casts(name, copy.input[index])
        if node.name in plan.convolutions:
            for name in node.input[1:]:
                arrays[name] = rounded_to_bf16(arrays[name])
        nodes.append(copy)
    return network.rewritten(nodes, arrays)


def _casts(taken: str, given: str) -> List[Any]:
    between = f"{given}.bf16"
    return [
        make_node("Cast", [taken], between, to=_BFLOAT16),
        make_node("Cast", [between], given, to=_FLOAT),
    ]


def rounded_to_bf16(array: np.ndarray) -> np.ndarray:
    """Finite float32 values rounded to bfloat16, half to even, as float32."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return ((bits + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)).view(np.float32)


BF16 = Rounding(rounded_to_bf16, lambda name, taken, given, arrays: _casts(taken, given))
"""What bfloat16 does to kernels and values."""


# A layer of OpenVINO's XML file may have the run-time attribute ``precise``. Its reader makes it
# known to the CPU plugin, which passes such layers over when it lowers a network to
# INFERENCE_PRECISION_HINT (openvino, src/plugins/intel_cpu/src/node.cpp: keepOriginalPrecision, and
# graph.cpp: EnforceInferencePrecision). But the plugin first rewrites newer versions of some
# operators as older ones, and the mark is lost on the way: so they are written as the older ones.
# Tests read the marks back and, where the processor has bfloat16, what each layer is computed in.

_MARK = '<rt_info><attribute name="precise" version="0" /></rt_info>'
# What the ONNX reader calls the convolution in front of its bias.
_BIASED = "/WithoutBiases"
_LAYER = re.compile(r'<layer id="[^"]*" name="([^"]*)" type="([^"]*)"[^>]*>')


def make_markable(model: Any, nodes: Iterable[str]) -> None:
    """Rewrite those layers of an ``openvino.Model`` that would lose a mark, to the same effect."""
    constant = engine_module("openvino.opset4", "openvino").constant
    factory = engine_module("openvino.utils.node_factory", "openvino").NodeFactory
    wanted = set(nodes)
    for node in model.get_ordered_ops():
        name, info = node.get_friendly_name(), node.get_type_info()
        if name not in wanted:
            continue
        taken, kept = [node.input_value(0)], node.get_attributes()
        if (info.name, info.version_id) == ("Interpolate", "opset11"):
            # Without axes its sizes are of all four, and so they come from ONNX's Resize.
            scales, axes = np.ones(4, np.float32), np.arange(4)
            taken += [node.input_value(1), *(constant(x).output(0) for x in (scales, axes))]
            older = factory("opset4").create("Interpolate", taken, kept)
        elif info.name == "MaxPool" and info.version_id != "opset1":
            older = factory("opset1").create("MaxPool", taken, kept)
        else:
            continue
        older.set_friendly_name(name)
        node.output(0).replace(older.output(0))


def mark_precise(xml: str, nodes: Iterable[str]) -> str:
    """The text of a ``model.xml`` with the layers of these ONNX nodes marked."""
    wanted = set(nodes)
    marked: Set[str] = set()
    parts: List[str] = []
    at = 0
    for start, name, kind in _layers(xml):
        plain = name[: -len(_BIASED)] if name.endswith(_BIASED) else name
        if plain in wanted and kind != "Const":
            parts += [xml[at:start], _MARK]
            at = start
            marked.add(plain)
    missing = sorted(wanted - marked)
    if missing:
        raise QuantizationError(
            f"OpenVINO's file has no layer {', '.join(missing[:5])}: expected the names of the "
            "ONNX file that it was made from; another release of openvino may name them otherwise"
        )
    return "".join([*parts, xml[at:]])


def _layers(xml: str) -> Iterable[Tuple[int, str, str]]:
    """Where the attributes of each layer may be inserted, its name and type."""
    for match in _LAYER.finditer(xml):
        end = xml.index("</layer>", match.end())
        data = re.compile(r"\s*<data [^>]*/>").match(xml, match.end(), end)
        yield (data.end() if data else match.end()), match[1], match[2]
