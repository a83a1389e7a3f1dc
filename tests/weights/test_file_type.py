"""Files in the place of weights are named for what they are."""

import pickle

import pytest

from paddleseg_u2net.weights import read_weights
from paddleseg_u2net.weights.file_type import check_file, optional_package

HEADER = b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
WEIGHTS = {
    "zip": b"PK\x03\x04" + bytes(60),
    "pickle": pickle.dumps({}, protocol=2),
    "safetensors": len(HEADER).to_bytes(8, "little") + HEADER + b"\x05",
    "onnx": b"\x08\x08\x12\x07pytorch\x3a\x00",
}
OTHERS = {
    "empty file": b"",
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n",
    "as web sites send.*save the file itself": b"\xef\xbb\xbf\r\n  <HTML lang='en'>",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "gzip archive; unpack it first": b"\x1f\x8b\x08\0",
    r"\.pdiparams": bytes(16) + b"\x06\0\0\0\x08\x05\x10\x02",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


@pytest.mark.parametrize("reader", [check_file, read_weights])
@pytest.mark.parametrize("words", OTHERS)
def test_what_is_no_file_of_weights_is_named_by_every_reader(path, words, reader):
    path.write_bytes(OTHERS[words])
    with pytest.raises(ValueError, match=rf"(?s)^{path}: expected a file of weights.*{words}"):
        reader(path)


@pytest.mark.parametrize("content", [*WEIGHTS.values(), b"x", b"\xff" * 8 + b"{", b"\x80\xff."])
def test_weights_and_unknown_files_are_left_to_their_reader(path, content):
    path.write_bytes(content)
    assert check_file(str(path)) == path


@pytest.mark.parametrize("reader", [check_file, read_weights])
def test_a_missing_file_is_named(tmp_path, reader):
    for missing in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(FileNotFoundError) as error:
            reader(missing)
        assert str(error.value).startswith(f"{missing}: expected a file of weights (")


def test_a_missing_package_is_named():
    with pytest.raises(ValueError, match=r"^w\.x: this needs .* pip install no_such_package"):
        optional_package("w.x", "no_such_package.part")
