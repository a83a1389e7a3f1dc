"""Saliency maps and ground truth of any origin, from files to arrays that mean one thing only.

Whoever wrote a file decides what its numbers mean, and a wrong guess gives a wrong score without
a word: logits, 0 / 1 labels, palettes, heat maps in colour, 8-bit values in a 16-bit file. So
what can be told from the file is told, and everything else is an `ImageError` that begins with
the path. Pictures are decoded by `paddleseg_u2net.io.images`; ``.npy`` files are arrays of
``numpy.save`` and never hold Python objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np

from paddleseg_u2net.io import files, images
from paddleseg_u2net.io.images import ImageError, PathLike
from paddleseg_u2net.text import short_values

__all__ = [
    "GroundTruth",
    "read_density",
    "read_fixation_map",
    "read_fixation_points",
    "read_map",
    "read_truth",
]

Shape = Tuple[int, int]

# Class numbers stay below, the edges of a soft mask go above.
_HIGHEST_LIKELY_LABEL = 20
# A picture of fixations has 0 and one value, or counts; a blurred or lossy one has many values.
_MOST_FIXATION_VALUES = 16
# Fixations are few; a mask that was taken for them covers more.
_LARGEST_FIXATED_SHARE, _ALWAYS_FEW_ENOUGH = 0.1, 100
# Lossy WebP turns grey into colours that are off by one.
_LARGEST_GREY_SPREAD = 1


@dataclass(frozen=True)
class GroundTruth:
    """A mask of the salient object.

    Attributes:
        mask: bool (height, width), True on the object.
        soft: The file has values between its two extremes, which were cut at ``mask_above``.
        labels01: The file has no values but 0 and 1, and 1 is the object.
    """

    mask: np.ndarray
    soft: bool = False
    labels01: bool = False


# ---------------------------------------------------------------- what is read


def read_map(path: PathLike) -> np.ndarray:
    """Read a saliency map.

    Args:
        path: A grey picture (colour files with equal channels and grey palettes are grey), a TIFF
            of floating point values, or an ``.npy`` file of bool, uint8, uint16 or floating point
            values, of shape (H, W) or with more axes of length 1 before or behind.

    Returns:
        (H, W): uint8 for 8-bit files, k standing for k / 255 (bool and 1-bit files give 0 and
        255); float64 k / 65535 for 16-bit files; float32 or float64 in [0, 1] for floating point
        files.

    Raises:
        ImageError: the file is missing, empty or damaged, is coloured, has varying transparency,
            NaN, infinity or floating point values outside [0, 1], or has another shape.
    """
    values = _stored(path)
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return values / 65535.0
    return _in_unit_range(values, path)


def read_truth(path: PathLike, mask_above: int = 127) -> GroundTruth:
    """Read a mask of the salient object.

    A pixel is the object above ``mask_above`` / 255 of white, whatever the bits of the file: above
    257 times ``mask_above`` for 16 bits. Files of 0 and 1 only are labels, and 1 is the object; so
    are the indices of a coloured palette.

    Args:
        path: As for `read_map`.
        mask_above: 0..254.

    Raises:
        ImageError: as `read_map`; or the values are class numbers, or those of 8 bits in a 16-bit
            file, which would leave the mask empty or wrong without a word.
        ValueError: ``mask_above`` is out of range.
    """
    if not 0 <= mask_above <= 254:
        raise ValueError(f"mask_above: expected 0..254, got {mask_above!r}")
    if _has_coloured_palette(path):
        return _truth_of_indices(images.read_mask(path), path)
    values = _stored(path)
    if values.dtype in (np.uint8, np.uint16):
        return _truth_of_integers(values, mask_above, path)
    values = _in_unit_range(values, path)
    soft = bool(((values > 0) & (values < 1)).any())
    # As a Python float, it is rounded to the precision of the file, as the file's values were.
    return GroundTruth(values > mask_above / 255, soft=soft)


def read_fixation_points(path: PathLike, shape: Optional[Shape] = None) -> np.ndarray:
    """Read where observers looked, each pixel once.

    Args:
        path: See `read_fixation_map`.
        shape: (height, width) of the image.

    Returns:
        int64 (N, 2) of rows and columns from 0, from the top down, N > 0.

    Raises:
        ImageError: as `read_fixation_map`.
    """
    return np.argwhere(read_fixation_map(path, shape))


def read_fixation_map(path: PathLike, shape: Optional[Shape] = None) -> np.ndarray:
    """Read where observers looked, as a map.

    A pixel that was fixated several times counts once, as in a picture of fixations. So the score
    does not depend on the kind of file.

    Args:
        path: A picture or an ``.npy`` array of the image's shape that is not 0 at fixations; an
            ``.npy`` array (N, 2) of rows and columns; a ``.csv`` or ``.txt`` file with a header
            that names the columns ``x`` and ``y`` (pixels from 0 at the left and the top,
            fractions are cut off); or a MATLAB file with one array of the image's shape.
        shape: (height, width) of the image. Lists of points cannot be read without it.

    Returns:
        bool (height, width), True at fixations.

    Raises:
        ImageError: the file is missing or damaged, does not fit ``shape``, has points outside the
            image or none at all, or looks like a density map or a mask.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".csv", ".txt"):
        return _grid_of_points(_listed_points(path), shape, path)
    if suffix == ".mat":
        return _grid_of_values(_matlab_array(path, shape), shape, path)
    if suffix == ".npy":
        values = _load_array(path)
        if values.ndim == 2 and values.shape[1] == 2 and values.shape != shape:
            return _grid_of_points(values.astype(np.float64), shape, path)
        return _grid_of_values(_two_dimensional(values, path), shape, path)
    return _grid_of_values(_picture(path), shape, path)


def read_density(path: PathLike) -> np.ndarray:
    """Read how densely an image was fixated.

    Args:
        path: A grey picture of 8 or 16 bits, a TIFF of floating point values, or an ``.npy`` file
            of real numbers, as for `read_map`.

    Returns:
        float64 (H, W), the values of the file: 0 or more, of a sum above 0. Only their ratios
        count, so they are not scaled.

    Raises:
        ImageError: as `read_map`; or a value is negative, or all are 0.
    """
    array = Path(path).suffix.lower() == ".npy"
    values = _two_dimensional(_load_array(path), path) if array else _picture(path)
    density = values.astype(np.float64)
    _check_finite(density, path)
    if density.min() < 0 or density.max() == 0:
        found = f"{density.min():g}..{density.max():g}"
        raise ImageError(
            path,
            f"expected a density of fixations, 0 or more and not all 0, got values in {found}; "
            "save the density itself, not its logarithm, or leave this image out",
        )
    return density


# ---------------------------------------------------------------- files to values


def _stored(path: PathLike) -> np.ndarray:
    """Values (H, W) of a file: uint8 or uint16 as stored, or floating point of any range."""
    if Path(path).suffix.lower() != ".npy":
        return _picture(path)
    values = _two_dimensional(_load_array(path), path)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.float16:
        return values.astype(np.float32)
    if values.dtype in (np.uint8, np.uint16, np.float32, np.float64):
        return values
    raise ImageError(
        path,
        f"expected an array of bool, uint8, uint16, float32 or float64, got {values.dtype}, whose "
        "black and white are not known; scale it to 0..1 and save it as float32, or to 0..255 "
        "and save it with .astype(np.uint8)",
    )


def _load_array(path: PathLike) -> np.ndarray:
    """An array of real numbers, in the byte order of this machine."""
    try:
        files.open_file(path).close()  # or a pipe would be waited for
        # Mapped, so that a header that promises too much takes no memory.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ImageError(path, "expected an array file, found nothing; check the path") from None
    except (OSError, ValueError, EOFError) as error:
        raise ImageError(
            path,
            f"expected an array of numbers from np.save, but it cannot be read ({error}); save or "
            "fetch it again",
        ) from error
    if not isinstance(array, np.ndarray):
        raise ImageError(path, "expected one array, got an .npz archive; save each with np.save")
    if array.dtype.kind not in "buif":
        raise ImageError(path, f"expected real numbers, got {array.dtype}; save it as float32")
    return np.array(array, dtype=array.dtype.newbyteorder("="))


def _two_dimensional(array: np.ndarray, path: PathLike) -> np.ndarray:
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
    if low >= 0 and high <= 1:
        return values
    if low >= -0.1 and high <= 1.1:
        repair = "clip them with np.clip(values, 0, 1), if this comes from resizing"
    elif low >= 0 and high <= 255:
        repair = "divide them by 255, if 255 is white"
    elif low >= 0:
        repair = "divide them by the highest possible value"
    else:
        repair = "apply a sigmoid, if these are the logits of a network"
    raise ImageError(
        path, f"expected floating point values in 0..1, got {low:g}..{high:g}; {repair}"
    )


def _check_finite(values: np.ndarray, path: PathLike) -> None:
    strange = values.size - int(np.isfinite(values).sum())
    if strange:
        raise ImageError(
            path,
            f"expected finite values, got NaN or infinity in {strange} of {values.size} pixels; "
            "correct the program that wrote them",
        )


# ---------------------------------------------------------------- pictures


def _has_coloured_palette(path: PathLike) -> bool:
    return Path(path).suffix.lower() != ".npy" and images.read_header(path).coloured


def _picture(path: PathLike) -> np.ndarray:
    """Brightness of a picture (H, W): uint8, uint16, or float32 of any range."""
    header = images.read_header(path)
    if header.coloured:
        raise ImageError(
            path,
            "expected grey values, got a coloured palette, whose indices are no brightness; save "
            "the values themselves as an 8-bit grey PNG",
        )
    if header.mode == "F":
        return _float_picture(path)
    if header.mode == "I" and header.format == "TIFF":
        raise ImageError(
            path,
            "expected 8-bit, 16-bit or floating point values, got integers of which white is not "
            "known (32-bit or signed); scale them to 0..255 and save an 8-bit file",
        )
    if header.bits == 16:
        if header.alpha:
            _check_opaque(images.read_still(path, 4)[..., 3], path)
        return images.read_mask(path)
    if header.mode == "L" and not header.alpha:
        return images.read_mask(path)
    return _grey_of_colours(images.read_still(path, 4), path)


def _float_picture(path: PathLike) -> np.ndarray:
    try:
        with files.open_file(path) as file, images.open_picture(file, path) as picture:
            frames = getattr(picture, "n_frames", 1)
            values = np.array(picture)
    except Exception as error:
        raise ImageError(
            path,
            f"expected a whole picture, but the file is truncated or damaged ({error}); fetch or "
            "export it again",
        ) from error
    if frames > 1:
        raise ImageError(
            path,
            f"expected a single picture, found {frames} pages; save each one as a file of its own",
        )
    return values


def _check_opaque(alpha: np.ndarray, path: PathLike) -> None:
    if alpha.min() != alpha.max():
        raise ImageError(
            path,
            "expected a picture without transparency, got varying alpha, which is not used; save "
            "the alpha channel as a grey PNG if it is the map "
            "(Pillow: image.getchannel('A').save(...)), else remove it",
        )


def _grey_of_colours(rgba: np.ndarray, path: PathLike) -> np.ndarray:
    _check_opaque(rgba[..., 3], path)
    red, green, blue = (rgba[..., index] for index in range(3))
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        colours = rgba[..., :3].astype(np.int16)
        coloured = np.ptp(colours, axis=2) > _LARGEST_GREY_SPREAD
        if coloured.any():
            example = tuple(int(value) for value in colours[coloured][0])
            raise ImageError(
                path,
                f"expected grey values, got colours in {int(coloured.sum())} of {coloured.size} "
                f"pixels, such as {example}; save the map or mask itself as an 8-bit grey PNG, "
                "not a heat map, an overlay or colours of classes",
            )
    return np.ascontiguousarray(red)


# ---------------------------------------------------------------- masks


def _truth_of_integers(values: np.ndarray, mask_above: int, path: PathLike) -> GroundTruth:
    found = np.flatnonzero(np.bincount(values.ravel()))
    top = int(found[-1])
    white = int(np.iinfo(values.dtype).max)
    threshold = mask_above * (white // 255)
    if top == 1:
        return GroundTruth(values == 1, labels01=True)
    few = len(found) <= _HIGHEST_LIKELY_LABEL
    in_8_bits = white == 65535 and _HIGHEST_LIKELY_LABEL < top <= 255
    if 0 < top <= threshold and in_8_bits:
        raise ImageError(
            path,
            f"expected 16-bit values up to 65535, got {short_values(found)}, which look like "
            "8-bit values in a 16-bit file; save it as an 8-bit file",
        )
    if 0 < top <= threshold and (top <= _HIGHEST_LIKELY_LABEL or (white == 65535 and few)):
        raise ImageError(
            path,
            f"expected a mask whose object is above {threshold}, got only {short_values(found)}, "
            "which look like class numbers; save the class of the object as 255 and all others as "
            "0",
        )
    if found.tolist() in ([0, 1, 255], [1, 255]):
        raise ImageError(
            path,
            f"expected a mask of 0 and 255, got {short_values(found)}, which look like labels 0 "
            "and 1 with pixels to ignore; save the object as 255 and all else as 0",
        )
    return GroundTruth(values > threshold, soft=bool(((found > 0) & (found < white)).any()))


def _truth_of_indices(indices: np.ndarray, path: PathLike) -> GroundTruth:
    found = np.unique(indices)
    if found[-1] > 1:
        raise ImageError(
            path,
            f"expected the classes 0 and 1, got the indices {short_values(found)} of a coloured "
            "palette; save the object as 255 and all else as 0 in an 8-bit grey PNG",
        )
    return GroundTruth(indices == 1, labels01=bool(found[-1] == 1))


# ---------------------------------------------------------------- fixations


def _grid_of_values(values: np.ndarray, shape: Optional[Shape], path: PathLike) -> np.ndarray:
    """Fixation map of an array that is not 0 at fixations."""
    if shape is not None and values.shape != tuple(shape):
        raise ImageError(
            path,
            f"expected fixations of the image's height and width {tuple(shape)}, got "
            f"{values.shape}; do not resize them, but make them from the points again",
        )
    _check_finite(values, path)
    kinds = len(np.unique(values))
    if kinds > _MOST_FIXATION_VALUES:
        raise ImageError(
            path,
            f"expected 0 and one other value at fixations, got {kinds} different values, as in a "
            "density map or a JPEG; give densities as such, or save the points as PNG of 0 and 255",
        )
    grid = values != 0
    if not grid.any():
        raise _no_fixation(path)
    count = int(grid.sum())
    if count > max(_ALWAYS_FEW_ENOUGH, _LARGEST_FIXATED_SHARE * grid.size):
        raise ImageError(
            path,
            f"expected single fixated pixels on 0, got {count} of {grid.size} pixels, as in a mask "
            "or a blurred map; give the points themselves",
        )
    return grid


def _grid_of_points(points: np.ndarray, shape: Optional[Shape], path: PathLike) -> np.ndarray:
    """Fixation map of rows and columns (N, 2)."""
    if shape is None:
        raise ImageError(
            path,
            "expected a picture of the fixations, for a list of points does not say how large the "
            "image is; give masks or densities too, or save the points as a picture",
        )
    if not len(points):
        raise _no_fixation(path)
    _check_finite(points, path)
    cells = np.floor(points).astype(np.int64)
    outside = ((cells < 0) | (cells >= shape)).any(axis=1)
    if outside.any():
        row, column = points[outside][0]
        raise ImageError(
            path,
            f"expected points in an image of height {shape[0]} and width {shape[1]}, got "
            f"{int(outside.sum())} of {len(points)} outside, such as row {row:g}, column "
            f"{column:g}; {_why_outside(cells, shape)}",
        )
    grid = np.zeros(shape, dtype=np.bool_)
    grid[cells[:, 0], cells[:, 1]] = True
    return grid


def _why_outside(cells: np.ndarray, shape: Shape) -> str:
    if (cells >= 1).all() and (cells <= shape).all():
        return "they seem to count from 1: subtract 1"
    if (cells >= 0).all() and (cells[:, ::-1] < shape).all():
        return "rows and columns (y and x) seem to be exchanged"
    return "remove these points, or give the image at the size at which it was shown"


def _no_fixation(path: PathLike) -> ImageError:
    return ImageError(
        path, "expected at least one fixation, got none; leave this image out of the list"
    )


def _listed_points(path: PathLike) -> np.ndarray:
    """Rows and columns (N, 2) as float64, of a text file with the columns x and y."""
    lines = _text_lines(path)
    head = lines[0][1] if lines else ""
    separator = next((mark for mark in ",;\t" if mark in head), None)
    names = [name.strip(" \"'").lower() for name in head.split(separator)]
    if names.count("x") != 1 or names.count("y") != 1:
        raise ImageError(
            path,
            f"expected a first line that names the columns x and y, got {head[:60]!r}; write "
            "'x,y' above the points (x to the right, y down)",
        )
    points = []
    for number, line in lines[1:]:
        cells = line.split(separator)
        try:
            points.append((float(cells[names.index("y")]), float(cells[names.index("x")])))
        except (ValueError, IndexError):
            raise ImageError(
                path, f"line {number}: expected numbers for {', '.join(names)}, got {line[:60]!r}"
            ) from None
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _text_lines(path: PathLike) -> List[Tuple[int, str]]:
    """(number, line) of a text file, without empty lines."""
    try:
        text = files.read_text(path)
    except FileNotFoundError:
        raise ImageError(path, "expected a list of points, found nothing; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(
            path, f"expected a readable text file in UTF-8 ({error}); save it so"
        ) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, line) for number, line in lines if line]


def _matlab_array(path: PathLike, shape: Optional[Shape]) -> np.ndarray:
    """The one array of the image's shape in a MATLAB file; without a shape, its one array."""
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImageError(path, "MATLAB files need SciPy: pip install scipy") from error
    try:
        with files.open_file(path) as file:
            found = {name: np.asarray(value) for name, value in loadmat(file).items()}
    except Exception as error:
        raise ImageError(
            path,
            f"expected a MATLAB file of version 7 or older, but it cannot be read ({error}); save "
            "it with save(..., '-v7'), or save the fixations as PNG of 0 and 255",
        ) from error
    arrays = {
        name: value
        for name, value in found.items()
        if not name.startswith("__") and value.dtype.kind in "buif" and value.ndim == 2
    }
    fitting = [v for v in arrays.values() if shape is None or v.shape == tuple(shape)]
    if len(fitting) != 1:
        got = ", ".join(f"{name} {value.shape}" for name, value in arrays.items()) or "none"
        wanted = "" if shape is None else f" of the image's height and width {tuple(shape)}"
        raise ImageError(
            path,
            f"expected one array{wanted} that is not 0 at fixations, got the arrays {got}; save "
            "the map of fixations alone, or as PNG of 0 and 255",
        )
    return fitting[0]
