"""Files in the place of weights are named for what they are."""

import io
import pickle
import tarfile

import numpy as np
import pytest

from paddleseg_u2net.weights import file_type
from paddleseg_u2net.weights.file_type import ONNX, PICKLE, SAFETENSORS, ZIP, refuse_disguised
from paddleseg_u2net.weights.pdparams import read_pickle
from paddleseg_u2net.weights.pytorch import read_torch
from paddleseg_u2net.weights.safetensors_file import read_safetensors


def a_tar():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return stream.getvalue()


def an_array():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


HEADER = b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
WEIGHTS = {
    ZIP: b"PK\x03\x04" + bytes(60),
    PICKLE: pickle.dumps({}, protocol=2),
    SAFETENSORS: len(HEADER).to_bytes(8, "little") + HEADER + b"\x05",
    ONNX: b"\x08\x08\x12\x07pytorch\x3a\x00",
}
OTHERS = {
    "it is empty": b"",
    "pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n",
    "page of a web site": b"<!DOCTYPE html><html></html>",
    "login": b"\xef\xbb\xbf\r\n  <HTML lang='en'>",
    "quota": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "numpy": an_array(),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(8),
    "TensorFlow Lite": b"\x1c\0\0\0TFL3" + bytes(8),
    "GGUF": b"GGUF\x03\0\0\0",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "PDF": b"%PDF-1.7",
    "gzip": b"\x1f\x8b\x08\0",
    "bzip2": b"BZh91AY",
    "xz": b"\xfd7zXZ\x00\0\x04",
    "7-Zip": b"7z\xbc\xaf\x27\x1c\0\x04",
    "RAR": b"Rar!\x1a\x07\x01\0",
    "tar archive": a_tar(),
    "empty zip": b"PK\x05\x06" + bytes(18),
    ".pdiparams": bytes(16) + b"\x06\0\0\0\x08\x05\x10\x02",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


@pytest.mark.parametrize("words", OTHERS)
def test_what_is_no_file_of_weights_is_named_by_every_reader(path, words):
    path.write_bytes(OTHERS[words])
    for reader in (refuse_disguised, read_torch, read_pickle, read_safetensors):
        with pytest.raises(ValueError, match=words) as error:
            reader(path)
        assert str(error.value).startswith(f"{path}: expected ")


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_of_another_kind_are_named_where_only_one_is_read(path, kind):
    path.write_bytes(WEIGHTS[kind])
    refuse_disguised(path)
    refuse_disguised(str(path), reads=(kind,))
    for other in set(WEIGHTS) - {kind}:
        with pytest.raises(ValueError) as error:
            refuse_disguised(path, reads=(other,))
        assert f"expected {other}" in str(error.value) and f"it is {kind}" in str(error.value)


@pytest.mark.parametrize(
    ("reader", "reads"),
    [(read_torch, {ZIP, PICKLE}), (read_pickle, {PICKLE}), (read_safetensors, {SAFETENSORS})],
)
def test_readers_name_the_weights_that_they_do_not_read(path, reader, reads):
    for kind in set(WEIGHTS) - reads:
        path.write_bytes(WEIGHTS[kind])
        with pytest.raises(ValueError) as error:
            reader(path)
        assert f"it is {kind}" in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"\xff" * 8 + b"{",
        bytes(100),
        b"hello\n",
        b"\x80\xff.",
        b"<",
        b"\x08",
        b"(dp0\n.",
        b"\x80",
    ],
)
def test_a_file_that_is_not_known_is_left_to_its_reader(path, content):
    path.write_bytes(content)
    refuse_disguised(path, reads=())


@pytest.mark.parametrize("header", [0x80, 0x0380, 0x4B50, 0x8B1F])
def test_a_header_whose_length_looks_like_another_file_is_safetensors(path, header):
    """The length comes first: 0x0380 is how a pickle begins, 0x8b1f how a gzip archive does."""
    path.write_bytes(header.to_bytes(8, "little") + b"{" + b" " * header)
    refuse_disguised(path, reads=(SAFETENSORS,))
    assert file_type.kind_of(path.read_bytes()[:512], path.stat().st_size) == SAFETENSORS


def test_a_file_that_cannot_be_opened_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError):
        refuse_disguised(tmp_path / "none.pth")


def test_real_models_of_onnx_are_known(path):
    onnx = pytest.importorskip("onnx")
    x, y = (onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    for options in ({}, {"producer_name": "pytorch"}, {"domain": "d"}):
        path.write_bytes(onnx.helper.make_model(graph, **options).SerializeToString())
        assert file_type.kind_of(path.read_bytes()[:512], path.stat().st_size) == ONNX
