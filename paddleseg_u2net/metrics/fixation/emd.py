"""Earth mover's distance of saliency maps: how far is the map's mass from the fixations?"""

from __future__ import annotations

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import FixationMetric
from paddleseg_u2net.metrics.scores import Score, register

_CELLS = 14  # along the longer side; the time grows with the fourth power and more
_TOLERANCE = 1e-12  # of the largest distance


@register(
    Score(
        "EMD",
        "fixation",
        "earth mover's distance to the density, 14 cells",
        "exact, on a grid of 14 cells along the longer side, in diagonals of the image",
        "Rubner et al. 2000",
        higher_is_better=False,
        needs="density",
    )
)
class EarthMoversDistance(FixationMetric):
    """EMD: mean way of the map's mass to the density of fixations, in diagonals of the image.

    Both are reduced to a grid by area averaging and divided by their sum; then the least sum of
    mass times distance between the centres of cells is found. Source: Rubner et al. 2000, "The
    Earth Mover's Distance as a Metric for Image Retrieval", IJCV; Bylinskii et al. 2019, TPAMI.
    MIT's code reduces to 1/32 of the size, matches histograms first, and its unit is a cell.
    """

    def score(self, pair: MapMaskPair) -> float:
        if pair.mass is None or pair.density is None:
            return float("nan")
        height, width = pair.shape
        edges = [_edges(length, max(height, width)) for length in (height, width)]
        surplus = _reduced(pair.on_image(pair.mass), edges)
        surplus -= _reduced(pair.on_image(pair.density), edges)
        # Mass that both have in a cell stays there. What rounding leaves is no mass.
        from_cells, to_cells = surplus > 1e-15, surplus < -1e-15
        if not from_cells.any() or not to_cells.any():
            return 0.0
        rows, columns = (((edge[1:] + edge[:-1]) / 2) for edge in edges)
        centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        way = centres[from_cells][:, None] - centres[to_cells]
        distance = np.hypot(way[..., 0], way[..., 1]) / np.hypot(height, width)
        return emd(surplus[from_cells], -surplus[to_cells], distance)


def _edges(length: int, longest: int) -> np.ndarray:
    """Return the borders of the cells along one side, in pixels."""
    cells = min(length, max(1, round(_CELLS * length / longest)))
    return np.linspace(0, length, cells + 1)


def _reduced(array: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Return the mass in each cell; a pixel on a border is shared by area."""
    rows, columns = (_shares(edge, length) for edge, length in zip(edges, array.shape))
    return rows @ array @ columns.T


def _shares(edges: np.ndarray, length: int) -> np.ndarray:
    """Return which part of each of ``length`` pixels lies in each cell: (cells, length)."""
    pixel = np.arange(length)
    start = np.maximum(edges[:-1, None], pixel)
    end = np.minimum(edges[1:, None], pixel + 1)
    return np.maximum(end - start, 0)


def emd(supply: np.ndarray, demand: np.ndarray, distance: np.ndarray) -> float:
    """Return the least sum of mass times distance that turns supply (n,) into demand (m,), above 0.

    OpenCV's solver stops after 500 steps, whether its flow is the cheapest or not, and works in
    float32. So its flow is a start: as long as moving mass around a cycle is cheaper, it is moved
    (Klein 1967, "A primal method for minimal cost flows", Management Science). The result is that
    of the dual potentials in float64: not above the exact number, mostly below it by 1e-14.
    """
    total = float(supply.sum())
    supply, demand = supply / total, demand / demand.sum()
    flow = _first_flow(supply, demand, distance)
    supply_dual, demand_dual = _dual_potentials(flow, distance)
    return max(0.0, total * float(demand @ demand_dual - supply @ supply_dual))


def _first_flow(supply: np.ndarray, demand: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return a good flow (n, m): rows sum to the supply and columns to the demand, in float32."""
    if min(distance.shape) == 1:
        return np.outer(supply, demand)
    signatures = (side[:, None].astype(np.float32) for side in (supply, demand))
    try:
        _, _, flow = cv2.EMD(*signatures, cv2.DIST_USER, distance.astype(np.float32))
    except cv2.error:  # it finds no loop, or its solution runs away by rounding
        return _flow_in_order(supply, demand)
    return np.maximum(flow.astype(np.float64), 0)


def _flow_in_order(supply: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """Return the flow that serves one demand after the other with one supply after the other."""
    given, taken = np.cumsum(supply), np.cumsum(demand)
    ends = np.unique(np.concatenate([given, taken]))
    mass = np.diff(ends, prepend=0)
    middle = ends - mass / 2
    rows = np.minimum(np.searchsorted(given, middle), supply.size - 1)
    columns = np.minimum(np.searchsorted(taken, middle), demand.size - 1)
    flow = np.zeros((supply.size, demand.size))
    np.add.at(flow, (rows, columns), mass)
    return flow


def _dual_potentials(flow: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the dual potentials (n,) and (m,) of the cheapest flow; the flow becomes it.

    They are shortest paths (Bellman and Ford) from supply to supply: forth over any demand, back
    where mass flows. Shortest paths that go round show a cycle to cancel.
    """
    rows, columns = np.arange(flow.shape[0]), np.arange(flow.shape[1])
    dual, tolerance = np.zeros(flow.shape[0]), _TOLERANCE * distance.max()
    back = np.where(flow > 0, -distance, np.inf)
    before, over = rows.copy(), np.zeros_like(rows)  # the last step of each shortest path
    for _ in range(100 * sum(flow.shape)):  # far more than ever seen; stopped, it is a lower bound
        nearest = (dual[:, None] + distance).argmin(axis=0)
        demand_dual = dual[nearest] + distance[nearest, columns]
        paths = demand_dual + back
        cheapest = paths.argmin(axis=1)
        shorter = paths[rows, cheapest] < dual - tolerance
        if not shorter.any():
            break
        dual = np.where(shorter, paths[rows, cheapest], dual)
        before = np.where(shorter, nearest[cheapest], before)
        over = np.where(shorter, cheapest, over)
        cycles = _cycles(before)
        for cycle in cycles:  # mass goes round until one of the ways is used up
            less, more = (cycle, over[cycle]), (before[cycle], over[cycle])
            mass = flow[less].min()
            flow[less] -= mass
            flow[more] += mass
            for ways in (less, more):
                back[ways] = np.where(flow[ways] > 0, -distance[ways], np.inf)
        if cycles:
            before = rows.copy()
    return dual, (dual[:, None] + distance).min(axis=0)


def _cycles(before: np.ndarray) -> list[np.ndarray]:
    """Return the cycles of two and more that the steps from each row to the one before go round."""
    ends = before
    for _ in range(len(before).bit_length()):  # as many steps as there are rows, doubling
        ends = ends[ends]
    cycles, seen = [], set()
    for start in np.unique(ends[before[ends] != ends]).tolist():
        if start not in seen:
            cycle, row = [start], int(before[start])
            while row != start:
                cycle.append(row)
                row = int(before[row])
            seen.update(cycle)
            cycles.append(np.array(cycle))
    return cycles
