"""Servers of all kinds, interruptions, several processes, and a full disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from paddleseg_u2net.data_tools import known
from paddleseg_u2net.data_tools.known import prepare
from paddleseg_u2net.data_tools.layouts import PreparationError
from paddleseg_u2net.datasets import TABLE
from paddleseg_u2net.io.download import fetch
from tests.data_tools.published import archives, reduced
from tests.http_server import OLD, Reply, Server

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["images.zip", "ground_truth_mask.zip"]
# Kills itself as it writes its lists, when it is asked to.
CHILD = """
import os, signal, sys
from pathlib import Path
from paddleseg_u2net.data_tools import arrange, known
from paddleseg_u2net.datasets import TABLE
from tests.data_tools.published import reduced

root, mirror, step = sys.argv[1:]
TABLE["ecssd"] = reduced("ecssd")
if step == "killed":
    arrange.write_lists = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
known.prepare("ecssd", Path(root), mirror=mirror)
"""


@pytest.fixture(autouse=True)
def table(monkeypatch):
    row = reduced("ecssd")
    without = tuple(archive._replace(addresses=()) for archive in row.archives)
    monkeypatch.setitem(TABLE, "ecssd", row._replace(archives=without))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # thousands of times, for nothing here
    monkeypatch.setattr(known, "fetch", partial(fetch, sleep=lambda _: None, timeout=1))


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def bodies(tmp_path):
    return {file.name: file.read_bytes() for file in archives("ecssd", tmp_path / "downloads")}


@pytest.fixture
def files(bodies, tmp_path):
    return sorted((tmp_path / "downloads").iterdir())


def serve(server, bodies, **how):
    """Serve the archives below /data; returns the mirror's address."""
    for name, body in bodies.items():
        server.script(f"/data/{name}", Reply(body, modified=OLD, **how))
    return server.address("/data")


def assert_whole(done, root):
    assert done.parts == {"val": 4} and done.folder == root / "ecssd"
    assert sorted(path.name for path in root.iterdir()) == ["archives", "ecssd"]
    assert sorted(path.name for path in (root / "archives/ecssd").iterdir()) == sorted(NAMES)
    assert sorted(path.name for path in done.folder.iterdir()) == [
        "ground_truth_mask", "images", "prepared.json", "val_list.txt"]  # fmt: skip


def test_the_published_address_after_a_useless_mirror(tmp_path, server, bodies, monkeypatch):
    page = b"<!DOCTYPE html><html>log in</html>"
    server.script("/mirror/images.zip", Reply(page))
    row = TABLE["ecssd"]
    own = tuple(
        archive._replace(addresses=(server.script(
            f"/own/{archive.filename}", Reply.redirect(f"/data/{archive.filename}")
        ),))
        for archive in row.archives
    )  # fmt: skip
    monkeypatch.setitem(TABLE, "ecssd", row._replace(archives=own))
    serve(server, bodies)
    done = prepare("ecssd", tmp_path / "data", mirror=server.address("/mirror"))
    assert_whole(done, tmp_path / "data")
    assert len(server.asked("/mirror/images.zip")) == 1


@pytest.mark.parametrize(
    "reply", [Reply(status=404), Reply(b"<html>a form</html>")], ids=["404", "page"]
)
def test_what_no_server_gives_is_to_be_had_by_hand(reply, tmp_path, server):
    server.script("/data/images.zip", reply)
    root = tmp_path / "my data"
    with pytest.raises(PreparationError) as caught:
        prepare("ecssd", root, mirror=server.address("/data"))
    message = str(caught.value)
    assert "Get it by hand:" in message and TABLE["ecssd"].homepage in message
    assert f"prepare.py ecssd --root '{root}' --archive images.zip ground_truth_mask.zip" in message
    assert sorted(path.name for path in root.iterdir()) == ["archives"]


def test_an_archive_put_where_downloads_are_is_taken(tmp_path, bodies):
    for name, body in bodies.items():
        place = tmp_path / "data/archives/ecssd" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    assert_whole(prepare("ecssd", tmp_path / "data"), tmp_path / "data")


def test_a_damaged_archive_is_kept_and_named(tmp_path, server, bodies):
    mirror = serve(server, {**bodies, "images.zip": bodies["images.zip"][:-300]})
    with pytest.raises(PreparationError, match=r"images.zip.*fetch it again, delete it and repeat"):
        prepare("ecssd", tmp_path / "data", mirror=mirror)
    (tmp_path / "data/archives/ecssd/images.zip").unlink()
    done = prepare("ecssd", tmp_path / "data", mirror=serve(server, bodies))
    assert_whole(done, tmp_path / "data")


def child(root, mirror, step=""):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(root), mirror, step]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_after_a_kill_nothing_is_fetched_again(tmp_path, server, bodies):
    root, mirror = tmp_path / "data", serve(server, bodies)
    assert child(root, mirror, "killed").wait(60) == -9
    assert not (root / "ecssd").exists() and len(list(root.glob(".ecssd*"))) >= 1
    assert_whole(prepare("ecssd", root, mirror=mirror), root)
    assert [len(server.asked(f"/data/{name}")) for name in NAMES] == [1, 1]


@pytest.mark.slow
def test_of_two_processes_one_works(tmp_path, server, bodies, caplog):
    root, mirror, gate = tmp_path / "data", serve(server, bodies), threading.Event()
    server.script("/data/images.zip", Reply(bodies["images.zip"], stall=10, gate=gate))
    process = child(root, mirror)
    wait_until(lambda: server.asked("/data/images.zip"))

    def open_when_waiting():
        wait_until(lambda: "waiting for another process that prepares" in caplog.text)
        gate.set()

    threading.Thread(target=open_when_waiting).start()
    done = prepare("ecssd", root, mirror=mirror)
    assert process.wait(30) == 0
    assert not done.fresh
    assert_whole(done, root)
    assert [len(server.asked(f"/data/{name}")) for name in NAMES] == [1, 1]


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("place", "name"),
    [(known.archive_files, "unpack"), (Image.Image, "save"), (known, "write_text")],
    ids=["unpack", "mask", "note"],
)
def test_a_full_disk_is_told_and_leaves_nothing(place, name, tmp_path, files, monkeypatch):
    if name == "save":
        monkeypatch.setitem(TABLE, "ecssd", TABLE["ecssd"]._replace(mask_encoding="index"))
    with monkeypatch.context() as patched:
        patched.setattr(place, name, full)
        with pytest.raises(OSError, match="No space left on device: .*ecssd"):
            prepare("ecssd", tmp_path / "data", files)
    assert list((tmp_path / "data").iterdir()) == []
    assert prepare("ecssd", tmp_path / "data", files).fresh
