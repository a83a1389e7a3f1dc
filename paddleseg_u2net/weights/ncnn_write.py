"""A U²-Net for ncnn, whose Winograd convolutions are the fastest in float32 on many processors."""

from __future__ import annotations

import struct
from collections import Counter
from typing import List, Mapping, Tuple

import numpy as np

from paddleseg_u2net.architecture import Operation, Program, StageTable, build
from paddleseg_u2net.weights.onnx_write import folded_weights

_MAGIC = 7767517
# Before a convolution's kernel stands a tag; 0 says that float32 follows.
_FLOAT32 = struct.pack("<I", 0)


def ncnn_files(
    state: Mapping[str, np.ndarray],
    table: StageTable,
    num_classes: int = 1,
    in_channels: int = 3,
    activation: bool = True,
    source: str = "ncnn",
) -> Tuple[str, bytes]:
    """The text of ``model.param`` and the content of ``model.bin``, every BatchNorm folded.

    The input is the blob ``input``, float32 (in_channels, h, w) of any size; the output the blob
    ``d0``, float32 (num_classes, h, w): the fused probabilities, or logits.
    """
    program = build(table, num_classes, in_channels)
    weights = folded_weights(state, program, source)
    parts: List[bytes] = []
    for conv in program.convolutions:
        parts += [_FLOAT32, weights[f"{conv.layer}.weight"].astype("<f4").tobytes()]
        parts.append(weights[f"{conv.layer}.bias"].astype("<f4").tobytes())
    return _Graph(program, activation).text(), b"".join(parts)


class _Graph:
    """Turns the operations into lines of ncnn's text format; a value is the queue of its blobs.

    A blob has one reader there: where a step has more, a Split gives each a blob of its own.
    """

    def __init__(self, program: Program, activation: bool) -> None:
        self.lines: List[str] = []
        self.blobs = 0
        fused = program.operations[program.outputs[0]]
        self.fused, self.result = fused.number, "logits" if activation else "d0"
        self.readers = Counter(taken for step in program.operations for taken in step.inputs)
        program.run(self)
        if activation:
            one = fused.convolution.out_channels == 1
            self._line(
                "Sigmoid" if one else "Softmax", ["logits"], ["d0"], "" if one else "0=0 1=1"
            )

    def input(self, step: Operation) -> List[str]:
        return self._layer("Input", step, "")

    def conv(self, step: Operation, x: List[str]) -> List[str]:
        conv = step.convolution
        size = conv.out_channels * conv.multiply_adds
        attributes = f"0={conv.out_channels} 1={conv.kernel} 2={conv.dilation} 3=1"
        attributes += f" 4={conv.padding} 5=1 6={size}{' 9=1' if conv.normalised else ''}"
        return self._layer("Convolution", step, attributes, x)

    def pool(self, step: Operation, x: List[str]) -> List[str]:
        # 2x2, padded at the end: "full" pooling, ncnn's other way, errs at a side of one pixel.
        return self._layer("Pooling", step, "0=0 1=2 2=2 3=0 13=0 14=1 15=1 5=1", x)

    def resize(self, step: Operation, x: List[str], like: List[str]) -> List[str]:
        # Bilinear, to the size of the second input.
        return self._layer("Interp", step, "0=2 5=1", x, like)

    def concat(self, step: Operation, *parts: List[str]) -> List[str]:
        return self._layer("Concat", step, "0=0", *parts)

    def add(self, step: Operation, a: List[str], b: List[str]) -> List[str]:
        return self._layer("BinaryOp", step, "0=0", a, b)

    def _layer(self, kind: str, step: Operation, attributes: str, *inputs: List[str]) -> List[str]:
        name = self.result if step.number == self.fused else step.name
        self._line(kind, [blobs.pop() for blobs in inputs], [name], attributes)
        readers = self.readers[step.number]
        if readers < 2:
            return [name]
        names = [f"{name}_to_{reader}" for reader in range(readers)]
        self._line("Split", [name], names, "")
        return names

    def _line(self, kind: str, inputs: List[str], outputs: List[str], attributes: str) -> None:
        layer = f"{kind.lower()}_{outputs[0]}"
        numbers = f"{len(inputs)} {len(outputs)}"
        self.lines.append(" ".join([kind, layer, numbers, *inputs, *outputs, attributes]).rstrip())
        self.blobs += len(outputs)

    def text(self) -> str:
        """The whole of ``model.param``."""
        return "\n".join([str(_MAGIC), f"{len(self.lines)} {self.blobs}", *self.lines, ""])
