"""E-measure written from the paper: a loop over pixels for every threshold."""

from __future__ import annotations

import math

EPS = 2.0**-52


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
            alignment = 2 * a * b / (a * a + b * b + EPS)
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
