"""Pictures that are fetched for a client: from hosts that are allowed, and never from inside.

A name is resolved once, all its addresses are looked at, and one of these is connected to: who
answers for the name cannot show a public address first and an inner one then.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from typing import Callable, List, Tuple, Union
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from paddleseg_u2net._version import __version__
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.web.errors import ServiceError

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Resolve = Callable[[str, int], List[str]]

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = 3
_BLOCK = 1 << 16
_KEPT = "%/:=&?~#+!$,;'@()*[]"  # of an address that is quoted already
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SECONDS = 10.0  # to connect, and between two bytes
_SECONDS_IN_ALL = 30.0


def resolve(host: str, port: int) -> List[str]:
    """All addresses of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def is_public(text: str) -> bool:
    """Whether an address is one of the internet, and not of this machine or its networks.

    Of an IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo, NAT64) both must be.
    """
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    return all(
        part.is_global
        and not (part.is_multicast or part.is_reserved or part.is_unspecified)
        and not getattr(part, "is_site_local", False)
        for part in (address, *_carried(address))
    )


def _carried(address: Address) -> Tuple[ipaddress.IPv4Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(each for each in found if each is not None)


class Fetcher:
    """Fetches what `Settings.allow_urls` allows, within its limits.

    Args:
        resolve: gives the addresses of a name; for tests.
        is_public: see there; for tests.
    """

    def __init__(
        self,
        settings: Settings,
        resolve: Resolve = resolve,
        is_public: Callable[[str], bool] = is_public,
    ) -> None:
        self._settings, self._resolve, self._is_public = settings, resolve, is_public

    def fetch(self, url: str, name: str) -> bytes:
        """The content at an address; ``name`` is the parameter that errors begin with.

        Raises:
            ServiceError: 403, it is not allowed; 400, there is nothing, or too much.
        """
        deadline = time.monotonic() + min(_SECONDS_IN_ALL, self._settings.time_limit)
        for _ in range(1 + _REDIRECTS):
            parts, port = self._allowed(url, name)
            address = self._address(parts, port, name)
            try:
                found = self._answered(parts, port, address, deadline, name)
            except (OSError, http.client.HTTPException, ValueError) as error:
                told = f"{name}: {parts.hostname} does not answer as expected: {error}"
                raise ServiceError(400, "not_fetched", told) from error
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
        told = f"{name}: it was redirected more than {_REDIRECTS} times"
        raise ServiceError(400, "not_fetched", told)

    def _allowed(self, url: str, name: str) -> Tuple[SplitResult, int]:
        hosts = self._settings.allow_urls
        if not hosts:
            told = f"{name}: this service fetches no addresses; send the picture itself"
            raise ServiceError(403, "url_not_allowed", told)
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
            usual = _PORTS[parts.scheme]
            host.encode("idna")
        except (ValueError, KeyError) as error:
            told = f"{name}: expected an address http://... or https://..., got {url!r:.200}"
            raise ServiceError(400, "invalid_url", told) from error
        named = host if port in (None, usual) else f"{host}:{port}"
        if not any(_matches(named, pattern) for pattern in hosts):
            told = f"{name}: {named or 'no host'} is none of the hosts that are allowed"
            raise ServiceError(403, "url_not_allowed", told)
        if parts.username is not None:
            told = f"{name}: an address with a name and password is not fetched"
            raise ServiceError(400, "invalid_url", told)
        return parts, port or usual

    def _address(self, parts: SplitResult, port: int, name: str) -> str:
        host = str(parts.hostname)
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            told = f"{name}: there is no host {host}: {error}"
            raise ServiceError(400, "not_fetched", told) from error
        if not found or not all(map(self._is_public, found)):
            told = f"{name}: {host} is inside this machine's network, where nothing is fetched"
            raise ServiceError(403, "url_not_allowed", told)
        return found[0]

    def _answered(
        self, parts: SplitResult, port: int, address: str, deadline: float, name: str
    ) -> Union[bytes, str]:
        """The content, or the address that it is at."""
        connection = _Pinned(str(parts.hostname), port, address, parts.scheme == "https")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
        headers["User-Agent"] = f"paddleseg_u2net/{__version__}"
        # Or a host that sends a byte now and then would keep this thread for ever.
        end = threading.Timer(max(0.0, deadline - time.monotonic()), connection.cut)
        end.daemon = True
        end.start()
        try:
            connection.request("GET", quote(path, safe=_KEPT), headers=headers)
            response = connection.getresponse()
            location = response.getheader("Location")
            if response.status in (301, 302, 303, 307, 308) and location:
                return location
            if response.status != 200:
                raise ValueError(f"{response.status} {response.reason}")
            return self._read(response, name)
        finally:
            end.cancel()
            connection.close()

    def _read(self, response: http.client.HTTPResponse, name: str) -> bytes:
        found, most = bytearray(), self._settings.max_bytes
        while block := response.read(_BLOCK):
            found += block
            if len(found) > most:
                told = f"{name}: expected at most {most} bytes; name a smaller picture"
                raise ServiceError(413, "too_many_bytes", told)
        if response.length:  # which `read` of a number of bytes passes over
            raise http.client.IncompleteRead(bytes(found), response.length)
        return bytes(found)


class _Pinned(http.client.HTTPConnection):
    """A connection to one address of a host, whose certificate has the host's name."""

    def __init__(self, host: str, port: int, address: str, secure: bool) -> None:
        super().__init__(host, port, timeout=_SECONDS)
        self.default_port = _PORTS["https" if secure else "http"]
        self._address, self._secure = address, secure

    def connect(self) -> None:
        """Connect to the address that was looked at, through no proxy."""
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)

    def cut(self) -> None:
        """End it, whoever waits for it."""
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


def _matches(host: str, pattern: str) -> bool:
    host, pattern = host.lower(), pattern.lower()
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
