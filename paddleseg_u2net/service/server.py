"""A server for the app, in this process: its end finishes what runs."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import sys
from typing import Any, Callable, Iterator

import cv2
import uvicorn
from fastapi import FastAPI

from paddleseg_u2net import signals
from paddleseg_u2net.env import keep_memory
from paddleseg_u2net.log import logger
from paddleseg_u2net.service.app import create_app
from paddleseg_u2net.service.live.frames import MOST_BYTES
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.web.connection import connection_class

_KEPT_ALIVE = 5.0  # seconds that a connection may stand without a request


class _Server(uvicorn.Server):
    """One that ends by any signal to end, and does not raise it again: the end is no failure."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, told: Callable[[], None]) -> None:
        super().__init__(config)
        self._work, self._told = app.state.service.work, told

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen while the server runs."""
        before = {number: signal.signal(number, self.handle_exit) for number in signals.ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: Any = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self._told()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Take no request any more, also of connections that stand."""
        self._work.is_ending = True
        super().handle_exit(sig, frame)


def run(settings: Settings, bound: socket.socket, told: Callable[[], None]) -> int:
    """Load the models and answer until a signal to end comes.

    Args:
        told: is called when the first request can come.

    Returns:
        0, also if pictures were left unfinished at the end of the time that they had.

    Raises:
        ValueError: a model cannot be loaded.
    """
    keep_memory()
    cv2.setNumThreads(
        settings.threads
    )  # its own would wait, spinning, in the way of other pictures
    app = create_app(settings)
    _hand_on_errors()
    config = uvicorn.Config(
        app,
        http=connection_class(settings.stall),
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,  # frames are compressed
        ws_ping_interval=settings.stall,
        ws_ping_timeout=settings.stall,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=min(_KEPT_ALIVE, settings.stall),
        timeout_graceful_shutdown=math.ceil(settings.grace),
    )
    _Server(config, app, told).run(sockets=[bound])
    work = app.state.service.work
    if work.running:
        logger.warning(f"{work.running} pictures were not finished in {settings.grace:g} s")
        with signals.at_most(1, 0):
            sys.stdout.flush()
        os._exit(0)  # or their threads would be waited for
    return 0


def _hand_on_errors() -> None:
    """Let uvicorn's errors go where ours go; what it says of bad clients is not told."""
    theirs = logging.getLogger("uvicorn.error")
    theirs.handlers[:] = logger.handlers
    theirs.setLevel(logging.ERROR)
    theirs.propagate = False
