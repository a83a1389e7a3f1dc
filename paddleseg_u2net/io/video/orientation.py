"""How a stored frame is turned and mirrored to be upright."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import cv2
import numpy as np

_TURNS = (None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)


class Orientation(NamedTuple):
    """First mirrored left to right or not, then turned clockwise by so many quarters."""

    quarters: int = 0
    mirrored: bool = False

    @property
    def swaps(self) -> bool:
        """Whether height and width change places."""
        return self.quarters % 2 == 1

    def upright(self, picture: np.ndarray) -> np.ndarray:
        """The picture as it is meant to be seen."""
        if self.mirrored:
            picture = cv2.flip(picture, 1)
        turn = _TURNS[self.quarters]
        return picture if turn is None else cv2.rotate(picture, turn)

    def __str__(self) -> str:
        parts = ["mirrored"] if self.mirrored else []
        parts += [f"turned by {90 * self.quarters} degrees"] if self.quarters else []
        return " and ".join(parts)


def orientation_of(frame: Any) -> Orientation:
    """What the display matrix of a decoded frame says, to the next quarter of a turn."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    # 16.16 fixed point: the stored point (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    mirrored = a * d - b * c < 0
    if mirrored:  # left and right were changed before
        a, b = -a, -b
    lying, quarters = abs(b) > abs(a), (0 if a >= 0 else 2)
    if lying:
        quarters = 1 if b > 0 else 3
    return Orientation(quarters, mirrored)
