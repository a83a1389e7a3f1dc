"""Saliency maps and masks of any origin, from files to arrays that mean one thing only.

Whoever wrote a file decides what its numbers mean, and a wrong guess gives a wrong score without
a word. So what can be told from the file is told, and everything else is an `ImageError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paddleseg_u2net.io import files, images
from paddleseg_u2net.io.images import ImageError, PathLike
from paddleseg_u2net.text import short_values

# Class numbers stay below, the edges of a soft mask go above.
_HIGHEST_LIKELY_LABEL = 20
# Lossy WebP turns grey into colours that are off by one.
_LARGEST_GREY_SPREAD = 1


@dataclass(frozen=True)
class GroundTruth:
    """A mask of the salient object."""

    mask: np.ndarray  # bool (height, width), True on the object
    soft: bool = False  # the file has values between its extremes, which were cut
    labels01: bool = False  # the file has no values but 0 and 1, and 1 is the object


def read_map(path: PathLike) -> np.ndarray:
    """Read a saliency map (H, W).

    uint8 for 8-bit files, k standing for k / 255 (bool and 1-bit files give 0 and 255); float64
    k / 65535 for 16-bit files; float32 or float64 in [0, 1] for TIFF and ``.npy`` of floats. Colour
    files with equal channels are grey. What has no one meaning is an ImageError.
    """
    values = _stored(path)
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return values / 65535.0
    return _in_unit_range(values, path)


def read_truth(path: PathLike, mask_above: int = 127) -> GroundTruth:
    """Read a mask of the salient object from a file as for `read_map`.

    A pixel is the object above ``mask_above`` / 255 of white, whatever the bits of the file. Files
    of 0 and 1 only are labels, and 1 is the object; so are the indices of a coloured palette.
    """
    coloured = not is_array(path) and images.read_header(path).coloured
    values = images.read_mask(path) if coloured else _stored(path)
    if values.dtype in (np.uint8, np.uint16):
        return _truth_of_integers(values, mask_above, path, coloured)
    values = _in_unit_range(values, path)
    soft = bool(((values > 0) & (values < 1)).any())
    # As a Python float, it is rounded to the precision of the file, as the file's values were.
    return GroundTruth(values > mask_above / 255, soft=soft)


def is_array(path: PathLike) -> bool:
    """Whether a file is an array of numpy by its suffix."""
    return Path(path).suffix.lower() == ".npy"


def _stored(path: PathLike) -> np.ndarray:
    """Return values (H, W): uint8 or uint16 as stored, or floating point of any range."""
    if not is_array(path):
        return read_brightness(path)
    values = two_dimensional(load_array(path), path)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.float16:
        return values.astype(np.float32)
    if values.dtype in (np.uint8, np.uint16, np.float32, np.float64):
        return values
    raise ImageError(
        path,
        f"expected an array of bool, uint8, uint16, float32 or float64, got {values.dtype}; scale "
        "it to 0..1 and save it as float32",
    )


def load_array(path: PathLike) -> np.ndarray:
    """Return the real numbers of an ``.npy`` file, in the byte order of this machine."""
    try:
        files.open_file(path).close()  # or a pipe would be waited for
        # Mapped, so that a header that promises too much takes no memory.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ImageError(
            path, f"expected an array of numbers from np.save, which cannot be read ({error})"
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        got = getattr(array, "dtype", "an archive of several")
        raise ImageError(path, f"expected one array of real numbers from np.save, got {got}")
    return np.array(array, dtype=array.dtype.newbyteorder("="))


def two_dimensional(array: np.ndarray, path: PathLike) -> np.ndarray:
    """Return an array without its axes of length 1 as (H, W), or raise ImageError."""
    shape = array.shape
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 or not array.size:
        raise ImageError(
            path,
            f"expected one value per pixel, shape (H, W), (1, H, W) or (H, W, 1), got {shape}; "
            "choose the channel of the object and save it alone",
        )
    return array


def _in_unit_range(values: np.ndarray, path: PathLike) -> np.ndarray:
    check_finite(values, path)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise ImageError(
            path,
            f"expected floating point values in 0..1, got {low:g}..{high:g}; apply a sigmoid to "
            "the logits of a network, divide others by the highest possible value",
        )
    return values


def check_finite(values: np.ndarray, path: PathLike) -> None:
    """Raise ImageError if there is NaN or infinity."""
    strange = values.size - int(np.isfinite(values).sum())
    if strange:
        raise ImageError(
            path,
            f"expected finite values, got NaN or infinity in {strange} of {values.size} pixels; "
            "correct the program that wrote them",
        )


def read_brightness(path: PathLike) -> np.ndarray:
    """Return the brightness of an image file (H, W): uint8, uint16, or float32 of any range."""
    header = images.read_header(path)
    if header.mode == "F":
        return _read_floats(path)
    if header.coloured or (header.mode == "I" and header.format == "TIFF"):
        got = "a coloured palette" if header.coloured else "integers of which white is not known"
        raise ImageError(
            path,
            f"expected 8-bit, 16-bit or floating point grey values, got {got}; save the values "
            "themselves as an 8-bit grey PNG",
        )
    if header.bits == 16 or (header.mode == "L" and not header.alpha):
        if header.alpha:
            _check_opaque(images.read_still(path, 4), path)
        return images.read_mask(path)
    rgba = images.read_still(path, 4)
    _check_opaque(rgba, path)
    planes = [rgba[..., channel] for channel in range(3)]
    coloured = np.maximum.reduce(planes) - np.minimum.reduce(planes) > _LARGEST_GREY_SPREAD
    if coloured.any():
        raise ImageError(
            path,
            f"expected grey values, got colours in {int(coloured.sum())} of {coloured.size} "
            "pixels; save the map or mask itself as an 8-bit grey PNG, not a heat map, an overlay "
            "or colours of classes",
        )
    return np.ascontiguousarray(planes[0])


def _read_floats(path: PathLike) -> np.ndarray:
    try:
        with files.open_file(path) as file, images.open_picture(file, path) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise ValueError("it has several pages")
            return np.array(image)
    except Exception as error:
        raise ImageError(
            path, f"expected one whole picture ({error}); fetch or export it again"
        ) from error


def _check_opaque(rgba: np.ndarray, path: PathLike) -> None:
    if np.ptp(rgba[..., 3]):
        raise ImageError(
            path, "expected grey without transparency, got varying alpha; save what is meant alone"
        )


def _truth_of_integers(
    values: np.ndarray, mask_above: int, path: PathLike, coloured: bool
) -> GroundTruth:
    found = np.flatnonzero(np.bincount(values.ravel()))
    top, white = int(found[-1]), int(np.iinfo(values.dtype).max)
    threshold = mask_above * (white // 255)
    if top == 1:
        return GroundTruth(values == 1, labels01=True)
    wide, few = white == 65535, len(found) <= _HIGHEST_LIKELY_LABEL
    low = top <= _HIGHEST_LIKELY_LABEL or (wide and (top <= 255 or few))
    labels = (0 < top <= threshold and low) or (coloured and top > 1)
    if labels or found.tolist() in ([0, 1, 255], [1, 255]):
        raise ImageError(
            path,
            f"expected a mask of 0 and {white}, got {short_values(found)}, which look like class "
            "numbers, labels with pixels to ignore, or 8-bit values in a 16-bit file; save the "
            "object as 255 and all else as 0 in an 8-bit file",
        )
    return GroundTruth(values > threshold, soft=bool(((found > 0) & (found < white)).any()))
