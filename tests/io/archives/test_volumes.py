"""One of several parts or volumes says what to do."""

import zipfile

import pytest

from paddleseg_u2net.io.archives import ArchiveError, kind, unpack

from .conftest import FILES, files_in
from .packing import make_rar5, make_raw_zip, make_tar, make_zip


@pytest.mark.parametrize("make", [make_zip, make_tar, make_rar5])
def test_parts_cut_at_any_byte_are_to_be_joined(tmp_path, refused, make):
    data = make(tmp_path / "a.bin", FILES).read_bytes()
    parts = [tmp_path / f"a.bin.{number:03}" for number in (1, 2)]
    for part, content in zip(parts, (data[:500], data[500:])):
        part.write_bytes(content)
    for part in parts:
        refused(part, "cat a.bin.??? > a.bin", "give a.bin")


def test_a_number_at_the_end_may_be_the_name(tmp_path):
    make_zip(tmp_path / "set.001", FILES)
    unpack(tmp_path / "set.001", tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES


def test_zip_volumes(tmp_path, refused):
    path = make_raw_zip(tmp_path / "a.zip", [(b"a.txt", b"1")], disk=2)
    (tmp_path / "a.z01").write_bytes(b"PK\x07\x08PK\x03\x04")
    refused(path, "last of 3 volumes", "zip -s 0 a.zip --out joined.zip")
    refused(tmp_path / "a.z01", "give a.zip")


def test_a_zip_in_one_volume_that_was_to_be_split(tmp_path):
    path = make_zip(tmp_path / "b.zip", FILES, zipfile.ZIP_STORED)
    path.write_bytes(b"PK00" + path.read_bytes())
    assert kind(path) == "zip"
    unpack(path, tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES


def test_rar_volumes(tmp_path, refused):
    first = make_rar5(tmp_path / "a.part1.rar", [("a.txt", b"1")], volume=0, more=True)
    second = tmp_path / "a.part2.rar"
    refused(first, "a.part2.rar")
    make_rar5(second, [("b.txt", b"2")], volume=1)
    refused(second, "later volume", "give a.part1.rar")
    unpack(first, tmp_path / "out")
    assert files_in(tmp_path / "out") == {"a.txt": b"1", "b.txt": b"2"}
    second.rename(tmp_path / "renamed.rar")
    refused(tmp_path / "renamed.rar", "later volume", "give the first one")


@pytest.mark.parametrize(
    ("name", "first"),
    [("a.z01", "a.zip"), ("a.part02.rar", "a.part01.rar"), ("a.r00", "a.rar"), ("a.s03", "a.rar")],
)
def test_a_later_volume_that_begins_like_nothing(tmp_path, name, first):
    path = tmp_path / name
    path.write_bytes(b"\x12\x34 the middle of something")
    with pytest.raises(ArchiveError, match=f"later volume .* give {first}"):
        kind(path)
