"""A U²-Net for ncnn, whose Winograd convolutions are the fastest in float32 on many processors."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Dict, List, Mapping, NamedTuple, Set

import numpy as np

from paddleseg_u2net.architecture import Convolution, Operation, Program, StageTable, build
from paddleseg_u2net.weights.onnx_write import folded_weights

_MAGIC = 7767517
# Before a convolution's kernel stands a tag; 0 says that float32 follows.
_FLOAT32 = struct.pack("<I", 0)


class NcnnFiles(NamedTuple):
    """``param``: the text of ``model.param``; ``weights``: the content of ``model.bin``."""

    param: str
    weights: bytes


def ncnn_files(
    state: Mapping[str, np.ndarray],
    table: StageTable,
    num_classes: int = 1,
    in_channels: int = 3,
    activation: bool = True,
    source: str = "ncnn",
) -> NcnnFiles:
    """Return the network for evaluation, with every BatchNorm folded into its convolution.

    Its input is the blob ``input``, float32 (in_channels, h, w) of any size; its output the blob
    ``d0``, float32 (num_classes, h, w): the fused probabilities, or logits.

    Args:
        state, table, num_classes, in_channels, activation, source: see `onnx_bytes`.

    Raises:
        ValueError: the weights are not those of this network, or not finite once folded.
    """
    program = build(table, num_classes, in_channels)
    weights = folded_weights(state, program, source)
    graph = _Graph(program, activation)
    parts: List[bytes] = []
    for conv in graph.convolutions:
        parts += [_FLOAT32, weights[f"{conv.layer}.weight"].astype("<f4").tobytes()]
        parts.append(weights[f"{conv.layer}.bias"].astype("<f4").tobytes())
    return NcnnFiles(graph.text(), b"".join(parts))


class _Graph:
    """Turns the steps that the fused map needs into lines of ncnn's text format.

    A blob has one reader there: where a step has more, a Split gives each a blob of its own.
    """

    def __init__(self, program: Program, activation: bool) -> None:
        self.lines: List[str] = []
        self.convolutions: List[Convolution] = []
        self.blobs = 0
        steps, fused = program.operations, program.outputs[0]
        needed = _needed(steps, fused)
        self.readers = Counter(taken for number in needed for taken in steps[number].inputs)
        self.waiting: Dict[int, List[str]] = {}
        result = "logits" if activation else "d0"
        for number in sorted(needed):
            name = result if number == fused else f"{steps[number].kind}_{number}"
            inputs = [self.waiting[taken].pop() for taken in steps[number].inputs]
            self._step(steps[number], inputs, name if number else "input")
            self._publish(number, name if number else "input")
        if activation:
            one = program.convolutions[-1].out_channels == 1
            self._line("Sigmoid" if one else "Softmax", [result], ["d0"], "" if one else "0=0 1=1")

    def _step(self, step: Operation, inputs: List[str], name: str) -> None:
        if step.conv is not None:
            self._convolution(step.conv, inputs, name)
            return
        kind, attributes = {
            "input": ("Input", ""),
            # 2x2, padded at the end: "full" pooling, ncnn's other way, errs at a side of one pixel.
            "pool": ("Pooling", "0=0 1=2 2=2 3=0 13=0 14=1 15=1 5=1"),
            "resize": ("Interp", "0=2 5=1"),  # bilinear, to the size of the second input
            "concat": ("Concat", "0=0"),
            "add": ("BinaryOp", "0=0"),
        }[step.kind]
        self._line(kind, inputs, [name], attributes)

    def _convolution(self, conv: Convolution, inputs: List[str], name: str) -> None:
        self.convolutions.append(conv)
        pad = conv.dilation * (conv.kernel // 2)
        size = conv.out_channels * conv.in_channels * conv.kernel**2
        attributes = f"0={conv.out_channels} 1={conv.kernel} 2={conv.dilation} 3=1 4={pad} 5=1"
        relu = " 9=1" if conv.normalised else ""
        self._line("Convolution", inputs, [name], f"{attributes} 6={size}{relu}")

    def _publish(self, number: int, name: str) -> None:
        readers = self.readers[number]
        names = [name] if readers < 2 else [f"{name}_to_{reader}" for reader in range(readers)]
        if readers > 1:
            self._line("Split", [name], names, "")
        self.waiting[number] = names

    def _line(self, kind: str, inputs: List[str], outputs: List[str], attributes: str) -> None:
        layer = f"{kind.lower()}_{outputs[0]}"
        numbers = f"{len(inputs)} {len(outputs)}"
        self.lines.append(" ".join([kind, layer, numbers, *inputs, *outputs, attributes]).rstrip())
        self.blobs += len(outputs)

    def text(self) -> str:
        """The whole of ``model.param``."""
        return "\n".join([str(_MAGIC), f"{len(self.lines)} {self.blobs}", *self.lines, ""])


def _needed(steps: List[Operation], fused: int) -> Set[int]:
    """The steps that the fused map is made from: the side outputs' own resizes are not all."""
    needed: Set[int] = set()
    ahead = [fused]
    while ahead:
        number = ahead.pop()
        if number not in needed:
            needed.add(number)
            ahead += steps[number].inputs
    return needed
