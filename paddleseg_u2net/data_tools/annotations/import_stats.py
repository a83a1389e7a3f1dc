"""Counts of what a reader left out or found doubtful, for the remarks."""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterType
from typing import List, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.shapes import Polygon, Shape, outside

# So many objects that all have four corners are no coincidence.
_TELLING = 20


class ImportStats:
    """Counts objects that are left out, and those outside their image."""

    def __init__(self) -> None:
        self.unknown: CounterType[str] = Counter()  # by class
        self.kinds: CounterType[str] = Counter()  # by kind of shape
        self.without_area = 0
        self.partly = 0
        self.wholly = 0
        self.without_objects = 0
        self.drawn = 0
        self.boxes = 0
        self.four_cornered = 0

    def add_object(self, parts: Sequence[Shape], size: Tuple[int, int], box: bool = False) -> None:
        """Count an object of some parts, in an image of ``size`` (H, W).

        ``box``: it was drawn as a rectangle, which may be meant for detection.
        """
        self.boxes += box
        outlines = [part.exterior for part in parts if isinstance(part, Polygon)]
        self.add_outline(outlines[0] if len(outlines) == len(parts) == 1 else np.empty((0, 2)))
        places = {outside(part.bounds, size) for part in parts}
        self.wholly += places == {"wholly"}
        self.partly += bool(places - {""}) and places != {"wholly"}

    def add_outline(self, outline: np.ndarray) -> None:
        """Count an object by its outline (N, 2); (0, 2) where it has several or none."""
        self.drawn += 1
        closed = len(outline) > 1 and bool((outline[0] == outline[-1]).all())
        self.four_cornered += len(outline) - closed == 4

    def remarks(self) -> List[str]:
        """A sentence for each kind of problem."""
        found = []
        if self.unknown:
            found.append(
                f"left out, of classes that the source does not list: {_named(self.unknown)}"
            )
        if self.kinds:
            found.append(f"left out, no areas or of no known kind: {_named(self.kinds)}")
        for what, count in (
            ("left out, without area", self.without_area),
            ("partly outside their image, drawn as far as inside", self.partly),
            ("wholly outside their image, not to be seen", self.wholly),
        ):
            if count:
                found.append(f"{what}: {count_objects(count)}")
        if self.without_objects:
            found.append(
                f"without objects, so all background: {count_images(self.without_objects)}"
            )
        if self.drawn and self.boxes == self.drawn:
            found.append(
                f"all {count_objects(self.drawn)} are rectangles and filled as such: look whether "
                "they are masks, or boxes for detection"
            )
        elif self.drawn >= _TELLING and self.four_cornered == self.drawn:
            found.append(
                f"all {self.drawn} objects have four corners: look whether they are masks, or "
                "boxes, which may be turned (OBB)"
            )
        return found


def _named(counts: CounterType[str]) -> str:
    return ", ".join(f"{name} ({count_objects(count)})" for name, count in sorted(counts.items()))


def count_objects(count: int) -> str:
    """``1 object``, ``2 objects``."""
    return "1 object" if count == 1 else f"{count} objects"


def count_images(count: int) -> str:
    """``1 image``, ``2 images``."""
    return "1 image" if count == 1 else f"{count} images"
