"""Slow metrics written from the definitions: a loop over pixels, classes or thresholds each."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def confusion(prediction, label, num_classes, ignore_index=255):
    """Counts [label][prediction], pixel by pixel."""
    counts = [[0] * num_classes for _ in range(num_classes)]
    for p, t in zip(prediction.ravel().tolist(), label.ravel().tolist()):
        if t != ignore_index:
            counts[t][p] += 1
    return counts


def segmentation(pairs, num_classes, ignore_index=255):
    """IoU, Dice, precision, recall per class, accuracy and kappa over all (prediction, label)."""
    n = range(num_classes)
    counts = [[0] * num_classes for _ in n]
    for prediction, label in pairs:
        one = confusion(prediction, label, num_classes, ignore_index)
        counts = [[counts[t][p] + one[t][p] for p in n] for t in n]
    result = {"iou": [], "dice": [], "precision": [], "recall": []}
    total = sum(map(sum, counts))
    chance = Fraction(0)
    for c in n:
        tp = counts[c][c]
        fp = sum(counts[t][c] for t in n) - tp
        fn = sum(counts[c]) - tp
        chance += Fraction((tp + fp) * (tp + fn), total * total) if total else 0
        absent = tp + fp + fn == 0
        for name, top, bottom in (
            ("iou", tp, tp + fp + fn),
            ("dice", 2 * tp, 2 * tp + fp + fn),
            ("precision", tp, tp + fp),
            ("recall", tp, tp + fn),
        ):
            result[name].append(math.nan if absent else top / bottom if bottom else 0.0)
    for name in ("iou", "dice"):
        present = [value for value in result[name] if not math.isnan(value)]
        result["m" + name] = sum(present) / len(present) if present else math.nan
    agreed = sum(counts[c][c] for c in n)
    result["accuracy"] = agreed / total if total else math.nan
    result["kappa"] = (
        float((Fraction(agreed, total) - chance) / (1 - chance))
        if total and chance != 1
        else math.nan
    )
    return result


def stretch(values):
    """Min-max to [0, 1]; a constant map stays."""
    low, high = values.min(), values.max()
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
