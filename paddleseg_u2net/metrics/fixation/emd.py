"""Earth mover's distance of saliency maps: how far is the map's mass from the fixations?"""

from __future__ import annotations

import numpy as np

from paddleseg_u2net.metrics.fixation.fixation_pair import FixationPair
from paddleseg_u2net.metrics.fixation.metric import FixationMetric
from paddleseg_u2net.metrics.fixation.transport import transport_cost


class EarthMoversDistance(FixationMetric):
    """EMD: mean way of the map's mass to the density of fixations, mean over images.

    Lower is better, in [0, 1]: the unit is the diagonal of the picture. Both the map and the
    density are reduced to a grid of cells by area averaging and divided by their sum; then the
    least sum of mass times Euclidean distance between the centres of the cells is found that turns
    one into the other. Unlike the other metrics, a near miss costs less than a far one. Source:
    Rubner et al. 2000, "The Earth Mover's Distance as a Metric for Image Retrieval", IJCV; Judd et
    al. 2012, MIT-CSAIL-TR-2012-001; Bylinskii et al. 2019, "What do different evaluation metrics
    tell us about saliency models?", TPAMI.

    The optimum is exact: see `transport.transport_cost`. A finer grid gives another, mostly larger
    number, so quote the grid with it. MIT's MATLAB code differs: it reduces to 1/32 of the size
    (13 x 10 of 400 x 300), gives the map the histogram of the density first, and its unit is a
    cell of its grid.

    Mass that both have in a cell stays there, which is optimal since distances obey the triangle
    inequality, and leaves less to move. With the default grid a picture takes a few ms, the
    worst known (square, noise against a blur) about 20 ms.

    Corner cases: no density, or an all-zero map, which has no mass to move: undefined. A constant
    map is the uniform distribution. 1x1 picture: 0. Ignored pixels hold no mass.

    Args:
        cells: Cells along the longer side of the picture, 1 to 32; the shorter side gets as many
            of about the same size. A side with fewer pixels has a cell for each. The time grows
            with the fourth power and more.
    """

    def __init__(self, cells: int = 14) -> None:
        if not 1 <= cells <= 32:
            raise ValueError(f"expected 1 to 32 cells along the longer side, got {cells}")
        self.cells = cells
        super().__init__()

    def _settings(self) -> dict[str, object]:
        return {"cells": self.cells}

    def _score(self, fixated: FixationPair) -> float:
        if fixated.mass is None or fixated.density is None:
            return float("nan")
        height, width = fixated.shape
        edges = [self._edges(length, max(height, width)) for length in (height, width)]
        surplus = _reduced(fixated.on_picture(fixated.mass), edges)
        surplus -= _reduced(fixated.on_picture(fixated.density), edges)
        # What rounding leaves is no mass.
        from_cells, to_cells = surplus > 1e-15, surplus < -1e-15
        if not from_cells.any() or not to_cells.any():
            return 0.0
        rows, columns = (((edge[1:] + edge[:-1]) / 2) for edge in edges)
        centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        way = centres[from_cells][:, None] - centres[to_cells]
        distance = np.hypot(way[..., 0], way[..., 1]) / np.hypot(height, width)
        return transport_cost(surplus[from_cells], -surplus[to_cells], distance)

    def _edges(self, length: int, longest: int) -> np.ndarray:
        """Return the borders of the cells along one side, in pixels."""
        cells = min(length, max(1, round(self.cells * length / longest)))
        return np.linspace(0, length, cells + 1)


def _reduced(picture: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Return the mass in each cell; a pixel on a border is shared by area."""
    rows, columns = (_shares(edge, length) for edge, length in zip(edges, picture.shape))
    return rows @ picture @ columns.T


def _shares(edges: np.ndarray, length: int) -> np.ndarray:
    """Return which part of each of ``length`` pixels lies in each cell: (cells, length)."""
    pixel = np.arange(length)
    start = np.maximum(edges[:-1, None], pixel)
    end = np.minimum(edges[1:, None], pixel + 1)
    return np.maximum(end - start, 0)
