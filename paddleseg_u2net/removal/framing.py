"""Pictures cut to a frame and brought to its size."""

from __future__ import annotations

from typing import NamedTuple, Tuple

import cv2
import numpy as np

from paddleseg_u2net.removal.crop import Frame
from paddleseg_u2net.render.overlay import strips


def framed(picture: np.ndarray, frame: Frame, beyond: str = "nothing") -> np.ndarray:
    """What a frame shows of a picture.

    Args:
        picture: uint8 or uint16, (H, W), (H, W, 3), or (H, W, 4) with colours that are not
            multiplied by their opacity.
        beyond: what is there outside the picture: ``nothing``, zeros; or a ``mirror`` of it.
    """
    left, top, right, bottom = frame.box
    rows = _span(top, bottom, picture.shape[0], frame.size[1], frame.scale)
    columns = _span(left, right, picture.shape[1], frame.size[0], frame.scale)
    part = picture[rows.first : rows.last, columns.first : columns.last]
    part = resized(part, columns.length, rows.length)
    if part.shape[1::-1] == frame.size:
        return part
    border = cv2.BORDER_REFLECT if beyond == "mirror" else cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(part, *rows.around, *columns.around, border)


class _Span(NamedTuple):
    """What of a picture's rows or columns is seen: first, last (outside), at which length, and how
    much of nothing is before and behind.
    """

    first: int
    last: int
    length: int
    around: Tuple[int, int]


def _span(begin: int, end: int, side: int, size: int, scale: float) -> _Span:
    """Rows or columns of a box from ``begin`` to ``end`` in a picture of ``side``, at a size."""
    whole = max(1, int((end - begin) * scale + 0.5))
    # The box has the size's proportions but for rounding.
    offset = (size - whole) // 2
    first, last = max(begin, 0), min(end, side)
    at, to = (int((edge - begin) * whole / (end - begin) + 0.5) for edge in (first, last))
    at = min(at, whole - 1)
    length = max(1, to - at)
    return _Span(first, last, length, (offset + at, size - offset - at - length))


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture as `framed` takes it, at another size; colours count by their opacity."""
    if picture.shape[:2] == (height, width):
        return picture
    if picture.ndim == 3 and picture.shape[2] == 4:
        return _straight(_resized_planes(multiplied(picture), width, height), picture.dtype)
    return _resized_planes(picture, width, height)


def _resized_planes(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    # Means of all pixels where it gets smaller, else it flickers.
    smaller = width * height < picture.shape[0] * picture.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=interpolation)


def multiplied(picture: np.ndarray) -> np.ndarray:
    """Colours times opacity, uint16: else those of pixels that nobody sees would be mixed in."""
    most = np.iinfo(picture.dtype).max
    result = np.empty(picture.shape, np.uint16)
    for rows in strips(picture.shape):
        values = picture[rows].astype(np.float32) / most
        values[..., :3] *= values[..., 3:]
        result[rows] = np.rint(values * 65535)
    return result


def _straight(shown: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Colours that are not multiplied by their opacity."""
    most = np.iinfo(dtype).max
    result = np.empty(shown.shape, dtype)
    for rows in strips(shown.shape):
        values = shown[rows].astype(np.float32)
        alpha = values[..., 3:]
        values[..., :3] *= 65535 / np.maximum(alpha, 1)
        result[rows] = np.rint(np.clip(values * (most / 65535), 0, most))
    np.copyto(result, 0, where=result[..., 3:] == 0)
    return result
