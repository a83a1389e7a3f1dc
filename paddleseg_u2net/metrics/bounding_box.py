"""The part of a picture that an object takes up."""

from __future__ import annotations

import numpy as np


def box(mask: np.ndarray, margin: int = 0) -> tuple[slice, slice]:
    """Return rows and columns of the smallest box around a mask that is not empty.

    Args:
        mask: bool (H, W), at least one True.
        margin: Pixels around it, as far as the picture goes.
    """
    # Not OpenCV's boundingRect: that of 4.5 misses a column now and then.
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )
