"""``/api/live``: each frame is answered by its opacity, within the service's limits."""

from __future__ import annotations

import io
import json
import time
from urllib.request import urlopen

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.service.asking import encoded, square
from tests.service.bright import Bright, bright_remover

client = pytest.importorskip("websockets.sync.client", reason="the service needs the extra serve")
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

from tests.service.browser import serving  # noqa: E402

FRAME = encoded(square((48, 64), (10, 8, 40, 36)))


class Broken(Bright):
    """A network that fails."""

    def __call__(self, batch):
        raise RuntimeError("no such kernel")


class Flickering(Bright):
    """A network that finds what is bright, and the next time what is not."""

    sign = 1

    def __call__(self, batch):
        self.sign = -self.sign
        return super().__call__(batch) * self.sign / 125  # 0.6 and 0.4


@pytest.fixture(scope="module")
def address():
    networks = {"bright": Bright(), "broken": Broken(), "flickering": Flickering()}
    models = {name: bright_remover(network) for name, network in networks.items()}
    with serving(models, cameras=2, stall=0.4, max_pixels=64 * 48) as address:
        yield address


def connected(address, words="steady=0", **more):
    """A connection that has been greeted."""
    socket = client.connect(f"{address.replace('http', 'ws')}api/live?{words}", **more)
    greeting = json.loads(socket.recv())
    return socket, greeting


def alpha_of(content):
    """The opacity of an answer, as Pillow reads it."""
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG" and picture.mode == "P"
    pixels = np.asarray(picture.convert("RGBA"))
    assert not pixels[..., :3].any()
    return pixels[..., 3]


def refusal(socket):
    """The error that a connection ends with, and the code of its end."""
    error = json.loads(socket.recv())["error"]
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv()
    return error, closed.value.rcvd.code, closed.value.rcvd.reason


def free(address):
    """Whether every place is free after a while."""
    for _ in range(200):
        if b"u2net_queue 0.0" in urlopen(f"{address}metrics").read():
            return True
        time.sleep(0.02)
    return False


def test_frames_are_answered_by_their_opacity(address):
    socket, greeting = connected(address)
    with socket:
        assert greeting == {"max_pixels": 64 * 48, "max_bytes": 1 << 20}
        for box in [(10, 8, 40, 36), (20, 8, 50, 36)]:
            socket.send(encoded(square((48, 64), box)))
            expected = np.zeros((48, 64), np.uint8)
            expected[box[1] : box[3], box[0] : box[2]] = 255
            np.testing.assert_array_equal(alpha_of(socket.recv()), expected)
        socket.send(encoded(square((64, 48), (4, 4, 30, 30))))  # a telephone is turned
        assert alpha_of(socket.recv()).shape == (64, 48)


def test_opacity_is_steady_where_that_is_asked_for(address):
    def flicker(steady):
        assert free(address)
        socket, _ = connected(address, f"model=flickering&presence=0&steady={steady}")
        with socket:
            found = []
            for _ in range(14):  # a frame that stands still is not looked at each time
                socket.send(FRAME)
                found.append(alpha_of(socket.recv()).astype(float))
        return np.abs(np.diff(found, axis=0)).mean()

    assert 0 < flicker(1) < 0.7 * flicker(0)


def test_a_camera_too_many_is_told_and_comes_next(address):
    assert free(address)
    first, _ = connected(address)
    socket, _ = connected(address)
    other = client.connect(f"{address.replace('http', 'ws')}api/live")
    error, code, reason = refusal(other)
    assert (error["code"], code, reason) == ("busy", 4503, "busy")
    socket.send(FRAME)
    assert alpha_of(socket.recv()).any()
    socket.socket.close()  # without a word, as when a machine is switched off
    first.close()
    assert free(address)
    again, greeting = connected(address)
    assert "max_pixels" in greeting
    again.close()


@pytest.mark.parametrize(
    "words, sent, code, closed",
    [
        ("", b"no picture", "invalid_picture", 4400),
        ("", "text", "invalid_picture", 4400),
        ("", FRAME[:80], "invalid_picture", 4400),
        ("", bytes(2 << 20), "too_many_bytes", 4413),
        ("", encoded(square((50, 64))), "too_many_pixels", 4413),
        ("model=broken", FRAME, "internal", 4500),
        ("", None, "out_of_time", 4408),
    ],
)
def test_what_ends_a_connection(address, words, sent, code, closed):
    assert free(address)
    socket, _ = connected(address, words)
    if sent is not None:
        socket.send(sent)
    error, number, _ = refusal(socket)
    assert (error["code"], number) == (code, closed) and error["message"]
    assert free(address)


@pytest.mark.parametrize("words", ["steady=2", "steady=x", "speed=1", "model=none"])
def test_parameters_are_checked(address, words):
    assert free(address)
    socket = client.connect(f"{address.replace('http', 'ws')}api/live?{words}")
    error, code, _ = refusal(socket)
    assert code == 4400 and words.split("=")[0] in error["message"]


def test_pages_of_other_sites_are_refused(address):
    with pytest.raises(InvalidStatus) as refused:
        connected(address, origin="https://elsewhere.example")
    response = refused.value.response
    assert response.status_code == 403
    assert json.loads(response.body)["error"]["code"] == "origin_not_allowed"
    assert free(address)
    socket, greeting = connected(address, origin=address.rstrip("/"))
    socket.close()
    assert "max_pixels" in greeting


def test_keys_and_allowed_sites():
    settings = {"api_keys": ("secret",), "allow_origins": ("https://mine.example",)}
    with serving({"bright": bright_remover()}, **settings) as address:
        with pytest.raises(InvalidStatus) as refused:
            connected(address)
        assert refused.value.response.status_code == 403
        key = {"X-Api-Key": "secret"}
        socket, _ = connected(address, origin="https://mine.example", additional_headers=key)
        with socket:
            socket.send(FRAME)
            assert alpha_of(socket.recv()).any()


def test_cameras_are_counted_and_can_be_off(address):
    told = httpx.get(f"{address}metrics").text
    assert 'u2net_requests_total{api="/api/live",outcome="left"}' in told
    assert httpx.get(f"{address}health").json()["cameras"] == 2
    with serving({"bright": bright_remover()}, cameras=0) as other:
        assert httpx.get(f"{other}health").json()["cameras"] == 0
        with pytest.raises(InvalidStatus):
            connected(other)
