"""A server for the app: one address, and an end that finishes what runs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import Any, Iterator

import uvicorn

from paddleseg_u2net import signals
from paddleseg_u2net.log import logger
from paddleseg_u2net.service.app import create_app
from paddleseg_u2net.service.models import load_removers
from paddleseg_u2net.service.settings import Settings


class _Server(uvicorn.Server):
    """One that ends by any signal to end, and does not raise it again: the end is no failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen while the server runs."""
        before = {number: signal.signal(number, self.handle_exit) for number in signals.ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address, which nobody is answered at yet.

    Raises:
        ValueError: there is no such address here, or it is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        raise ValueError(
            f"--host {host}, --port {port}: {error.strerror or error}; name another address"
        ) from error
    return bound


def serve(settings: Settings, host: str, port: int) -> int:
    """Answer until a signal to end comes; the exit code of the command."""
    with bind(host, port) as bound:
        app = create_app(settings, load_removers(settings))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(settings.grace),
        )
        name, number = bound.getsockname()[:2]
        logger.info(f"Serving on http://{f'[{name}]' if ':' in name else name}:{number}/")
        _Server(config).run(sockets=[bound])
    return _end(app)


def _end(app: Any) -> int:
    """0; without waiting for work that nobody waits for any more."""
    if app.state.work.running:
        logger.warning(f"{app.state.work.running} pictures were not finished in time")
        os._exit(0)
    return 0
