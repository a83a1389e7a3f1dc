"""What a saliency map may be, and how it may be normalised before it is scored."""

from __future__ import annotations

from typing import Optional

import cv2
import numpy as np

STRETCHES = ("none", "minmax", "max")  # see `normalise`


def normalise(values: np.ndarray, by: np.ndarray, stretch: str) -> np.ndarray:
    """Return a map, float in [0, 1] of any shape, normalised by the range of ``by``.

    Toolboxes disagree here: ``minmax`` moves the minimum to 0 and the maximum to 1, as MATLAB's
    ``mapminmax`` and PySODMetrics do; ``max`` divides by the maximum, as some of the field's MATLAB
    code does; ``none`` leaves the map alone. Normalisation forgives a model that is never sure: a
    map of 2/255 on the object and 1/255 elsewhere becomes perfect. A constant map is left alone by
    ``minmax``, an all-zero one by ``max``.
    """
    if stretch == "none":
        return values
    low, high = by.min() if stretch == "minmax" else by.dtype.type(0), by.max()
    if not high > low:
        return values
    # An ignored pixel may be as far outside of a tiny range as floats do not go.
    with np.errstate(over="ignore"):
        return (values - low) / (high - low)


def checked_map(prediction: np.ndarray, what: str = "a saliency map") -> np.ndarray:
    """Return a map (H, W) in C order as uint8, float32 (float16 too) or float64."""
    prediction = np.asarray(prediction)
    is_float = np.issubdtype(prediction.dtype, np.floating)
    is_map = is_float or prediction.dtype == np.uint8
    if not is_map or prediction.ndim != 2 or not prediction.size:
        raise ValueError(
            f"expected {what} (H, W) of a float dtype in [0, 1] or of uint8, not empty, "
            f"got {prediction.dtype} {prediction.shape}"
        )
    # In C order, so that a transposed or strided view costs one copy instead of slow passes.
    prediction = np.ascontiguousarray(native(prediction))
    if is_float:
        _check_unit_range(f"{what} of values", prediction)
    return prediction


def as_floats(values: np.ndarray) -> np.ndarray:
    """Return a map as float64; of bytes k / 255."""
    return values / 255 if values.dtype == np.uint8 else values.astype(np.float64)


def checked_grey(image: np.ndarray) -> np.ndarray:
    """Return the grey values of an image, uint8 (H, W) or RGB (H, W, 3)."""
    image = np.ascontiguousarray(image)
    if image.dtype != np.uint8 or (image.ndim != 2 and (image.ndim != 3 or image.shape[2] != 3)):
        raise ValueError(
            f"expected an image (H, W, 3) or (H, W) of uint8, got {image.dtype} {image.shape}"
        )
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


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
    """Return which pixels are not ignored, one at least, or None where none is ignored."""
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


def _check_unit_range(name: str, values: np.ndarray) -> None:
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):  # a NaN fails both comparisons
        raise ValueError(f"expected {name} in [0, 1] without NaN, got {low}..{high}")


def valid_pixels(
    probability: np.ndarray, label: np.ndarray, num_classes: int, ignore_index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return bool (H, W), where a model's probabilities have a label, and the labels there, (n,).

    ``probability`` is float in [0, 1] or uint8, (H, W) of one class, else (num_classes, H, W);
    ``label`` (H, W) real numbers in [0, 1] of one class, else integers, or ``ignore_index``.
    """
    is_float = np.issubdtype(probability.dtype, np.floating)
    shape = label.shape if num_classes == 1 else (num_classes, *label.shape)
    if (
        label.ndim != 2
        or probability.shape != shape
        or not (is_float or probability.dtype == np.uint8)
    ):
        wanted = "(H, W)" if num_classes == 1 else f"({num_classes}, H, W)"
        raise ValueError(
            f"expected probabilities {wanted} of a float dtype in [0, 1] or of uint8 and a label "
            f"(H, W), got probabilities {probability.dtype} {probability.shape} and label "
            f"{label.shape}"
        )
    if is_float and probability.size:
        _check_unit_range("probabilities", probability)
    valid = label != ignore_index
    kept = label.ravel() if valid.all() else label[valid]
    name = f"label values (except the ignored {ignore_index})"
    if num_classes == 1:
        if kept.size:
            _check_unit_range(name, kept)
    elif label.dtype.kind not in "iu" or (
        kept.size and not 0 <= kept.min() <= kept.max() < num_classes
    ):
        raise ValueError(
            f"expected {name} of an integer dtype in [0, {num_classes}), got {label.dtype}"
            + (f" {kept.min()}..{kept.max()}" if kept.size else "")
        )
    return valid, kept
