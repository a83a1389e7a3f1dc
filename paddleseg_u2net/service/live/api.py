"""``/api/live``: a WebSocket on which each frame of a camera is answered by its opacity."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import closing
from fractions import Fraction
from functools import partial
from typing import Iterator, Optional, Tuple
from urllib.parse import urlsplit

from fastapi import FastAPI, WebSocket
from pydantic import BaseModel, ConfigDict, Field
from starlette.websockets import WebSocketDisconnect

from paddleseg_u2net.removal.presence import PRESENT
from paddleseg_u2net.service.live.frames import MOST_BYTES, MOST_PIXELS, decoded, encoded
from paddleseg_u2net.service.parameters import checked
from paddleseg_u2net.service.pictures import refusals
from paddleseg_u2net.service.service import Service
from paddleseg_u2net.service.web.errors import ServiceError, answer, unforeseen
from paddleseg_u2net.service.work import Cancelled, Job
from paddleseg_u2net.text import one_line
from paddleseg_u2net.video.live import LiveMatting
from paddleseg_u2net.video.settings import Settings

PATH = "/api/live"
# A status of HTTP is told as the code of a close: 4503, all cameras are taken.
_CLOSED = 4000


class LiveParameters(BaseModel):
    """What a client may ask for, in the address."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: Optional[str] = Field(None, description="One of the service's models, else its first")
    steady: float = Field(
        Settings.steady, ge=0, le=1, description="How steady opacity is over time"
    )
    presence: float = Field(PRESENT, ge=0, le=1, description="Of less than this nothing is kept")


class Cameras:
    """How many are served, and how many can be."""

    def __init__(self, most: int) -> None:
        self.most, self.taken = most, 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; ServiceError, 503, if all are taken."""
        if self.taken >= self.most:
            told = f"all places for cameras are taken ({self.most}); try again later"
            raise ServiceError(503, "busy", told)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


def add_live(app: FastAPI, service: Service) -> None:
    """Serve it."""
    cameras = Cameras(service.settings.cameras or 0)

    @app.websocket(PATH)
    async def live(socket: WebSocket) -> None:
        try:
            _check_origin(socket, service.settings.allow_origins)
            service.check_key(socket)
        except ServiceError as error:  # before it is accepted: no page of another site sees more
            await socket.send_denial_response(answer(socket, error))
            return
        await socket.accept()
        began, outcome = time.monotonic(), "done"
        try:
            with cameras.place(), service.work.place():
                await _served(socket, service)
        except (WebSocketDisconnect, Cancelled):
            outcome = "left"
        except ServiceError as error:
            outcome = error.code
            await _refused(socket, error)
        except Exception as error:
            outcome = "internal"
            await _refused(socket, unforeseen(PATH, error))
        service.metrics.requests.labels(PATH, outcome).inc()
        service.metrics.seconds.labels(PATH).observe(time.monotonic() - began)


def _check_origin(socket: WebSocket, allowed: tuple) -> None:
    """Refuse pages of other sites, which browsers let open sockets anywhere; programs say none."""
    origin = socket.headers.get("origin")
    if origin is None or origin in allowed:
        return
    if urlsplit(origin).netloc != socket.headers.get("host"):
        told = f"{PATH}: expected this service's own page, got one of {origin}; see --allow_origins"
        raise ServiceError(403, "origin_not_allowed", told)


async def _served(socket: WebSocket, service: Service) -> None:
    """Answer frames until the client leaves."""
    parameters = checked(LiveParameters, dict(socket.query_params))
    remover = service.model(parameters.model)
    settings = Settings(steady=parameters.steady, presence=parameters.presence, ahead=0, live=True)
    with closing(LiveMatting(remover, settings)) as matting:
        await _answered(socket, service, matting)


async def _answered(socket: WebSocket, service: Service, matting: LiveMatting) -> None:
    """Answer one frame after the other."""
    most = min(MOST_PIXELS, service.settings.max_pixels)
    await socket.send_json({"max_pixels": most, "max_bytes": MOST_BYTES})
    began = time.monotonic()
    while True:
        content = await _received(socket, service)
        now = Fraction(time.monotonic() - began)
        work = partial(_matte, content=content, most=most, matting=matting, now=now)
        try:
            done = service.work.picture(most, work)
            found, pixels = await asyncio.wait_for(done, service.settings.time_limit)
        except asyncio.TimeoutError as error:
            told = "the time for a frame is over; the service has too much to do"
            raise ServiceError(503, "out_of_time", told) from error
        service.metrics.pixels.inc(pixels)
        service.metrics.sent.inc(len(found))
        try:
            await asyncio.wait_for(socket.send_bytes(found), service.settings.stall)
        except asyncio.TimeoutError as error:  # it takes nothing
            raise Cancelled from error


async def _received(socket: WebSocket, service: Service) -> bytes:
    """The next frame."""
    try:
        message = await asyncio.wait_for(socket.receive(), service.settings.stall)
    except asyncio.TimeoutError as error:
        told = f"no frame came for {service.settings.stall:g} s"
        raise ServiceError(408, "out_of_time", told) from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    content = message.get("bytes")
    if content is None:
        raise ServiceError(400, "invalid_picture", "frame: expected bytes, got text")
    if len(content) > MOST_BYTES:
        told = f"frame: expected at most {MOST_BYTES} bytes, got {len(content)}"
        raise ServiceError(413, "too_many_bytes", told)
    service.metrics.received.inc(len(content))
    return content


def _matte(
    job: Job, content: bytes, most: int, matting: LiveMatting, now: Fraction
) -> Tuple[bytes, int]:
    """The opacity of a frame as a file, and its pixels."""
    with job.step("decode"), refusals():
        picture = decoded(content, most)
    with job.step("network"), refusals():
        alpha = matting(picture, now).alpha
    with job.step("encode"):
        return encoded(alpha), alpha.size


async def _refused(socket: WebSocket, error: ServiceError) -> None:
    """Tell a client why, in the form of all errors, and close."""
    message = one_line(error.message)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has left
        await socket.send_json({"error": {"code": error.code, "message": message}})
        await socket.close(_CLOSED + error.status, error.code)
