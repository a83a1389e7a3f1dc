"""Masks of known data sets, in the encoding that the configurations read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Set, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.mask_files import JPEG
from paddleseg_u2net.data_tools.layouts import PreparationError
from paddleseg_u2net.io.images import read_mask
from paddleseg_u2net.text import short_values

# 38 is how grey shows the dark red of class 1 in a palette (0.299 of 128); some copies went so.
_FOREGROUND = {1, 38, 255}

REMARKS = {
    "cut": "masks had values between 0 and 255: 128 and more became foreground, as the field's "
    "scores take it",
    "votes": "masks were shares of the people who marked a pixel: where at least half of them did "
    "(128 of 255) is foreground",
    "jpeg": "masks were JPEG files: 128 and more became foreground",
    "recoded": "masks had another number than 1 for the foreground, which became 1",
    "spread": "masks had 1 for the foreground, which became 255",
    "instances": "masks numbered their objects, which became 1",
}


class Mask(NamedTuple):
    """A mask as it is to be written.

    Attributes:
        array: uint8 (H, W); None to leave the file as it is.
        change: A key of `REMARKS`, or empty.
        shape: Height and width.
    """

    array: Optional[np.ndarray]
    change: str
    shape: Tuple[int, ...]


def recode(path: Path, encoding: str) -> Mask:
    """Read a mask and bring it into the encoding of its data set, see ``datasets.table.Row``.

    Raises:
        PreparationError: It has values that the encoding does not know.
        ImageError: It cannot be read.
    """
    raw = read_mask(path)
    if raw.dtype == np.uint16:
        raw = (raw >> 8).astype(np.uint8)
    values = np.flatnonzero(np.bincount(raw.ravel(), minlength=256)).tolist()
    above = set(values) - {0}
    if encoding in ("binary", "votes"):
        array, change = _as_binary(raw, above, encoding, path)
    else:
        array = (raw > 0).astype(np.uint8)
        if encoding == "index" and (len(above) > 1 or not above <= _FOREGROUND):
            raise PreparationError(
                f"{path}: expected a mask of 0 and 1, got the values {short_values(values)}"
            )
        change = "" if above <= {1} else "recoded" if encoding == "index" else "instances"
    return Mask(array if change else None, change, raw.shape)


def _as_binary(
    raw: np.ndarray, above: Set[int], encoding: str, path: Path
) -> Tuple[np.ndarray, str]:
    if above == {1}:
        return raw * np.uint8(255), "spread"
    array = np.where(raw >= 128, np.uint8(255), np.uint8(0))
    if path.suffix.lower() in JPEG:
        return array, "jpeg"
    return array, ("votes" if encoding == "votes" else "cut") if above - {255} else ""
