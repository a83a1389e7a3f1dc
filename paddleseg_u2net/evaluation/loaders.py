"""Saliency maps, masks and fixations of any origin, from files to arrays that mean one thing only.

Whoever wrote a file decides what its numbers mean, and a wrong guess gives a wrong score without
a word. So what can be told from the file is told, and everything else is an `ImageError`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from paddleseg_u2net.io import files, images
from paddleseg_u2net.io.images import ImageError, PathLike
from paddleseg_u2net.text import short_values

Size = Tuple[int, ...]  # height, width

# Class numbers stay below, the edges of a soft mask go above.
_HIGHEST_LIKELY_LABEL = 20
# Lossy WebP turns grey into colours that are off by one.
_LARGEST_GREY_SPREAD = 1
# An image of fixations has 0 and one value, or counts; a blurred or lossy one has many values.
_MOST_FIXATION_VALUES = 16
# Fixations are few; a mask that was taken for them covers more.
_LARGEST_FIXATED_SHARE, _ALWAYS_FEW_ENOUGH = 0.1, 100


@dataclass(frozen=True)
class GroundTruth:
    """A mask of the salient object."""

    mask: np.ndarray  # bool (height, width), True on the object
    soft: bool = False  # the file has values between its extremes, which were cut
    labels01: bool = False  # the file has no values but 0 and 1, and 1 is the object
    alpha: Optional[np.ndarray] = None  # (height, width) as `read_map` has it, of no labels


def read_map(path: PathLike) -> np.ndarray:
    """Read a saliency map (H, W).

    uint8 for 8-bit files, k standing for k / 255 (bool and 1-bit files give 0 and 255); float64
    k / 65535 for 16-bit files; float32 or float64 in [0, 1] for TIFF and ``.npy`` of floats. Colour
    files with equal channels are grey. What has no one meaning is an ImageError.
    """
    return _as_map(_stored(path), path)


def _as_map(values: np.ndarray, path: PathLike) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return values / 65535.0
    return _in_unit_range(values, path)


def read_alpha(path: PathLike, mask_above: int = 127) -> GroundTruth:
    """Read a mask of which every value is a share of the foreground, as `read_map` reads a map.

    So a mask of 0 and 1 only is all but transparent.
    """
    alpha = read_map(path)
    above = mask_above if alpha.dtype == np.uint8 else mask_above / 255
    return GroundTruth(alpha > above, alpha=alpha)


def read_truth(path: PathLike, mask_above: int = 127, alpha: bool = False) -> GroundTruth:
    """Read a mask of the salient object from a file as for `read_map`.

    A pixel is the object above ``mask_above`` / 255 of white, whatever the bits of the file. Files
    of 0 and 1 only are labels, and 1 is the object; so are the indices of a coloured palette. With
    ``alpha``, which labels do not have, the values are kept beside the mask.
    """
    coloured = not _is_array(path) and images.read_header(path).coloured
    values = images.read_mask(path) if coloured else _stored(path)
    if values.dtype in (np.uint8, np.uint16):
        truth = _truth_of_integers(values, mask_above, path, coloured)
    else:
        values = _in_unit_range(values, path)
        soft = bool(((values > 0) & (values < 1)).any())
        # As a Python float, it is rounded to the precision of the file, as the file's values were.
        truth = GroundTruth(values > mask_above / 255, soft=soft)
    if not alpha:
        return truth
    if truth.labels01:
        raise ImageError(
            path,
            "expected grey values for the scores of mattes, got labels of 0 and 1; save the object "
            "as 255, or score mattes alone, if 1 of 255 is meant",
        )
    return replace(truth, alpha=_as_map(values, path))


def read_fixation_map(path: PathLike, shape: Optional[Size] = None) -> np.ndarray:
    """Read where observers looked, as a map: bool (height, width), True at fixations.

    An image, or an array of NumPy or MATLAB, of the photograph's ``shape`` (height, width) is not 0
    at fixations; lists, which need the shape, are ``.npy`` (N, 2) of rows and columns, or text with
    a header that names the columns ``x`` and ``y``: pixels from 0 at the left and the top,
    fractions are cut off. A pixel that was fixated several times counts once, so that the score
    does not depend on the kind of file.
    """
    suffix, points = Path(path).suffix.lower(), False
    if suffix in (".csv", ".txt"):
        values, points = _listed_points(path), True
    elif suffix == ".mat":
        values = _matlab_array(path, shape)
    elif suffix == ".npy":
        values = _load_array(path)
        points = values.ndim == 2 and values.shape[1] == 2 and values.shape != shape
        values = values.astype(np.float64) if points else _two_dimensional(values, path)
    else:
        values = _read_brightness(path)
    _check_finite(values, path)
    found = (_map_of_points if points else _map_of_values)(values, shape, path)
    if not found.any():
        raise ImageError(
            path, "expected at least one fixation, got none; leave this image out of the list"
        )
    return found


def read_density(path: PathLike) -> np.ndarray:
    """Read how densely an image was fixated: float64 (H, W), the values of the file.

    Only their ratios count, so they are not scaled.
    """
    density = _values(path).astype(np.float64)
    _check_finite(density, path)
    if density.min() < 0 or density.max() == 0:
        raise ImageError(
            path,
            "expected a density of fixations, 0 or more and not all 0, got values in "
            f"{density.min():g}..{density.max():g}; save the density itself, not its logarithm, "
            "or leave this image out",
        )
    return density


def _is_array(path: PathLike) -> bool:
    return Path(path).suffix.lower() == ".npy"


def _stored(path: PathLike) -> np.ndarray:
    """Return values (H, W): uint8 or uint16 as stored, or floating point of any range."""
    values = _values(path)
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


def _values(path: PathLike) -> np.ndarray:
    if _is_array(path):
        return _two_dimensional(_load_array(path), path)
    return _read_brightness(path)


def _load_array(path: PathLike) -> np.ndarray:
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


def _two_dimensional(array: np.ndarray, path: PathLike) -> np.ndarray:
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
    _check_finite(values, path)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise ImageError(
            path,
            f"expected floating point values in 0..1, got {low:g}..{high:g}; apply a sigmoid to "
            "the logits of a network, divide others by the highest possible value",
        )
    return values


def _check_finite(values: np.ndarray, path: PathLike) -> None:
    strange = values.size - int(np.isfinite(values).sum())
    if strange:
        raise ImageError(
            path,
            f"expected finite values, got NaN or infinity in {strange} of {values.size} pixels; "
            "correct the program that wrote them",
        )


def _read_brightness(path: PathLike) -> np.ndarray:
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


def _map_of_values(values: np.ndarray, shape: Optional[Size], path: PathLike) -> np.ndarray:
    """Return the fixation map of an array that is not 0 at fixations."""
    if shape is not None and values.shape != tuple(shape):
        raise ImageError(
            path,
            f"expected fixations of the image's height and width {tuple(shape)}, got "
            f"{values.shape}; do not resize them, but make them from the points again",
        )
    found = values != 0
    kinds, count = len(np.unique(values)), int(found.sum())
    most = max(_ALWAYS_FEW_ENOUGH, _LARGEST_FIXATED_SHARE * found.size)
    if kinds > _MOST_FIXATION_VALUES or count > most:
        raise ImageError(
            path,
            f"expected 0 and one other value at single fixated pixels, got {kinds} values and "
            f"{count} of {found.size} pixels, as in a density map, a mask or a JPEG; give "
            "densities as such, or save the points as PNG of 0 and 255",
        )
    return found


def _map_of_points(points: np.ndarray, shape: Optional[Size], path: PathLike) -> np.ndarray:
    """Return the fixation map of rows and columns (N, 2)."""
    if shape is None:
        raise ImageError(path, "expected the image's shape beside a list of points")
    cells = np.floor(points).astype(np.int64)
    outside = ((cells < 0) | (cells >= shape)).any(axis=1)
    if outside.any():
        row, column = points[outside][0]
        raise ImageError(
            path,
            f"expected points in an image of height {shape[0]} and width {shape[1]}, counted from "
            f"0, got {int(outside.sum())} of {len(points)} outside, such as row {row:g}, column "
            f"{column:g}; are x and y exchanged, or of another size of the image?",
        )
    found = np.zeros(shape, dtype=np.bool_)
    found[cells[:, 0], cells[:, 1]] = True
    return found


def _listed_points(path: PathLike) -> np.ndarray:
    """Return rows and columns (N, 2) as float64, of a text file with the columns x and y."""
    try:
        lines = files.read_text(path).rstrip().splitlines() or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(path, f"expected a list of points, a text in UTF-8 ({error})") from error
    separator = next((mark for mark in ",;\t" if mark in lines[0]), ",")
    names = [name.strip(" \"'").lower() for name in lines[0].split(separator)]
    if names.count("x") != 1 or names.count("y") != 1:
        raise ImageError(
            path,
            f"expected a first line that names the columns x and y, got {lines[0][:60]!r}; write "
            "'x,y' above the points (x to the right, y down)",
        )
    points = []
    reader = csv.DictReader(lines[1:], names, delimiter=separator)
    for row in reader:
        try:
            points.append((float(row["y"]), float(row["x"])))
        except (TypeError, ValueError):
            line = reader.line_num
            raise ImageError(
                path, f"expected numbers for x and y in line {line + 1}, got {lines[line]!r}"
            ) from None
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _matlab_array(path: PathLike, shape: Optional[Size]) -> np.ndarray:
    """Return the one array of the image's shape in a MATLAB file; without a shape, its only one."""
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped]

        with files.open_file(path) as file:
            values = {name: np.asarray(value) for name, value in loadmat(file).items()}
    except Exception as error:
        raise ImageError(
            path,
            f"expected a MATLAB file of version 7 or older, and SciPy to read it ({error}); save "
            "it with save(..., '-v7'), or the fixations as PNG of 0 and 255",
        ) from error
    arrays = {key: v for key, v in values.items() if v.dtype.kind in "buif" and v.ndim == 2}
    fitting = [v for v in arrays.values() if shape is None or v.shape == tuple(shape)]
    if len(fitting) != 1:
        got = ", ".join(f"{name} {value.shape}" for name, value in arrays.items()) or "none"
        raise ImageError(
            path,
            f"expected one array of the image's height and width {tuple(shape or ())} that is not "
            f"0 at fixations, got the arrays {got}; save the map of fixations alone",
        )
    return fitting[0]
