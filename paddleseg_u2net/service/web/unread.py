"""Answers to clients that are still sending: they get to read them before the connection ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.types import Message, Receive, Scope, Send

# A connection that is closed while bytes come in is reset, and the answer is lost on its way: what
# comes is thrown away for so long.
_SECONDS = 5.0


class Unread:
    """ASGI middleware: a body that nobody has read ends the connection, after the answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does."""
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        ended = False

        async def receiving() -> Message:
            nonlocal ended
            message = await receive()
            ended = ended or not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and not ended:
                headers = [pair for pair in message["headers"] if pair[0].lower() != b"connection"]
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
            if message["type"] != "http.response.body" or message.get("more_body") or ended:
                await send(message)
                return
            await send({**message, "more_body": True})
            await _drained(receiving)
            await send({"type": "http.response.body", "body": b""})

        await self.app(scope, receiving, sending)


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def _drained(receive: Receive) -> None:
    async def drain() -> None:
        while (await receive()).get("more_body", False):
            pass

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(drain(), _SECONDS)
