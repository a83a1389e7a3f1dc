"""Pictures to send, and a client that asks an app without a server."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import httpx
import numpy as np
from PIL import Image

BOX = (6, 4, 16, 14)
INSIDE, OUTSIDE = (250, 200, 190), (20, 60, 90)


def square(size=(20, 30), box=BOX, inside=INSIDE, outside=OUTSIDE) -> np.ndarray:
    """A picture (H, W, 3) of a bright box (left, top, right, bottom)."""
    picture = np.full((*size, 3), outside, np.uint8)
    picture[box[1] : box[3], box[0] : box[2]] = inside
    return picture


def encoded(picture: np.ndarray, format_name: str = "PNG", **more: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format_name, **more)
    return stream.getvalue()


def decoded(content: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(content)))


class Client:
    """Asks an app, one event loop a request."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def remove(self, picture: Any = None, **fields: Any) -> httpx.Response:
        """Send a picture to ``/api/remove``; a file's content, or the square."""
        content = encoded(square()) if picture is None else picture
        return self.post("/api/remove", files={"file": ("a.png", content)}, data=fields)


def code(response: httpx.Response) -> str:
    """The code of an error."""
    return response.json()["error"]["code"]
