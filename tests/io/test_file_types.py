"""Files are told by their first bytes."""

from __future__ import annotations

import io
import pickle
import tarfile

import pytest
from PIL import Image

from paddleseg_u2net.io.file_types import HEAD, file_type, found, read_file_type

SAFETENSORS = b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'


def tar(form):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        archive.addfile(tarfile.TarInfo("a.png"))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_what_pillow_writes_is_known(kind):
    stream = io.BytesIO()
    Image.new("RGB", (5, 4)).save(stream, kind)
    known = file_type(stream.getvalue()[:HEAD])
    assert (known.name, known.family) == (kind, "image")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("empty", b""),
        ("zeros", bytes(2048)),
        ("git-lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"),
        ("page", b"\xef\xbb\xbf\r\n  <HTML lang='en'>"),
        ("xml", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
        ("json", b'{"error": "quota"}'),
        ("avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"),
        ("heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("heic", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
        ("video", b"\0\0\0\x18ftypisom" + bytes(40)),
        ("zip", b"PK\x03\x04" + bytes(60)),
        ("rar", b"Rar!\x1a\x07\x01\0"),
        ("gzip", b"\x1f\x8b\x08\0"),
        ("bzip2", b"BZh91AY"),
        ("xz", b"\xfd7zXZ\x00\0\x04"),
        ("7z", b"7z\xbc\xaf\x27\x1c\0\x04"),
        ("tar", tar(tarfile.GNU_FORMAT)),
        ("pickle", pickle.dumps({}, protocol=2)),
        ("safetensors", len(SAFETENSORS).to_bytes(8, "little") + SAFETENSORS + b"\x05"),
        ("onnx", b"\x08\x08\x12\x07pytorch\x3a\x00"),
        ("pdiparams", bytes(16) + b"\x06\0\0\0\x08\x05\x10\x02"),
    ],
)
def test_types_and_what_is_said_of_them(tmp_path, name, start):
    path = tmp_path / "a.bin"
    path.write_bytes(start)
    known = read_file_type(path)
    assert known is not None and known.name == name
    assert found(start[:HEAD], len(start)).startswith(f"found {known.words}")


@pytest.mark.parametrize("header", [0x80, 0x0380, 0x4B50, 0x8B1F])
def test_a_length_that_looks_like_another_type_is_safetensors(header):
    """The length comes first: 0x0380 is how a pickle begins, 0x8b1f how a gzip archive does."""
    content = header.to_bytes(8, "little") + b"{" + b" " * header
    assert file_type(content[:HEAD], len(content)).name == "safetensors"


@pytest.mark.parametrize("start", [b"x", b"\xff" * 8 + b"{", bytes(100), b"hello\n", b"<", b"\x80"])
def test_the_rest_is_not_known(start):
    assert file_type(start, len(start)) is None
    assert f"begins with {start[:16]!r} ({len(start)} bytes)" in found(start, len(start))
