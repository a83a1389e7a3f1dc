"""What is refused: too many bytes, pixels, requests; and who is not waited for."""

from __future__ import annotations

import asyncio
import threading
import time

import httpx
import numpy as np
import pytest

from tests.io.formats import header_of
from tests.service.asking import code, encoded, square
from tests.service.bright import Bright


class Held(Bright):
    """A network that waits, and knows how many wait in it."""

    def __init__(self):
        self.entered, self.gate = threading.Semaphore(0), threading.Event()
        self.count = 0

    def __call__(self, batch):
        self.count += 1
        self.entered.release()
        assert self.gate.wait(30)
        return super().__call__(batch)


def test_bytes_are_counted_whatever_the_header_says(make):
    client = make(max_bytes=5000)
    assert client.remove().status_code == 200
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3)).astype(np.uint8)
    answer = client.remove(encoded(noise))
    assert (answer.status_code, code(answer)) == (413, "too_many_bytes")

    async def chunks():
        for _ in range(1000):
            yield bytes(100)

    for kind in ("image/png", "multipart/form-data; boundary=x", "application/json"):
        answer = client.post("/api/remove", content=chunks(), headers={"Content-Type": kind})
        assert answer.status_code in (400, 413), answer.text
        assert answer.headers["connection"] == "close"


def test_a_large_body_is_refused_before_it_is_read(make):
    client = make(max_bytes=5000)
    read = 0

    async def asked():
        scope_headers = {"Content-Type": "image/png", "Content-Length": str(500 * 2**20)}

        async def body():
            nonlocal read
            while read < 500 * 2**20:
                read += 65536
                yield bytes(65536)

        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.post("/api/remove", content=body(), headers=scope_headers)

    began = threading.active_count()
    answer = asyncio.run(asked())
    assert (answer.status_code, code(answer)) == (413, "too_many_bytes")
    assert threading.active_count() <= began + 8


def test_pixels_are_counted_by_the_header(make):
    client = make(max_pixels=1000)
    assert client.remove().status_code == 200
    answer = client.remove(encoded(square((40, 30))))
    assert (answer.status_code, code(answer)) == (413, "too_many_pixels")
    answer = make().remove(header_of(40000, 40000))
    assert (answer.status_code, code(answer)) == (413, "too_many_pixels")
    assert "1600000000 (40000 x 40000)" in answer.json()["error"]["message"]


def test_what_is_made_has_limited_pixels_too(make):
    client = make(max_pixels=1000)
    for fields in ({"size": "40x40"}, {"crop": "300"}, {"crop": "2000%"}, {"size": "1001x1"}):
        answer = client.remove(**fields)
        assert (answer.status_code, code(answer)) == (413, "too_many_pixels"), fields
        assert "at most 1000 pixels" in answer.json()["error"]["message"]
    # of the box around them nothing is made
    for fields in ({"size": "30x30", "crop": "5"}, {"size": "900x1"}):
        assert client.remove(**fields).status_code == 200


async def _http(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def _post(http):
    return asyncio.ensure_future(
        http.post("/api/remove", files={"file": ("a.png", encoded(square()))})
    )


async def _until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        await asyncio.sleep(0.005)


def test_a_full_queue_refuses_and_never_grows(make):
    network = Held()
    client = make(network, at_once=1, queue=2)
    work = client.app.state.service.work

    async def run():
        async with await _http(client.app) as http:
            taken = [_post(http) for _ in range(3)]
            await _until(lambda: work.taken == 3 and network.count == 1)
            refused = [await _post(http) for _ in range(20)]
            assert {answer.status_code for answer in refused} == {503}
            assert {code(answer) for answer in refused} == {"busy"}
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
            assert work.taken == 3
            health = await http.get("/health")
            network.gate.set()
            answers = await asyncio.gather(*taken)
            assert {answer.status_code for answer in answers} == {200}
            assert health.status_code == 200 and work.taken == 0
            assert (await _post(http)).status_code == 200

    asyncio.run(run())


def _scope(headers) -> dict:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": "/api/remove", "raw_path": b"/api/remove", "query_string": b"", "scheme": "http",
        "headers": [(name.lower(), value) for name, value in headers], "server": ("test", 80),
        "client": ("127.0.0.1", 1), "root_path": "", "state": {},
    }  # fmt: skip


async def _asgi(app, leaves: asyncio.Event):
    """Send a picture without httpx, as a client that leaves when it is told to."""
    request = httpx.Request("POST", "http://test/api/remove", files={"file": encoded(square())})
    body, sent = request.read(), []
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    scope = _scope(request.headers.raw)

    async def receive():
        if messages:
            return messages.pop()
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


def test_who_leaves_frees_the_place_and_the_work_is_not_begun(make):
    network = Held()
    client = make(network, at_once=1, queue=1)
    work = client.app.state.service.work

    async def run():
        stay, leave = asyncio.Event(), asyncio.Event()
        first = asyncio.ensure_future(_asgi(client.app, stay))
        await _until(lambda: network.count == 1)
        second = asyncio.ensure_future(_asgi(client.app, leave))
        await _until(lambda: work.taken == 2)
        leave.set()
        await second
        assert work.taken == 1
        network.gate.set()
        assert (await first)[0]["status"] == 200
        assert network.count == 1  # the second was never begun

    asyncio.run(run())


def test_who_leaves_while_sending_is_counted_and_no_error(make, caplog):
    client = make()

    async def run():
        messages = [{"type": "http.request", "body": b"--x", "more_body": True}]

        async def receive():
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message):
            pass

        headers = [
            (b"content-type", b"multipart/form-data; boundary=x"),
            (b"content-length", b"99"),
        ]
        await client.app(_scope(headers), receive, send)

    asyncio.run(run())
    text = client.get("/metrics").text
    assert 'u2net_requests_total{api="/api/remove",outcome="left"} 1.0' in text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_work_of_who_left_ends_at_its_next_step(make):
    network = Held()
    client = make(network, at_once=1)
    work, service = client.app.state.service.work, client.app.state.service

    async def run():
        leave = asyncio.Event()
        left = asyncio.ensure_future(_asgi(client.app, leave))
        await _until(lambda: network.count == 1)
        leave.set()
        await left
        assert work.taken == 0 and work.running == 1
        network.gate.set()
        await _until(lambda: work.running == 0)

    asyncio.run(run())
    text = service.metrics.text()[0].decode()
    assert 'u2net_requests_total{api="/api/remove",outcome="left"} 1.0' in text
    assert 'u2net_step_seconds_count{step="network"} 1.0' in text
    assert 'step="finish"' not in text and 'step="encode"' not in text


def test_the_time_of_a_request_is_limited(make):
    network = Held()
    client = make(network, time_limit=0.2, at_once=1)
    answer = client.remove()
    network.gate.set()
    assert (answer.status_code, code(answer)) == (503, "out_of_time")
    assert answer.headers["retry-after"]


def test_a_client_that_sends_nothing_is_not_waited_for(make):
    client = make(stall=0.1)

    async def some():
        yield b"--x\r\n"
        await asyncio.sleep(20)

    answer = client.post(
        "/api/remove", content=some(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, code(answer)) == (408, "stalled")
    assert client.app.state.service.work.taken == 0


def test_pictures_share_a_number_of_pixels(make):
    network = Held()
    client = make(network, at_once=4, max_pixels=1300)  # two of 600 pixels

    async def run():
        async with await _http(client.app) as http:
            asked = [_post(http) for _ in range(4)]
            await _until(lambda: network.count == 2)
            await asyncio.sleep(0.1)
            assert network.count == 2
            network.gate.set()
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}

    asyncio.run(run())


def test_the_service_says_when_the_model_fails(make):
    class Failing(Bright):
        fails = True

        def __call__(self, batch):
            if self.fails:
                raise MemoryError("no memory")
            return super().__call__(batch)

    network = Failing()
    client = make(network)
    answer = client.remove()
    assert (answer.status_code, code(answer)) == (503, "no_memory")
    assert client.get("/health").status_code == 503
    network.fails = False
    assert client.get("/health").json()["status"] == "ready"
    assert client.remove().status_code == 200


def test_origins_of_other_sites(make):
    origin = {"Origin": "https://example.org"}
    client = make(allow_origins=("https://example.org",))
    answer = client.get("/health", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    other = client.get("/health", headers={"Origin": "https://example.com"})
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "time_limit", "stall"])
def test_settings_that_let_nothing_through(make, name):
    with pytest.raises(ValueError, match=name):
        make(**{name: 0})
