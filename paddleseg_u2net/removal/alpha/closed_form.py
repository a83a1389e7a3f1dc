"""Closed-form matting: opacity from colours, where it is not known.

Source: A. Levin, D. Lischinski, Y. Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI
30(2), 2008.
"""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

# Of the paper, for colours in [0, 1]: how much a window's opacity may differ from a linear function
# of its colours.
_EPSILON = 1e-7
_WINDOW = 9


class Unsolvable(Exception):
    """The equations have no solution, or none for which there is memory."""


def solved(
    image: np.ndarray, values: np.ndarray, unknown: np.ndarray, tie: np.ndarray
) -> np.ndarray:
    """Return the opacity, float32 (H, W) of 0 to 1: ``values`` where it is known.

    It makes sum over all windows of 3x3 pixels with something unknown least of what their opacity
    differs from the best linear function of their colours, given what is known. The equations are
    solved exactly, by a factorization.

    Args:
        image: uint8 (H, W, 3).
        values: float32 (H, W), 0 to 1: known ones, and for others what is thought.
        unknown: bool (H, W).
        tie: float (H, W), how much what was thought counts against the windows.

    Raises:
        Unsolvable: see there.
    """
    from scipy import sparse  # type: ignore[import-untyped]
    from scipy.sparse.linalg import splu  # type: ignore[import-untyped]

    if not unknown.any():
        return values.copy()
    places, laplacians = _windows(image, unknown)
    number = np.full(unknown.size, -1, np.int32)
    count = int(np.count_nonzero(unknown))
    number[unknown.ravel()] = np.arange(count, dtype=np.int32)
    at = number[places]
    free = at >= 0
    known = np.where(free, 0, values.ravel()[places])
    pull = -np.matmul(laplacians, known[..., None])[..., 0]
    ties = tie[unknown].astype(np.float64)
    right = ties * values[unknown]
    right += np.bincount(at[free], pull[free], minlength=count)
    pairs = free[:, :, None] & free[:, None, :]
    rows, columns = (np.broadcast_to(part, pairs.shape)[pairs] for part in _crossed(at))
    matrix = sparse.csc_matrix((laplacians[pairs], (rows, columns)), (count, count))
    matrix += sparse.diags(ties, format="csc")
    try:
        factors = splu(
            matrix, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        found = factors.solve(right)
    except (RuntimeError, MemoryError) as error:
        raise Unsolvable(str(error)) from error
    if not np.isfinite(found).all():
        raise Unsolvable("numbers that are none")
    result = values.copy()
    result[unknown] = np.clip(found, 0, 1)
    return result


def _crossed(at: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    return at[:, :, None], at[:, None, :]


def _windows(image: np.ndarray, unknown: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Windows with something unknown: places of their pixels (N, 9), Laplacians (N, 9, 9)."""
    width = unknown.shape[1]
    near = cv2.dilate(unknown.view(np.uint8), np.ones((3, 3), np.uint8))
    near[[0, -1]] = 0
    near[:, [0, -1]] = 0
    steps = np.arange(-1, 2)
    places = np.flatnonzero(near)[:, None] + (steps[:, None] * width + steps).ravel()
    colours = image.reshape(-1, 3)[places] / 255.0
    apart = colours - colours.mean(1, keepdims=True)
    spread = np.einsum("nki,nkj->nij", apart, apart) / _WINDOW + np.eye(3) * (_EPSILON / _WINDOW)
    alike = np.matmul(np.matmul(apart, np.linalg.inv(spread)), apart.transpose(0, 2, 1))
    return places, np.eye(_WINDOW) - (1 + alike) / _WINDOW
