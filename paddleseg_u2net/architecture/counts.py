"""What a U²-Net costs: parameters, arithmetic, memory, and how far it sees.

Everything is counted from the list of operations, for one image; nothing is run. An FLOP is one
addition, multiplication or comparison, so that a multiply-add is two.
"""

from __future__ import annotations

from itertools import groupby
from math import prod
from typing import List, NamedTuple, Tuple

import numpy as np

from paddleseg_u2net.architecture.program import Operation, Program

_FLOAT = 4  # bytes of a float32
# FLOPs of an output element: BatchNorm with known statistics (scale, shift), the comparisons of
# ReLU and of a 2x2 maximum, the four products and three sums of a bilinear resize.
_BATCHNORM, _RELU, _BIAS = 2, 1, 1
_ELEMENT = {"input": 0, "pool": 3, "resize": 7, "concat": 0, "add": 1}


class Shape(NamedTuple):
    """Of a tensor of one image."""

    channels: int
    height: int
    width: int


class Counts(NamedTuple):
    """The costs of a network for one image of one size, in evaluation, in float32.

    What is in which number stands below the table of ``tools/model_info.py``.
    Activations: Dollár et al. 2021, arXiv:2103.06877.
    """

    parameters: int
    trainable: int
    multiply_adds: int
    flops: int
    profiler_flops: int
    activations: int
    weight_bytes: int
    peak_bytes: int
    training_bytes: int
    receptive_field: int


class StageCounts(NamedTuple):
    """A stage's share of ``Counts``, and its output; ``sides`` for what fuses the side outputs."""

    name: str
    shape: Shape
    parameters: int
    multiply_adds: int
    receptive_field: int


def count(program: Program, height: int, width: int) -> Counts:
    """The costs of ``program`` for an image of this size."""
    shapes = tensor_shapes(program, height, width)
    sizes = [prod(shape) for shape in shapes]
    convs = [(step.conv, sizes[step.number]) for step in program.operations if step.conv]
    multiply_adds = sum(conv.multiply_adds * size for conv, size in convs)
    return Counts(
        parameters=sum(conv.parameters for conv, _ in convs),
        trainable=sum(conv.parameters - conv.normalised * conv.out_channels for conv, _ in convs),
        multiply_adds=multiply_adds,
        flops=sum(_flops(step) * sizes[step.number] for step in program.operations),
        profiler_flops=multiply_adds
        + sum(size * (1 + _BATCHNORM * conv.normalised) for conv, size in convs),
        activations=sum(size for _, size in convs),
        weight_bytes=_FLOAT * sum(map(prod, program.shapes().values())),
        peak_bytes=_FLOAT * _peak(program, sizes),
        training_bytes=_FLOAT * _kept(program, sizes),
        receptive_field=receptive_fields(program)[program.outputs[0]],
    )


def count_stages(program: Program, height: int, width: int) -> List[StageCounts]:
    """A row for each stage in the order in which they run; parameters and multiply-adds add up."""
    shapes, fields = tensor_shapes(program, height, width), receptive_fields(program)
    rows = []
    for name, group in groupby(program.operations, key=lambda step: step.stage):
        steps = list(group)
        last, convs = steps[-1].number, [(s.conv, prod(shapes[s.number])) for s in steps if s.conv]
        parameters = sum(conv.parameters for conv, _ in convs)
        multiply_adds = sum(conv.multiply_adds * size for conv, size in convs)
        rows.append(StageCounts(name, shapes[last], parameters, multiply_adds, fields[last]))
    return rows


def tensor_shapes(program: Program, height: int, width: int) -> List[Shape]:
    """The shape of every operation's output; ValueError for a size below 1."""
    if height < 1 or width < 1:
        raise ValueError(f"size: expected a width and a height of 1 or more, got {width}x{height}")
    return program.run(_Shapes(Shape(program.convolutions[0].in_channels, height, width)))


class _Shapes:
    """What each operation makes of the shapes of its inputs."""

    def __init__(self, image: Shape) -> None:
        self.image = image

    def input(self, step: Operation) -> Shape:
        return self.image

    def conv(self, step: Operation, x: Shape) -> Shape:
        return x._replace(channels=step.convolution.out_channels)

    def pool(self, step: Operation, x: Shape) -> Shape:
        return Shape(x.channels, -(-x.height // 2), -(-x.width // 2))

    def resize(self, step: Operation, x: Shape, like: Shape) -> Shape:
        return like._replace(channels=x.channels)

    def concat(self, step: Operation, *parts: Shape) -> Shape:
        return parts[0]._replace(channels=sum(part.channels for part in parts))

    def add(self, step: Operation, a: Shape, b: Shape) -> Shape:
        return a


def receptive_fields(program: Program) -> List[int]:
    """How many input rows (and columns) one element of every operation's output depends on.

    From the first to the last of them, the largest over its positions, in an image without borders
    whose size halves evenly.
    """
    large = 2 ** len(program.operations)
    halvings = [
        (large // shape.height).bit_length() - 1 for shape in tensor_shapes(program, large, 1)
    ]
    reaches = program.run(_Reaches(halvings))
    return [int((high - low).max()) + 1 for low, high in reaches]


class _Reaches:
    """The first and last input row (2, n) that the rows of each operation's output depend on.

    For one period: the pattern repeats after as many input rows as one row of the smallest map
    covers. ``halvings`` of the output by the operation's number.
    """

    def __init__(self, halvings: List[int]) -> None:
        self.halvings, self.period = halvings, 2 ** max(halvings)

    def _rows(self, step: Operation) -> np.ndarray:
        return np.arange(self.period >> self.halvings[step.number])

    def _union(self, *sources: Tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Where values of these rows meet; rows may lie outside of the period."""
        reaches = []
        for reach, rows in sources:
            turns, inside = np.divmod(rows, reach.shape[1])
            reaches.append(reach[:, inside] + turns * self.period)
        low, high = zip(*reaches)
        return np.stack([np.min(low, axis=0), np.max(high, axis=0)])

    def input(self, step: Operation) -> np.ndarray:
        return np.stack([self._rows(step)] * 2)

    def conv(self, step: Operation, x: np.ndarray) -> np.ndarray:
        rows, far = self._rows(step), step.convolution.padding
        return self._union((x, rows - far), (x, rows), (x, rows + far))

    def pool(self, step: Operation, x: np.ndarray) -> np.ndarray:
        return self._union((x, 2 * self._rows(step)), (x, 2 * self._rows(step) + 1))

    def resize(self, step: Operation, x: np.ndarray, like: np.ndarray) -> np.ndarray:
        rows, factor = self._rows(step), like.shape[1] // x.shape[1]
        if factor == 1:
            return x
        # Row i lies at (i + 1/2) / factor - 1/2; for an even factor always between two rows.
        above = (2 * rows + 1 - factor) // (2 * factor)
        return self._union((x, above), (x, above + 1))

    def concat(self, step: Operation, *parts: np.ndarray) -> np.ndarray:
        return self._union(*((part, self._rows(step)) for part in parts))

    def add(self, step: Operation, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self.concat(step, a, b)


def _flops(step: Operation) -> int:
    """Of one output element."""
    if step.conv is None:
        return _ELEMENT[step.kind]
    return 2 * step.conv.multiply_adds + (_BATCHNORM + _RELU if step.conv.normalised else _BIAS)


def _peak(program: Program, sizes: List[int]) -> int:
    """The largest number of elements alive while an operation runs."""
    last_use = list(range(len(sizes)))
    for step in program.operations:
        for number in step.inputs:
            last_use[number] = step.number
    alive = peak = 0
    for now, size in enumerate(sizes):
        alive += size
        peak = max(peak, alive)
        alive -= sum(sizes[number] for number in range(now + 1) if last_use[number] == now)
    return peak


def _kept(program: Program, sizes: List[int]) -> int:
    """The number of elements that the backward pass needs."""
    taken = {step.inputs[0] for step in program.operations if step.kind in ("conv", "pool")}
    normalised = [step.number for step in program.operations if step.conv and step.conv.normalised]
    # Before BatchNorm, and behind ReLU.
    return sum(sizes[n] for n in normalised) + sum(sizes[n] for n in {*taken, *normalised})
