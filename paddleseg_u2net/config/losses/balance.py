"""`weight: auto` of losses: numbers in its place, from the training set or from the run that is
resumed.
"""

from __future__ import annotations

import copy
import time
from typing import Any, List, Optional, Tuple

from paddleseg_u2net.config.losses.blocks import each_loss
from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.balance import (
    ClassPixels,
    count_classes,
    median_frequencies,
    negatives_by_positives,
)
from paddleseg_u2net.log import logger

_KEYS = ("weight", "pos_weight")


def places(types: Any) -> List[Tuple[str, Tree, str]]:
    """The losses with an ``auto``: their key in the configuration, themselves, its key in them."""
    return [
        (where, block, key)
        for where, block in each_loss(types)
        for key in _KEYS
        if isinstance(block.get(key), str) and block[key] == "auto"
    ]


def balanced(types: Any, dataset: PairDataset, saved: Optional[Any] = None) -> Any:
    """``types`` with numbers for each ``auto``: those of ``saved``, where the same losses were,
    else by the pixels of the classes in a data set, which are logged.
    """
    types = copy.deepcopy(types)
    earlier = dict(each_loss(saved))
    asked = places(types)
    for where, block, key in list(asked):
        before = earlier.get(where, {})
        if before.get("type") == block["type"] and isinstance(before.get(key), (list, float, int)):
            block[key] = before[key]
            logger.info(f"{where}.{key}: {before[key]}, from the run that is resumed")
            asked.remove((where, block, key))
    if asked:
        start = time.monotonic()
        pixels = count_classes(dataset)
        shares = pixels.own / max(pixels.own.sum(), 1)
        logger.info(
            f"Counted the classes' pixels in {len(dataset)} masks in "
            f"{time.monotonic() - start:.1f} s: " + ", ".join(f"{share:.2%}" for share in shares)
        )
        for number in (number for number, own in enumerate(pixels.own) if not own):
            logger.warning(f"train_dataset: no mask has class {number}; its weight is 1")
    for where, block, key in asked:
        block[key] = _numbers(key, pixels, dataset.num_classes)
        logger.info(f"{where}.{key}: auto is {block[key]}")
    return types


def _numbers(key: str, pixels: ClassPixels, num_classes: int) -> Any:
    if key == "weight":
        return median_frequencies(pixels)
    factors = negatives_by_positives(pixels)
    return factors[1] if num_classes == 1 else factors
