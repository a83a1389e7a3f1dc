"""The fixation metrics, slowly: loops over pixels, points, thresholds and draws."""

from __future__ import annotations

import itertools
import math

import numpy as np


def area(positives, negatives, weights=None):
    """Share of the pairs in which the positive is larger, ties one half."""
    weights = [1] * len(negatives) if weights is None else weights
    won = total = 0
    for p in positives:
        for n, weight in zip(negatives, weights):
            won += weight * (1 if p > n else 0.5 if p == n else 0)
            total += weight
    return won / total if total else math.nan


def auc_judd(values, points):
    fixated = {tuple(point) for point in points}
    places = list(np.ndindex(values.shape))
    negatives = [values[place] for place in places if place not in fixated]
    return area([values[tuple(point)] for point in points], negatives)


def curve(positives, negatives, thresholds):
    """Trapezoids under the ROC curve through (0, 0), one corner per threshold, and (1, 1)."""
    corners = [(0.0, 0.0)]
    for threshold in sorted(thresholds, reverse=True):
        corners.append(
            (
                sum(n >= threshold for n in negatives) / len(negatives),
                sum(p >= threshold for p in positives) / len(positives),
            )
        )
    corners.append((1.0, 1.0))
    pairs = zip(corners, corners[1:])
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairs)


def minmax(values):
    low, high = values.min(), values.max()
    return (values - low) / (high - low)


def auc_borji_over_all_draws(values, points, step):
    """Mean over every possible draw of as many pixels as there are points, with replacement."""
    values = minmax(values)
    positives = [values[tuple(point)] for point in points]
    thresholds = [k * step for k in range(int(1 / step + 1.5))]
    draws = itertools.product(values.ravel().tolist(), repeat=len(positives))
    areas = []
    for draw in draws:
        top = max(*positives, *draw)
        areas.append(curve(positives, draw, [t for t in thresholds if t <= top]))
    return sum(areas) / len(areas)


def nss(values, points):
    pixels = values.ravel().tolist()
    mean = math.fsum(pixels) / len(pixels)
    variance = math.fsum((v - mean) ** 2 for v in pixels) / (len(pixels) - 1)
    scores = [(values[tuple(point)] - mean) / math.sqrt(variance) for point in points]
    return math.fsum(scores) / len(scores)


def cc(values, density):
    x, y = values.ravel().tolist(), density.ravel().tolist()
    n = len(x)
    mean_x, mean_y = math.fsum(x) / n, math.fsum(y) / n
    both = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    xx = math.fsum((a - mean_x) ** 2 for a in x)
    yy = math.fsum((b - mean_y) ** 2 for b in y)
    return both / math.sqrt(xx * yy)


def sim(values, density):
    values, density = minmax(values), minmax(density)
    x, y = values.ravel().tolist(), density.ravel().tolist()
    return math.fsum(min(a / math.fsum(x), b / math.fsum(y)) for a, b in zip(x, y))


def kld(values, density, eps=2.2204e-16):
    x, y = values.ravel().tolist(), density.ravel().tolist()
    x_sum, y_sum = math.fsum(x) or 1.0, math.fsum(y)
    total = 0.0
    for a, b in zip(x, y):
        share = b / y_sum
        total += share * math.log(eps + share / (a / x_sum + eps))
    return total


def reduced(picture, rows, columns):
    """Sums over the cells of a grid, a pixel shared by the area that lies in each."""
    height, width = picture.shape
    result = np.zeros((rows, columns))

    def share(pixel, cell, length, cells):
        start, end = cell * length / cells, (cell + 1) * length / cells
        return max(0.0, min(end, pixel + 1) - max(start, pixel))

    for r, c in np.ndindex(height, width):
        for i, j in np.ndindex(rows, columns):
            result[i, j] += picture[r, c] * share(r, i, height, rows) * share(c, j, width, columns)
    return result


def transport(supply, demand, distance):
    """The linear programme, without any shortcut."""
    from scipy.optimize import linprog

    n, m = distance.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    # One constraint follows from the others; kept, rounding would make them contradict each other.
    result = linprog(
        distance.ravel(),
        A_eq=np.vstack([rows, columns])[:-1],
        b_eq=np.concatenate([supply, demand])[:-1],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert result.status == 0, result.message
    return result.fun


def emd(values, density, rows, columns):
    """In diagonals of the picture, between all cells, what both have in common not cancelled."""
    height, width = values.shape
    supply = reduced(values / values.sum(), rows, columns).ravel()
    demand = reduced(density / density.sum(), rows, columns).ravel()
    centres = [
        ((i + 0.5) * height / rows, (j + 0.5) * width / columns)
        for i, j in np.ndindex(rows, columns)
    ]
    distance = np.array([[math.dist(a, b) for b in centres] for a in centres])
    return transport(supply, demand, distance / math.hypot(height, width))
