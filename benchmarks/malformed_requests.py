"""Thousands of requests that are wrong in many ways, to a service that runs; it must live on.

    paddleseg_u2net serve --port 7000 --stall 2 --max_bytes 2000000 &
    python benchmarks/malformed_requests.py --port 7000 --pid $! [--count 2400] [--seed 1]

Kinds of requests are drawn by the seed: truncated and changed pictures, headers of 40,000x40,000
pixels, PDF, archives and text in place of pictures, forms without a file, with parts that are cut,
doubled, nameless or endless, bodies over the limit with and without a length, JSON that is none,
parameters that are unknown or have no such value, addresses inside the network, HTTP that is none,
clients that leave in the middle or stall. All of it is harmless. Printed are the answers' statuses
and codes by kind; the exit code is 1 if any answer was 5xx but 503 of a full queue, was no JSON, or
was 200 where that cannot be, if the service does not answer well then, or if its memory (Linux, by
--pid) grew by more than a tenth after the first quarter.
"""

import argparse
import contextlib
import io
import json
import random
import socket
import struct
import sys
import threading
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
from PIL import Image

PATHS = ("/api/remove", "/v1.0/removebg")
FILES = {"/api/remove": "file", "/v1.0/removebg": "image_file"}
_PATIENCE = 60.0


class Sent(NamedTuple):
    """The bytes of a request; ``leaves``: without waiting for the answer; ``fine``: whether it may
    be answered 200."""

    content: bytes
    leaves: bool = False
    fine: bool = False


def picture(rng: random.Random, format_name: str = "") -> bytes:
    """A small sound picture."""
    noise = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (48, 64, 3))
    stream = io.BytesIO()
    chosen = format_name or rng.choice(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
    Image.fromarray(noise.astype(np.uint8)).save(stream, chosen)
    return stream.getvalue()


def form(parts: List[Tuple[str, Optional[str], bytes]], mark: str = "mark") -> bytes:
    """The body of a multipart form of names, names of files or None, and contents."""
    body = b""
    for name, file, content in parts:
        told = f'; filename="{file}"' if file is not None else ""
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'
        body += head.encode("utf-8", "surrogateescape") + content + b"\r\n"
    return body + f"--{mark}--\r\n".encode()


def request(
    path: str, body: bytes, kind: str = "multipart/form-data; boundary=mark", method: str = "POST"
) -> bytes:
    """A request that is whole."""
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def with_file(path: str, content: bytes, *more: Tuple[str, Optional[str], bytes]) -> bytes:
    """A form with a picture."""
    return request(path, form([(FILES[path], "a.png", content), *more]))


def truncated(rng: random.Random, path: str) -> Sent:
    content = picture(rng)
    return Sent(with_file(path, content[: rng.randrange(len(content))]), fine=True)


def changed(rng: random.Random, path: str) -> Sent:
    content = bytearray(picture(rng))
    for _ in range(rng.randrange(1, 20)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return Sent(with_file(path, bytes(content)), fine=True)


def huge_header(rng: random.Random, path: str) -> Sent:
    sides = rng.choice([(40000, 40000), (2**31 - 1, 1), (1, 2**31 - 1), (65535, 65535), (0, 0)])
    head = b"IHDR" + struct.pack(">IIBBBBB", *sides, 8, rng.choice([0, 2, 3, 6]), 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
    png += struct.pack(">I", zlib.crc32(head)) + struct.pack(">I", 4) + b"IDAT" + bytes(8)
    bmp = b"BM" + struct.pack(
        "<IIIIiiHH", 60, 0, 54, 40, *(min(s, 2**31 - 1) for s in sides), 1, 24
    )
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(9)
    return Sent(with_file(path, rng.choice([png, bmp + bytes(24), gif])))


def no_picture(rng: random.Random, path: str) -> Sent:
    contents = [
        b"",
        b"%PDF-1.7\n%abc",
        b"PK\x03\x04" + bytes(60),
        b"<svg></svg>",
        b"{}",
        bytes(9000),
    ]
    contents += [b"<!doctype html>", rng.randbytes(300), b"GIF89a", b"\xff\xd8\xff", b"II*\0" * 9]
    contents += [b"\0\0\0\x20ftypheic" + bytes(40), b"RIFF\0\0\0\0WEBP", b"P6 9 9 255\n"]
    return Sent(with_file(path, rng.choice(contents)))


def no_file(rng: random.Random, path: str) -> Sent:
    parts: List[Tuple[str, Optional[str], bytes]] = rng.choice(
        [[], [("only", None, b"mask")], [(FILES[path], None, b"text")], [("fiel", "a", b"x")]]
    )
    return Sent(request(path, form(parts)))


def broken_form(rng: random.Random, path: str) -> Sent:
    whole = form([(FILES[path], "a.png", picture(rng))])
    bodies = [
        whole[: rng.randrange(len(whole))],
        whole.replace(b"form-data", b"", 1),
        whole.replace(b'name="', b'nome="', 1),
        whole.replace(b"\r\n", b"\n"),
        whole.replace(b"--mark", b"--other"),
        whole[: rng.randrange(200)] + rng.randbytes(200),
        b"--mark\r\n" * 300,
        b"--mark\r\n" + b"X: y\r\n" * 5000,
        b'--mark\r\nContent-Disposition: form-data; name="' + b"a" * 100_000,
    ]
    kinds = [
        "multipart/form-data; boundary=mark",
        "multipart/form-data",
        "multipart/form-data; boundary=",
    ]
    kinds += [
        "multipart/form-data; boundary=" + "x" * 300,
        "multipart/form-data; charset=none; boundary=mark",
    ]
    # A form that is cut behind the picture may be read, and is no error to some parsers.
    return Sent(request(path, rng.choice(bodies), rng.choice(kinds[:1] * 6 + kinds)), fine=True)


def many_parts(rng: random.Random, path: str) -> Sent:
    content, count = picture(rng, "PNG"), rng.randrange(2, 300)
    name = rng.choice([FILES[path], "only", "x"])
    file = rng.choice(["a", None])
    return Sent(request(path, form([(name, file, content[:50])] * count)))


def too_large(rng: random.Random, path: str) -> Sent:
    kind = rng.choice(["multipart/form-data; boundary=mark", "image/png", "application/json"])
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
    if rng.random() < 0.5:  # says so, and sends a little
        return Sent(f"{head}Content-Length: {500 * 2**20}\r\n\r\n".encode() + bytes(1000))
    body = b"".join(b"10000\r\n" + bytes(65536) + b"\r\n" for _ in range(40))
    return Sent(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + body + b"0\r\n\r\n")


def wrong_parameters(rng: random.Random, path: str) -> Sent:
    names = ["only", "background", "crop", "square", "size", "clean", "presence", "format"]
    names += ["quality", "om", "bgc", "af", "extras", "model", "what", "url", "a" * 3000, "\u00e9"]
    if path != PATHS[0]:
        names = ["size", "format", "channels", "roi", "crop", "crop_margin", "scale", "position"]
        names += ["bg_color", "bg_image_url", "image_url", "image_file_b64", "add_shadow", "\u00e9"]
    values = [b"-1", b"1e99", b"nan", b"inf", b"none of these", b"\xff\xfe", b"9" * 4000, b"1 2 3"]
    values += [b"99999x99999", b"0x0", b"blur:1e9", b"/etc/passwd", b"../../x", b"%s%n", b"'\"<>"]
    values += [
        b"http://127.0.0.1/",
        b"file:///etc/passwd",
        b"#12345",
        b"{",
        b"[" * 900,
        b"\0",
        b"5em",
    ]
    more = [(rng.choice(names), None, rng.choice(values)) for _ in range(rng.randrange(1, 4))]
    # Some words take some of these: a ``what`` of 1 is wrong, a ``quality`` of 1 is not.
    return Sent(with_file(path, picture(rng, "PNG"), *more), fine=True)


def wrong_background(rng: random.Random, path: str) -> Sent:
    name = "background" if path == PATHS[0] else "bg_image_file"
    broken = picture(rng, "PNG")[: rng.randrange(100)]
    return Sent(with_file(path, picture(rng, "PNG"), (name, "b.png", broken)))


def other_bodies(rng: random.Random, path: str) -> Sent:
    bodies = [
        b"{",
        b"[]",
        b"null",
        b'{"only": []}',
        b"[" * 5000,
        b'{"a": 1e999}',
        b"\xff",
        b"x=1&x=2",
    ]
    bodies += [b'{"image_file_b64": "!!!"}', b'{"image_file_b64": "aGVsbG8="}', b"a" * 100_000, b""]
    kinds = [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "a/b",
        "",
        "image/",
    ]
    return Sent(request(path, rng.choice(bodies), rng.choice(kinds)))


def other_addresses(rng: random.Random, path: str) -> Sent:
    targets = ["/api", "/api/remove/", "/page/../app.py", "/page/%2e%2e/app.py", "//", "/v1.0/x"]
    targets += [
        "/api/remove?url=http://localhost/",
        "/api/remove?url=file:///etc/passwd",
        "/%00",
        "/page/",
    ]
    targets += ["/api/remove?" + "a=b&" * 2000, "/" + "x" * 9000, "/page/" + "%2e%2e%2f" * 20]
    method = rng.choice(["GET", "PUT", "DELETE", "PATCH", "POST", "OPTIONS", "WHAT"])
    return Sent(request(rng.choice(targets), b"", method=method), fine=method == "OPTIONS")


def no_http(rng: random.Random, path: str) -> Sent:
    lines = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /api/remove HTTP/1.1\r\n\r\n",
        b"POST /api/remove HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/remove HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /api/remove HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/remove HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        rng.randbytes(200) + b"\r\n\r\n",
    ]
    line = rng.choice(lines)
    # A long header is unusual, and no error.
    return Sent(line, fine=line.startswith(b"GET / HTTP/1.1\r\nHost: a\r\nX: "))


def leaves(rng: random.Random, path: str) -> Sent:
    whole = with_file(path, picture(rng))
    return Sent(whole[: rng.randrange(1, len(whole) + 1)], leaves=True)


def stalls(rng: random.Random, path: str) -> Sent:
    whole = with_file(path, picture(rng))
    return Sent(whole[: rng.randrange(10, len(whole) - 1)])


KINDS: Dict[Callable[[random.Random, str], Sent], int] = {
    truncated: 8,
    changed: 8,
    huge_header: 8,
    no_picture: 8,
    no_file: 6,
    broken_form: 10,
    many_parts: 5,
    too_large: 3,
    wrong_parameters: 12,
    wrong_background: 5,
    other_bodies: 8,
    other_addresses: 8,
    no_http: 6,
    leaves: 6,
    stalls: 1,
}
"""Kinds of requests, and how often each is drawn."""


class Report:
    """What came of the requests."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: Dict[str, Counter] = defaultdict(Counter)
        self.faults: List[str] = []
        self.sent = 0

    def add(self, kind: str, sent: Sent, answer: bytes) -> None:
        status, code = _status_and_code(answer)
        with self.lock:
            self.sent += 1
            self.counts[kind]["left" if sent.leaves else f"{status} {code}".strip()] += 1
            if sent.leaves:
                return
            bad = status >= 500 and (status, code) != (503, "busy")
            unclear = status >= 400 and not code
            wrong = status == 200 and not sent.fine
            if bad or unclear or wrong or not status:
                self.faults.append(f"{kind}: {answer[:200]!r} to {sent.content[:300]!r}")


def _status_and_code(answer: bytes) -> Tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        status = int(head.split(b" ", 2)[1])
    except (IndexError, ValueError):
        return 0, ""
    with contextlib.suppress(ValueError, KeyError, TypeError, IndexError):
        told = json.loads(body)
        return status, (told.get("error") or told["errors"][0])["code"]
    return status, ""


def ask(port: int, sent: Sent) -> bytes:
    """Send a request, and give all that is answered; nothing to who leaves."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE) as client:
        with contextlib.suppress(OSError):  # it may be answered and closed while it is sent
            client.sendall(sent.content)
        if sent.leaves:
            return b""
        with contextlib.suppress(ConnectionError):
            while not _is_whole(found) and (more := client.recv(65536)):
                found += more
    return found


def _is_whole(answer: bytes) -> bool:
    head, gap, body = answer.partition(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(gap and length) and len(body) >= int(length[0].split(b":")[1])


def megabytes(pid: Optional[int]) -> float:
    """The memory of a process; 0 where it is not known."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in text.splitlines() if "VmRSS" in line) / 1024


def main() -> int:
    """Send, count and print; 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid", type=int, help="of the service, for its memory")
    parser.add_argument("--count", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=6)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    kinds = rng.choices(list(KINDS), list(KINDS.values()), k=arguments.count)
    seeds = [rng.randrange(2**32) for _ in kinds]
    works, report = list(zip(kinds, seeds)), Report()
    sizes: List[float] = []

    def client() -> None:
        while True:
            with report.lock:
                if not works:
                    return
                kind, seed = works.pop()
                if len(works) % max(1, arguments.count // 8) == 0:
                    sizes.append(megabytes(arguments.pid))
            own = random.Random(seed)
            sent = kind(own, own.choice(PATHS))
            try:
                answer = ask(arguments.port, sent)
            except OSError as error:
                answer = f"{type(error).__name__}: {error}".encode()
            report.add(kind.__name__, sent, answer)

    threads = [threading.Thread(target=client) for _ in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for kind, counts in sorted(report.counts.items()):
        told = ", ".join(f"{what}: {count}" for what, count in counts.most_common())
        print(f"{kind:18}{sum(counts.values()):>6}  {told}")
    alive = ask(arguments.port, Sent(with_file(PATHS[0], picture(random.Random(0), "PNG"))))
    health = ask(arguments.port, Sent(request("/health", b"", method="GET")))
    lives = alive.startswith(b"HTTP/1.1 200") and health.startswith(b"HTTP/1.1 200")
    early, late = (max(sizes[: len(sizes) // 4 + 1]), sizes[-1]) if sizes else (0.0, 0.0)
    print(f"{report.sent} requests; memory {' '.join(f'{size:.0f}' for size in sizes)} MiB")
    print("alive, by a sound picture" if lives else f"NOT ALIVE: {alive[:300]!r}")
    for fault in report.faults[:20]:
        print(f"FAULT {fault}")
    print(f"{len(report.faults)} faults")
    return int(bool(report.faults) or not lives or late > 1.1 * early)


if __name__ == "__main__":
    sys.exit(main())
