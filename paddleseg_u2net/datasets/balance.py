"""How many pixels each class has in a data set, and what its weight in a loss is by that."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import List, NamedTuple

import numpy as np

from paddleseg_u2net.datasets.pair_dataset import PairDataset

_MOST_THREADS = 8


class ClassPixels(NamedTuple):
    """Pixels of each class, float64 (C,), C at least 2, and of all images that have it; ignored
    ones left out. A soft mask's pixel is shared by the background and the foreground.
    """

    own: np.ndarray
    around: np.ndarray


def count_classes(dataset: PairDataset) -> ClassPixels:
    """Count the pixels of a data set's masks, as they are before any transform."""
    classes = max(dataset.num_classes, 2)
    # other readers of masks may need their images
    is_ours = type(dataset).read is PairDataset.read

    def count(index: int) -> np.ndarray:
        label = dataset.label(index) if is_ours else dataset.read(index)[1]
        return _count(label[label != dataset.ignore_index], classes)

    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))
    try:
        pixels = np.stack(list(pool.map(count, range(len(dataset)))))
    finally:
        pool.shutdown(cancel_futures=True)
    return class_pixels(pixels)


def class_pixels(pixels: np.ndarray) -> ClassPixels:
    """Sum up the pixels of each class in each mask, (N, C)."""
    return ClassPixels(pixels.sum(0), (pixels.sum(1, keepdims=True) * (pixels > 0)).sum(0))


def _count(values: np.ndarray, classes: int) -> np.ndarray:
    if values.dtype.kind == "f" and classes == 2:
        foreground = float(values.sum(dtype=np.float64))
        return np.array([len(values) - foreground, foreground])
    return np.bincount(values.astype(np.int64), minlength=classes)[:classes].astype(np.float64)


def median_frequencies(pixels: ClassPixels) -> List[float]:
    """Weights by median frequency balancing (Eigen and Fergus 2015): the median of the
    classes' frequencies by each one's, which is its share of the pixels of the images that have it.
    1 of a class that there is none of.
    """
    found = pixels.own > 0
    frequency = np.where(found, pixels.own, 1) / np.where(found, pixels.around, 1)
    weights = np.median(frequency[found]) / frequency if found.any() else np.ones(len(found))
    return [_short(weight) for weight in np.where(found, weights, 1)]


def negatives_by_positives(pixels: ClassPixels) -> List[float]:
    """Of each class, the number of all other pixels by that of its own; 1 where it has none."""
    others = pixels.own.sum() - pixels.own
    return [_short(n / p) if p > 0 else 1.0 for n, p in zip(others, pixels.own)]


def _short(number: float) -> float:
    return float(f"{number:.6g}")
