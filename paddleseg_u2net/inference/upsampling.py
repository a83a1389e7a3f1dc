"""A small map at the size of a large picture, with its edges where the picture has them.

Bilinear interpolation draws a blurred, rounded outline: one pixel of a 320x320 map is 17 pixels of
a picture of 20 megapixels. The guided filter explains the map by the picture's colours, window by
window, and the explanation, not the map, is enlarged.
"""

from __future__ import annotations

from functools import partial
from typing import Iterator, List, Tuple

import cv2
import numpy as np

from paddleseg_u2net.inference.preprocess import Shape

# Chosen on 50 pictures of ECSSD and their maps at 320, 64 and 24 pixels: benchmarks/upsampling.py
# reports on others.
RADIUS = 1
EPSILON = 1e-4

# Pixels that are worked on at once: few enough that they stay in a processor's cache.
_BAND = 1 << 16


def guided(
    probability: np.ndarray,
    image: np.ndarray,
    radius: int = RADIUS,
    epsilon: float = EPSILON,
) -> np.ndarray:
    """Enlarge maps, float32 (K, h, w) in [0, 1], to the size of their image, uint8 (H, W, C), by
    its edges.

    Around each pixel of the map the probability is taken to be linear in the image's colour: q = a
    . I + b. Ridge regression (``epsilon``, for colours in [0, 1]) gives a and b of each window of 2
    ``radius`` + 1 pixels a side; of all windows that contain a pixel the mean counts; these means
    are enlarged and applied to the image's own pixels. Sources: He, Sun & Tang 2013, "Guided Image
    Filtering", PAMI 35(6), eq. 5, 6 and 8 (grey), 19 to 21 (colour); He & Sun 2015, "Fast Guided
    Filter", arXiv:1505.00996, for a and b at the smaller size.

    One thing is ours: where windows are not mixed, that is where 2 (1 - sum over classes of m^2) is
    small, m the window's mean map, the map itself is enlarged: a = 0, b = the map, and in between a
    blend of both. Otherwise the inside of an object takes on the image's texture.

    In an axis in which it is the map that is larger, it is reduced first. It takes about 300 bytes
    for each pixel of the map, 16 for each of its rows times the image's width, and the result.
    """
    shape = image.shape[:2]
    coarse = _reduced(probability, shape)
    if coarse is not probability and coarse.shape[1:] == shape:
        return coarse
    result = np.empty((len(coarse), *shape), np.float32)
    for plane, coefficients in zip(result, _coefficients(coarse, image, radius, epsilon)):
        _apply(coefficients, image, plane)
    if len(result) > 1:
        for rows in _bands(shape):
            result[:, rows] /= np.maximum(result[:, rows].sum(0), np.finfo(np.float32).tiny)
    return result


def _reduced(probability: np.ndarray, shape: Shape) -> np.ndarray:
    """The maps, no finer than (H, W) in either axis."""
    height, width = np.minimum(probability.shape[1:], shape).tolist()
    if (height, width) == probability.shape[1:]:
        return probability
    size = (width, height)
    reduced = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in probability]
    return np.clip(np.stack(reduced), 0, 1)  # weights that add up to a little more than 1


def _coefficients(
    coarse: np.ndarray, image: np.ndarray, radius: int, epsilon: float
) -> Iterator[np.ndarray]:
    """For each map float32 (colours + 1, h, w): a, for colours in [0, 255], and b; blended."""
    size = (coarse.shape[2], coarse.shape[1])
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], -1)
    colours = small[..., :3].transpose(2, 0, 1) / 255.0
    # Near 0, where differences of squares are exact; b takes it back.
    origin = colours.mean((1, 2), keepdims=True)
    colours -= origin
    mean = partial(_means, radius=radius)
    mean_colours = mean(colours)
    covariance = np.stack(
        [mean(colours * each) - mean_colours * own for each, own in zip(colours, mean_colours)]
    )
    for channel in range(len(colours)):
        covariance[channel, channel] += epsilon
    mean_maps = mean(coarse.astype(np.float64))
    mixed = _mixed(mean_maps)
    for plane, mean_plane in zip(coarse, mean_maps):
        with_map = mean(colours * plane) - mean_colours * mean_plane
        a = _solve(covariance.copy(), with_map)
        b = mean_plane - (a * mean_colours).sum(0)
        a = mixed * mean(a)
        b = mixed * mean(b[None])[0] + (1 - mixed) * plane - (a * origin).sum(0)
        yield np.concatenate([a / 255, b[None]]).astype(np.float32)


def _means(planes: np.ndarray, radius: int) -> np.ndarray:
    """Means over windows that are cut at the border: float64 (N, h, w) -> the same."""
    height, width = planes.shape[1:]
    # No window reaches farther than the map does.
    sides = (2 * min(radius, width) + 1, 2 * min(radius, height) + 1)
    border = cv2.BORDER_CONSTANT
    box = partial(cv2.boxFilter, ddepth=-1, ksize=sides, normalize=False, borderType=border)
    count = box(np.ones((height, width)))
    return np.stack([box(plane) / count for plane in planes])


def _mixed(mean_maps: np.ndarray) -> np.ndarray:
    """(K, h, w) -> (h, w), 0 where all of a window is of one class, 1 where two are as frequent."""
    if len(mean_maps) == 1:
        mixed = 4 * mean_maps[0] * (1 - mean_maps[0])
    else:
        mixed = 2 * (1 - (mean_maps**2).sum(0))
    return np.clip(mixed, 0, 1)


def _solve(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Solve (C, C, h, w) x = (C, h, w) in each pixel, in place, by elimination. Matrices are
    symmetric and positive definite, so no rows need be swapped; LAPACK takes one pixel after
    another.
    """
    order = range(len(vector))
    for i in order:
        for j in order[i + 1 :]:
            factor = matrix[j, i] / matrix[i, i]
            matrix[j, i:] -= factor * matrix[i, i:]
            vector[j] -= factor * vector[i]
    for i in reversed(order):
        for j in order[i + 1 :]:
            vector[i] -= matrix[i, j] * vector[j]
        vector[i] /= matrix[i, i]
    return vector


def _apply(coefficients: np.ndarray, image: np.ndarray, result: np.ndarray) -> None:
    """Fill ``result`` (H, W) with a . I + b, cut to [0, 1]; coefficients: (colours + 1, h, w)."""
    height, width = result.shape
    wide = np.empty((*coefficients.shape[:2], width), np.float32)
    for plane, wider in zip(coefficients, wide):
        wider[:] = cv2.resize(plane, (width, len(plane)), interpolation=cv2.INTER_LINEAR)
    for rows in _bands(result.shape):
        source, weights = _rows(wide.shape[1], height, rows)
        planes = weights @ wide[:, source]
        total = planes[-1]
        for channel, plane in enumerate(planes[:-1]):
            plane *= cv2.extractChannel(image[rows], channel)
            total += plane
        np.clip(total, 0, 1, out=result[rows])


def _bands(shape: Shape) -> List[slice]:
    """Rows of a picture, a few at a time."""
    step = max(1, _BAND // shape[1])
    return [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]


def _rows(old: int, new: int, rows: slice) -> Tuple[slice, np.ndarray]:
    """Of a bilinear enlargement of ``old`` to ``new`` rows the given ones: which of the old they
    are made of, and float32 weights (rows, those).
    """
    at = (np.arange(rows.start, rows.stop) + 0.5) * (old / new) - 0.5
    at = np.clip(at, 0, old - 1)
    above = np.minimum(at.astype(np.intp), max(old - 2, 0))
    source = slice(int(above[0]), min(int(above[-1]) + 2, old))
    distance = np.abs(at[:, None] - np.arange(source.start, source.stop))
    return source, np.maximum(1 - distance, 0).astype(np.float32)
