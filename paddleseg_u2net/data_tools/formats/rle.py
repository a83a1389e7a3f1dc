"""Run lengths: how many pixels in a row are outside, inside, outside and so on.

The COCO format has them down the columns of the whole image, as numbers or packed into a text
(six bits a character, each length from the third on as a difference to the one two before:
https://github.com/cocodataset/cocoapi, common/maskApi.h). CVAT has them along the rows of a box.
"""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats.sample import AnnotationError

# Seven characters hold 35 bits: more than any length that fits an image.
_LONGEST = 7


def unpack(text: str, where: object) -> np.ndarray:
    """The run lengths in a packed text.

    Returns:
        int64 (N,). Only `checked` knows whether they fit an image.

    Raises:
        AnnotationError: there are characters that do not belong there, or the last run is cut.
    """
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        return codes
    if codes.min() < 0 or codes.max() > 63:
        raise AnnotationError(
            f"{where}: expected packed run lengths (characters 0 to o), found others in "
            f"{text[:20]!r}; export it again"
        )
    last = (codes & 32) == 0
    if not last[-1]:
        raise AnnotationError(f"{where}: the packed run lengths are cut off; export it again")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST:
        raise AnnotationError(f"{where}: a run length is longer than any image; export it again")
    digits = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * digits), starts)
    # The highest bit of the last character is the sign.
    values -= np.where(codes[ends] & 16, np.left_shift(1, 5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def checked(counts: Any, shape: Tuple[int, int], where: object) -> np.ndarray:
    """Run lengths that fill an image or box of ``shape`` (height, width) exactly.

    Args:
        counts: Whole numbers, the first of them outside.

    Returns:
        uint32 (N,).

    Raises:
        AnnotationError: they are no such numbers or do not fill it.
    """
    try:
        array = np.asarray(counts)
        whole = array.ndim == 1 and (array.size == 0 or np.array_equal(array, np.rint(array)))
    except (TypeError, ValueError):
        whole = False
    if not whole or (array.size and (array.min() < 0 or array.max() > 2**32 - 1)):
        raise AnnotationError(
            f"{where}: expected run lengths (whole numbers from 0 on), got {str(counts)[:60]}; "
            "export it again"
        )
    total, expected = int(array.sum(dtype=np.float64)), shape[0] * shape[1]
    if total != expected:
        raise AnnotationError(
            f"{where}: expected run lengths for {shape[1]} x {shape[0]} = {expected} pixels, got "
            f"{total}; export it again"
        )
    return array.astype(np.uint32)


def decode(counts: np.ndarray, shape: Tuple[int, int], by_rows: bool = False) -> np.ndarray:
    """What `checked` run lengths cover: bool (H, W), down the columns or along the rows."""
    values = (np.arange(len(counts)) % 2).astype(bool)
    flat = np.repeat(values, counts)
    return flat.reshape(shape) if by_rows else flat.reshape(shape[::-1]).T
