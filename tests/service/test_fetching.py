"""Pictures at addresses: of hosts that are allowed, and never of this machine's network."""

from __future__ import annotations

import pytest

from tests.http_server import Reply, Server
from tests.service.asking import code, decoded, encoded, square

pytest.importorskip("fastapi", reason="the service needs the extra serve")

from paddleseg_u2net.service import Settings
from paddleseg_u2net.service.fetching import Fetcher, is_public
from paddleseg_u2net.service.web.errors import ServiceError

PICTURE = encoded(square())
INSIDE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:c0a8:101::",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "fec0::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
]


@pytest.fixture
def server():
    with Server() as server:
        yield server


def fetcher(server, names=("pictures.org",), allowed=None, **settings):
    """One to which names are the server's; its address counts as one of the internet."""
    port = server.address("").rpartition(":")[2]
    hosts = allowed or tuple(f"{name}:{port}" for name in names)
    return Fetcher(
        Settings(allow_urls=hosts, **settings),
        lambda host, port: ["127.0.0.1"] if host in names else ["10.0.0.1"],
        lambda address: address == "127.0.0.1",
    )


def url(server, path, host="pictures.org"):
    return server.address(path).replace("127.0.0.1", host)


def refused(fetcher, address) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        fetcher.fetch(address, "url")
    assert caught.value.message.startswith("url: ")
    return caught.value


def test_a_picture_of_a_host_that_is_allowed(server):
    server.script("/a.png?b=1&c=%20d", Reply(PICTURE))
    assert fetcher(server).fetch(url(server, "/a.png?b=1&c= d"), "url") == PICTURE
    (asked,) = server.asked("/a.png?b=1&c=%20d")
    assert asked.headers["host"] == url(server, "")[len("http://") :]
    assert "cookie" not in asked.headers and "authorization" not in asked.headers


@pytest.mark.parametrize(
    ("pattern", "host", "allowed"),
    [
        ("pictures.org", "pictures.org", True),
        ("pictures.org", "PICTURES.org.", True),
        ("pictures.org", "a.pictures.org", False),
        ("pictures.org", "pictures.org.evil.org", False),
        ("pictures.org", "evilpictures.org", False),
        ("*.pictures.org", "a.pictures.org", True),
        ("*.pictures.org", "a.b.pictures.org", True),
        ("*.pictures.org", "pictures.org", False),
        ("*.pictures.org", "evilpictures.org", False),
        ("pictures.org:8080", "pictures.org:8080", True),
        ("pictures.org:8080", "pictures.org", False),
        ("pictures.org", "pictures.org:8080", False),
        ("pictures.org", "pictures.org:80", True),
        ("pictures.org", "user@pictures.org", False),
        ("pictures.org", "pictures.org@10.0.0.1", False),
        ("pictures.org", "pictures.org#@10.0.0.1", True),
    ],
)
def test_hosts_are_compared_whole(pattern, host, allowed):
    seen = []

    def resolve(host, port):
        seen.append(host)
        raise OSError("not resolved")

    one = Fetcher(Settings(allow_urls=(pattern,)), resolve, lambda address: True)
    error = refused(one, f"http://{host}/a.png")
    assert bool(seen) == allowed
    assert error.code == ("not_fetched" if allowed else error.code)


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://pictures.org/a", "//pictures.org/a", "pictures.org", "", "http://",
     "http://[::1/a", "http://pictures.org:99999/", "gopher://pictures.org", "http://\u0000/"],
)  # fmt: skip
def test_addresses_that_are_none(address):
    one = Fetcher(Settings(allow_urls=("pictures.org",)))
    assert refused(one, address).status in (400, 403)


@pytest.mark.parametrize(
    "address",
    INSIDE,
)
def test_addresses_of_inside(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::"])
def test_addresses_of_the_internet(address):
    assert is_public(address)


def test_names_that_lead_inside_are_refused_after_resolution():
    for found in (["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], [], ["::1"]):
        one = Fetcher(Settings(allow_urls=("pictures.org",)), lambda h, p, found=found: found)
        error = refused(one, "https://pictures.org/a.png")
        assert (error.status, error.code) == (403, "url_not_allowed")


def test_it_connects_to_the_address_that_was_looked_at(server):
    """A name that is resolved anew would be another machine."""
    server.script("/a.png", Reply(PICTURE))
    asked = []

    def once(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    port = server.address("").rpartition(":")[2]
    one = Fetcher(
        Settings(allow_urls=(f"pictures.invalid:{port}",)), once, lambda a: a == "127.0.0.1"
    )
    assert one.fetch(url(server, "/a.png", "pictures.invalid"), "url") == PICTURE
    assert len(asked) == 1


def test_redirects_are_looked_at_as_addresses_are(server):
    server.script("/a.png", Reply(PICTURE))
    server.script("/here", Reply.redirect("/a.png"))
    assert fetcher(server).fetch(url(server, "/here"), "url") == PICTURE
    for target, name in (
        (url(server, "/a.png", "inside.org"), "url_not_allowed"),
        (server.address("/a.png"), "url_not_allowed"),
        ("file:///etc/passwd", "invalid_url"),
        (url(server, "/round"), "not_fetched"),
    ):
        server.script("/round", Reply.redirect(target))
        assert refused(fetcher(server), url(server, "/round")).code == name
    inside = fetcher(server, allowed=tuple(
        f"{host}:{server.address('').rpartition(':')[2]}" for host in ("pictures.org", "inside.org")
    ))  # fmt: skip
    server.script("/round", Reply.redirect(url(server, "/a.png", "inside.org")))
    assert refused(inside, url(server, "/round")).code == "url_not_allowed"


def test_answers_that_are_none(server):
    for reply in (
        Reply(b"", status=404),
        Reply(b"", status=500),
        Reply(PICTURE, cut=20),
        Reply(b"", status=302),
    ):
        server.script("/a.png", reply)
        assert refused(fetcher(server), url(server, "/a.png")).code == "not_fetched"


def test_too_many_bytes_and_too_much_time(server):
    server.script("/a.png", Reply(bytes(5000)))
    error = refused(fetcher(server, max_bytes=1000), url(server, "/a.png"))
    assert (error.status, error.code) == (413, "too_many_bytes")
    server.script("/a.png", Reply(bytes(5000), stall=100))
    error = refused(fetcher(server, time_limit=0.3), url(server, "/a.png"))
    assert error.code == "not_fetched"


def test_through_the_service(server, make):
    server.script("/a.png", Reply(PICTURE))
    client = make(allow_urls=("pictures.org",))
    client.app.state.service.fetcher = fetcher(server)
    for answer in (
        client.get("/api/remove", params={"url": url(server, "/a.png"), "only": "mask"}),
        client.post("/api/remove", data={"url": url(server, "/a.png"), "only": "mask"}),
    ):
        assert decoded(answer.content).sum() == 100 * 255
    answer = client.post("/v1.0/removebg", data={"image_url": url(server, "/a.png")})
    assert answer.status_code == 200
    answer = client.post(
        "/v1.0/removebg",
        files={"image_file": PICTURE},
        data={"bg_image_url": url(server, "/a.png"), "format": "png"},
    )
    assert tuple(decoded(answer.content)[0, 0]) == (20, 60, 90)
    answer = client.get("/api/remove", params={"url": "http://localhost/"})
    assert (answer.status_code, code(answer)) == (403, "url_not_allowed")
