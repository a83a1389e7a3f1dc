"""Archives in several files: a missing one is named, plain parts are joined."""

import io
import zipfile

import pytest

from paddleseg_u2net.io.archives import ArchiveError, kind, unpack
from paddleseg_u2net.io.archives.volumes import Joined

from .conftest import FILES, files_in
from .packing import make_rar5, make_raw_zip, make_tar, make_zip


def split(archive, count=3):
    data = archive.read_bytes()
    size = -(-len(data) // count)
    parts = []
    for number in range(count):
        part = archive.with_name(f"{archive.name}.{number + 1:03}")
        part.write_bytes(data[number * size : (number + 1) * size])
        parts.append(part)
    archive.unlink()
    return parts


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_plain_parts_are_joined(tmp_path, make):
    parts = split(make(tmp_path / "a.bin", FILES))
    assert kind(parts[0]) in ("zip", "tar")
    unpack(parts[0], tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES


def test_compressed_parts_are_joined(tmp_path):
    parts = split(make_tar(tmp_path / "a.tar.gz", FILES, "w:gz"), 5)
    unpack(parts[0], tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES


def test_a_missing_part_is_named(tmp_path, refused):
    parts = split(make_zip(tmp_path / "a.zip", FILES))
    last = parts[2].read_bytes()
    parts[2].unlink()
    refused(parts[0], "fetch it again")  # how many there are nobody knows
    parts[2].write_bytes(last)
    parts[1].unlink()
    refused(parts[0], "a.zip.002 cannot be found")
    parts[0].unlink()
    refused(parts[2], "a.zip.001, a.zip.002 cannot be found")


def test_a_later_part_names_the_first(tmp_path, refused):
    parts = split(make_zip(tmp_path / "a.zip", FILES))
    refused(parts[1], "give a.zip.001")


def test_parts_of_a_rar_say_how_to_join(tmp_path, refused):
    parts = split(make_rar5(tmp_path / "a.rar", FILES), 2)
    refused(parts[0], "cat a.rar.001 a.rar.002 > joined.rar")


def test_a_number_at_the_end_may_be_the_name(tmp_path):
    make_zip(tmp_path / "set.2017", FILES).rename(tmp_path / "set.001")
    unpack(tmp_path / "set.001", tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES


def test_joined_files_read_as_one(tmp_path):
    data = bytes(range(200))
    paths = []
    for number, (start, end) in enumerate([(0, 70), (70, 70), (70, 71), (71, 200)]):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(data[start:end])
    with io.BufferedReader(Joined(paths), buffer_size=16) as file:
        assert file.read() == data
        assert file.read() == b""
        for position in (0, 69, 70, 71, 150):
            assert file.seek(position) == position
            assert file.read(40) == data[position : position + 40]
        assert file.seek(-5, 2) == 195
        assert file.read() == data[-5:]
        assert file.seek(500) == 500
        assert file.read(1) == b""
        with pytest.raises(ValueError, match="negative"):
            file.seek(-1)


def test_zip_volumes(tmp_path, refused):
    path = make_raw_zip(tmp_path / "a.zip", [(b"a.txt", b"1")], disk=2)
    (tmp_path / "a.z01").write_bytes(b"PK\x07\x08PK\x03\x04")
    refused(path, "last of 3 volumes", "a.z02 cannot be found")
    (tmp_path / "a.Z02").write_bytes(b"PK\x03\x04")
    refused(path, "zip -s 0 a.zip --out joined.zip")
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
    refused(first, "a.part2.rar is missing")
    make_rar5(second, [("b.txt", b"2")], volume=1)
    refused(second, "later volume", "give a.part1.rar")
    unpack(first, tmp_path / "out")
    assert files_in(tmp_path / "out") == {"a.txt": b"1", "b.txt": b"2"}
    second.rename(tmp_path / "renamed.rar")
    refused(tmp_path / "renamed.rar", "later volume", "give the first one")


@pytest.mark.parametrize("name", ["a.z01", "a.part2.rar", "a.r00", "a.s03"])
def test_a_later_volume_that_begins_like_nothing(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x12\x34 the middle of something")
    with pytest.raises(ArchiveError, match="later volume"):
        kind(path)
