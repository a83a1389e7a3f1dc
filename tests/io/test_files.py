"""Files and folders must appear whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from paddleseg_u2net.io import files, locks
from paddleseg_u2net.io.files import atomic_dir, atomic_path, recover_dir, write_bytes, write_text

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes")


def names(folder: Path) -> list:
    return sorted(item.name for item in folder.iterdir())


def make_folder(place: Path, content: str) -> Path:
    place.mkdir(parents=True)
    (place / "a.txt").write_text(content)
    return place


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_written_file_has_the_content_and_leaves_nothing_else(tmp_path):
    write_bytes(tmp_path / "a.bin", b"\x00\xff")
    write_text(tmp_path / "b.txt", "grün\r\n漢字\n")
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b.txt").read_bytes() == "grün\r\n漢字\n".encode()
    assert names(tmp_path) == ["a.bin", "b.txt"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_exception_keeps_the_old_file_and_removes_the_temporary(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(type(error)), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_file_is_synced_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append((os.fstat(handle).st_ino, target.exists()))
    )
    write_text(target, "new")
    assert synced == [(target.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_full_disk_while_syncing_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    target.write_text("old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match=rf"No space left on device: '{target}'$") as caught:
        write_text(target, "new")
    assert caught.value.errno == errno.ENOSPC
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_missing_rights_name_the_target(tmp_path, monkeypatch):
    def refuse(self, *_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(PermissionError, match="a.txt") as caught:
        write_text(tmp_path / "a.txt", "new")
    assert ".tmp-" not in str(caught.value)


def test_error_about_another_file_keeps_its_own_message(tmp_path):
    other = PermissionError(errno.EACCES, "Permission denied", "/elsewhere/input.bin")
    with pytest.raises(PermissionError) as caught, atomic_path(tmp_path / "a.txt"):
        raise other
    assert caught.value is other


@posix_only
def test_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "a.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new"


def test_new_folder_appears_only_at_the_end(tmp_path):
    target = tmp_path / "x" / "out"
    with atomic_dir(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.name.startswith(f".out.tmp-{os.getpid()}-")
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a.txt").write_text("new")
        assert not target.exists()
    assert (target / "sub" / "a.txt").read_text() == "new"
    assert names(target.parent) == ["out"]


def test_old_folder_is_replaced_as_a_whole(tmp_path):
    target = make_folder(tmp_path / "out", "old")
    with atomic_dir(target) as temporary:
        (temporary / "b.txt").write_text("new")
        assert names(target) == ["a.txt"]
    assert names(target) == ["b.txt"]
    assert names(tmp_path) == ["out"]


def test_failing_second_rename_brings_the_old_folder_back(tmp_path, monkeypatch):
    target = make_folder(tmp_path / "out", "old")
    real = Path.rename

    def failing(self, to):
        if ".tmp-" in self.name:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="Input/output"), atomic_dir(target) as temporary:
        (temporary / "b.txt").write_text("new")
    assert names(target) == ["a.txt"]
    assert names(tmp_path) == ["out"]


def test_file_in_the_place_of_the_folder_is_refused_and_kept(tmp_path):
    (tmp_path / "out").write_text("old")
    with (
        pytest.raises(NotADirectoryError, match="out: expected a folder"),
        atomic_dir(tmp_path / "out"),
    ):
        pytest.fail("the body must not run")
    assert (tmp_path / "out").read_text() == "old"


@posix_only
def test_folders_of_a_living_process_are_left_alone(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        theirs = [f".out.old-{child.pid}-abc", f".out.tmp-{child.pid}-def"]
        for name in theirs:
            make_folder(tmp_path / name, "theirs")
        assert recover_dir(tmp_path / "out") is False
        assert names(tmp_path) == theirs
    finally:
        child.kill()
        child.wait()
    assert recover_dir(tmp_path / "out") is True
    assert names(tmp_path) == ["out"]


def test_what_this_process_is_writing_is_left_alone(tmp_path):
    with atomic_dir(tmp_path / "out") as temporary:
        (temporary / "a.txt").write_text("new")
        assert recover_dir(tmp_path / "out") is False
    assert (tmp_path / "out" / "a.txt").read_text() == "new"


@posix_only
def test_process_killed_between_the_two_renames(tmp_path):
    target = make_folder(tmp_path / "out", "old")
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from paddleseg_u2net.io.files import atomic_dir

        real = Path.rename

        def rename(self, to):
            if ".tmp-" in self.name:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, to)

        Path.rename = rename
        with atomic_dir(sys.argv[1]) as temporary:
            (temporary / "a.txt").write_text("new")
        """
    )
    root = str(Path(files.__file__).parents[2])
    killed = subprocess.run(
        [sys.executable, "-c", program, str(target)], env={**os.environ, "PYTHONPATH": root}
    )
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert len(names(tmp_path)) == 2
    assert recover_dir(target) is True
    assert (target / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_lock_lets_one_in_at_a_time_and_leaves_nothing(tmp_path):
    place, order, inside = tmp_path / "new/data", [], threading.Event()

    def second():
        inside.wait(10)
        with locks.locked(place, lambda: order.append("waits")):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with locks.locked(place) as alone:
        assert alone
        inside.set()
        end = time.monotonic() + 10
        while "waits" not in order:
            assert time.monotonic() < end
            time.sleep(0.005)
        order.append("first ends")
    thread.join(10)
    assert order == ["waits", "first ends", "second"]
    assert list(place.parent.iterdir()) == []


def test_lines_of_a_list_have_their_numbers(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(" ü.jpg\n# no\n\n  # neither\nb c.jpg \t\nd#.jpg", encoding="utf-8-sig")
    assert files.read_lines(path) == [(1, "ü.jpg"), (5, "b c.jpg"), (6, "d#.jpg")]


def test_a_list_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("ü.jpg".encode("cp1252"))
    with pytest.raises(ValueError, match=r"list\.txt: expected a list in UTF-8"):
        files.read_lines(path)


def test_places_that_cannot_be_written_are_told_before_the_work(tmp_path, monkeypatch):
    write_text(tmp_path / "file", "mine")
    files.check_writable(tmp_path / "new/folder/a.json")
    files.check_writable(tmp_path / "new", folder=True)
    files.check_writable(tmp_path / "file")
    with pytest.raises(IsADirectoryError, match="expected a file or nothing, found a folder"):
        files.check_writable(tmp_path)
    for path, folder in ((tmp_path / "file", True), (tmp_path / "file/a/b.json", False)):
        with pytest.raises(NotADirectoryError, match=f"^--out: .* {tmp_path / 'file'} is a file"):
            files.check_writable(path, folder, "--out")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OSError, match=f"{tmp_path} takes no files; "):
        files.check_writable(tmp_path / "new/a.json")
    assert names(tmp_path) == ["file"]
