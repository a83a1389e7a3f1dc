"""What uvicorn leaves open: clients that never end a request's head, or never take an answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Optional, Type

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_INVALID = json.dumps(
    {"error": {"code": "invalid_http", "message": "expected a request of HTTP/1.1"}}
).encode()


def connection_class(stall: float) -> Type[H11Protocol]:
    """Give the class of connections that end where nothing moves for so many seconds."""

    class Connection(H11Protocol):
        """One client's connection."""

        _head: Optional[asyncio.TimerHandle] = None
        _taking: Optional[asyncio.TimerHandle] = None
        _left = 0
        _is_handed_on = False

        def connection_made(self, transport: Any) -> None:
            """Wait for the first request's head."""
            super().connection_made(transport)
            self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            """Wait for the rest of a head that has begun."""
            super().data_received(data)
            if self._is_handed_on:
                return
            if self.cycle is None or self.cycle.response_complete:
                self._wait_for_head()
            elif self._head is not None:
                self._head.cancel()
                self._head = None

        def handle_websocket_upgrade(self, event: Any) -> None:
            """Hand the connection on to another class, which has times of its own."""
            self._is_handed_on = True
            if self._head is not None:
                self._head.cancel()
                self._head = None
            super().handle_websocket_upgrade(event)

        def _wait_for_head(self) -> None:
            if self._head is None:
                self._head = self.loop.call_later(stall, self._end_without_head)

        def _end_without_head(self) -> None:
            self._head = None
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()

        def pause_writing(self) -> None:
            """Watch whether the client takes what is sent."""
            super().pause_writing()
            self._left = self.transport.get_write_buffer_size()
            self._taking = self.loop.call_later(stall, self._end_if_stuck)

        def resume_writing(self) -> None:
            """It did."""
            super().resume_writing()
            if self._taking is not None:
                self._taking.cancel()
                self._taking = None

        def _end_if_stuck(self) -> None:
            left = self.transport.get_write_buffer_size()
            if left >= self._left:
                self.transport.abort()
            else:
                self._left = left
                self._taking = self.loop.call_later(stall, self._end_if_stuck)

        def connection_lost(self, exc: Optional[Exception]) -> None:
            """Forget what was waited for."""
            for timer in (self._head, self._taking):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            """Answer what is no HTTP, in JSON as all errors."""
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(_INVALID))),
                ("connection", "close"),
            ]
            events = (
                h11.Response(status_code=400, headers=headers, reason="Bad Request"),
                h11.Data(data=_INVALID),
                h11.EndOfMessage(),
            )
            try:
                self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
            except h11.LocalProtocolError:  # an answer is under way already
                self.transport.abort()
            self.transport.close()

    return Connection
