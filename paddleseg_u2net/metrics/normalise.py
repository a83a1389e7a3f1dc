"""What a saliency map may be, and how it may be stretched before it is scored."""

from __future__ import annotations

from typing import Optional

import numpy as np

STRETCHES = ("none", "minmax", "max")
"""What may be done to a map before it is scored; see `stretched`."""


def stretched(values: np.ndarray, by: np.ndarray, stretch: str) -> np.ndarray:
    """Return a map stretched by its own range.

    Toolboxes disagree here: ``minmax`` moves the map's minimum to 0 and its maximum to 1, as
    MATLAB's ``mapminmax`` and PySODMetrics do; ``max`` divides by the maximum, as some of the
    field's MATLAB code does; ``none`` leaves the map alone. Stretching forgives a model that is
    never sure: a map of 2/255 on the object and 1/255 elsewhere becomes perfect. A constant map is
    left alone by ``minmax``, an all-zero one by ``max``.

    Args:
        values: Saliency map, float in [0, 1], any shape.
        by: The values whose range counts: the map itself, or its pixels that are not ignored.
        stretch: One of `STRETCHES`.
    """
    if stretch == "none":
        return values
    low, high = by.min() if stretch == "minmax" else by.dtype.type(0), by.max()
    if not high > low:
        return values
    # An ignored pixel may be as far outside of a tiny range as floats do not go.
    with np.errstate(over="ignore"):
        return (values - low) / (high - low)


def check_stretch(stretch: str) -> None:
    """Raise ValueError unless `stretch` is one of `STRETCHES`."""
    if stretch not in STRETCHES:
        raise ValueError(f"expected stretch to be one of {', '.join(STRETCHES)}, got {stretch!r}")


def check_pair(prediction: np.ndarray, mask: np.ndarray) -> None:
    """Raise ValueError unless a map and a mask are of usable dtypes, of one shape and not empty."""
    if prediction.dtype != np.uint8 and not np.issubdtype(prediction.dtype, np.floating):
        raise ValueError(
            f"expected a saliency map of a float dtype in [0, 1] or of uint8, "
            f"got {prediction.dtype}"
        )
    if mask.dtype != np.bool_:
        raise ValueError(
            f"expected a bool mask (threshold it first, e.g. mask > 128), got {mask.dtype}"
        )
    if prediction.shape != mask.shape:
        raise ValueError(
            f"expected map and mask of one shape, got map {prediction.shape} and mask {mask.shape}"
        )
    if not prediction.size:
        raise ValueError(f"expected at least one pixel, got a map of shape {prediction.shape}")


def check_unit_range(name: str, low: float, high: float) -> None:
    """Raise ValueError unless 0 <= low and high <= 1; a NaN fails both comparisons."""
    if not (low >= 0 and high <= 1):
        raise ValueError(f"expected {name} in [0, 1] without NaN, got {low}..{high}")


def checked_choice(counted: Optional[np.ndarray], shape: tuple[int, ...]) -> Optional[np.ndarray]:
    """Return the pixels that count, or None where all do.

    Raises:
        ValueError: not bool, another shape, or no pixel counts.
    """
    if counted is None:
        return None
    counted = np.ascontiguousarray(counted)
    if counted.dtype != np.bool_ or counted.shape != shape:
        raise ValueError(
            f"expected the counted pixels as bool of the mask's shape {shape}, "
            f"got {counted.dtype} {counted.shape}"
        )
    if not counted.any():
        raise ValueError("expected at least one pixel that counts, got none")
    return None if counted.all() else counted
