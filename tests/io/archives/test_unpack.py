"""An archive is unpacked whole or not at all."""

import sys
import tarfile
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath

import pytest

from paddleseg_u2net.io.archives import unpack

from .conftest import FILES, files_in, tree
from .packing import make_locked_zip, make_rar4, make_rar5, make_raw_zip, make_tar, make_zip

DOCS = Path(__file__).resolve().parents[3] / "docs"
MODULE = sys.modules[unpack.__module__]


def makers():
    for name in ("STORED", "DEFLATED"):
        method = getattr(zipfile, f"ZIP_{name}")
        yield f"zip-{name}", lambda path, files, method=method: make_zip(path, files, method)
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        yield f"tar-{mode}", lambda path, files, mode=mode: make_tar(path, files, mode)
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        yield f"tar-{form}", lambda path, files, form=form: make_tar(path, files, format=form)
    yield "rar4", make_rar4
    yield "rar5", make_rar5


MAKERS = dict(makers())
everywhere = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@everywhere
def test_every_format_gives_the_files(tmp_path, make):
    archive = make(tmp_path / "a.bin", FILES)
    seen = []
    names = unpack(archive, tmp_path / "data" / "out", progress=seen.append)
    assert names == [PurePosixPath(name) for name in FILES]
    assert files_in(tmp_path / "data" / "out") == FILES
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["out"]
    assert sum(seen) == sum(map(len, FILES.values()))


def test_an_empty_target_is_filled_and_empty_folders_are_made(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"empty/": b"", "a.txt": b"1"})
    (tmp_path / "out").mkdir()
    assert unpack(str(archive), str(tmp_path / "out")) == [PurePosixPath("a.txt")]
    assert tree(tmp_path / "out") == {"a.txt": b"1", "empty": None}


def test_a_target_with_something_in_it_stays(tmp_path, refused):
    archive = make_zip(tmp_path / "a.zip", FILES)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    refused(archive, "out", "something in it", error=FileExistsError)
    (tmp_path / "out" / "mine.txt").rename(tmp_path / "file")
    (tmp_path / "out").rmdir()
    (tmp_path / "file").rename(tmp_path / "out")
    refused(archive, "out", "a file", error=FileExistsError)


def test_what_comes_into_the_target_meanwhile_stays(tmp_path):
    archive = make_zip(tmp_path / "a.zip", FILES)
    target = tmp_path / "out"

    def interfere(*_):
        target.mkdir(exist_ok=True)
        (target / "mine.txt").write_text("mine")

    with pytest.raises(FileExistsError, match="something in it"):
        unpack(archive, target, progress=interfere)
    assert tree(tmp_path).keys() == {"a.zip", "out", "out/mine.txt"}


def test_interrupted_leaves_nothing(tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    for make in (make_zip, make_tar, make_rar5):
        archive = make(tmp_path / "a.bin", FILES)
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, tmp_path / "out", progress=stop)
        assert tree(tmp_path).keys() == {"a.bin"}


@everywhere
def test_an_archive_without_files(tmp_path, refused, make):
    path = make(tmp_path / "a.bin", {})
    refused(path)


def test_the_docs_state_the_limits():
    text = " ".join((DOCS / "data.md").read_text(encoding="utf-8").split())
    assert (
        f"unpack to more than {MODULE._HARMLESS >> 30} GiB and more than {MODULE._RATIO} times "
        f"their size, to more than {MODULE._TOTAL >> 30} GiB, or to more than {MODULE._MEMBERS:,} "
        "entries"
    ) in text


@pytest.mark.parametrize("make", [make_zip, partial(make_tar, mode="w:gz")])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("_MEMBERS", 9, "more than 9 entries"),
        ("_TOTAL", 499_900, "more than 499,900 bytes"),
        ("_HARMLESS", 1000, "400 times its size"),
    ],
)
def test_bombs_are_stopped(tmp_path, refused, monkeypatch, make, name, value, words):
    files = {f"{number}": bytes(50_000) for number in range(9)}
    archive = make(tmp_path / "a.bin", {**files, "large": bytes(3_000_000)})
    monkeypatch.setattr(MODULE, name, value)
    seen = []
    refused(archive, words, "fill disks", progress=seen.append)
    assert sum(seen) <= 400 * archive.stat().st_size + 1_000_000


@pytest.mark.parametrize("changed", [{"method": 99}, {"method": 12}, {"flags": 0x40}])
def test_zip_with_another_method(tmp_path, refused, changed):
    path = make_raw_zip(tmp_path / "a.zip", [(b"a.txt", b"x" * 40)], **changed)
    refused(path, "'a.txt'", "7z x a.zip")


def test_entries_that_share_one_body(tmp_path, refused):
    files = [(f"{number}".encode(), b"body" * 100) for number in range(3)]
    refused(make_raw_zip(tmp_path / "a.zip", files, offset=0), "shares its bytes")


def test_a_body_that_contains_the_next_header(tmp_path, refused):
    path = make_raw_zip(tmp_path / "a.zip", [(b"a", b"1" * 9), (b"b", b"2" * 9)], packed=48)
    refused(path, "shares its bytes")


def test_more_bytes_than_declared(tmp_path, refused):
    archive = make_zip(tmp_path / "a.zip", {"a": bytes(10_000)})
    data = archive.read_bytes().replace((10_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(data)
    refused(archive, "'a'", "fetch it again")


def test_zip64(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w") as file,
        file.open("big.bin", "w", force_zip64=True) as entry,
    ):
        entry.write(b"content")
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert files_in(tmp_path / "out") == {"big.bin": b"content"}


def test_zip_password(tmp_path, refused):
    archive = make_locked_zip(tmp_path / "a.zip", "a.txt", b"secret" * 99, b"p\xc3\xa4ss")
    refused(archive, "'a.txt'", "encrypted", "give the password")
    for number in range(30):  # about one of 256 is only found wrong by the checksum
        refused(archive, "'a.txt'", "the password is wrong", password=f"wrong{number}")
    unpack(archive, tmp_path / "out", password="päss")
    assert files_in(tmp_path / "out") == {"a.txt": b"secret" * 99}
