"""Layers that OpenVINO is to leave in float32 where it computes in bfloat16.

A layer of OpenVINO's XML file may have the run-time attribute ``precise``. Its reader makes it
known to the CPU plugin, which passes such layers over when it lowers a network to
INFERENCE_PRECISION_HINT (openvino, src/plugins/intel_cpu/src/node.cpp: keepOriginalPrecision, and
graph.cpp: EnforceInferencePrecision; releases from 2024.0, read in the source up to 2026). Reading
the mark back is tested. NOT RUN: what the plugin does with it needs a processor with bfloat16.
Poolings and resizes may be replaced on the way and lose the mark; convolutions are not.
"""

from __future__ import annotations

import re
from typing import Iterable, List, Set, Tuple

from paddleseg_u2net.quantization.graph import QuantizationError

_MARK = '<rt_info><attribute name="precise" version="0" /></rt_info>'
# What the ONNX reader calls the convolution in front of its bias.
_BIASED = "/WithoutBiases"
_LAYER = re.compile(r'<layer id="[^"]*" name="([^"]*)" type="([^"]*)"[^>]*>')


def mark_precise(xml: str, nodes: Iterable[str]) -> str:
    """The text of a ``model.xml`` with these layers marked.

    Args:
        xml: as `openvino.save_model` writes it, of an ONNX file.
        nodes: names of ONNX nodes; see `search.Found.float_nodes`.

    Raises:
        QuantizationError: a convolution of that name is not in the file.
    """
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
