"""Adaptive average pooling in a form that paddle2onnx converts as it is.

Of `nn.AdaptiveAvgPool2D` paddle2onnx (1.3.1, 2.1.0) makes windows of one size, which are others
where the image's side is no multiple of the cells' number, and it takes fixed sizes only.
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Optional, Tuple

import paddle
from paddle import nn


class CellMeans(nn.Layer):
    """Means over a grid of cells, as products with two matrices of shares, for any size."""

    def __init__(self, cells: Tuple[int, int]) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, x: Any) -> Any:
        """(N, C, h, w) -> (N, C, *cells)."""
        size = paddle.shape(x)
        rows = _shares(self.cells[0], size[2])
        columns = _shares(self.cells[1], size[3])
        return paddle.matmul(rows, paddle.matmul(x, columns, transpose_y=True))


def _shares(cells: int, length: Any) -> Any:
    """(cells, length): what each of ``length`` pixels adds to the mean of each cell. Cells begin at
    a whole pixel below their place, end at one above, and so may overlap.
    """
    pixel = paddle.arange(0, length, dtype="int64").unsqueeze(0)
    length = length.astype("int64")
    cell = paddle.arange(cells, dtype="int64").unsqueeze(1)
    first, end = cell * length // cells, ((cell + 1) * length + (cells - 1)) // cells
    inside = paddle.logical_and(pixel >= first, pixel < end).astype("float32")
    return inside / (end - first).astype("float32")


@contextlib.contextmanager
def convertible(network: Any) -> Iterator[None]:
    """Let the adaptive poolings of a network be `CellMeans`."""
    replaced = []
    for parent in network.sublayers(include_self=True):
        for name, layer in parent.named_children():
            cells = _cells(layer) if type(layer) is nn.AdaptiveAvgPool2D else None
            if cells and cells != (1, 1):
                replaced.append((parent, name, layer))
                setattr(parent, name, CellMeans(cells))
    try:
        yield
    finally:
        for parent, name, layer in replaced:
            setattr(parent, name, layer)


def _cells(layer: Any) -> Optional[Tuple[int, int]]:
    """The number of cells (down, across), None of a side that keeps its length."""
    asked = layer._output_size
    down, across = (asked, asked) if isinstance(asked, int) else asked
    plain = isinstance(down, int) and isinstance(across, int) and layer._data_format == "NCHW"
    return (down, across) if plain else None
