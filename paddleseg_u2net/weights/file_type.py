"""Files that are no weights, or weights of another kind: known by their first bytes and named."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Optional, Tuple, Union

from paddleseg_u2net.io.files import what_is

ZIP = "a zip archive (as PyTorch writes)"
PICKLE = "a pickle (as Paddle and older PyTorch write)"
SAFETENSORS = "a safetensors file"
ONNX = "an ONNX model"

# Where it stands, what stands there, what such a file is. A line is never a part of another one.
_SIGNATURES: Tuple[Tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x93NUMPY", "an array of numpy (.npy)"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (as Keras writes)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"GGUF", "a GGUF model"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"BZh", "a bzip2 archive: unpack it first"),
    (0, b"\xfd7zXZ\x00", "an xz archive: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (257, b"ustar", "a tar archive (PyTorch before 0.2 wrote such): unpack it or write it anew"),
)
_LFS = b"version https://git-lfs"
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")
_LONGEST_HEADER = 100_000_000  # of a safetensors file, as the format defines it


def refuse_disguised(
    path: Union[str, Path], reads: Tuple[str, ...] = (ZIP, PICKLE, SAFETENSORS, ONNX)
) -> None:
    """Raise an error if a file is not what its name says; do nothing if it may be.

    Args:
        path: an existing file.
        reads: the kinds that the caller reads, of ``ZIP``, ``PICKLE``, ``SAFETENSORS`` and
            ``ONNX``. Another one of these is refused like any other known kind of file.

    Raises:
        ValueError: the file is empty, a pointer of Git LFS, a page of a web site, or of a known
            kind that is not in ``reads``. The message names it and the way to mend it.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(512)
    reason = _not_content(start)
    if reason is None:
        kind = kind_of(start, path.stat().st_size)
        if kind is None or kind in reads:
            return
        wanted = " or ".join(reads)
        reason = f"it is {kind}; give a file of the expected kind, or convert this one"
    else:
        wanted = "a file of weights"
    raise ValueError(f"{path}: expected {wanted}, but it cannot be read as that: {reason}")


def check_file(path: Union[str, Path], suffixes: str, reads: Tuple[str, ...]) -> Path:
    """``path``, where a file is that may be what a reader reads; see ``refuse_disguised``.

    Raises:
        FileNotFoundError: there is no such file. ValueError: it is another kind of file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a file of weights ({suffixes}), found {what_is(path)}"
        )
    refuse_disguised(path, reads)
    return path


def optional_package(path: Union[str, Path], name: str) -> Any:
    """The module ``name`` of a package that only some files need.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ValueError(
            f"{path}: this needs the package {package}, which cannot be imported ({error}): "
            f"pip install {package}"
        ) from error


def _not_content(start: bytes) -> Optional[str]:
    """What stands in the place of the file's content and how to get that, or None."""
    if not start:
        return "it is empty; fetch or write it again"
    if start.startswith(_LFS):
        return (
            "it is a pointer of Git LFS, a short text in the file's place; fetch the file itself "
            "with `git lfs pull`"
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        return (
            "it is a page of a web site, such as one that asks for a login or tells of a used-up "
            "quota; open the address in a browser and save the file itself"
        )
    return None


def kind_of(start: bytes, size: int) -> Optional[str]:
    """What a file of ``size`` bytes is whose first (up to 512) bytes are ``start``, if known."""
    # First the one whose first bytes are a number and may look like any other's signature.
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and header <= min(size - 8, _LONGEST_HEADER):
        return SAFETENSORS
    for offset, signature, kind in _SIGNATURES:
        if start.startswith(signature, offset):
            return kind
    if len(start) > 1 and start[0] == 0x80 and 2 <= start[1] <= 5:
        return PICKLE
    # Protobuf: field 1, ir_version, and then one of the other fields of ModelProto.
    if len(start) > 2 and start[0] == 0x08 and start[1] < 32 and start[2] in b"\x12\x1a\x22\x28:B":
        return ONNX
    # Version 0, no LoD, version 0, the length of a short protobuf whose field 1 is the dtype.
    if start[:16] == bytes(16) and start[16:21][1:] == b"\0\0\0\x08" and start[16:17] != b"\0":
        return "the weights of an exported Paddle model (.pdiparams)"
    return None
