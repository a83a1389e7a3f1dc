"""Servers of all kinds, interruptions at every step, several processes, and a full disk."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from paddleseg_u2net.data_tools import arrange, sources, staging
from paddleseg_u2net.data_tools.error import PreparationError
from paddleseg_u2net.data_tools.known import prepare
from paddleseg_u2net.datasets import TABLE
from paddleseg_u2net.io import archives as archives_room
from paddleseg_u2net.io.download import fetch
from tests.data_tools.published import archives, reduced
from tests.http_server import OLD, Reply, Server

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["images.zip", "ground_truth_mask.zip"]
CHILD = """
import os, signal, sys
from pathlib import Path
from paddleseg_u2net.io import archives as room
from paddleseg_u2net.datasets import TABLE
from paddleseg_u2net.data_tools import arrange, known, staging
from tests.data_tools.published import reduced

root, mirror, step = sys.argv[1:]
TABLE["ecssd"] = reduced("ecssd")

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def on_call(number, function):
    calls = []
    def counted(*words, **keys):
        calls.append(0)
        return die() if len(calls) == number else function(*words, **keys)
    return counted

def half(archive, target, **_):
    Path(target).mkdir(parents=True)
    (Path(target) / "half.jpg").write_bytes(b"half")
    die()

if step == "noting":
    staging.write_text = die
elif step == "unpacking":
    whole, calls = room.unpack, []
    def unpack(*words, **keys):
        calls.append(0)
        return (half if len(calls) == 2 else whole)(*words, **keys)
    room.unpack = unpack
elif step == "arranging":
    arrange._transfer = on_call(5, arrange._transfer)
elif step == "listing":
    arrange.write_list = die
elif step == "finishing":
    staging.Staging.finish = die
elif step == "cleaning":
    staging.Staging.discard = die
known.prepare("ecssd", Path(root), mirror=mirror)
"""


@pytest.fixture(autouse=True)
def table(monkeypatch):
    row = reduced("ecssd")
    without = tuple(archive._replace(addresses=()) for archive in row.archives)
    monkeypatch.setitem(TABLE, "ecssd", row._replace(archives=without))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # thousands of times, for nothing here
    monkeypatch.setattr(sources, "fetch", partial(fetch, sleep=lambda _: None, timeout=1))


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def bodies(tmp_path):
    return {file.name: file.read_bytes() for file in archives("ecssd", tmp_path / "downloads")}


def serve(server, bodies, **how):
    """Serve the archives below /data; returns the mirror's address."""
    for name, body in bodies.items():
        server.script(f"/data/{name}", Reply(body, modified=OLD, **how))
    return server.address("/data")


def assert_whole(done, root):
    assert done.parts == {"val": 4} and done.folder == root / "ecssd"
    names = sorted(path.name for path in root.iterdir())
    assert names == ["archives", "ecssd"]
    assert sorted(path.name for path in (root / "archives/ecssd").iterdir()) == sorted(NAMES)
    assert sorted(path.name for path in done.folder.iterdir()) == [
        "ground_truth_mask", "images", "prepared.json", "val_list.txt"]  # fmt: skip


# ---------------------------------------------------------------- servers


@pytest.mark.parametrize(
    "how",
    [{}, {"ranges": False}, {"chunked": True}, {"bare": True}, {"packed": True}, {"etag": '"1"'}],
    ids=lambda how: next(iter(how), "plain"),
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_from_a_mirror(how, slash, tmp_path, server, bodies):
    mirror = serve(server, bodies, **how) + slash
    done = prepare("ecssd", tmp_path / "data", mirror=mirror)
    assert_whole(done, tmp_path / "data")
    assert [path.name for path in done.archives] == NAMES


def test_from_a_folder_as_mirror(tmp_path, bodies):
    done = prepare("ecssd", tmp_path / "data", mirror=str(tmp_path / "downloads"))
    assert_whole(done, tmp_path / "data")


@pytest.mark.parametrize(
    "bad",
    [
        Reply(status=429, headers={"Retry-After": "1"}),
        Reply(status=503),
        Reply(b"x" * 4000, cut=100),
        Reply(b"x" * 4000, cut=100, reset=True),
        Reply(b"x" * 4000, stall=100),
    ],
    ids=["429", "503", "cut", "reset", "stall"],
)
def test_a_server_that_fails_at_first(bad, tmp_path, server, bodies):
    mirror = serve(server, bodies)
    server.script("/data/images.zip", bad, Reply(bodies["images.zip"]))
    assert_whole(prepare("ecssd", tmp_path / "data", mirror=mirror), tmp_path / "data")


def test_a_redirect_and_the_published_address_after_a_mirror_without_the_file(
    tmp_path, server, bodies, monkeypatch
):
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
    "reply",
    [Reply(status=404), Reply(status=503), Reply(b"<html>a form</html>")],
    ids=["404", "503", "page"],
)
def test_a_server_that_never_gives_it_ends_in_how_to_get_it_by_hand(reply, tmp_path, server):
    server.script("/data/images.zip", reply)
    root = tmp_path / "my data"
    with pytest.raises(PreparationError) as caught:
        prepare("ecssd", root, mirror=server.address("/data"))
    message = str(caught.value)
    assert "Get it by hand:" in message and TABLE["ecssd"].homepage in message
    assert f"prepare.py ecssd --root '{root}' --archive images.zip ground_truth_mask.zip" in message
    assert sorted(path.name for path in root.iterdir()) == ["archives"]


@pytest.mark.parametrize("name", TABLE)
def test_what_has_no_address_says_how_to_get_it_by_hand(name, tmp_path, monkeypatch):
    row = reduced(name)
    gone = tuple(archive._replace(addresses=("http://127.0.0.1:1/x",) if archive.addresses else ())
                 for archive in row.archives)  # fmt: skip
    monkeypatch.setitem(TABLE, name, row._replace(archives=gone))
    with pytest.raises(PreparationError) as caught:
        prepare(name, tmp_path / "data")
    message = str(caught.value)
    assert row.homepage in message and row.by_hand in message
    assert f"prepare.py {name} --root {tmp_path / 'data'} --archive " in message


def test_an_archive_put_by_hand_where_fetched_ones_lie_is_taken(tmp_path, bodies):
    for name, body in bodies.items():
        place = tmp_path / "data/archives/ecssd" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    assert_whole(prepare("ecssd", tmp_path / "data"), tmp_path / "data")


def test_a_damaged_archive_is_kept_and_named(tmp_path, server, bodies):
    mirror = serve(server, {**bodies, "images.zip": bodies["images.zip"][:-300]})
    with pytest.raises(PreparationError, match="images.zip.*fetch it again, delete it and repeat"):
        prepare("ecssd", tmp_path / "data", mirror=mirror)
    (tmp_path / "data/archives/ecssd/images.zip").unlink()
    done = prepare("ecssd", tmp_path / "data", mirror=serve(server, bodies))
    assert_whole(done, tmp_path / "data")


# ---------------------------------------------------------------- interruptions


def child(root, mirror, step):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), mirror, step], cwd=ROOT, env=environment()
    )


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["noting", "unpacking", "arranging", "listing", "finishing", "cleaning"]
)
def test_a_run_that_is_killed_is_gone_on_with(step, tmp_path, server, bodies, monkeypatch):
    root, mirror = tmp_path / "data", serve(server, bodies)
    (root / "mine").mkdir(parents=True)
    assert child(root, mirror, step).wait(30) == -9
    assert (root / "ecssd").exists() == (step == "cleaning")
    unpacked = []
    whole = archives_room.unpack
    monkeypatch.setattr(
        archives_room, "unpack",
        lambda file, target, **how: (unpacked.append(file.name), whole(file, target, **how)),
    )  # fmt: skip
    done = prepare("ecssd", root, mirror=mirror)
    (root / "mine").rmdir()
    if step == "cleaning":
        assert not done.fresh
    assert_whole(done, root)
    # Nothing that was whole is done again.
    again = {"noting": NAMES, "unpacking": NAMES[1:]}.get(step, [])
    assert unpacked == again
    assert [len(server.asked(f"/data/{name}")) for name in NAMES] == [1, 1]


@pytest.mark.slow
def test_a_download_that_is_killed_goes_on_where_it_stopped(tmp_path, server, bodies):
    root, mirror = tmp_path / "data", serve(server, bodies)
    body = bodies["images.zip"] + b"\0" * 100_000  # longer than what is written at once
    server.script("/data/images.zip", Reply(body, modified=OLD, stall=70_000),
                  Reply(body, modified=OLD))  # fmt: skip
    process = child(root, mirror, "fetching")
    part = root / "archives/ecssd/.images.zip.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 30_000)
    process.kill()
    process.wait(10)
    have = part.stat().st_size
    with pytest.raises(PreparationError, match=r"images\.zip"):
        prepare("ecssd", root, mirror=mirror)  # zeros at the end are no zip
    assert server.starts("/data/images.zip") == [None, have]


@pytest.mark.slow
def test_of_two_processes_one_works_and_the_other_finds_it_done(tmp_path, server, bodies, caplog):
    root, mirror, gate = tmp_path / "data", serve(server, bodies), threading.Event()
    server.script("/data/images.zip", Reply(bodies["images.zip"], stall=10, gate=gate))
    process = child(root, mirror, "none")
    wait_until(lambda: server.asked("/data/images.zip"))
    threading.Thread(target=opened_when_waiting, args=(gate, caplog)).start()
    done = prepare("ecssd", root, mirror=mirror)
    assert process.wait(30) == 0
    assert not done.fresh
    assert_whole(done, root)
    assert [len(server.asked(f"/data/{name}")) for name in NAMES] == [1, 1]


def opened_when_waiting(gate, caplog):
    wait_until(lambda: "waiting for another process that prepares" in caplog.text)
    gate.set()


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_ctrl_c_leaves_what_has_been_unpacked(tmp_path, bodies, monkeypatch):
    files = sorted((tmp_path / "downloads").iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(arrange, "write_list", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare("ecssd", tmp_path / "data", files)
    monkeypatch.setattr(archives_room, "unpack", interrupted)  # not called again
    assert prepare("ecssd", tmp_path / "data", files).parts == {"val": 4}
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["ecssd"]


def interrupted(*_, **__):
    raise KeyboardInterrupt


def test_other_archives_replace_those_of_an_interrupted_run(tmp_path, bodies, monkeypatch):
    files = sorted((tmp_path / "downloads").iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(staging.Staging, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare("ecssd", tmp_path / "data", files)
    with pytest.raises(PreparationError, match="expected folders images and ground_truth_mask"):
        prepare("ecssd", tmp_path / "data", files[:1])


def test_what_others_have_put_beside_unpacked_archives_is_no_trouble(tmp_path, bodies, monkeypatch):
    files, own = sorted((tmp_path / "downloads").iterdir()), tmp_path / "own"
    own.mkdir()
    (own / "file").write_text("mine")
    with monkeypatch.context() as patched:
        patched.setattr(arrange, "write_list", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare("ecssd", tmp_path / "data", files)
    unpacked = tmp_path / "data/.ecssd.part/unpacked"
    (unpacked / ".DS_Store").write_text("")
    (unpacked / "link").symlink_to(own)
    assert prepare("ecssd", tmp_path / "data", files).parts == {"val": 4}
    assert (own / "file").read_text() == "mine"


# ---------------------------------------------------------------- a full disk


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "place, name",
    [(archives_room, "unpack"), (arrange.shutil, "copyfile"), (arrange.Image.Image, "save"),
     (arrange, "write_list"), (staging, "sync_tree")],
    ids=["unpack", "copy", "mask", "list", "sync"],
)  # fmt: skip
def test_a_full_disk_is_told_and_leaves_nothing(place, name, tmp_path, bodies, monkeypatch):
    files = sorted((tmp_path / "downloads").iterdir())
    if name == "copyfile":
        monkeypatch.setattr(arrange.os, "link", full)
    if name == "save":
        monkeypatch.setitem(TABLE, "ecssd", TABLE["ecssd"]._replace(mask_encoding="index"))
    with monkeypatch.context() as patched:
        patched.setattr(place, name, full)
        with pytest.raises(OSError, match="could not be written .*no space left on the device"):
            prepare("ecssd", tmp_path / "data", files)
    assert list((tmp_path / "data").iterdir()) == []
    assert prepare("ecssd", tmp_path / "data", files).fresh


def test_what_unpacking_says_of_a_full_disk_is_told(tmp_path, bodies, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(OSError, match=r"images\.zip: needs .* are free: free space"):
        prepare("ecssd", tmp_path / "data", sorted((tmp_path / "downloads").iterdir())[::-1])
    assert list((tmp_path / "data").iterdir()) == []


def test_where_files_cannot_be_linked_they_are_copied(tmp_path, bodies, monkeypatch):
    def no_links(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(arrange.os, "link", no_links)
    done = prepare("ecssd", tmp_path / "data", sorted((tmp_path / "downloads").iterdir()))
    assert done.parts == {"val": 4}
