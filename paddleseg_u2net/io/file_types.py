"""What a file is, told by its first bytes, whatever its suffix says.

One table for images, archives, weights, and for what often lies in the place of a file that was
never fetched: a git-lfs pointer, the page of a web site, nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple, Union

HEAD = 512
"""As many of the first bytes are looked at."""

_UNPACK = "unpack it first"
_FETCH = "fetch it again"
_LONGEST_HEADER = 100_000_000  # of a safetensors file, as the format defines it


class FileType(NamedTuple):
    """A type of file; ``absent`` are those that lie in the place of the file that was meant."""

    name: str  # short and unique, such as ``png``
    family: str  # ``image``, ``archive``, ``weights``, ``other`` or ``absent``
    words: str  # what it is, such as ``a PNG image``
    repair: str = ""  # what to do where another type was expected


EMPTY = FileType("empty", "absent", "an empty file (0 bytes)", "fetch or export it again")
ZEROS = FileType("zeros", "absent", "nothing but zeros, as of a download that broke off", _FETCH)
LFS = FileType(
    "git-lfs",
    "absent",
    "a git-lfs pointer, a short text in the file's place",
    "run 'git lfs pull' to fetch the file itself",
)
PAGE = FileType(
    "page",
    "absent",
    "an HTML page, as web sites send that report an error or ask for a login",
    "open the address in a browser and save the file itself",
)
XML = FileType("xml", "absent", "XML, such as an SVG drawing or a server's error", _FETCH)
JSON = FileType("json", "other", "a text in JSON, perhaps the answer of a server", _FETCH)
SAFETENSORS = FileType("safetensors", "weights", "a safetensors file")
PICKLE = FileType("pickle", "weights", "a pickle (as Paddle and older PyTorch write)")
ONNX = FileType("onnx", "weights", "an ONNX model")
PDIPARAMS = FileType("pdiparams", "weights", "the weights of an exported Paddle model (.pdiparams)")

# How a text begins, in lower case.
_TEXTS: Dict[FileType, Tuple[bytes, ...]] = {
    LFS: (b"version https://git-lfs",),
    PAGE: (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<!--"),
    XML: (b"<svg", b"<?xml"),
    JSON: (b"{", b"[{"),
}

# Where it stands, what stands there, and its type. Earlier rows go first.
_SIGNATURES: Tuple[Tuple[int, bytes, FileType], ...] = (
    (0, b"\x89PNG", FileType("png", "image", "a PNG image")),
    (0, b"\xff\xd8\xff", FileType("jpeg", "image", "a JPEG image")),
    (0, b"GIF8", FileType("gif", "image", "a GIF image")),
    (0, b"BM", FileType("bmp", "image", "a BMP image")),
    (0, b"II*\0", FileType("tiff", "image", "a TIFF image")),
    (0, b"MM\0*", FileType("tiff", "image", "a TIFF image")),
    (0, b"RIFF", FileType("webp", "image", "a WebP image")),
    (4, b"ftypavi", FileType("avif", "image", "an AVIF image")),
    (4, b"ftyphei", FileType("heic", "image", "a HEIC image")),
    (4, b"ftyphev", FileType("heic", "image", "a HEIC image")),
    (4, b"ftypmif1", FileType("heic", "image", "a HEIC image")),
    (4, b"ftypmsf1", FileType("heic", "image", "a HEIC image")),
    (4, b"ftyp", FileType("video", "other", "a video", "save the frames that you need as PNG")),
    (0, b"PK\x03\x04", FileType("zip", "archive", "a zip archive", _UNPACK)),
    (0, b"PK\x05\x06", FileType("zip", "archive", "an empty zip archive", _FETCH)),
    (0, b"Rar!\x1a\x07", FileType("rar", "archive", "a RAR archive", _UNPACK)),
    (0, b"\x1f\x8b", FileType("gzip", "archive", "a gzip archive", _UNPACK)),
    (0, b"BZh", FileType("bzip2", "archive", "a bzip2 archive", _UNPACK)),
    (0, b"\xfd7zXZ\0", FileType("xz", "archive", "an xz archive", _UNPACK)),
    (
        0,
        b"7z\xbc\xaf\x27\x1c",
        FileType("7z", "archive", "a 7-Zip archive", f"{_UNPACK} with 7z x"),
    ),
    (257, b"ustar", FileType("tar", "archive", "a tar archive", _UNPACK)),
)


def file_type(start: bytes, size: Optional[int] = None) -> Optional[FileType]:
    """The type of a file by its first `HEAD` bytes; None where it is not known.

    ``size`` is that of the file, in bytes; without, headers are not compared with it.
    """
    if not start:
        return EMPTY
    # First the one whose first bytes are a number and may look like any other's signature.
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and header <= _LONGEST_HEADER and (size is None or header <= size - 8):
        return SAFETENSORS
    for offset, signature, known in _SIGNATURES:
        if start.startswith(signature, offset):
            return known
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for known, begins in _TEXTS.items():
        if text.startswith(begins):
            return known
    if len(start) > 1 and start[0] == 0x80 and 2 <= start[1] <= 5:
        return PICKLE
    # Protobuf: field 1, ir_version, and then one of the other fields of ModelProto.
    if len(start) > 2 and start[0] == 0x08 and start[1] < 32 and start[2] in b"\x12\x1a\x22\x28:B":
        return ONNX
    # Version 0, no LoD, version 0, the length of a short protobuf whose field 1 is the dtype.
    if start[:16] == bytes(16) and start[17:21] == b"\0\0\0\x08" and start[16:17] != b"\0":
        return PDIPARAMS
    return None if start.strip(b"\0") or len(start) < HEAD else ZEROS


def read_file_type(path: Union[str, Path]) -> Optional[FileType]:
    """The type of the file at ``path``; None where it is not known."""
    path = Path(path)
    with path.open("rb") as file:
        return file_type(file.read(HEAD), path.stat().st_size)


def found(start: bytes, size: Optional[int] = None) -> str:
    """What a file is and what to do, for messages that say before what was expected."""
    known = file_type(start, size)
    if known is None:
        count = "" if size is None else f" ({size:,} bytes)"
        return f"found something else that begins with {start[:16]!r}{count}; check the file"
    return f"found {known.words}" + (f"; {known.repair}" if known.repair else "")
