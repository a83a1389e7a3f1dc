"""A file from the network: fetched once, resumed where it stopped, checked before it appears.

What has come so far is kept beside the target as ``.NAME.part``, with a note ``.NAME.part.json`` of
the address and the version (ETag or Last-Modified, RFC 9110) that the bytes belong to. A later try
asks for the rest of that very version; where it cannot be sure of the version, it starts over.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from requests import exceptions

from paddleseg_u2net.io.checksums import Checksum, DownloadError, difference, verify
from paddleseg_u2net.io.files import atomic_path, check_writable, write_text
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.log import logger
from paddleseg_u2net.progress import Progress

__all__ = ["Checksum", "DownloadError", "fetch", "verify"]


_BLOCK = 1 << 15
# No file of weights and no usual data set is larger; a server that never ends is stopped here.
_LARGEST = 8 << 30
_LONGEST_PAUSE = 30.0
_LOCK_POLL = 0.1
_BUSY = {429, 500, 502, 503, 504}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def fetch(
    addresses: Sequence[str],
    target: Union[str, Path],
    size: Optional[int] = None,
    checksum: Optional[Checksum] = None,
    *,
    retries: int = 3,
    timeout: float = 20.0,
    check: Optional[Callable[[Path], object]] = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch a file to ``target``, unless it is there; it appears whole and checked, or not at all.

    Of processes that fetch the same target at the same time one does the work and the others wait.

    Args:
        addresses: where to get it, tried in this order: http, https, file, or a path.
        size: expected number of bytes; more are not read. None: any, up to 8 GiB.
        checksum: expected digest; None: any content that ``check`` accepts.
        retries: how often an address is asked again after a cut, a stall or a busy server.
        timeout: seconds without a byte that count as a stall.
        check: is called with the path of the file before it gets its name; raises ValueError if
            it is not what was wanted.
        sleep: pauses between two tries, at most 30 seconds each.

    Returns:
        ``target``. A file that was there already is not compared with anything; see ``verify``.

    Raises:
        ValueError: an address is of another scheme, or there is none.
        DownloadError: no address gave the file; the message has each address with its reason.
        OSError: it cannot be written; the message has ``target`` and the repair. What has come so
            far stays beside ``target`` and the next call goes on from there.
    """
    sources = [addresses] if isinstance(addresses, str) else list(addresses)
    if not sources:
        raise ValueError(f"{target}: expected at least one address to fetch it from")
    for source in sources:
        _local(source)
    place = Path(target).absolute()
    place = place.resolve() if place.is_symlink() else place
    if place.is_file():
        return Path(target)
    check_writable(place, name=str(target))
    waiting = f"waiting for another process that fetches {target}"
    with _explained(place), locked(place, lambda: logger.warning(waiting), _LOCK_POLL) as alone:
        if not place.is_file():
            # Where files cannot be locked, two processes must not write to one part.
            kind = "part" if alone else f"part-{uuid.uuid4().hex[:8]}"
            part = place.with_name(f".{place.name}.{kind}")
            transfer = _Transfer(place, part, size, checksum, check, retries, timeout, sleep)
            try:
                transfer.run(sources)
                with atomic_path(place) as temporary:
                    part.replace(temporary)
                transfer.discard()
            finally:
                if not alone:
                    transfer.discard()
    return Path(target)


class _Next(Exception):
    """This address is of no use; the text says why."""


class _Again(Exception):
    """It may work if it is tried again, after a pause of so many seconds if the server said so."""

    def __init__(self, reason: str, pause: Optional[float] = None) -> None:
        super().__init__(reason)
        self.pause = pause


class _Origin(NamedTuple):
    """Where the bytes of a part come from."""

    address: str
    version: Optional[str]  # ETag or Last-Modified
    total: Optional[int]


@dataclass
class _Transfer:
    """The way from addresses to a part that is whole and checked."""

    target: Path
    part: Path
    size: Optional[int]
    checksum: Optional[Checksum]
    check: Optional[Callable[[Path], object]]
    retries: int
    timeout: float
    sleep: Callable[[float], None]

    def __post_init__(self) -> None:
        self.note = self.part.with_name(self.part.name + ".json")
        self.reached = False  # the server of the present address
        self.session = requests.Session()
        self.session.max_redirects = 10

    def run(self, addresses: Sequence[str]) -> None:
        """Fill the part from the first address that gives the file."""
        reasons: List[str] = []
        with self.session:
            for address in addresses:
                try:
                    return self._obtain(address)
                except _Next as reason:
                    reasons.append(f"{_shown(address)}: {reason}")
                    logger.warning(f"{self.target.name}: not from {reasons[-1]}")
        known = [] if self.size is None else [f"{self.size} bytes"]
        known += [] if self.checksum is None else [str(self.checksum)]
        raise DownloadError(
            f"{self.target} could not be fetched:\n  " + "\n  ".join(reasons) + "\n"
            "Try again later, or fetch it in another way and put the file at "
            f"{self.target}" + (f" ({', '.join(known)})" if known else "")
        )

    def discard(self) -> None:
        """Throw away what has come, in an order that never leaves old bytes with a new note."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _obtain(self, address: str) -> None:
        self.reached = False
        for fresh in (False, True):
            resumed = self._patiently(address)
            problem = self._problem()
            if not problem:
                return
            self.discard()
            if fresh or not resumed:
                raise _Next(problem)
            # Two files may have been joined in spite of all care.
            logger.warning(f"{self.target.name}: {problem}; starting over")

    def _problem(self) -> str:
        """What is wrong with the finished part, or an empty text."""
        problem = difference(self.part, self.size, self.checksum)
        if problem or self.check is None:
            return problem
        try:
            self.check(self.part)
        except ValueError as error:
            return str(error).replace(str(self.part), str(self.target)) or "refused"
        return ""

    def _patiently(self, address: str) -> bool:
        """Fill the part, if need be in several tries; whether it was put together of pieces."""
        path = _local(address)
        if path is not None:
            self._copy(path)
            return False
        failures = 0
        while True:
            try:
                return self._attempt(address)
            except _Again as again:
                if failures >= self.retries:
                    raise _Next(f"{again} (tried {failures + 1} times)") from again
                pause = min(2.0**failures if again.pause is None else again.pause, _LONGEST_PAUSE)
                failures += 1
                logger.warning(f"{self.target.name}: {again}; again in {pause:g} s")
                self.sleep(pause)

    def _copy(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                total = path.stat().st_size
                self._refuse_length(total, "the file")
                self.discard()
                self._receive(iter(lambda: file.read(1 << 20), b""), 0, total)
        except (FileNotFoundError, IsADirectoryError):
            raise _Next("there is no such file") from None

    def _attempt(self, address: str) -> bool:
        """Ask once, for the rest or for all; whether the part had been begun before."""
        origin = self._kept(address)
        have = self.part.stat().st_size if origin else 0
        if origin and have == self._expected(origin):
            return True
        with self._ask(address, have, origin) as response:
            if origin and response.status_code == 200:
                have, origin = 0, None
            elif origin and response.status_code in (206, 412, 416):
                if not self._is_rest(response, have, origin):
                    self.discard()
                    return self._attempt(address)
            elif response.status_code != 200:
                _refuse_status(response)
            origin = origin or self._begin(address, response)
            total = self._expected(origin)
            total = _range(response)[1] if total is None else total
            received = self._receive(self._body(response), have, total)
        if total is not None and received < total:
            raise _Again(f"expected {total} bytes, the answer ended after {received}")
        return have > 0

    def _kept(self, address: str) -> Optional[_Origin]:
        """Where the part is from, if it can be continued from this address."""
        try:
            origin = _Origin(**json.loads(self.note.read_text(encoding="utf-8")))
            have = self.part.stat().st_size
        except (OSError, ValueError, TypeError):
            return None
        # Without a version, only a checksum tells whether the rest is of the same file.
        sure = origin.version is not None or self.checksum is not None
        expected = self._expected(origin)
        fits = expected is None or (have <= expected and origin.total in (None, expected))
        return origin if have and sure and fits and origin.address == _shown(address) else None

    def _expected(self, origin: _Origin) -> Optional[int]:
        return origin.total if self.size is None else self.size

    def _ask(self, address: str, have: int, origin: Optional[_Origin]) -> requests.Response:
        # A range of a compressed body would be of no use.
        headers = {"Accept-Encoding": "identity"}
        if origin is not None:
            headers["Range"] = f"bytes={have}-"
            if origin.version is not None:
                headers["If-Range"] = origin.version
        try:
            response = self.session.get(address, headers=headers, stream=True, timeout=self.timeout)
        except requests.ReadTimeout as error:
            raise _Again(f"no answer for {self.timeout:g} s") from error
        except requests.ConnectionError as error:
            # No way to the server: asking again helps only if there has been one.
            if _not_reached(error) and not self.reached:
                raise _Next(_reason(error)) from error
            raise _Again(_reason(error)) from error
        except (requests.RequestException, ValueError) as error:
            raise _Next(_reason(error)) from error
        self.reached = True
        return response

    def _is_rest(self, response: requests.Response, have: int, origin: _Origin) -> bool:
        """Whether an answer is the rest of the very file that the part is of."""
        start, total = _range(response)
        expected = self._expected(origin)
        # Some servers overlook If-Range.
        same = origin.version in (None, _version(response.headers) or origin.version)
        fits = total is None or expected in (None, total)
        return start == have and fits and same and not _is_encoded(response)

    def _begin(self, address: str, response: requests.Response) -> _Origin:
        """Start a new part for an answer with the whole file."""
        encoded = _is_encoded(response)
        total = None if encoded else _declared(response)
        kind = response.headers.get("Content-Type", "an unknown type")
        self._refuse_length(total, f"the answer (of {kind})")
        origin = _Origin(_shown(address), _version(response.headers), total)
        self.discard()
        if not encoded:  # or it cannot be continued
            write_text(self.note, json.dumps(origin._asdict()))
        return origin

    def _refuse_length(self, total: Optional[int], what: str) -> None:
        if total is not None and self.size is not None and total != self.size:
            raise _Next(f"expected {self.size} bytes, {what} has {total}")
        if total is not None and total > _LARGEST:
            raise _Next(f"expected at most {_LARGEST} bytes, {what} has {total}")

    def _body(self, response: requests.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_content(_BLOCK)
        except exceptions.ContentDecodingError as error:
            raise _Next(f"the answer cannot be unpacked: {_reason(error)}") from error
        except requests.RequestException as error:
            stalled = "timed out" in str(error)
            reason = f"no more came for {self.timeout:g} s" if stalled else "the connection broke"
            raise _Again(f"{reason} after {self.part.stat().st_size} bytes") from error

    def _receive(self, blocks: Iterator[bytes], have: int, total: Optional[int]) -> int:
        """Append to a part of ``have`` bytes; how many it has then."""
        limit = _LARGEST if total is None else total
        with (
            Progress(total, self.target.name, "B", have) as progress,
            self.part.open("ab") as file,
        ):
            for block in blocks:
                have += len(block)
                if have > limit:
                    break
                file.write(block)
                progress.update(len(block))
            file.flush()
            # Syncing takes long; a kill while the file is being renamed would lose the part.
            os.fsync(file.fileno())
        if have > limit:
            self.discard()
            raise _Next(f"expected at most {limit} bytes, more came")
        return have


def _refuse_status(response: requests.Response) -> None:
    reason = f"the server answers {response.status_code} {response.reason}"
    if response.status_code in _BUSY:
        pause = response.headers.get("Retry-After", "").strip()
        raise _Again(reason, float(pause) if pause.isdecimal() else None)
    raise _Next(reason)


def _range(response: requests.Response) -> Tuple[Optional[int], Optional[int]]:
    """First byte and length of the whole file, as Content-Range has them."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _is_encoded(response: requests.Response) -> bool:
    return response.headers.get("Content-Encoding", "identity").strip().lower() != "identity"


def _declared(response: requests.Response) -> Optional[int]:
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    text = response.headers.get("Content-Length", "").strip()
    return int(text) if text.isdecimal() and not chunked else None


def _version(headers: Mapping[str, str]) -> Optional[str]:
    """What If-Range may carry: a strong ETag, or a date (RFC 9110, 13.1.5)."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _not_reached(error: requests.ConnectionError) -> bool:
    """Whether there was no connection at all: no name, no route, a proxy or certificate refused."""
    cause = error.args[0] if error.args else None
    if hasattr(cause, "reason"):
        return True
    return isinstance(error, (requests.ConnectTimeout, exceptions.ProxyError, exceptions.SSLError))


def _reason(error: Exception) -> str:
    """The innermost cause, without the names of objects."""
    cause: object = error.args[0] if error.args else error
    cause = getattr(cause, "reason", None) or cause
    parts = cause.args if isinstance(cause, Exception) and len(cause.args) == 2 else (cause,)
    text = ": ".join(str(part).rstrip(".") for part in parts)
    return re.sub(r"<[^>]*object at[^>]*>(: |, )?", "", text) or type(error).__name__


def _local(address: str) -> Optional[Path]:
    """The path that an address means, None for http and https; others are refused."""
    with suppress(ValueError):  # [ without ]
        parts = urlsplit(address)
        if parts.scheme in ("http", "https"):
            return None
        if len(parts.scheme) <= 1:  # C:\ is a drive
            return Path(address).expanduser()
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return Path(url2pathname(parts.path))
    raise ValueError(
        f"{address}: expected an address that starts with http://, https:// or file:///, or a path"
    )


def _shown(address: str) -> str:
    """The address without a name and password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Failures at our hidden files, told as failures at the target."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        # An error that leaves atomic_path has the repair in its message.
        with atomic_path(target):
            raise OSError(error.errno, error.strerror, str(target)) from error
