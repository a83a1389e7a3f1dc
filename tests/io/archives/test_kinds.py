"""Archives are told by their content; what is none is named."""

import gzip

import pytest

from paddleseg_u2net.io.archives import ArchiveError, kind

from .conftest import FILES
from .packing import make_rar4, make_rar5, make_tar, make_zip


def test_kinds_whatever_the_suffix(tmp_path):
    assert kind(make_zip(tmp_path / "a.rar", FILES)) == "zip"
    assert kind(make_zip(tmp_path / "empty.bin", {})) == "zip"
    assert kind(make_rar4(tmp_path / "a.zip", FILES)) == "rar"
    assert kind(make_rar5(tmp_path / "b.zip", FILES)) == "rar"
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        assert kind(make_tar(tmp_path / "a.zip", FILES, mode)) == "tar"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n  <!DOCTYPE html><html>", ["HTML page", "browser"]),
        (b"7z\xbc\xaf\x27\x1c" + bytes(26), ["7-Zip", "7z x"]),
        (b"something else", ["b'something else'", "14 bytes"]),
    ],
)
def test_what_is_none_is_named(tmp_path, content, words):
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveError) as caught:
        kind(path)
    for word in [str(path), "expected a zip, tar or rar archive", *words]:
        assert word in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(FileNotFoundError, match="expected an archive"):
            kind(path)


def test_one_packed_file_is_no_archive(tmp_path, refused):
    path = tmp_path / "mask.png.gz"
    path.write_bytes(gzip.compress(b"\x89PNG..." * 100))
    refused(path, "no tar archive")
