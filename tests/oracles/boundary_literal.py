"""Slow boundary metrics written from the definitions: sets of pixels, every neighbour by search."""

from __future__ import annotations

import math

from .metrics_literal import f_score

CROSS = [(-1, 0), (1, 0), (0, -1), (0, 1)]
SQUARE = [(i, k) for i in (-1, 0, 1) for k in (-1, 0, 1)]


def pixels(array):
    """Places (row, column) of the True pixels."""
    height, width = array.shape
    return {(r, c) for r in range(height) for c in range(width) if array[r, c]}


def objects(values, mask, counted, threshold):
    """Pixels of the map's object, of the mask's, and the ignored ones."""
    ignored = set() if counted is None else pixels(~counted)
    return pixels(values >= threshold) - ignored, pixels(mask) - ignored, ignored


def eroded(solid, steps):
    """The pixels all of whose neighbours are in the set; outside of the picture nothing is."""
    return {(r, c) for r, c in solid if all((r + i, c + k) in solid for i, k in steps)}


def relaxed_boundary(values, mask, counted=None, threshold=0.5, slack=3, beta2=0.3):
    """Relaxed precision, recall and F of one picture."""
    found, wanted, ignored = objects(values, mask, counted, threshold)
    found, wanted = (one - eroded(one | ignored, CROSS) for one in (found, wanted))
    if not found or not wanted:
        return math.nan if found == wanted else 0.0

    def share(some, others):
        near = [any((r - i) ** 2 + (c - k) ** 2 <= slack**2 for i, k in others) for r, c in some]
        return sum(near) / len(near)

    return f_score(share(found, wanted), share(wanted, found), beta2)


def boundary_iou(values, mask, counted=None, threshold=0.5):
    """Boundary IoU of one picture by repeated erosion."""
    height, width = mask.shape
    erosions = max(1, round(0.02 * math.sqrt(height**2 + width**2)))
    *both, ignored = objects(values, mask, counted, threshold)
    bands = []
    for one in both:
        left = one | ignored
        for _ in range(erosions):
            left = eroded(left, SQUARE)
        bands.append(one - left)
    union = bands[0] | bands[1]
    return len(bands[0] & bands[1]) / len(union) if union else math.nan


def mean_boundary_accuracy(values, mask, counted=None, threshold=0.5):
    """mBA of one picture: a disc around every pixel, five times."""
    height, width = mask.shape
    found, wanted, ignored = objects(values, mask, counted, threshold)
    off = {(r, c) for r in range(height) for c in range(width)} - wanted - ignored
    largest = max((height + width) / 300, 1)
    shares = []
    for number in range(5):
        radius = 1 + math.floor((largest - 1) / 5 * number)
        disc = []
        for i in range(-radius, radius + 1):
            reach = round(math.sqrt(radius**2 - i**2))
            disc += [(i, k) for k in range(-reach, reach + 1)]
        right = [
            (place in found) == (place in wanted)
            for place in wanted | off
            if any((place[0] + i, place[1] + k) in wanted for i, k in disc)
            and any((place[0] + i, place[1] + k) in off for i, k in disc)
        ]
        if right:
            shares.append(sum(right) / len(right))
    return sum(shares) / len(shares) if shares else math.nan
