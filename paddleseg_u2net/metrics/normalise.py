"""What a saliency map may be, and how it may be normalised before it is scored."""

from __future__ import annotations

from typing import Optional

import numpy as np

STRETCHES = ("none", "minmax", "max")
"""What may be done to a map before it is scored; see `normalise`."""


def normalise(values: np.ndarray, by: np.ndarray, stretch: str) -> np.ndarray:
    """Return a map normalised by its own range.

    Toolboxes disagree here: ``minmax`` moves the map's minimum to 0 and its maximum to 1, as
    MATLAB's ``mapminmax`` and PySODMetrics do; ``max`` divides by the maximum, as some of the
    field's MATLAB code does; ``none`` leaves the map alone. Normalisation forgives a model that is
    never sure: a map of 2/255 on the object and 1/255 elsewhere becomes perfect. A constant map is
    left alone by ``minmax``, an all-zero one by ``max``.

    Args:
        values: Saliency map, float in [0, 1], any shape.
        by: The values whose range is taken: the map itself, or its pixels that are not ignored.
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


def checked_map(prediction: np.ndarray) -> np.ndarray:
    """Return a saliency map (H, W) in C order as uint8, float32 (float16 too) or float64.

    Raises:
        ValueError: another dtype or number of dimensions, no pixel, NaN or values outside [0, 1].
    """
    prediction = np.asarray(prediction)
    is_float = np.issubdtype(prediction.dtype, np.floating)
    if prediction.dtype != np.uint8 and not is_float:
        raise ValueError(
            f"expected a saliency map of a float dtype in [0, 1] or of uint8, "
            f"got {prediction.dtype}"
        )
    if prediction.ndim != 2:
        raise ValueError(f"expected a saliency map (H, W), got shape {prediction.shape}")
    if not prediction.size:
        raise ValueError(f"expected at least one pixel, got a map of shape {prediction.shape}")
    # In C order, so that a transposed or strided view costs one copy instead of slow passes.
    prediction = np.ascontiguousarray(native(prediction))
    if is_float:
        check_unit_range("saliency values", prediction.min(), prediction.max())
    return prediction


def native(values: np.ndarray) -> np.ndarray:
    """Return uint8, float32 and float64 as they are, float16 as float32, others as float64."""
    if values.dtype in (np.uint8, np.float32, np.float64):
        return values
    return values.astype(np.float32 if values.dtype == np.float16 else np.float64)


def checked_mask(mask: np.ndarray) -> np.ndarray:
    """Return a bool mask as a copy in C order, or raise ValueError for another dtype."""
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise ValueError(
            f"expected a bool mask (threshold it first, e.g. mask > 128), got {mask.dtype}"
        )
    # Compared, since Pillow hands out 1-bit images as bool arrays whose True is the byte 255.
    return np.ascontiguousarray(mask).view(np.uint8) != 0


def checked_valid(valid: Optional[np.ndarray], shape: tuple[int, ...]) -> Optional[np.ndarray]:
    """Return which pixels are not ignored, or None where none is.

    Raises:
        ValueError: not bool, another shape, or every pixel is ignored.
    """
    if valid is None:
        return None
    valid = np.ascontiguousarray(valid)
    if valid.dtype != np.bool_ or valid.shape != shape:
        raise ValueError(
            f"expected the valid pixels as bool of the mask's shape {shape}, "
            f"got {valid.dtype} {valid.shape}"
        )
    if not valid.any():
        raise ValueError("expected at least one pixel that is not ignored, got none")
    return None if valid.all() else valid


def check_unit_range(name: str, low: float, high: float) -> None:
    """Raise ValueError unless 0 <= low and high <= 1; a NaN fails both comparisons."""
    if not (low >= 0 and high <= 1):
        raise ValueError(f"expected {name} in [0, 1] without NaN, got {low}..{high}")


def check_probabilities(probability: np.ndarray, label: np.ndarray, num_classes: int) -> None:
    """Raise ValueError unless these are a model's probabilities and a label of one size.

    Args:
        probability: Float in [0, 1], or uint8; (H, W) of one class, else (num_classes, H, W).
        label: (H, W), of any dtype.
        num_classes: Channels of the model.
    """
    is_float = np.issubdtype(probability.dtype, np.floating)
    if not is_float and probability.dtype != np.uint8:
        raise ValueError(
            f"expected probabilities of a float dtype in [0, 1] or of uint8, "
            f"got {probability.dtype}"
        )
    first = () if num_classes == 1 else (num_classes,)
    if label.ndim != 2 or probability.shape != (*first, *label.shape):
        wanted = ", ".join(map(str, (*first, "H", "W")))
        raise ValueError(
            f"expected probabilities of shape ({wanted}) and a label (H, W), "
            f"got probabilities {probability.shape} and label {label.shape}"
        )
    if is_float and probability.size:
        check_unit_range("probabilities", probability.min(), probability.max())


def check_labels(label: np.ndarray, num_classes: int, ignore_index: int) -> None:
    """Raise ValueError unless labels are in range.

    Args:
        label: Those that are not ignored, any shape. For ``num_classes == 1`` of any real dtype in
            [0, 1], else of an integer dtype in [0, num_classes).
        num_classes: Channels of the model.
        ignore_index: Label of ignored pixels, for the message.
    """
    if num_classes > 1 and not np.issubdtype(label.dtype, np.integer):
        raise ValueError(f"expected label of an integer dtype, got {label.dtype}")
    if not label.size:
        return
    low, high = label.min(), label.max()
    name = f"label values (except the ignored {ignore_index})"
    if num_classes == 1:
        check_unit_range(name, low, high)
    elif low < 0 or high >= num_classes:
        raise ValueError(f"expected {name} in [0, {num_classes}), got {low}..{high}")
