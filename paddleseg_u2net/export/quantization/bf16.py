"""A network that computes as one in bfloat16 does, on any processor.

Processors with bfloat16 (AVX512_BF16, AMX) round the values and kernels that go into a
convolution, multiply exactly and add in float32; OpenVINO rounds its bias, too. Feature maps in
between are stored in bfloat16.
An ONNX file with casts to bfloat16 and back gives the same up to the order of sums.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Set

import numpy as np

from paddleseg_u2net.export.quantization.graph import Network, Plan, copied, make_node
from paddleseg_u2net.export.quantization.sensitivity import Rounding

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


def bf16_rounding() -> Rounding:
    """What bfloat16 does to kernels and values, for `sensitivity`."""

    def value(name: str, taken: str, given: str, arrays: Dict[str, np.ndarray]) -> List[Any]:
        return _casts(taken, given)

    return Rounding(rounded_to_bf16, value)


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
