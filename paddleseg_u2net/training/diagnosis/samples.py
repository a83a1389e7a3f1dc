"""Some pairs of a data set, as they are read, as training sees them, and as prediction does."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import List, Set

import cv2
import numpy as np

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.io.images import read_mask
from paddleseg_u2net.progress import tracked
from paddleseg_u2net.training.loader import DataError

# Pairs that are looked at: by 48 a share of .5 is known to .14 (two standard errors).
_SAMPLES, _LEAST = 48, 10
# Longer side of the whole images and labels that are kept.
_KEPT = 256


@dataclass(eq=False)
class Sample:
    """A pair: as it was read, kept at most 256 pixels wide and high; then as training sees it."""

    index: int
    name: str
    image: np.ndarray  # uint8 (h, w, C)
    label: np.ndarray  # (h, w), see `mask_encoding.decode`
    stored: Set[int]  # the values in the mask's file; empty if it has none
    values: Set[float]  # of the label
    seen: np.ndarray  # uint8 (H, W, C), behind training's transforms
    target: np.ndarray  # (H, W), the label behind them
    fixed: np.ndarray  # float32 (C, h, w): what prediction gives it, at most 256 pixels


def read_samples(
    dataset: PairDataset, preprocess: Preprocess, seed: int, seconds: float
) -> List[Sample]:
    """Up to 48 pairs drawn by ``seed``, ten at least if there are so many, in some seconds.

    Raises:
        DataError: a file cannot be used, or there is none.
    """
    if not len(dataset):
        raise DataError("train_dataset: expected pairs to train on, it has none")
    order = np.random.default_rng(seed).permutation(len(dataset))[:_SAMPLES]
    found: List[Sample] = []
    end = time.monotonic() + seconds
    for index in tracked(order.tolist(), "reading pairs", "pairs"):
        if len(found) >= _LEAST and time.monotonic() > end:
            break
        found.append(_sample(dataset, preprocess, int(index), seed))
    sizes = sorted({sample.target.shape for sample in found})
    if len(sizes) > 1:
        raise DataError(
            f"train_dataset.transforms: samples of a batch differ in size, {sizes[:4]}; end with a "
            "Resize or RandomCrop to one size"
        )
    return found


def _sample(dataset: PairDataset, preprocess: Preprocess, index: int, seed: int) -> Sample:
    pair, stored = dataset.pairs[index], set()
    image, label = dataset.read(index)
    with suppress(ValueError, OSError, AttributeError):  # a plugin's data set may have no masks
        stored = {int(value) for value in np.unique(read_mask(pair.mask))}
    seen, target = dataset.augmented(index, (seed, 0, index))
    inputs = preprocess(image)
    return Sample(
        index=index,
        name=pair.name,
        image=_kept(image, cv2.INTER_AREA),
        label=_kept(label, cv2.INTER_NEAREST),
        stored=stored,
        values=set(np.unique(label).tolist()),
        seen=seen,
        target=target,
        fixed=np.stack([_kept(plane, cv2.INTER_AREA) for plane in inputs]),
    )


def _kept(array: np.ndarray, how: int) -> np.ndarray:
    height, width = array.shape[:2]
    scale = _KEPT / max(height, width)
    if scale >= 1:
        return array
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(array, size, interpolation=how)
    return small[..., None] if array.ndim == 3 and small.ndim == 2 else small
