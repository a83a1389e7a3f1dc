"""The service against ``rembg s``: requests a second, memory, and every answer looked at.

    python3.11 -m venv /tmp/rembg && /tmp/rembg/bin/pip install "rembg[cpu,cli]"
    python benchmarks/service.py --rembg /tmp/rembg/bin/rembg --model u2netp.onnx --pictures photos
    python benchmarks/service.py --model u2netp.onnx --pictures photos --memory 2000

Both sides serve the same weights, an ONNX file, on 127.0.0.1, each as it is installed and started
without options. Clients, each a thread with pictures of its own, JPEGs of 400x300 and 2000x1500 in
turn, ask one side, then the other, for some rounds; the next request follows the answer. --also
starts this project's service with another model, say an exported folder in 8 bits.

An answer must have the bytes that the same picture had when it was asked for alone. This project's
must have those of the library, too. --memory asks only this project's service, so many times, and
prints its memory on the way; it ends with exit code 1 if a tenth was added after the first quarter.
The model is found beforehand, say by U2NET_HOME; --pictures are photographs, else drawings.
"""

import argparse
import contextlib
import hashlib
import http.client
import io
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import machine
from PIL import Image

from paddleseg_u2net.datasets.synthetic import draw_dataset
from paddleseg_u2net.io.images import find_images

ROOT = Path(__file__).resolve().parents[1]
SIZES = ((400, 300), (2000, 1500))
_PATIENCE = 300.0


class Picture(NamedTuple):
    """A picture to send, and the form that it is in."""

    name: str
    content: bytes

    def form(self, fields: Dict[str, str]) -> Tuple[bytes, str]:
        """The body of a request and its type."""
        mark = uuid.uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        parts += [head.encode(), b"Content-Type: image/jpeg\r\n\r\n", self.content]
        parts.append(f"\r\n--{mark}--\r\n".encode())
        return b"".join(parts), f"multipart/form-data; boundary={mark}"


class Server:
    """A service in a process of its own."""

    def __init__(
        self, name: str, command: Sequence[str], port: int, env: Dict[str, str], **fields: str
    ) -> None:
        self.name, self.port, self.fields = name, port, fields
        self.expected: Dict[str, str] = {}
        self.seconds: List[float] = []
        self.wall = self.busy = 0.0
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
        )

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), contextlib.closing(self._connection()) as asked:
                asked.request("GET", "/openapi.json")
                if asked.getresponse().status == 200:
                    return
            time.sleep(0.2)
        self._log.seek(0)
        raise SystemExit(f"{self.name} does not start:\n{self._log.read().decode()}")

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)

    def answer(self, picture: Picture) -> bytes:
        """The picture without its background."""
        body, kind = picture.form(self.fields)
        with contextlib.closing(self._connection()) as asked:
            asked.request("POST", "/api/remove", body, {"Content-Type": kind})
            answer = asked.getresponse()
            content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.name}: {picture.name}: {answer.status} {content[:300]!r}")
        return content

    def learn(self, pictures: Sequence[Picture]) -> None:
        """Ask for each picture alone; what comes is expected from now on."""
        for picture in pictures:
            self.expected[picture.name] = _digest(self.answer(picture))

    def check(self, picture: Picture, content: bytes) -> None:
        """Raise SystemExit if it is the answer to another picture, or a broken one."""
        if _digest(content) != self.expected[picture.name]:
            others = [name for name, known in self.expected.items() if known == _digest(content)]
            what = f"that of {others[0]}" if others else "none that was seen before"
            raise SystemExit(f"{self.name}: the answer for {picture.name} is {what}")

    def processor_seconds(self) -> float:
        """Of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self, key: str = "VmRSS") -> float:
        """Its memory now; ``VmHWM``: at most."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if key in line) / 1024

    def end(self) -> None:
        """Tell it to end."""
        self.process.terminate()
        self.process.wait()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def jpegs(folder: Optional[Path], count: int, work: Path) -> List[Picture]:
    """So many different JPEGs, of the sizes in turn."""
    if folder is None:
        draw_dataset(work / "drawn", train=count, val=1, size=(300, 400))
        folder = work / "drawn" / "images"
    paths = find_images(folder)[:count]
    if len(paths) < count:
        raise SystemExit(f"--pictures {folder}: expected {count} pictures, found {len(paths)}")
    found = []
    for number, path in enumerate(paths):
        stream, size = io.BytesIO(), SIZES[number % len(SIZES)]
        with Image.open(path) as picture:
            picture.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(
                stream, "JPEG", quality=90
            )
        found.append(Picture(f"{path.name} {size[0]}x{size[1]}", stream.getvalue()))
    return found


def load(server: Server, pictures: Sequence[Picture], clients: int, count: int) -> Iterator[int]:
    """Ask ``count`` times by so many clients at once, each with pictures of its own; yield how
    many have been answered, now and then."""
    left, lock = list(range(count)), threading.Lock()
    failures: List[BaseException] = []

    def client(number: int) -> None:
        own = pictures[number * len(SIZES) : (number + 1) * len(SIZES)]
        turn = number  # half of the clients begin with a large one
        try:
            while True:
                with lock:
                    if not left or failures:
                        return
                    left.pop()
                picture = own[turn % len(own)]
                turn += 1
                began = time.monotonic()
                content = server.answer(picture)
                server.seconds.append(time.monotonic() - began)
                server.check(picture, content)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(clients)]
    began, busy = time.monotonic(), server.processor_seconds()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(1)
        yield count - len(left)
    if failures:
        raise SystemExit(str(failures[0]))
    server.wall += time.monotonic() - began
    server.busy += server.processor_seconds() - busy


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def ours(name: str, model: Path, words: Sequence[str]) -> Server:
    """This project's service."""
    command = [sys.executable, str(ROOT / "tools/serve.py"), "--model", str(model), *words]
    return Server(name, command, free_port(), {"PYTHONPATH": str(ROOT)})


def theirs(program: Path, model: Path, work: Path) -> Server:
    """``rembg s``, without its page."""
    home = work / "home"
    home.mkdir()
    shutil.copy(model, home / "u2netp.onnx")
    env = {"U2NET_HOME": str(home), "MODEL_CHECKSUM_DISABLED": "1"}
    return Server("rembg s", [str(program), "s", "--no-ui"], free_port(), env, model="u2netp")


def check_with_the_library(
    server: Server, model: Path, pictures: Sequence[Picture], words: Sequence[str]
) -> None:
    """Raise SystemExit if the service answers anything else than the library gives."""
    from paddleseg_u2net.inference.backends import AUTO
    from paddleseg_u2net.io.images import decode_original
    from paddleseg_u2net.predictor.load import load_model
    from paddleseg_u2net.removal import Remover, encode

    backend = words[words.index("--backend") + 1] if "--backend" in words else AUTO
    loaded = load_model(model, backend=backend, threads=1)
    remover = Remover(loaded.pipeline, loaded.in_channels)
    for picture in pictures:
        original = decode_original(picture.content)
        found = remover(original.picture)
        server.check(picture, encode(found.picture, original.metadata))


def table(servers: Sequence[Server], clients: int) -> None:
    """Print what was measured."""
    print(f"\n{clients} clients at once, JPEGs of 400x300 and 2000x1500 in turn")
    print(f"{'':24}{'requests':>10}{'a second':>10}{'p50 s':>8}{'p99 s':>8}", end="")
    print(f"{'CPU s each':>12}{'MiB':>8}{'most':>8}")
    for server in servers:
        ordered = sorted(server.seconds)
        print(
            f"{server.name:24}{len(ordered):>10}{len(ordered) / server.wall:>10.2f}"
            f"{statistics.median(ordered):>8.2f}{_p99(ordered):>8.2f}"
            f"{server.busy / len(ordered):>12.3f}{server.megabytes():>8.0f}"
            f"{server.megabytes('VmHWM'):>8.0f}"
        )
    rival = servers[-1]
    for server in servers[:-1]:
        rates = [len(each.seconds) / each.wall for each in (server, rival)]
        slowest = [_p99(sorted(each.seconds)) for each in (server, rival)]
        print(
            f"{server.name} / {rival.name}: {rates[0] / rates[1]:.2f} times the requests a second, "
            f"{slowest[0] / slowest[1]:.2f} of the p99"
        )


def _p99(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def memory(server: Server, pictures: Sequence[Picture], clients: int, count: int) -> int:
    """Ask so many times, and print the memory on the way; 1 if it grows."""
    seen: List[Tuple[int, float]] = []
    step = max(1, count // 10)
    for answered in load(server, pictures, clients, count):
        if not seen or answered >= seen[-1][0] + step:
            seen.append((answered, server.megabytes()))
            print(f"after {answered:>6} requests {seen[-1][1]:8.1f} MiB", flush=True)
    seen.append((count, server.megabytes()))
    early = max(size for answered, size in seen if answered <= max(count // 4, seen[0][0]))
    late = seen[-1][1]
    print(f"{late / early:.3f} of what it was after a quarter; {count} answers, all as expected")
    table_of = sorted(server.seconds)
    print(f"{count / server.wall:.2f} a second, p99 {_p99(table_of):.2f} s")
    return int(late > 1.1 * early)


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rembg", type=Path, help="the program rembg of its own environment")
    parser.add_argument("--model", type=Path, required=True, help="U²-NetP as an ONNX file")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="further models of ours")
    parser.add_argument("--pictures", type=Path, help="a folder of photographs")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=96, help="of one side in one round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0, metavar="REQUESTS")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="options of serve")
    arguments = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        work = Path(folder)
        pictures = jpegs(arguments.pictures, len(SIZES) * arguments.clients, work)
        servers = [ours("this project", arguments.model, arguments.serve)]
        if not arguments.memory:
            for model in arguments.also:
                servers.append(ours(model.name, model, arguments.serve))
            if arguments.rembg:
                servers.append(theirs(arguments.rembg, arguments.model, work))
        for server in servers:
            stack.callback(server.end)
        for server in servers:
            server.wait()
            server.learn(pictures)
        check_with_the_library(servers[0], arguments.model, pictures, arguments.serve)
        if arguments.memory:
            return memory(servers[0], pictures, arguments.clients, arguments.memory)
        for _ in range(arguments.rounds):
            for server in servers:
                for _ in load(server, pictures, arguments.clients, arguments.requests):
                    pass
        table(servers, arguments.clients)
    return 0


if __name__ == "__main__":
    sys.exit(main())
