"""Slow metrics written from the definitions: a loop over pixels, classes or thresholds each."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def stretch(values, how="minmax"):
    """Min-max to [0, 1], or divided by the maximum; a constant map, or a black one, stays."""
    if how == "none":
        return values
    low, high = (values.min() if how == "minmax" else 0.0), values.max()
    return (values - low) / (high - low) if high > low else values


def mae(values, mask):
    """Mean over pixels of the absolute error."""
    error = 0.0
    for p, t in zip(values.ravel().tolist(), mask.ravel().tolist()):
        error += abs(p - float(t))
    return error / mask.size


def f_score(precision, recall, beta2):
    """Weighted harmonic mean; 0 where nothing was hit."""
    if precision * recall == 0:
        return 0.0
    return (1 + beta2) * precision * recall / (beta2 * precision + recall)


def precision_recall(positive, mask):
    """Precision and recall of one binarised map; 0 where a denominator is 0."""
    hits = int(np.logical_and(positive, mask).sum())
    found, wanted = int(positive.sum()), int(mask.sum())
    return hits / found if found else 0.0, hits / wanted if wanted else 0.0


def f_curves(values, mask, beta2=0.3):
    """Precision, recall and F at the thresholds 255..0 of floor(255 p): 256 comparisons."""
    levels = np.floor(values * 255)
    precision, recall, f = [], [], []
    for threshold in range(255, -1, -1):
        p, r = precision_recall(levels >= threshold, mask)
        precision.append(p)
        recall.append(r)
        f.append(f_score(p, r, beta2))
    return precision, recall, f


def adaptive_f(values, mask, beta2=0.3):
    """F at min(2 x mean, 1)."""
    threshold = min(2 * math.fsum(values.ravel().tolist()) / values.size, 1)
    return f_score(*precision_recall(values >= threshold, mask), beta2)


def saliency(pairs, beta2=0.3):
    """All saliency scores over (map, mask) pairs."""
    n = len(pairs)
    curves = [f_curves(values, mask, beta2) for values, mask in pairs]
    precision, recall, f = (
        [sum(one[k][i] for one in curves) / n for i in range(256)] for k in range(3)
    )
    return {
        "mae": sum(mae(values, mask) for values, mask in pairs) / n,
        "max_f": max(f),
        "max_f_of_mean_pr": max(f_score(p, r, beta2) for p, r in zip(precision, recall)),
        "mean_f": sum(f) / 256,
        "adaptive_f": sum(adaptive_f(values, mask, beta2) for values, mask in pairs) / n,
    }


def s_measure(values, mask, counted=None):
    """S-measure of one picture: lists of (map, mask) of object, background and quadrants."""
    eps = 2.0**-52
    height, width = mask.shape
    pixels = {
        (r, c): (float(values[r, c]), int(mask[r, c]))
        for r in range(height)
        for c in range(width)
        if counted is None or counted[r, c]
    }
    inside = [p for p, t in pixels.values() if t]
    outside = [1 - p for p, t in pixels.values() if not t]
    if not inside:
        return sum(outside) / len(outside)
    if not outside:
        return sum(inside) / len(inside)

    def similarity(some):
        mean = sum(some) / len(some)
        squares = sum((p - mean) ** 2 for p in some)
        sigma = math.sqrt(squares / (len(some) - 1)) if len(some) > 1 else 0
        return 2 * mean / (mean * mean + 1 + sigma + eps)

    share = Fraction(len(inside), len(pixels))
    of_object = float(share) * similarity(inside) + float(1 - share) * similarity(outside)

    on = [place for place, (_, t) in pixels.items() if t]
    row, column = (round(Fraction(sum(place[k] for place in on), len(on))) for k in (0, 1))
    quadrants = {}
    for (r, c), pair in pixels.items():
        quadrants.setdefault((r <= row, c <= column), []).append(pair)
    of_regions = sum(len(part) * ssim(part) for part in quadrants.values()) / len(pixels)
    return max(0, (of_object + of_regions) / 2)


def ssim(pairs):
    """Structural similarity of (map, mask) pairs; of a constant mask: whether the map is one."""
    if len({t for _, t in pairs}) == 1:
        return 1.0 if len({p for p, _ in pairs}) == 1 else 0.0
    n = len(pairs)
    x, y = (sum(pair[k] for pair in pairs) / n for k in (0, 1))
    xx, yy, xy = (
        sum((p[i] - (x, y)[i]) * (p[k] - (x, y)[k]) for p in pairs) / (n - 1)
        for i, k in ((0, 0), (1, 1), (0, 1))
    )
    return 4 * x * y * xy / ((x * x + y * y) * (xx + yy) + 2.0**-52)


def weighted_f(values, mask, counted=None, beta2=1.0):
    """Weighted F of one picture: every window and every nearest object pixel by search."""
    height, width = mask.shape
    places = [(r, c) for r in range(height) for c in range(width)]
    left_out = {place for place in places if counted is not None and not counted[place]}
    on = [place for place in places if mask[place] and place not in left_out]
    if not on:
        return 0.0
    # Ties: column first, then row.
    nearest = {(r, c): min(((i - r) ** 2 + (k - c) ** 2, k, i) for i, k in on) for r, c in places}
    error = {place: 1 - float(values[place]) for place in on}
    spread = {place: error[row, column] for place, (_, column, row) in nearest.items()}
    window = [(i, k) for i in range(-3, 4) for k in range(-3, 4)]
    gauss = {step: math.exp(-(step[0] ** 2 + step[1] ** 2) / 50) for step in window}
    total = sum(gauss.values())
    missed = 0.0
    for r, c in on:
        around = sum(gauss[i, k] * spread.get((r + i, c + k), 0) for i, k in window) / total
        missed += min(error[r, c], around)
    wrong = sum(
        float(values[place]) * (2 - 0.5 ** (math.sqrt(nearest[place][0]) / 5))
        for place in places
        if place not in error and place not in left_out
    )
    found = len(on) - missed
    return f_score(found / (found + wrong) if found else 0, found / len(on), beta2)


def enhanced_alignment(positive, mask, counted=None, divisor="n-1"):
    """E of one binarised map: means, alignment and enhancement pixel by pixel."""
    height, width = mask.shape
    pairs = [
        (int(positive[r, c]), int(mask[r, c]))
        for r in range(height)
        for c in range(width)
        if counted is None or counted[r, c]
    ]
    n = len(pairs)
    of_map, of_mask = (sum(pair[k] for pair in pairs) / n for k in (0, 1))
    total = 0.0
    for p, t in pairs:
        if of_mask in (0, 1):  # the authors: nothing to align with, so count what agrees
            total += p == t
        else:
            a, b = p - of_map, t - of_mask
            alignment = 2 * a * b / (a * a + b * b + 2.0**-52)
            total += (1 + alignment) ** 2 / 4
    return total / (n if divisor == "n" else max(n - 1, 1))


def e_measure(values, mask, counted=None, divisor="n-1", thresholds=range(255, -1, -1)):
    """E at each of the thresholds of floor(255 p), and at min(2 x mean, 1)."""
    height, width = mask.shape
    kept = [
        float(values[r, c])
        for r in range(height)
        for c in range(width)
        if counted is None or counted[r, c]
    ]
    adaptive = min(2 * math.fsum(kept) / len(kept), 1)
    levels = (values * 255).astype(int)
    curve = [enhanced_alignment(levels >= level, mask, counted, divisor) for level in thresholds]
    return curve, enhanced_alignment(values >= adaptive, mask, counted, divisor)


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
