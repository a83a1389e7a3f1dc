"""A small web server on 127.0.0.1 whose answers are scripted for each path, bad ones too."""

from __future__ import annotations

import gzip
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, List, Mapping, Optional, Tuple, Union

OLD = "Wed, 01 Jan 2020 00:00:00 GMT"


@dataclass(frozen=True)
class Reply:
    """One answer.

    ``etag`` and ``modified`` are the file's version, which If-Range is compared with; ``packed`` is
    gzip, asked for or not. The connection ends after ``cut`` bytes of the body, or stops after
    ``stall`` of them (``silent``: before the first line) until ``gate`` is set.
    """

    body: bytes = b""
    status: Optional[int] = None
    headers: Mapping[str, Optional[str]] = field(default_factory=dict)
    etag: Optional[str] = None
    modified: Optional[str] = None
    ranges: bool = True
    chunked: bool = False
    packed: bool = False
    cut: Optional[int] = None
    stall: Optional[int] = None
    silent: bool = False
    gate: Optional[threading.Event] = None

    @classmethod
    def redirect(cls, address: str) -> Reply:
        """Another address."""
        return cls(status=302, headers={"Location": address})


@dataclass(frozen=True)
class Request:
    """What a client asked for; names of headers are in small letters."""

    path: str
    headers: Mapping[str, str]

    @property
    def start(self) -> Optional[int]:
        """First byte of the range, None for the whole file."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(match[1]) if match else None


class Server:
    """The n-th request for a path gets the n-th reply of its script, the last one again and again;
    a path without a script is answered 404."""

    def __init__(self) -> None:
        self.requests: List[Request] = []
        self._scripts: Dict[str, List[Reply]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.scene = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer nobody any more; connections that stand are ended. May be called again."""
        if not self._closing.is_set():
            self._closing.set()
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}{path}"

    def script(self, path: str, *replies: Reply) -> str:
        """Set the answers for a path; returns its address."""
        with self._lock:
            self._scripts[path] = list(replies)
        return self.address(path)

    def asked(self, path: str) -> List[Request]:
        """The requests for a path until now."""
        with self._lock:
            return [request for request in self.requests if request.path == path]

    def starts(self, path: str) -> List[Optional[int]]:
        """First byte of each request for a path, None for the whole file."""
        return [request.start for request in self.asked(path)]

    def next_reply(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            script = self._scripts.get(request.path, [Reply(b"nothing here", status=404)])
            return script.pop(0) if len(script) > 1 else script[0]

    def wait(self, gate: Optional[threading.Event]) -> None:
        """Until the gate opens or the server closes."""
        while not self._closing.wait(0.01):
            if gate is not None and gate.is_set():
                return


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    scene: Server

    def handle_error(self, *_args: object) -> None:
        """A client that hangs up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers)
        reply = self.server.scene.next_reply(request)
        if reply.silent:
            self.server.scene.wait(reply.gate)
        status, content, computed = _answer(request, reply)
        self.send_response(status)
        for name, value in {**computed, **reply.headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self._send(content, reply)

    def _send(self, content: bytes, reply: Reply) -> None:
        if reply.cut is not None:
            self._write(content[: reply.cut], reply.chunked)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if reply.stall is not None:
            self._write(content[: reply.stall], reply.chunked)
            self.server.scene.wait(reply.gate)
        self._write(content[reply.stall or 0 :], reply.chunked)
        if reply.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, content: bytes, chunked: bool) -> None:
        if content:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content) if chunked else content)


def _answer(request: Request, reply: Reply) -> Tuple[int, bytes, Dict[str, Union[str, None]]]:
    """Status, body and headers as a good server has them."""
    headers: Dict[str, Union[str, None]] = {"ETag": reply.etag, "Last-Modified": reply.modified}
    status, content, total = reply.status, reply.body, len(reply.body)
    start, version = request.start, request.headers.get("if-range")
    if start is not None and reply.ranges and version in (None, reply.etag, reply.modified):
        status, content = status or 206, content[start:]
        headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
    if reply.packed:
        content = gzip.compress(content)
        headers["Content-Encoding"] = "gzip"
    if reply.chunked:
        headers["Transfer-Encoding"] = "chunked"
    else:
        headers["Content-Length"] = str(len(content))
    return status or 200, content, headers
