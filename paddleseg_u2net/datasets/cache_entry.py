"""One pair as a file of the cache: bytes that are checked when they are read.

A file is a magic number, the CRC-32 of all that follows, the length of a JSON description, that
description padded with spaces, then the image's and the label's values as they lie in memory.
Labels are numbers of few kinds in float32; they are stored in 8 or 16 bits where that gives
the same bits back.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

_MAGIC = b"u2pair1\n"
_HEAD = struct.Struct("<8sII")
_CHECKED_FROM = 12  # behind the magic number and the checksum itself
_START = 1024  # bytes of head and description, or more: the arrays begin at a round place
# (type, divisor): class numbers, 8-bit and 16-bit shares.
_COMPACT = ((np.uint8, 1), (np.uint8, 255), (np.uint16, 65535))


class Prepared(NamedTuple):
    """A pair before its random transforms, and what the fixed ones noted in ``trans_info``."""

    image: np.ndarray
    label: np.ndarray
    trans_info: List[Tuple[Any, ...]]


def encode(prepared: Prepared, facts: Dict[str, Any]) -> Optional[bytes]:
    """Return the bytes of a file; ``facts``, JSON values, are what `decode` must be asked for.

    None where the pair would not come back the same to the bit.
    """
    label, divisor = _packed(prepared.label)
    notes = json.loads(json.dumps(prepared.trans_info))
    if _tuples(notes) != prepared.trans_info:
        return None
    arrays = prepared.image, label
    description = {
        "facts": facts,
        "arrays": [(array.dtype.str, array.shape) for array in arrays],
        "divisor": divisor,
        "trans_info": notes,
    }
    text = json.dumps(description).encode().ljust(_START - _HEAD.size)
    content = b"".join([struct.pack("<I", len(text)), text, *(a.tobytes() for a in arrays)])
    return _MAGIC + struct.pack("<I", zlib.crc32(content)) + content


def decode(path: Path, facts: Dict[str, Any]) -> Prepared:
    """Return the pair of a file that was made with these ``facts``; the arrays are writable copies.

    Raises:
        OSError: The file is missing or cannot be read.
        ValueError: It is damaged, or made with other facts.
    """
    raw = np.asarray(np.memmap(path, np.uint8, "r"))
    if len(raw) < _HEAD.size:
        raise ValueError("truncated")
    magic, checksum, length = _HEAD.unpack(raw[: _HEAD.size].tobytes())
    if magic != _MAGIC or zlib.crc32(raw[_CHECKED_FROM:].data) != checksum:
        raise ValueError("damaged")
    start = _HEAD.size + length
    description = json.loads(raw[_HEAD.size : start].tobytes())
    if description["facts"] != facts:
        raise ValueError("made with other facts")
    arrays = []
    for kind, shape in description["arrays"]:
        end = start + int(np.prod(shape)) * np.dtype(kind).itemsize
        arrays.append(raw[start:end].copy().view(kind).reshape(shape))
        start = end
    image, label = arrays
    if description["divisor"]:
        label = _unpacked(label, description["divisor"])
    return Prepared(image, label, _tuples(description["trans_info"]))


def _packed(label: np.ndarray) -> Tuple[np.ndarray, int]:
    """Return values to store and their divisor, 0 where they are the label itself."""
    if label.dtype == np.float32:
        for kind, divisor in _COMPACT:
            with np.errstate(invalid="ignore"):  # of values far from any kind
                values = np.rint(label * np.float32(divisor)).astype(kind)
            if _unpacked(values, divisor).tobytes() == label.tobytes():
                return values, divisor
    return label, 0


def _unpacked(values: np.ndarray, divisor: int) -> np.ndarray:
    numbers = np.ascontiguousarray(values, dtype=np.float32)
    return numbers if divisor == 1 else numbers / np.float32(divisor)


def _tuples(notes: List[Any]) -> List[Tuple[Any, ...]]:
    """JSON has lists only; PaddleSeg's notes are (word, (height, width))."""
    return [(note[0], *(tuple(part) for part in note[1:])) for note in notes]
