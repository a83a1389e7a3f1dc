"""Several masks of one image as one, as where each object has a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats.classes import IGNORE
from paddleseg_u2net.data_tools.formats.sample import MaskSource


def merge(sources: Sequence[MaskSource], soft: bool) -> MaskSource:
    """One source of all; of a single one that itself."""
    return sources[0] if len(sources) == 1 else Merged(tuple(sources), soft)


@dataclass(frozen=True)
class Merged:
    """Masks over each other.

    Attributes:
        sources: In order: classes of a later one cover those of an earlier one.
        soft: Whether they are probabilities, of which the largest counts.
    """

    sources: Tuple[MaskSource, ...]
    soft: bool

    @property
    def file(self) -> Optional[Path]:
        """None: it is no single file."""
        return None

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """The mask for an image of ``shape`` (height, width), as those of the sources.

        Raises:
            AnnotationError, ImageError: as the sources.
        """
        masks = [source.read(shape) for source in self.sources]
        if self.soft:
            return reduce(np.maximum, _of_one_range(masks))
        return reduce(_over, masks)


def _of_one_range(masks: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    if len({mask.dtype for mask in masks}) == 1:
        return masks
    return [mask if mask.dtype == np.uint16 else mask.astype(np.uint16) * 257 for mask in masks]


def _over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    # What counts nowhere gives way to what is an object.
    empty = (above == 0) | ((above == IGNORE) & (below != 0))
    return np.where(empty, below, above)
