"""The address of a service, and the processes that share it: one that dies is started anew."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from multiprocessing.connection import wait
from typing import Any, Callable, Dict, List

from prometheus_client import multiprocess

from paddleseg_u2net import signals
from paddleseg_u2net.log import logger, start_logging
from paddleseg_u2net.service.metrics import FOLDER
from paddleseg_u2net.service.server import run
from paddleseg_u2net.service.settings import Settings

_SPARE = 5.0  # seconds that a process has to end, besides those for its requests


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address, where nobody is answered yet.

    Raises:
        ValueError: there is no such address here, or it is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it lets two programs have the same address
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"--host {host}, --port {port}: {why}; name another address") from error
    return bound


def address_of(bound: socket.socket) -> str:
    """The address of a socket, as a browser takes it."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(settings: Settings, host: str, port: int, workers: int = 1) -> int:
    """Answer at an address until a signal to end comes; the exit code of the command.

    Raises:
        ValueError: a model cannot be loaded, or the address cannot be had.
    """
    with bind(host, port) as bound:
        address = address_of(bound)

        def told() -> None:
            logger.info(f"Serving on {address}")
            sys.stdout.flush()

        if workers == 1:
            return run(settings, bound, told)
        return _run_several(settings, bound, workers, told)


def _run_several(
    settings: Settings, bound: socket.socket, count: int, told: Callable[[], None]
) -> int:
    """As `server.run`, in ``count`` processes; 1 if one of them cannot begin."""
    context = multiprocessing.get_context("spawn")
    ready: Any = context.Queue()
    running: List[Any] = []

    def start() -> None:
        with signals.waiting():  # a child inherits it, and has no handler at first
            process = context.Process(target=_child, args=(settings, bound, ready))
            process.start()
        running.append(process)

    with _shared_numbers(), _ended() as (end, ended):
        for _ in range(count):
            start()
        begun = 0
        while not end.is_set():
            wait([ended, *(process.sentinel for process in running)], 0.2)
            while not ready.empty():
                ready.get()
                begun += 1
                if begun == count:
                    told()
            for process in [each for each in running if not each.is_alive()]:
                running.remove(process)
                multiprocess.mark_process_dead(process.pid)
                if begun < count:  # it would fail again; it has said why
                    _end(running, settings)
                    return 1
                if not end.is_set():
                    logger.error(
                        f"process {process.pid} died ({process.exitcode}); a new one starts"
                    )
                    start()
        _end(running, settings)
    return 0


def _child(settings: Settings, bound: socket.socket, ready: Any) -> None:
    """One process: its parent's signal ends it, or its parent's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a terminal sends to all
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ENDING)
    start_logging()
    parent = multiprocessing.parent_process()

    def follow() -> None:
        assert parent is not None
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    try:
        code = run(settings, bound, lambda: ready.put(os.getpid()))
    except (ValueError, OSError) as error:
        logger.error(str(error))
        code = 1
    os._exit(code)


@contextlib.contextmanager
def _shared_numbers() -> Any:
    """A folder in which the processes' numbers add up; they read of it as they start."""
    with tempfile.TemporaryDirectory(prefix="u2net-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


@contextlib.contextmanager
def _ended() -> Any:
    """An event that a signal to end sets, and something to wait for that wakes then."""
    end = threading.Event()
    reader, writer = socket.socketpair()

    def handle(*_: Any) -> None:
        end.set()
        with contextlib.suppress(OSError):
            writer.send(b".")

    before: Dict[int, Any] = {number: signal.signal(number, handle) for number in signals.ENDING}
    try:
        yield end, reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()


def _end(running: List[Any], settings: Settings) -> None:
    """Let all finish what they have begun, for as long as that may take."""
    for process in running:
        process.terminate()
    deadline = time.monotonic() + settings.grace + _SPARE
    for process in running:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
