"""The cheapest way to move mass: the transportation problem, solved exactly."""

from __future__ import annotations

import cv2
import numpy as np

_TOLERANCE = 1e-12  # of the largest distance


def transport_cost(supply: np.ndarray, demand: np.ndarray, distance: np.ndarray) -> float:
    """Return the least sum of mass times distance that turns the supply into the demand.

    OpenCV's solver finds a flow. It stops after 500 steps, whether that flow is the cheapest or
    not, and works in float32. So its flow is taken as a start: as long as moving mass around a
    cycle is cheaper, it is moved (cycle cancelling; Klein 1967, "A primal method for minimal cost
    flows", Management Science). Without such a cycle there are prices under which nobody would pay
    for another way, and what is returned follows from these prices and the mass in float64: not
    above the exact number, and below it by some 1e-6 of the mass times the largest distance at
    worst (where many masses are below the precision of float32), mostly by 1e-14.

    Args:
        supply: float64 (n,), above 0.
        demand: float64 (m,), above 0; stretched to the sum of the supply where that differs.
        distance: float64 (n, m), 0 and more.
    """
    total = float(supply.sum())
    supply, demand = supply / total, demand / demand.sum()
    flow = _first_flow(supply, demand, distance)
    supply_price, demand_price = _prices(flow, distance)
    return max(0.0, total * float(demand @ demand_price - supply @ supply_price))


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


def _prices(flow: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return prices (n,) and (m,) that prove a flow the cheapest; the flow is made so first.

    No two prices differ by more than the distance, and where mass flows they differ by just that.
    They are shortest paths (Bellman and Ford) from supply to supply: forth over any demand, back
    where mass flows. Shortest paths that go round show a cycle to cancel.
    """
    rows, columns = np.arange(flow.shape[0]), np.arange(flow.shape[1])
    price, tolerance = np.zeros(flow.shape[0]), _TOLERANCE * distance.max()
    back = np.where(flow > 0, -distance, np.inf)
    before, over = rows.copy(), np.zeros_like(rows)  # the last step of each shortest path
    for _ in range(100 * sum(flow.shape)):  # far more than ever seen; stopped, it is a lower bound
        nearest = (price[:, None] + distance).argmin(axis=0)
        demand_price = price[nearest] + distance[nearest, columns]
        paths = demand_price + back
        cheapest = paths.argmin(axis=1)
        shorter = paths[rows, cheapest] < price - tolerance
        if not shorter.any():
            break
        price = np.where(shorter, paths[rows, cheapest], price)
        before = np.where(shorter, nearest[cheapest], before)
        over = np.where(shorter, cheapest, over)
        cycles = _cycles(before)
        for cycle in cycles:
            _cancel(np.array(cycle), before, over, flow, distance, back)
        if cycles:
            before = rows.copy()
    return price, (price[:, None] + distance).min(axis=0)


def _cycles(before: np.ndarray) -> list[list[int]]:
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
            cycles.append(cycle)
    return cycles


def _cancel(
    cycle: np.ndarray,
    before: np.ndarray,
    over: np.ndarray,
    flow: np.ndarray,
    distance: np.ndarray,
    back: np.ndarray,
) -> None:
    """Move mass round a cycle until one of its ways is used up."""
    less, more = (cycle, over[cycle]), (before[cycle], over[cycle])
    mass = flow[less].min()
    flow[less] -= mass
    flow[more] += mass
    for ways in (less, more):
        back[ways] = np.where(flow[ways] > 0, -distance[ways], np.inf)
