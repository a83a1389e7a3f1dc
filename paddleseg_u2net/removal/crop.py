"""Which part of a picture is kept, and at which size: the object's box, margins, squares."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from paddleseg_u2net.io.images import check_pixel_count

OBJECT, SEEN = 127, 12
"""More of a pixel than `OBJECT` is part of an object; more than `SEEN`, a twentieth, is seen of it:
hair and soft edges, which hang on it."""

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(px|%)?")
_SIZE = re.compile(r"(\d+)(?:\s*[xX\u00d7]\s*(\d+))?$")

Box = Tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first ones outside."""


class NothingFound(ValueError):
    """A crop was asked for, and there is no object in the picture."""

    def __init__(self) -> None:
        super().__init__(
            "crop: expected an object to crop to, found none in the picture; leave the crop out, "
            "or see whether the model knows such objects"
        )


@dataclass(frozen=True)
class Crop:
    """Cut a finished picture to its object.

    The object's box is that of all that is seen of it: pixels that are more than half the object's,
    and the softer ones that hang on them, down to a twentieth.

    Args:
        margin: around the box, in pixels (``20``, ``"20px"``) or in per cent of it (``"5%"``: of
            its width at the left and right, of its height above and below). One for all sides, two
            for above/below and left/right, or four for above, right, below, left, as in CSS. Where
            it reaches beyond the picture, there is the background, or transparency.
        square: widen the shorter side to the longer one, the object stays in the middle.

    Raises:
        ValueError: the margin is none; the message says what is allowed.
    """

    margin: Union[int, float, str] = 0
    square: bool = False

    def __post_init__(self) -> None:
        self.margins(1, 1)

    def box(self, alpha: np.ndarray) -> Box:
        """What is kept of a picture of this opacity, uint8 (H, W); it may reach beyond it.

        Raises:
            NothingFound: there is no object.
        """
        left, top, right, bottom = _extent(alpha)
        above, beside, below, before = self.margins(right - left, bottom - top)
        box = left - before, top - above, right + beside, bottom + below
        return of_shape(box, 1, 1) if self.square else box

    def margins(self, width: int, height: int) -> Tuple[int, int, int, int]:
        """Above, right, below, left of an object of this size, in pixels."""
        parts = str(self.margin).split()
        four = parts * (4 // len(parts)) if len(parts) in (1, 2, 4) else []
        found = lengths(four, (height, width, height, width))
        if found is None:
            raise ValueError(
                "crop: expected a margin in pixels such as 20, or in per cent of the object such "
                f"as 5%, or two or four of them, got {self.margin!r:.100}"
            )
        above, beside, below, before = found
        return above, beside, below, before


def lengths(texts: Sequence[str], sides: Sequence[int]) -> Optional[List[int]]:
    """``20``, ``20px`` or ``5%`` of each side, in whole pixels; None unless each has one."""
    parts = [_LENGTH.fullmatch(text) for text in texts]
    found = [
        float(part[1]) * (side / 100 if part[2] == "%" else 1)
        for part, side in zip(parts, sides)
        if part
    ]
    if len(found) != len(sides) or not all(map(math.isfinite, found)):
        return None
    return [int(length + 0.5) for length in found]


Size = Tuple[int, int]
"""Width and height in pixels."""


def parse_size(text: str) -> Size:
    """``800x600``, or ``800`` for a square, as (width, height)."""
    found = _SIZE.match(text.strip())
    if not found:
        raise ValueError(f"size: expected WIDTHxHEIGHT in pixels such as 800x600, got {text!r}")
    return check_size((int(found[1]), int(found[2] or found[1])))


def check_size(size: Size) -> Size:
    """The size, if a picture can have it."""
    sides = isinstance(size, (tuple, list)) and len(size) == 2
    if not sides or not all(isinstance(side, int) and side >= 1 for side in size):
        raise ValueError(f"size: expected a width and a height of 1 pixel or more, got {size!r}")
    check_pixel_count(size, "size")
    return size


class Frame(NamedTuple):
    """What a finished picture shows: a box of the picture, and the size that it gets.

    Args:
        box: it may reach beyond the picture.
        size: the finished picture's. The box fits into it, in the middle, in its own proportions.
    """

    box: Box
    size: Size

    @property
    def scale(self) -> float:
        """How much larger the picture gets; 1 where its pixels stay."""
        left, top, right, bottom = self.box
        return min(self.size[0] / (right - left), self.size[1] / (bottom - top))


def frame(alpha: np.ndarray, crop: Optional[Crop], size: Optional[Size]) -> Frame:
    """What is shown of a picture of this opacity, uint8 (H, W).

    Raises:
        NothingFound: it is to be cropped, and there is no object.
        ImageError: the finished picture would have too many pixels.
    """
    box = crop.box(alpha) if crop else (0, 0, alpha.shape[1], alpha.shape[0])
    if size:
        box = of_shape(box, *size)
    own = box[2] - box[0], box[3] - box[1]
    if not size:  # else a panorama in a square would be refused for a box of which nothing is made
        check_pixel_count(own, "crop")
    return Frame(box, size or own)


def of_shape(box: Box, width: int, height: int) -> Box:
    """The box, widened to both sides to the proportions of a width and height."""
    left, top, right, bottom = box
    across = max(right - left, int((bottom - top) * width / height + 0.5)) - (right - left)
    down = max(bottom - top, int((right - left) * height / width + 0.5)) - (bottom - top)
    return (
        left - across // 2,
        top - down // 2,
        right + across - across // 2,
        bottom + down - down // 2,
    )


def _extent(alpha: np.ndarray) -> Box:
    """The box of an object and of what is softer and hangs on it."""
    sure = alpha > OBJECT
    if not sure.any():
        raise NothingFound
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((alpha > SEEN).astype(np.uint8))
    kept = np.zeros(count, bool)
    kept[labels[sure]] = True
    kept[0] = False
    lefts, tops, widths, heights = boxes[kept][:, :4].T
    return (
        int(lefts.min()),
        int(tops.min()),
        int((lefts + widths).max()),
        int((tops + heights).max()),
    )
