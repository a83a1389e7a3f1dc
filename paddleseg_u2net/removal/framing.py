"""Pictures cut to a frame and brought to its size."""

from __future__ import annotations

from typing import List, Tuple

import cv2
import numpy as np

from paddleseg_u2net.removal.crop import Frame


def framed(picture: np.ndarray, frame: Frame, beyond: str = "nothing") -> np.ndarray:
    """What a frame shows of a picture.

    Args:
        picture: uint8 or uint16, (H, W), (H, W, 3), or (H, W, 4) with colours that are not
            multiplied by their opacity.
        beyond: what is there outside the picture: ``nothing``, zeros; or its ``edge`` again.
    """
    left, top, right, bottom = frame.box
    across, down = right - left, bottom - top
    width, height = (max(1, int(side * frame.scale + 0.5)) for side in (across, down))
    if (width, height) == (across, down) == frame.size:
        return _cut(picture, frame.box, beyond)
    # Its edge again until it has its size, or there would be a soft rim of nothing around it.
    part = _resized(_cut(picture, frame.box, "edge"), width, height)
    if beyond == "nothing":
        inside = _inside(picture, frame, (width, height))
        kept = np.zeros_like(part)
        kept[inside] = part[inside]
        part = kept
    # What lacks is less than a pixel, since the box has the size's proportions but for rounding;
    # or the box is so small that whole pixels cannot have them.
    before, above = (frame.size[0] - width) // 2, (frame.size[1] - height) // 2
    box = -before, -above, frame.size[0] - before, frame.size[1] - above
    return _cut(part, box, beyond)


def _inside(picture: np.ndarray, frame: Frame, size: Tuple[int, int]) -> Tuple[slice, slice]:
    """Rows and columns of a frame at its size that are of the picture."""
    left, top, right, bottom = frame.box
    spans = []
    for first, last, side, pixels in (
        (top, bottom, picture.shape[0], size[1]),
        (left, right, picture.shape[1], size[0]),
    ):
        ends = (int((end - first) * pixels / (last - first) + 0.5) for end in (0, side))
        spans.append(slice(*(min(max(end, 0), pixels) for end in ends)))
    return spans[0], spans[1]


def _cut(picture: np.ndarray, box: Tuple[int, int, int, int], beyond: str) -> np.ndarray:
    """A box of a picture, which may reach beyond it."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    # Where margins of other sizes lie on all sides, something of the picture is always inside.
    part = picture[max(top, 0) : bottom, max(left, 0) : right]
    lacking = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if not any(lacking):
        return part
    border = cv2.BORDER_REPLICATE if beyond == "edge" else cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(part, *lacking, border)


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
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


def strips(shape: Tuple[int, ...], pixels: int = 2**20) -> List[slice]:
    """Rows of a picture (H, W, ...), some at a time, so that floats of them take little memory."""
    rows = max(1, pixels // shape[1])
    return [slice(top, top + rows) for top in range(0, shape[0], rows)]
