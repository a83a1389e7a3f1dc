"""The command as it runs: signals, clients that stall, processes, and what cannot begin."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.weights import write_weights
from tests.service.asking import decoded, encoded, square
from tests.weights import narrow

pytest.importorskip("uvicorn", reason="the service needs the extra serve")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60


class Running:
    """A server in a process of its own, with a model that waits for a file ``open``."""

    def __init__(self, folder: Path, *words: str, command=None) -> None:
        self.folder = folder
        command = command or ["-m", "tests.service.bright", str(folder)]
        self.process = subprocess.Popen(
            [sys.executable, *command, "--port", "0", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.said, self.port = [], 0
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(line)
            if found := re.search(r"Serving on http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1])
                self._serving.set()
        self._serving.set()

    def ready(self):
        assert self._serving.wait(PATIENCE) and self.port, "".join(self.said)
        return self

    def open(self):
        (self.folder / "open").touch()

    def begun(self):
        return len(list(self.folder.glob("begun-*")))

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, "".join(self.said)
            time.sleep(0.01)

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def remove(self):
        with contextlib.closing(self.connection()) as connection:
            headers = {"Content-Type": "image/png"}
            connection.request("POST", "/api/remove", encoded(square()), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def get(self, path):
        with contextlib.closing(self.connection()) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def raw(self, content: bytes) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        client.sendall(content)
        return client

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(10)
        return code


@pytest.fixture
def running(tmp_path):
    started = []

    def start(*words, **more):
        started.append(Running(tmp_path, *words, **more))
        return started[-1].ready()

    yield start
    for each in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.process.pid, signal.SIGKILL)
        each.process.wait()


def everything(client: socket.socket) -> bytes:
    """What comes until the connection ends."""
    with client:
        found = b""
        while more := client.recv(65536):
            found += more
        return found


def in_thread(function):
    """What it returns, once it does."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()

    def result():
        thread.join(PATIENCE)
        return results[0]

    return result


def test_a_signal_to_end_finishes_what_runs_and_refuses_more(running):
    server = running()
    answer = in_thread(server.remove)
    server.until(lambda: server.begun() == 1)
    server.process.send_signal(signal.SIGTERM)

    def refuses():
        try:
            return server.get("/health")[0] == 503
        except OSError:
            return True

    server.until(refuses)
    assert server.process.poll() is None
    server.open()
    status, content = answer()
    assert status == 200 and decoded(content)[8, 10, 3] == 255
    assert server.process.wait(PATIENCE) == 0, "".join(server.said)


def test_work_that_takes_too_long_is_left_at_the_end(running):
    server = running("--grace", "0.5")
    in_thread(server.remove)
    server.until(lambda: server.begun() == 1)
    assert server.end() == 0
    assert "1 pictures were not finished in 0.5 s" in "".join(server.said)
    server.open()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_other_signals_end_it_too(running, number):
    assert running().end(number) == 0


def test_clients_that_stall_are_let_go(running):
    server = running("--stall", "0.3", "--queue", "0", "--at_once", "1")
    nothing, head = server.raw(b""), server.raw(b"POST /api/remove HTTP/1.1\r\nHost: a\r\n")
    assert nothing.recv(100) == b"" and head.recv(100) == b""
    long = b"POST /api/remove HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
    body = server.raw(long + b"Content-Length: 1000\r\n\r\nsome")
    assert body.recv(15) == b"HTTP/1.1 408 Re"
    chunked = server.raw(long + b"Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n")
    assert chunked.recv(15) == b"HTTP/1.1 408 Re"
    server.open()
    assert server.remove()[0] == 200
    # kept alive, and then half of a head
    kept = server.raw(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /he")
    assert everything(kept).startswith(b"HTTP/1.1 200")


def test_a_camera_outlives_the_times_of_requests(running):
    client = pytest.importorskip("websockets.sync.client")
    from websockets.exceptions import ConnectionClosed

    server = running("--stall", "0.4", "--cameras", "1")
    server.open()
    url = f"ws://127.0.0.1:{server.port}/api/live"
    with client.connect(url) as socket:
        assert "max_pixels" in socket.recv()
        for _ in range(4):
            time.sleep(0.2)
            socket.send(encoded(square()))
            assert socket.recv().startswith(b"\x89PNG")
        with pytest.raises(ConnectionClosed) as closed:
            socket.send(bytes(2 << 20))
            socket.recv()
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
    with client.connect(url) as socket:
        socket.recv()
        assert server.end() == 0
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert closed.value.rcvd.code == 1012


def test_a_large_body_is_answered_while_it_is_sent(running):
    server = running("--max_bytes", "100000")
    for size in (b"Content-Length: 524288000", b"Transfer-Encoding: chunked"):
        head = b"POST /api/remove HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
        client = server.raw(head + size + b"\r\n\r\n")
        block = bytes(65536)
        framed = b"10000\r\n" + block + b"\r\n" if b"chunked" in size else block
        with contextlib.suppress(OSError):
            for _ in range(40):
                client.sendall(framed)
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413") and b"connection: close" in answer.lower()
        assert b"too_many_bytes" in answer or b"too_many_bytes" in client.recv(65536)
        client.close()


def test_what_is_no_http_is_answered_in_json(running):
    server = running()
    for content in (b"\x16\x03\x01 hello\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        answer = everything(server.raw(content))
        assert answer.startswith(b"HTTP/1.1 400")
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert body["error"]["code"] == "invalid_http"
    assert server.get("/health")[0] == 200


@pytest.fixture
def weights(tmp_path) -> str:
    write_weights(tmp_path / "small.pth", narrow.state())
    return str(tmp_path / "small.pth")


def test_a_model_of_weights_is_loaded_and_answers(running, weights):
    server = running("--model", weights, command=["tools/serve.py"])
    told = json.loads(server.get("/health")[1])
    assert told["status"] == "ready" and told["models"] == ["small"]
    status, content = server.remove()
    assert status == 200 and decoded(content).shape == (20, 30, 4)
    assert server.end() == 0


@pytest.mark.slow
def test_several_processes_and_one_that_dies(running, weights):
    server = running("--workers", "2", "--model", weights, command=["tools/serve.py"])
    assert {server.remove()[0] for _ in range(6)} == {200}
    text = server.get("/metrics")[1].decode()
    assert 'u2net_requests_total{api="/api/remove",outcome="done"} 6.0' in text
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    if children.exists():
        pids = children.read_text().split()
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
        workers = [pid for pid, command in commands.items() if b"spawn_main" in command]
        assert len(workers) == 2
        os.kill(int(workers[0]), signal.SIGKILL)
        server.until(lambda: any("a new one starts" in line for line in server.said))
        assert server.remove()[0] == 200
    assert server.end() == 0


@pytest.mark.slow
def test_a_process_that_cannot_begin_ends_all():
    done = subprocess.run(
        [sys.executable, "tools/serve.py", "--port", "0", "--model", "none", "--workers", "2"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert "--model_path none" in done.stdout and "Traceback" not in done.stdout + done.stderr


def test_what_cannot_begin_says_so_in_a_line(tmp_path, capsys):
    (tmp_path / "empty").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for words, said in (
            (["--port", port], f"--host 127.0.0.1, --port {port}: "),
            (["--host", "no.such.host.invalid"], "--host no.such.host.invalid, --port 7000: "),
            (["--port", "0", "--model", str(tmp_path / "none")], "--model_path "),
            (["--api_keys", str(tmp_path / "none")], "No such file"),
            (["--api_keys", str(tmp_path / "empty")], "expected keys, one a line, found none"),
        ):
            assert main("serve", words) == 1
            told = capsys.readouterr().err
            assert said in told and len(told.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["--port", "65536"], ["--queue", "-1"], ["--stall", "0"], ["--max_bytes", "x"]]
)
def test_arguments_that_are_none(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main("serve", words)
    assert ended.value.code == 2 and words[0] in capsys.readouterr().err
