"""Scores of mattes, written down pixel by pixel or with SciPy, in float64; slow."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage


def sad(matte, alpha):
    return sum(abs(p - t) for p, t in zip(matte.flat, alpha.flat)) / 1000


def gradient(matte, alpha):
    """By the 81 weights of two filters, each of length 1."""
    at = range(-4, 5)
    gauss = [math.exp(-x * x / (2 * 1.96)) / (1.4 * math.sqrt(2 * math.pi)) for x in at]
    slope = [-x / 1.96 * g for x, g in zip(at, gauss)]
    across = np.array([[g * s for s in slope] for g in gauss])
    across /= math.sqrt((across**2).sum())

    def steepness(values):
        found = [ndimage.convolve(values, f, mode="nearest") for f in (across, across.T)]
        return np.hypot(*found)

    return ((steepness(matte) - steepness(alpha)) ** 2).sum() / 1000


def connectivity(matte, alpha):
    level = np.full(matte.shape, -1.0)
    for step in range(1, 11):
        both = (matte >= step / 10) & (alpha >= step / 10)
        labels, count = ndimage.label(both)  # by four neighbours, numbered line by line
        sizes = [np.count_nonzero(labels == number) for number in range(1, count + 1)]
        omega = labels == 1 + sizes.index(max(sizes)) if count else both
        level[(level == -1) & ~omega] = (step - 1) / 10
    level[level == -1] = 1
    total = 0.0
    for p, t, joined in zip(matte.flat, alpha.flat, level.flat):
        phi = [1 - (a - joined if a - joined >= 0.15 else 0) for a in (p, t)]
        total += abs(phi[0] - phi[1])
    return total / 1000


def change_error(matte, matte_before, alpha, alpha_before):
    change = (matte - matte_before) - (alpha - alpha_before)
    return 100 * math.sqrt(sum(x * x for x in change.flat) / change.size)


def between(array, row, column):
    """What a place between the pixels of an array has, by its four neighbours."""
    height, width = array.shape[:2]
    top, left = min(int(row), height - 1), min(int(column), width - 1)
    low, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, over = row - top, column - left
    upper = (1 - over) * array[top, left] + over * array[top, right]
    lower = (1 - over) * array[low, left] + over * array[low, right]
    return (1 - down) * upper + down * lower


def warp_error(matte, matte_before, back, forth):
    """Of the flows of OpenCV, from this frame to the one before, and from that to this."""
    errors = []
    height, width = matte.shape
    for row in range(height):
        for column in range(width):
            x, y = column + float(back[row, column, 0]), row + float(back[row, column, 1])
            if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
                continue
            there, here = between(forth, y, x), back[row, column]
            off = ((there + here) ** 2).sum()
            if off <= 0.01 * ((there**2).sum() + (here**2).sum()) + 0.5:
                errors.append((matte[row, column] - between(matte_before, y, x)) ** 2)
    return 1000 * sum(errors) / len(errors)
