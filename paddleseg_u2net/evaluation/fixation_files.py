"""Files of fixations: images, arrays, lists of points, MATLAB files; and densities."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from paddleseg_u2net.evaluation.loaders import (
    check_finite,
    is_array,
    load_array,
    read_brightness,
    two_dimensional,
)
from paddleseg_u2net.io import files
from paddleseg_u2net.io.images import ImageError, PathLike

Size = Tuple[int, ...]  # height, width

# An image of fixations has 0 and one value, or counts; a blurred or lossy one has many values.
_MOST_FIXATION_VALUES = 16
# Fixations are few; a mask that was taken for them covers more.
_LARGEST_FIXATED_SHARE, _ALWAYS_FEW_ENOUGH = 0.1, 100


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
        values = load_array(path)
        points = values.ndim == 2 and values.shape[1] == 2 and values.shape != shape
        values = values.astype(np.float64) if points else two_dimensional(values, path)
    else:
        values = read_brightness(path)
    check_finite(values, path)
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
    is_npy = is_array(path)
    values = two_dimensional(load_array(path), path) if is_npy else read_brightness(path)
    density = values.astype(np.float64)
    check_finite(density, path)
    if density.min() < 0 or density.max() == 0:
        raise ImageError(
            path,
            "expected a density of fixations, 0 or more and not all 0, got values in "
            f"{density.min():g}..{density.max():g}; save the density itself, not its logarithm, "
            "or leave this image out",
        )
    return density


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
