"""An archive is unpacked whole or not at all."""

import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from paddleseg_u2net.io.archives import Limits, unpack
from paddleseg_u2net.io.archives.zip_file import ZipSource
from paddleseg_u2net.io.files import recover_dir

from .conftest import FILES, files_in, tree
from .packing import make_locked_zip, make_rar4, make_rar5, make_raw_zip, make_tar, make_zip

DOCS = Path(__file__).resolve().parents[3] / "docs"
MODULE = sys.modules[unpack.__module__]


def makers():
    for name in ("STORED", "DEFLATED", "BZIP2", "LZMA"):
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
    names = unpack(archive, tmp_path / "data" / "out", progress=lambda *step: seen.append(step))
    assert names == [PurePosixPath(name) for name in FILES]
    assert files_in(tmp_path / "data" / "out") == FILES
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["out"]
    size = sum(map(len, FILES.values()))
    assert seen[-1][0] == size
    assert seen[-1][1] in (size, None)


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


def test_two_at_once_give_one_whole_folder(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {f"{n}.txt": b"x" * 1000 for n in range(100)})
    results = []

    def run():
        try:
            results.append(len(unpack(archive, tmp_path / "out")))
        except FileExistsError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(100) == 1
    assert len(files_in(tmp_path / "out")) == 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]


def test_interrupted_leaves_nothing(tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    for make in (make_zip, make_tar, make_rar5):
        archive = make(tmp_path / "a.bin", FILES)
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, tmp_path / "out", progress=stop)
        assert tree(tmp_path).keys() == {"a.bin"}


@pytest.mark.skipif(os.name != "posix", reason="kills itself as on POSIX")
def test_killed_leaves_what_recover_dir_removes(tmp_path):
    archive = make_zip(tmp_path / "a.zip", FILES)
    code = (
        "import os, signal, sys; from paddleseg_u2net.io.archives import unpack; "
        "unpack(sys.argv[1], sys.argv[2], progress=lambda *_: os.kill(os.getpid(), 9))"
    )
    subprocess.run([sys.executable, "-c", code, str(archive), str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    assert len(list(tmp_path.iterdir())) == 2
    recover_dir(tmp_path / "out")
    assert tree(tmp_path).keys() == {"a.zip"}


@everywhere
def test_an_archive_without_files(tmp_path, refused, make):
    path = make(tmp_path / "a.bin", {})
    refused(path)


# ---------------------------------------------------------------- room


@pytest.mark.parametrize("make", [make_zip, make_tar, make_rar5])
def test_too_little_room_is_seen_before_the_start(tmp_path, refused, make, monkeypatch):
    archive = make(tmp_path / "a.bin", {"a": bytes(3_000_000), "b": bytes(3_000_000)})
    usage = type("", (), {"free": 6_000_000})
    monkeypatch.setattr(MODULE.shutil, "disk_usage", lambda place: usage)
    monkeypatch.setattr(MODULE, "new_dir", None)  # not even begun
    message = refused(archive, "needs 6.0 MB", "6.0 MB are free", error=OSError)
    assert "nothing was unpacked" in message


# ---------------------------------------------------------------- limits


def test_the_docs_state_the_limits():
    text = " ".join((DOCS / "data.md").read_text(encoding="utf-8").split())
    limits = Limits()
    assert limits.harmless % (1 << 30) == limits.total % (1 << 30) == 0
    assert (
        f"unpack to more than {limits.harmless >> 30} GiB and more than {limits.ratio:.0f} times "
        f"their size, to more than {limits.total >> 30} GiB, or to more than {limits.members:,} "
        "entries"
    ) in text


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_limits_stop(tmp_path, refused, make):
    files = {f"{number}": bytes(50_000) for number in range(10)}
    archive = make(tmp_path / "a.bin", files)
    refused(archive, "more than 9 entries", limits=Limits(members=9))
    refused(archive, "more than 499.9 kB", limits=Limits(total=499_900))
    ratio = 500_000 / archive.stat().st_size
    refused(archive, "times its size", limits=Limits(ratio=ratio * 0.99, harmless=1000))
    exact = Limits(members=10, total=500_000, ratio=ratio * 1.01, harmless=1000)
    assert len(unpack(archive, tmp_path / "out", limits=exact)) == 10


def test_the_defaults_stop_a_bomb_before_anything_is_written(tmp_path, refused):
    archive = make_raw_zip(tmp_path / "a.zip", [(b"a", bytes(100))], size=2 << 30)
    refused(archive, "times its size", "fill disks")


def test_a_compressed_tar_bomb_is_stopped_on_the_way(tmp_path, refused):
    archive = make_tar(tmp_path / "a.tgz", {"a": bytes(30_000_000)}, "w:gz")
    seen = []
    limits = Limits(harmless=5_000_000)
    refused(archive, "times its size", limits=limits, progress=lambda *step: seen.append(step))
    assert seen[-1][0] <= 400 * archive.stat().st_size < 15_000_000


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


@pytest.mark.parametrize("real", [5, 20])
def test_a_source_that_gives_another_number_of_bytes(tmp_path, monkeypatch, real, refused):
    archive = make_zip(tmp_path / "a.zip", {"a": bytes(10)})
    monkeypatch.setattr(ZipSource, "_chunks", lambda self, info: iter([bytes(real)]))
    refused(archive, "expected 10", "more" if real > 10 else "has 5")


# ---------------------------------------------------------------- zip


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


def test_a_password_that_is_not_needed(tmp_path):
    for make in (make_zip, make_tar, make_rar5):
        archive = make(tmp_path / "a.bin", FILES)
        assert unpack(archive, tmp_path / make.__name__, password="x")


def test_zip_with_aes(tmp_path, refused):
    path = make_raw_zip(tmp_path / "a.zip", [(b"a.txt", b"x" * 40)], flags=1, method=99)
    refused(path, "'a.txt'", "AES", "7z x a.zip", password="x")


@pytest.mark.parametrize(("method", "name"), [(9, "deflate64"), (98, "ppmd"), (77, "method 77")])
def test_zip_with_another_method(tmp_path, refused, method, name):
    path = make_raw_zip(tmp_path / "a.zip", [(b"a.txt", b"x" * 40)], method=method)
    refused(path, "'a.txt'", name, "7z x a.zip")


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as on Linux")
@pytest.mark.slow
def test_a_small_piece_that_becomes_large_takes_little_memory(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_BZIP2) as file, file.open("a", "w") as entry:
        for _ in range(250):
            entry.write(bytes(2_000_000))
    code = (
        "import resource, sys; from paddleseg_u2net.io.archives import Limits, unpack; "
        "resource.setrlimit(resource.RLIMIT_AS, (500_000_000, 500_000_000)); "
        "unpack(sys.argv[1], sys.argv[2], limits=Limits(total=250_000_000))"
    )
    # The size in the table of contents is a lie, so that only the count of bytes stops it.
    size = zipfile.ZipFile(archive).infolist()[0].file_size
    data = archive.read_bytes()
    archive.write_bytes(data.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    call = [sys.executable, "-c", code, str(archive), str(tmp_path / "out")]
    done = subprocess.run(call, capture_output=True, text=True)
    assert "ArchiveError" in done.stderr
    assert "CRC" in done.stderr, done.stderr  # and not that memory has run out


# ---------------------------------------------------------------- other
