"""A file from the network: fetched once, resumed where it stopped, checked before it appears.

What has come so far is kept beside the target as ``.NAME.part``, with a note ``.NAME.part.json`` of
the address and the version (ETag or Last-Modified, RFC 9110) that the bytes belong to. A later try
asks for the rest of that very version; where it cannot be sure of the version, it starts over.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from requests import exceptions

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
_DIGITS = {"sha256": 64, "md5": 32}


class DownloadError(OSError):
    """A file could not be fetched, or is not the expected one; the message says why."""


@dataclass(frozen=True)
class Checksum:
    """A digest that a file must have: ``algorithm`` is sha256 or md5, ``digest`` hexadecimal."""

    algorithm: str
    digest: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", self.digest.lower())
        digits = _DIGITS.get(self.algorithm, 0)
        if not digits or not re.fullmatch(f"[0-9a-f]{{{digits}}}", self.digest):
            raise ValueError(
                f"{self}: expected sha256 and 64 hexadecimal digits, or md5 and 32 of them"
            )

    @classmethod
    def parse(cls, text: str) -> Checksum:
        """Read ``sha256:...`` or ``md5:...``.

        Raises:
            ValueError: it is not of this form.
        """
        algorithm, _, digest = text.partition(":")
        return cls(algorithm.strip().lower(), digest.strip())

    def of(self, path: Path) -> Checksum:
        """The checksum that the file has, by the same algorithm."""
        # md5 tells files apart here, it protects nothing; some systems forbid it otherwise.
        digest = hashlib.new(self.algorithm, usedforsecurity=False)
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        return Checksum(self.algorithm, digest.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"


def verify(path: Path, size: Optional[int] = None, checksum: Optional[Checksum] = None) -> None:
    """Compare a file with its expected size in bytes and its checksum; None: not compared.

    Raises:
        FileNotFoundError: there is no such file.
        DownloadError: it differs; the message has the expected and the found value.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file, found none")
    difference = _difference(path, size, checksum)
    if difference:
        raise DownloadError(f"{path}: {difference}; delete the file and fetch it again")


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
    place = _final_place(Path(target))
    if place.is_file():
        return Path(target)
    check_writable(place, name=str(target))
    with _explained(place), locked(place, lambda: _tell_waiting(target), _LOCK_POLL) as alone:
        if not place.is_file():
            # Where files cannot be locked, two processes must not write to one part.
            part = _Part(place, "part" if alone else f"part-{uuid.uuid4().hex[:8]}")
            wanted = _Wanted(place, size, checksum, check)
            try:
                with requests.Session() as session:
                    _Transfer(session, part, wanted, retries, timeout, sleep).run(sources)
                with atomic_path(place) as temporary:
                    part.path.replace(temporary)
                part.discard()
            finally:
                if not alone:
                    part.discard()
    return Path(target)


class _Next(Exception):
    """This address is of no use; the text says why."""


class _Again(Exception):
    """It may work if it is tried again, after a pause of so many seconds if the server said so."""

    def __init__(self, reason: str, pause: Optional[float] = None) -> None:
        super().__init__(reason)
        self.pause = pause


class _Wanted(NamedTuple):
    """What is to be fetched."""

    target: Path
    size: Optional[int]
    checksum: Optional[Checksum]
    check: Optional[Callable[[Path], object]]


class _Origin(NamedTuple):
    """Where the bytes of a part come from."""

    address: str
    version: Optional[str]  # as If-Range takes it
    total: Optional[int]


class _Part:
    """What has come so far, and the note of where it came from."""

    def __init__(self, target: Path, kind: str) -> None:
        self.path = target.with_name(f".{target.name}.{kind}")
        self.note = target.with_name(f".{target.name}.{kind}.json")

    def length(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def origin(self) -> Optional[_Origin]:
        try:
            return _Origin(**json.loads(self.note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def start(self, origin: Optional[_Origin]) -> None:
        """Throw away what is there; None: the new part cannot be resumed."""
        # In this order, a kill never leaves old bytes with a new note.
        self.discard()
        if origin is not None:
            write_text(self.note, json.dumps(origin._asdict()))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


@dataclass
class _Transfer:
    """The way from addresses to a part that is whole and checked."""

    session: requests.Session
    part: _Part
    wanted: _Wanted
    retries: int
    timeout: float
    sleep: Callable[[float], None]
    reached: bool = False  # the server of the present address

    def run(self, addresses: Sequence[str]) -> None:
        """Fill the part from the first address that gives the file."""
        self.session.max_redirects = 10
        reasons: List[str] = []
        for address in addresses:
            try:
                return self._obtain(address)
            except _Next as reason:
                reasons.append(f"{_shown(address)}: {reason}")
                logger.warning(f"{self.wanted.target.name}: not from {reasons[-1]}")
        known = ", ".join(
            ([] if self.wanted.size is None else [f"{self.wanted.size} bytes"])
            + ([] if self.wanted.checksum is None else [str(self.wanted.checksum)])
        )
        raise DownloadError(
            f"{self.wanted.target} could not be fetched:\n  " + "\n  ".join(reasons) + "\n"
            "Try again later, or fetch it in another way and put the file at "
            f"{self.wanted.target}" + (f" ({known})" if known else "")
        )

    def _obtain(self, address: str) -> None:
        self.reached = False
        for fresh in (False, True):
            resumed = self._patiently(address)
            problem = self._problem()
            if not problem:
                return
            self.part.discard()
            if fresh or not resumed:
                raise _Next(problem)
            # Two files may have been joined in spite of all care.
            logger.warning(f"{self.wanted.target.name}: {problem}; starting over")

    def _problem(self) -> str:
        """What is wrong with the finished part, or an empty text."""
        difference = _difference(self.part.path, self.wanted.size, self.wanted.checksum)
        if difference or self.wanted.check is None:
            return difference
        try:
            self.wanted.check(self.part.path)
        except ValueError as error:
            return str(error).replace(str(self.part.path), str(self.wanted.target)) or "refused"
        return ""

    def _patiently(self, address: str) -> bool:
        """Fill the part, if need be in several tries; whether it was put together of pieces."""
        path = _local(address)
        if path is not None:
            return self._copy(path)
        failures = 0
        while True:
            try:
                return self._attempt(address)
            except _Again as again:
                if failures >= self.retries:
                    raise _Next(f"{again} (tried {failures + 1} times)") from again
                pause = 2.0**failures if again.pause is None else again.pause
                pause = min(pause, _LONGEST_PAUSE)
                failures += 1
                logger.warning(f"{self.wanted.target.name}: {again}; again in {pause:g} s")
                self.sleep(pause)

    def _copy(self, path: Path) -> bool:
        if not path.is_file():
            raise _Next("there is no such file")
        total = path.stat().st_size
        self._refuse_length(total, "the file")
        self.part.start(None)
        self._receive(_read(path), 0, total)
        return False

    def _attempt(self, address: str) -> bool:
        """Ask once, for the rest or for all; whether the part had been begun before."""
        have, origin = self._kept(address)
        if origin is not None and have == self._expected(origin):
            return True
        response = self._ask(address, have, origin)
        if origin is not None and self._useless(response, have, origin):
            response.close()
            have, origin = 0, None
            self.part.discard()
            response = self._ask(address, 0, None)
        with response:
            _refuse_status(response, 206 if origin is not None else 200)
            if response.status_code == 200:
                have, origin = 0, self._begin(address, response)
            assert origin is not None
            total = self._expected(origin)
            if total is None:
                total = _range(response)[1]
            _refuse_cut(response, self._receive(self._body(response), have, total), total)
        return have > 0

    def _kept(self, address: str) -> Tuple[int, Optional[_Origin]]:
        """How many bytes of the part can be kept, and their origin."""
        have, origin = self.part.length(), self.part.origin()
        if not have or origin is None or origin.address != _shown(address):
            return 0, None
        # Without a version, only a checksum tells whether the rest is of the same file.
        if origin.version is None and self.wanted.checksum is None:
            return 0, None
        expected = self._expected(origin)
        if expected is not None and (have > expected or origin.total not in (None, expected)):
            return 0, None
        return have, origin

    def _expected(self, origin: _Origin) -> Optional[int]:
        return origin.total if self.wanted.size is None else self.wanted.size

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

    def _useless(self, response: requests.Response, have: int, origin: _Origin) -> bool:
        """Whether the answer to a request for the rest is neither the rest nor the whole."""
        if response.status_code in (412, 416):
            return True
        if response.status_code != 206:
            return False
        start, total = _range(response)
        if start != have or _encoded(response):
            return True
        expected = self._expected(origin)
        if None not in (total, expected) and total != expected:
            return True
        if origin.version is None:
            return False
        # Some servers overlook If-Range.
        name = "ETag" if origin.version.startswith('"') else "Last-Modified"
        return response.headers.get(name, origin.version) != origin.version

    def _begin(self, address: str, response: requests.Response) -> _Origin:
        """Start a new part for an answer with the whole file."""
        total = None if _encoded(response) else _declared(response)
        kind = response.headers.get("Content-Type", "an unknown type")
        self._refuse_length(total, f"the answer (of {kind})")
        origin = _Origin(_shown(address), _version(response.headers), total)
        self.part.start(None if _encoded(response) else origin)
        return origin

    def _refuse_length(self, total: Optional[int], what: str) -> None:
        size = self.wanted.size
        if total is not None and size is not None and total != size:
            raise _Next(f"expected {size} bytes, {what} has {total}")
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
            raise _Again(f"{reason} after {self.part.length()} bytes") from error

    def _receive(self, blocks: Iterator[bytes], have: int, total: Optional[int]) -> int:
        """Append to a part of ``have`` bytes; how many it has then."""
        limit = _LARGEST if total is None else total
        with (
            Progress(total, self.wanted.target.name, "B", have) as progress,
            self.part.path.open("ab") as file,
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
            self.part.discard()
            raise _Next(f"expected at most {limit} bytes, more came")
        return have


def _refuse_status(response: requests.Response, partial: int) -> None:
    status = response.status_code
    if status in (200, partial):
        return
    reason = f"the server answers {status} {response.reason}"
    if status in _BUSY:
        raise _Again(reason, _retry_after(response.headers.get("Retry-After", "")))
    raise _Next(reason)


def _refuse_cut(response: requests.Response, have: int, total: Optional[int]) -> None:
    """Refuse an answer whose end is missing; HTTP libraries do not all tell."""
    declared = _declared(response)
    if _encoded(response) and declared is not None and response.raw.tell() < declared:
        raise _Again(f"the answer ended after {response.raw.tell()} of {declared} bytes")
    if total is None or have >= total:
        return
    reason = f"expected {total} bytes, the answer ended after {have}"
    # An answer that is whole, and yet too short, is another file.
    whole = _chunked(response) or (_encoded(response) and declared is not None)
    raise _Next(reason) if whole else _Again(reason)


def _retry_after(text: str) -> Optional[float]:
    """Seconds to wait: Retry-After is a number or a date."""
    if text.strip().isdecimal():
        return float(text)
    try:
        seconds = (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):
        return None
    return max(0.0, seconds)


def _range(response: requests.Response) -> Tuple[Optional[int], Optional[int]]:
    """First byte and length of the whole file, as Content-Range has them."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _chunked(response: requests.Response) -> bool:
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def _encoded(response: requests.Response) -> bool:
    return response.headers.get("Content-Encoding", "identity").strip().lower() != "identity"


def _declared(response: requests.Response) -> Optional[int]:
    text = response.headers.get("Content-Length", "").strip()
    return int(text) if text.isdecimal() and not _chunked(response) else None


def _version(headers: Mapping[str, str]) -> Optional[str]:
    """What If-Range may carry: a strong ETag, or a date that is no longer new (RFC 9110, 8.8)."""
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    if etag.startswith('"'):
        return etag
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(modified)
    except (TypeError, ValueError):
        return None
    # Within the same minute a file could have changed twice.
    return modified if age >= timedelta(minutes=1) else None


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


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from iter(lambda: file.read(1 << 20), b"")
    except OSError as error:
        raise _Next(str(error)) from error


def _difference(path: Path, size: Optional[int], checksum: Optional[Checksum]) -> str:
    found = path.stat().st_size
    if size is not None and found != size:
        return f"expected {size} bytes, got {found}"
    digest = None if checksum is None else checksum.of(path)
    return "" if digest == checksum else f"expected {checksum}, got {digest}"


def _tell_waiting(target: Union[str, Path]) -> None:
    logger.warning(f"waiting for another process that fetches {target}")


def _final_place(target: Path) -> Path:
    place = target.absolute()
    return place.resolve() if place.is_symlink() else place


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
