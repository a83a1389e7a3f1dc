"""Masks of known data sets, in the coding that the configurations read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.mask_files import JPEG
from paddleseg_u2net.data_tools.error import PreparationError
from paddleseg_u2net.io.images import read_mask
from paddleseg_u2net.text import short_values

# 38 is how grey shows the dark red of class 1 in a palette (0.299 of 128); some copies went so.
_FOREGROUND = (1, 38, 255)

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
    """A mask as it is to be written: ``array`` uint8 (H, W), None to leave the file as it is."""

    array: Optional[np.ndarray]
    change: str  # a key of REMARKS, or empty
    shape: Tuple[int, ...]  # height, width


def convert(path: Path, coding: str) -> Mask:
    """Read a mask and bring it into the coding of its data set.

    Args:
        coding: see ``datasets.table.Row``.

    Raises:
        PreparationError: it has values that the coding does not know.
        ImageError: it cannot be read.
    """
    raw = read_mask(path)
    if raw.dtype == np.uint16:
        raw = (raw >> 8).astype(np.uint8)
    values = np.flatnonzero(np.bincount(raw.ravel(), minlength=256))
    if coding == "index":
        array, change = _as_index(raw, values, path)
    elif coding == "instances":
        array, change = (raw > 0).astype(np.uint8), "instances" if values[-1] > 1 else ""
    else:
        array, change = _as_binary(raw, values, coding, path)
    return Mask(array if change else None, change, raw.shape)


def _as_index(raw: np.ndarray, values: np.ndarray, path: Path) -> Tuple[np.ndarray, str]:
    above = [int(value) for value in values if value]
    if len(above) > 1 or not set(above) <= set(_FOREGROUND):
        raise PreparationError(
            f"{path}: expected a mask of 0 and 1, got the values {short_values(values)}"
        )
    return (raw > 0).astype(np.uint8), "recoded" if above and above != [1] else ""


def _as_binary(
    raw: np.ndarray, values: np.ndarray, coding: str, path: Path
) -> Tuple[np.ndarray, str]:
    found = {int(value) for value in values}
    if found == {0, 1} or found == {1}:
        return raw * np.uint8(255), "spread"
    array = np.where(raw >= 128, np.uint8(255), np.uint8(0))
    if path.suffix.lower() in JPEG:
        return array, "jpeg"
    if coding == "votes":
        return array, "votes" if found - {0, 255} else ""
    return array, "cut" if found - {0, 255} else ""
