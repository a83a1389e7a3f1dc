"""Slow losses in double precision, written from the definitions: one pixel or window at a time.

Arrays: logits (N, C, H, W), label (N, H, W). C = 1: the label is the foreground's probability;
C >= 2: it is the class number.
"""

from __future__ import annotations

import math

import numpy as np


def probability(logits, n, c, i, j):
    """Sigmoid of the one channel, or softmax over several."""
    scores = [float(value) for value in logits[n, :, i, j]]
    if len(scores) == 1:
        return 1 / (1 + math.exp(-scores[0]))
    return math.exp(scores[c]) / sum(math.exp(score) for score in scores)


def pixels(label):
    """Indices (n, i, j) of all pixels."""
    return np.ndindex(*label.shape)


def cross_entropy(logits, label, ignore_index=255):
    """Mean of -sum_c t_c log p_c over the pixels that count; 0 if none does."""
    losses = []
    for n, i, j in pixels(label):
        if label[n, i, j] == ignore_index:
            continue
        if logits.shape[1] == 1:
            p, t = probability(logits, n, 0, i, j), float(label[n, i, j])
            losses.append(-(t * math.log(p) + (1 - t) * math.log(1 - p)))
        else:
            losses.append(-math.log(probability(logits, n, int(label[n, i, j]), i, j)))
    return sum(losses) / len(losses) if losses else 0.0


def maps(logits, label, ignore_index=255):
    """Probabilities and targets of each class, both 0 where a pixel is ignored."""
    p, t = np.zeros(logits.shape), np.zeros(logits.shape)
    for n, i, j in pixels(label):
        if label[n, i, j] == ignore_index:
            continue
        for c in range(logits.shape[1]):
            p[n, c, i, j] = probability(logits, n, c, i, j)
            if logits.shape[1] == 1:
                t[n, c, i, j] = label[n, i, j]
            else:
                t[n, c, i, j] = float(label[n, i, j] == c)
    return p, t


def iou(logits, label, ignore_index=255):
    """BASNet eq. 6 for each image and class, then the mean."""
    losses = []
    for one in zip(*maps(logits, label, ignore_index)):
        for p, t in zip(*one):
            both = sum(a * b for a, b in zip(p.flat, t.flat))
            either = sum(a + b - a * b for a, b in zip(p.flat, t.flat))
            losses.append(1 - (both + 1e-6) / (either + 1e-6))
    return sum(losses) / len(losses)


def ssim(logits, label, ignore_index=255):
    """1 - SSIM of the 11x11 Gaussian window (sigma 1.5) around each pixel, then the mean."""
    window = np.array(
        [[math.exp(-(y * y + x * x) / (2 * 1.5**2)) for x in range(-5, 6)] for y in range(-5, 6)]
    )
    window /= window.sum()
    losses = []
    for one in zip(*maps(logits, label, ignore_index)):
        for p, t in zip(*one):
            p_padded, t_padded = np.pad(p, 5), np.pad(t, 5)
            for i, j in np.ndindex(*p.shape):
                x, y = p_padded[i : i + 11, j : j + 11], t_padded[i : i + 11, j : j + 11]
                losses.append(1 - _similarity(x, y, window))
    return sum(losses) / len(losses)


def _similarity(x, y, window):
    """Wang et al. 2004, eq. 13, with weighted moments (eqs. 14 to 16)."""
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    variance_x = (window * (x - mean_x) ** 2).sum()
    variance_y = (window * (y - mean_y) ** 2).sum()
    covariance = (window * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return top / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))


def heads(logits, label, weights, ignore_index=255, iou_weight=0.0, ssim_weight=0.0):
    """The total over heads, and each head's loss."""
    parts = [
        cross_entropy(head, label, ignore_index)
        + iou_weight * iou(head, label, ignore_index)
        + ssim_weight * ssim(head, label, ignore_index)
        for head in logits
    ]
    return sum(weight * part for weight, part in zip(weights, parts)), parts
