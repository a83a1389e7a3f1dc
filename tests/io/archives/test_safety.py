"""Entries that would do harm refuse the whole archive; nothing outside the target is written."""

import io
import os
import stat
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddleseg_u2net.io.archives import ArchiveError, unpack

from .conftest import FILES, files_in, tree
from .packing import make_rar4, make_rar5, make_raw_zip, make_tar, make_zip

MAKERS = {"zip": make_zip, "tar": make_tar, "rar4": make_rar4, "rar5": make_rar5}
everywhere = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@everywhere
@pytest.mark.parametrize(
    "name", ["../evil.png", "/tmp/evil.png", "a/../../evil.png", "C:/evil.png"]
)
def test_names_that_lead_out(tmp_path, refused, make, name):
    refused(make(tmp_path / "a.bin", {"good.png": b"1", name: b"2"}), "evil.png")


@everywhere
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "b.png", "a.png"],
        ["b.png", "./b.png"],
        ["a", "a/b.png"],
        ["a", "a/b/c.png"],
        ["a/b.png", "a"],
        ["a", "a/"],
    ],
)
def test_clashes(tmp_path, refused, make, names):
    archive = make(tmp_path / "a.bin", [(name, b"1") for name in names[:-1]] + [(names[-1], b"")])
    refused(archive, repr(names[-1].strip("./")), "twice")


@everywhere
def test_litter_is_left_out(tmp_path, make):
    litter = ["__MACOSX/DUTS/._a.jpg", "DUTS/.DS_Store", "DUTS/Thumbs.db", "DUTS/._a.jpg"]
    archive = make(tmp_path / "a.bin", [("DUTS/a.jpg", b"1"), *((name, b"2") for name in litter)])
    assert [str(path) for path in unpack(archive, tmp_path / "out")] == ["DUTS/a.jpg"]
    assert tree(tmp_path / "out") == {"DUTS": None, "DUTS/a.jpg": b"1"}


@everywhere
def test_litter_is_checked_all_the_same(tmp_path, refused, make):
    refused(make(tmp_path / "a.bin", {"a": b"1", "__MACOSX/../../x": b"2"}), "leads out")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "pipe"),
        (b"Z", "unknown type"),
    ],
)
def test_tar_links_and_devices(tmp_path, refused, kind, word):
    path = make_tar(tmp_path / "a.tar", FILES)
    with tarfile.open(path, "a") as file:
        info = tarfile.TarInfo("evil")
        info.type, info.linkname = kind, "/etc/passwd"
        file.addfile(info)
    refused(path, "'evil'", word)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_zip_links_and_devices(tmp_path, refused, mode):
    path = make_raw_zip(tmp_path / "a.zip", [(b"evil", b"/etc/passwd")], mode=mode | 0o777)
    refused(path, "'evil'", "link" if mode == stat.S_IFLNK else "device")


def test_zip_folders(tmp_path, refused):
    path = make_raw_zip(tmp_path / "a.zip", [(b"a", b"")], mode=stat.S_IFDIR | 0o755)
    refused(path, "expected files in it")
    refused(make_raw_zip(tmp_path / "a.zip", [(b"a/", b"1")]), "'a/'", "folder with bytes")


def test_rar_link(tmp_path, refused):
    refused(make_rar5(tmp_path / "a.rar", [("evil", b"")], link="/etc/passwd"), "symbolic link")


def test_writing_through_a_link_in_the_same_archive(tmp_path, refused):
    outside = tmp_path / "outside"
    outside.mkdir()
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        link = tarfile.TarInfo("x")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        file.addfile(link)
        info = tarfile.TarInfo("x/evil")
        info.size = 1
        file.addfile(info, io.BytesIO(b"1"))
    refused(path, "symbolic link")


@pytest.mark.skipif(os.name != "posix", reason="rights as on POSIX")
def test_rights_are_not_taken_over(tmp_path):
    tar = tmp_path / "a.tar"
    with tarfile.open(tar, "w") as file:
        for name, mode in (("setuid", 0o6777), ("none", 0)):
            info = tarfile.TarInfo(name)
            info.mode = mode
            file.addfile(info)
        folder = tarfile.TarInfo("folder")
        folder.type, folder.mode = tarfile.DIRTYPE, 0
        file.addfile(folder)
    packed = zipfile.ZipInfo("setuid")
    packed.external_attr = (stat.S_IFREG | 0o6777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(packed, b"1")
    old = os.umask(0o022)
    try:
        for archive in (tar, tmp_path / "a.zip"):
            out = tmp_path / f"out{archive.suffix}"
            unpack(archive, out)
            for path in [out, *out.rglob("*")]:
                expected = 0o755 if path.is_dir() else 0o644
                assert stat.S_IMODE(path.stat().st_mode) == expected
    finally:
        os.umask(old)


EVIL = st.sampled_from(
    ["..", ".", "", "/", "\\", "a", "b", "é", "C:", "\0", "out", "..\\", "a.png"]
)
NAMES = st.lists(EVIL, min_size=1, max_size=5).map("/".join)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(
    st.lists(st.tuples(NAMES, st.binary(max_size=8)), min_size=1, max_size=4),
    st.sampled_from(list(MAKERS)),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_is_ever_written_outside(tmp_path, files, kind):
    deep = tmp_path / "one" / "two"
    deep.mkdir(parents=True, exist_ok=True)
    archive = tmp_path / "archive.bin"
    try:
        MAKERS[kind](archive, files)
    except ValueError:
        return  # the packer itself refuses such names
    target = deep / "out"
    try:
        names = unpack(archive, target)
        assert {str(name) for name in names} == set(files_in(target))
    except ArchiveError:
        assert not target.exists()
    else:
        for path in sorted(target.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        target.rmdir()
    assert tree(tmp_path).keys() == {"archive.bin", "one", "one/two"}
