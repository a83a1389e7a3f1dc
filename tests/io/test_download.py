"""A file from a server of any kind must come whole, or not at all and with a reason."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import re
import threading
import time
from pathlib import Path
from typing import List

import pytest

from paddleseg_u2net.io import download
from paddleseg_u2net.io.download import DownloadError, fetch, verify
from tests.http_server import OLD, Reply, Server

BODY = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(300_000)
SIZE = len(BODY)
SHA = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
# Of a block that is not whole at the cut, nothing may be kept.
CUT = 6 * download._BLOCK
# Seconds that a good answer may take on a busy computer, and that tests of a stall wait.
STALL = 0.5


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "cache" / "model.pth"


@pytest.fixture
def pauses() -> List[float]:
    return []


@pytest.fixture
def get(target, pauses):
    """``fetch`` without pauses, to ``target``."""

    def call(*addresses, **options):
        options = {"timeout": 10, "sleep": pauses.append, **options}
        return fetch(addresses, target, **options)

    return call


def names(folder: Path) -> list:
    return sorted(item.name for item in folder.iterdir())


def part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def assert_fetched(target: Path, body: bytes = BODY) -> None:
    assert target.read_bytes() == body
    assert names(target.parent) == [target.name]


def assert_resumed(server: Server, path: str = "/a") -> None:
    """The first request was for all, the second one for what was missing, and there is no third."""
    assert server.starts(path) == [None, CUT]


def part_answer(start, **options) -> Reply:
    """A 206 to whatever was asked."""
    headers = {"Content-Range": f"bytes {start}-{SIZE - 1}/{SIZE}"}
    return Reply(BODY[start:], status=206, headers=headers, ranges=False, **options)


@pytest.mark.parametrize("options", [{}, {"chunked": True}, {"packed": True}])
def test_file_comes_whole_and_leaves_nothing_else(server, get, target, options):
    address = server.script("/a", Reply(BODY, **options))
    assert get(address, size=SIZE, checksum=SHA) == target
    assert_fetched(target)
    assert server.asked("/a")[0].headers["accept-encoding"] == "identity"


def test_present_file_is_returned_at_once(server, get, target):
    target.parent.mkdir()
    target.write_bytes(b"mine")
    assert get(server.script("/a", Reply(BODY)), size=SIZE) == target
    assert target.read_bytes() == b"mine"
    assert server.requests == []


@pytest.mark.parametrize("version", [{"etag": '"1"'}, {"modified": OLD}])
@pytest.mark.parametrize("how", [{"cut": CUT}, {"stall": CUT}, {"cut": CUT, "chunked": True}])
def test_rest_is_asked_for_after_a_cut(server, get, target, pauses, version, how):
    timeout = STALL if "stall" in how else 10
    get(server.script("/a", Reply(BODY, **version, **how), Reply(BODY, **version)), timeout=timeout)
    assert_fetched(target)
    assert_resumed(server)
    assert server.asked("/a")[1].headers["if-range"] == next(iter(version.values()))
    assert pauses == [1.0]


def test_cut_before_any_answer_is_tried_again(server, get, target):
    address = server.script("/a", Reply(BODY, cut=0), Reply(BODY, silent=True), Reply(BODY))
    get(address, timeout=STALL)
    assert_fetched(target)
    assert server.starts("/a") == [None, None, None]


def test_tries_are_counted_and_the_part_survives(server, get, target, pauses):
    address = server.script("/a", Reply(BODY, etag='"1"', cut=70_000))
    with pytest.raises(DownloadError, match=r"after \d+( bytes)? \(tried 4 times\)"):
        get(address)
    assert pauses == [1.0, 2.0, 4.0]
    assert not target.exists()
    have = part_of(target).stat().st_size
    assert part_of(target).read_bytes() == BODY[:have]
    server.script("/a", Reply(BODY, etag='"1"'))
    get(address)
    assert server.starts("/a")[4] == have
    assert_fetched(target)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"etag": '"1"'}, {"etag": '"2"'}),
        ({"modified": OLD}, {"modified": "Thu, 02 Jan 2020 00:00:00 GMT"}),
        ({"etag": '"1"'}, {"etag": '"1"', "ranges": False}),
    ],
)
def test_answer_with_the_whole_file_replaces_the_part(server, get, target, before, after):
    get(server.script("/a", Reply(OTHER, **before, cut=CUT), Reply(BODY, **after)))
    assert_fetched(target)
    assert_resumed(server)


@pytest.mark.parametrize(
    "answer",
    [
        part_answer(CUT - 1, etag='"1"'),
        part_answer(CUT, etag='"2"'),
        part_answer(CUT, packed=True),
        Reply(b"", status=416),
    ],
    ids=["start", "etag", "packed", "416"],
)
def test_wrong_answer_to_a_range_means_starting_over(server, get, target, pauses, answer):
    address = server.script("/a", Reply(OTHER, etag='"1"', cut=CUT), answer, Reply(BODY))
    get(address)
    assert server.starts("/a") == [None, CUT, None]
    assert_fetched(target)
    assert pauses == [1.0]  # only for the cut


def test_wrong_checksum_names_address_and_both_digests(server, get, target):
    address = server.script("/a", Reply(OTHER))
    got = hashlib.sha256(OTHER).hexdigest()
    text = rf"{re.escape(address)}: expected {SHA}, got sha256:{got}"
    with pytest.raises(DownloadError, match=text):
        get(address, checksum=SHA)
    assert len(server.requests) == 1
    assert names(target.parent) == []


def test_page_is_refused_by_the_check(server, get, target):
    def check(path: Path) -> None:
        assert path.is_file()
        if path.read_bytes().startswith(b"<html"):
            raise ValueError(f"{path}: this is a page")

    page = server.script("/a", Reply(b"<html>Log in</html>"))
    with pytest.raises(DownloadError) as caught:
        get(page, check=check)
    assert f"{page}: {target}: this is a page" in str(caught.value)
    assert names(target.parent) == []
    get(page, server.script("/b", Reply(BODY)), check=check)
    assert_fetched(target)


def test_redirect_to_another_scheme_is_refused(server, get, tmp_path):
    (tmp_path / "secret").write_text("x")
    with pytest.raises(DownloadError, match="file://"):
        get(server.script("/a", Reply.redirect((tmp_path / "secret").as_uri())))


@pytest.mark.parametrize("status", [403, 404, 206])
def test_refusal_leads_to_the_next_address_at_once(server, get, target, pauses, status):
    get(server.script("/a", Reply(b"x", status=status)), server.script("/b", Reply(BODY)))
    assert_fetched(target)
    assert (len(server.asked("/a")), pauses) == (1, [])


@pytest.mark.parametrize("status", [429, 503])
def test_busy_server_is_asked_again(server, get, target, pauses, status):
    get(server.script("/a", Reply(status=status), Reply(status=status), Reply(BODY)))
    assert_fetched(target)
    assert pauses == [1.0, 2.0]


def dead_address() -> str:
    with Server() as gone:
        return gone.address("/a")


def test_each_address_is_listed_with_its_reason(server, get, target):
    dead, absent = dead_address(), server.address("/none")
    with pytest.raises(DownloadError) as caught:
        get(dead, absent, str(target.parent / "no.pth"), size=SIZE, checksum=SHA)
    text = str(caught.value)
    assert re.search(rf"^  {re.escape(dead)}: .*refused", text, re.M)
    assert f"  {absent}: the server answers 404 Not Found\n" in text
    assert f"  {target.parent / 'no.pth'}: there is no such file\n" in text
    assert f"put the file at {target} ({SHA})" in text


def test_password_is_not_shown_nor_written(server, get, target, caplog):
    address = server.script("/a", Reply(BODY, etag='"1"', cut=CUT), Reply(status=403))
    with pytest.raises(DownloadError) as caught:
        get(address.replace("http://", "http://me:secret@"))
    note = part_of(target).with_name(part_of(target).name + ".json").read_text()
    assert address in note
    assert "secret" not in str(caught.value) + caplog.text + note


def test_local_addresses_are_copied_and_compared(get, target, tmp_path):
    source = tmp_path / "a file%20.pth"
    source.write_bytes(BODY)
    get(str(source), size=SIZE, checksum=SHA)
    assert_fetched(target)
    target.unlink()
    with pytest.raises(DownloadError, match="got md5"):
        get(str(source), checksum="md5:" + "0" * 32)
    with pytest.raises(DownloadError, match=f"expected 9 bytes, got {SIZE}"):
        get(str(source), size=9)
    with pytest.raises(DownloadError, match="there is no such file"):
        get(str(tmp_path))
    assert names(target.parent) == []
    assert source.read_bytes() == BODY


def test_verify(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(BODY)
    verify(path)
    verify(path, SIZE, SHA)
    verify(path, None, f"md5:{hashlib.md5(BODY).hexdigest()}")
    with pytest.raises(ValueError, match=f"expected 1 bytes, got {SIZE}"):
        verify(path, 1, SHA)
    path.write_bytes(OTHER)
    with pytest.raises(ValueError, match=f"expected {SHA}, got sha256:[0-9a-f]{{64}}$"):
        verify(path, SIZE, SHA)


def wait_until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_second_one_waits_for_the_first_and_uses_its_file(server, target, caplog):
    gate = threading.Event()
    address = server.script("/a", Reply(BODY, stall=CUT, gate=gate))
    threads = [threading.Thread(target=fetch, args=([address], target)) for _ in range(2)]
    threads[0].start()
    wait_until(lambda: server.requests)
    threads[1].start()
    wait_until(lambda: "waiting" in caplog.text)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert len(server.requests) == 1
    assert caplog.text.count("waiting for another process") == 1
    assert_fetched(target)


def test_full_disk_names_the_target_and_keeps_the_part(server, get, target, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*model\.pth'") as caught:
        get(server.script("/a", Reply(BODY)), server.script("/b", Reply(BODY)))
    assert caught.value.errno == errno.ENOSPC
    assert server.asked("/b") == []  # another address gives no room
    assert not target.exists()
