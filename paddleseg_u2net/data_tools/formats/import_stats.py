"""What a reader met and could not use as it stands, counted for the remarks."""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterType
from typing import List, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats.shapes import Polygon, Shape, outside

# So many objects that have four corners each are no chance.
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

    def place(self, parts: Sequence[Shape], size: Tuple[int, int], box: bool = False) -> None:
        """Count an object of some parts, and whether it is outside an image of ``size`` (H, W).

        ``box``: it was drawn as a rectangle, which may be meant for detection.
        """
        self.boxes += box
        outlines = [part.exterior for part in parts if isinstance(part, Polygon)]
        self.corners(outlines[0] if len(outlines) == len(parts) == 1 else np.empty((0, 2)))
        places = {outside(part, size) for part in parts}
        self.wholly += places == {"wholly"}
        self.partly += bool(places - {""}) and places != {"wholly"}

    def corners(self, outline: np.ndarray) -> None:
        """Count an object by its outline (N, 2); of one that has several, or none, (0, 2)."""
        self.drawn += 1
        closed = len(outline) > 1 and bool((outline[0] == outline[-1]).all())
        self.four_cornered += len(outline) - closed == 4

    def remarks(self) -> List[str]:
        """A sentence for each kind of trouble that was met."""
        found = []
        if self.unknown:
            found.append(
                f"left out, of classes that the source does not list: {_named(self.unknown)}"
            )
        if self.kinds:
            found.append(f"left out, no areas or of no known kind: {_named(self.kinds)}")
        if self.without_area:
            found.append(f"left out, without area: {count_objects(self.without_area)}")
        if self.partly:
            found.append(
                f"partly outside their image, drawn as far as inside: {count_objects(self.partly)}"
            )
        if self.wholly:
            found.append(
                f"wholly outside their image, not to be seen: {count_objects(self.wholly)}"
            )
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
    """A number of objects, in words."""
    return "1 object" if count == 1 else f"{count} objects"


def count_images(count: int) -> str:
    """A number of images, in words."""
    return "1 image" if count == 1 else f"{count} images"
