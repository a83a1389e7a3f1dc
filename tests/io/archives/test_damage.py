"""Broken archives give an error that says what to do, and never anything else."""

import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddleseg_u2net.io.archives import ArchiveError, unpack

from .conftest import FILES, tree
from .packing import make_rar4, make_rar5, make_tar, make_zip

BODY = b"0123456789" * 300


@pytest.mark.parametrize("make", [make_zip, make_tar, make_rar4, make_rar5])
def test_cut_anywhere(tmp_path, refused, make):
    archive = make(tmp_path / "a.bin", FILES)
    data = archive.read_bytes()
    # A tar ends with zeros, of which one block is enough.
    end = len(data.rstrip(b"\0")) if make is make_tar else len(data) - 1
    for size in sorted({*range(1, end, max(1, end // 40)), end}):
        archive.write_bytes(data[:size])
        refused(archive)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_cut_stream(tmp_path, refused, mode):
    archive = make_tar(tmp_path / "a.bin", FILES, mode)
    data = archive.read_bytes()
    for size in range(20, len(data) - 1, 20):
        archive.write_bytes(data[:size])
        refused(archive)


@pytest.mark.parametrize("make", [make_zip, make_rar4, make_rar5])
def test_a_changed_byte_names_the_entry(tmp_path, refused, make):
    options = {"method": zipfile.ZIP_STORED} if make is make_zip else {}
    archive = make(tmp_path / "a.bin", {"a.png": BODY, "b.png": BODY[::-1]}, **options)
    data = archive.read_bytes()
    archive.write_bytes(data.replace(BODY[::-1], BODY[::-1][:-1] + b"?"))
    refused(archive, "'b.png'", "CRC", "fetch it again")


def test_gzip_whose_checksum_differs(tmp_path, refused):
    archive = make_tar(tmp_path / "a.tgz", FILES, "w:gz")
    data = bytearray(archive.read_bytes())
    data[-8] ^= 1
    archive.write_bytes(data)
    refused(archive, "CRC", "fetch it again")


def test_a_broken_header_in_the_middle_of_a_tar(tmp_path, refused):
    archive = make_tar(tmp_path / "a.tar", {"a": b"1", "b": b"2", "c": b"3"})
    data = bytearray(archive.read_bytes())
    data[1024:1030] = b"broken"
    archive.write_bytes(data)
    refused(archive, "a header is broken")


@pytest.mark.parametrize("blocks", [0, 1, 2, 20])
def test_the_end_of_a_tar(tmp_path, refused, blocks):
    archive = make_tar(tmp_path / "a.tar", {"a": bytes(512)})
    archive.write_bytes(archive.read_bytes()[:1024] + bytes(512 * blocks))
    if blocks == 0:
        refused(archive, "its end is missing")
    else:
        assert unpack(archive, tmp_path / "out")


def test_a_tar_that_leads_back(tmp_path, refused):
    info = tarfile.TarInfo("a")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (-1024).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "a.tar"
    path.write_bytes(make_tar(path, FILES).read_bytes()[:-10240] + bytes(header) + bytes(1024))
    refused(path)


def test_a_tar_with_an_endless_header(tmp_path, refused):
    path = tmp_path / "a.tar"
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    path.write_bytes(info.tobuf() + bytes(4096))
    refused(path)


def test_wrong_table_of_contents(tmp_path, refused):
    archive = make_zip(tmp_path / "a.zip", {"a.png": BODY, "b.png": BODY})
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"PK\x01\x02", b"PK\x01\x03"))
    refused(archive, "table of contents", "fetch it again")
    archive.write_bytes(data[:30] + b"x.png" + data[35:])  # the local name differs
    refused(archive, "'a.png'", "fetch it again")


def test_a_disk_that_cannot_be_read_keeps_its_error(tmp_path, refused, monkeypatch):
    archive = make_zip(tmp_path / "a.zip", FILES)

    def broken(*_args, **_kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(zipfile.ZipExtFile, "read", broken)
    refused(archive, "Input/output error", "a.zip", error=OSError)


def _packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    files = {"d/a.txt": b"one" * 30, "d/b.txt": b"two"}
    wholes = [
        make_zip(folder / "zip", files),
        make_tar(folder / "gnu", files, format=tarfile.GNU_FORMAT),
        make_tar(folder / "pax", {"ü" * 90: b"1"}, format=tarfile.PAX_FORMAT),
        make_tar(folder / "tgz", files, "w:gz"),
        make_rar4(folder / "rar4", files),
        make_rar5(folder / "rar5", files),
    ]
    return [whole.read_bytes() for whole in wholes]


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    return _packed(tmp_path_factory)


@given(
    st.integers(0, 5),
    st.lists(
        st.tuples(
            st.integers(0, 4000), st.integers(0, 255), st.sampled_from(["set", "cut", "add"])
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(
    max_examples=400, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_mutated_bytes_give_no_other_error(tmp_path, wholes, number, changes):
    data = bytearray(wholes[number])
    for place, value, how in changes:
        place %= len(data) or 1
        if how == "set" and data:
            data[place] = value
        elif how == "cut":
            del data[place : place + value]
        else:
            data[place:place] = bytes([value])
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    out = tmp_path / "out"
    try:
        unpack(archive, out)
    except (ArchiveError, OSError):
        assert not out.exists()
    else:
        for path in sorted(out.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        out.rmdir()
    assert tree(tmp_path).keys() == {"archive"}
