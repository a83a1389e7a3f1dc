"""Ranking scores from their definitions: pairs of pixels, and one threshold after the other."""

from __future__ import annotations

import math


def auc(values, inside):
    """Share of the pairs (pixel on the class, pixel off it) in the right order; ties are half."""
    pairs = list(zip(values, inside))
    on = [value for value, yes in pairs if yes]
    off = [value for value, yes in pairs if not yes]
    if not on or not off:
        return math.nan
    right = sum((a > b) + (a == b) / 2 for a in on for b in off)
    return right / (len(on) * len(off))


def levels(values):
    """The level 0..255 of every pixel, as one list."""
    return [math.floor(255 * value) for value in values.ravel().tolist()]


def rates(values, mask):
    """(false positive rate, true positive rate) at the thresholds 255 .. 0, or None."""
    pairs = list(zip(levels(values), mask.ravel().tolist()))
    on, off = sum(yes for _, yes in pairs), sum(not yes for _, yes in pairs)
    if not on or not off:
        return None
    return [
        (
            sum(level >= threshold and not yes for level, yes in pairs) / off,
            sum(level >= threshold and yes for level, yes in pairs) / on,
        )
        for threshold in range(255, -1, -1)
    ]


def trapezoids(points):
    """Area under points (x, y) joined by lines, from the first to the last."""
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))


def average_precision(values, mask):
    """Sum of precision times the step of recall, threshold by threshold."""
    pairs = list(zip(levels(values), mask.ravel().tolist()))
    wanted = sum(yes for _, yes in pairs)
    if not wanted:
        return math.nan
    total = before = 0.0
    for threshold in range(255, -1, -1):
        positive = [yes for level, yes in pairs if level >= threshold]
        if positive:
            recall = sum(positive) / wanted
            total += (recall - before) * sum(positive) / len(positive)
            before = recall
    return total
