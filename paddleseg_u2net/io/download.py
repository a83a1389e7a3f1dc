"""A file from the network: fetched once, resumed where it stopped, checked before it appears.

What has come so far lies beside the target as ``.NAME.part``; a note ``.NAME.part.json`` has its
address and version (ETag or Last-Modified, RFC 9110), of which the next try asks for the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Callable, Iterable, List, Optional, Sequence, Tuple, Union

import requests

from paddleseg_u2net.io.files import check_writable, naming, write_text
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.log import logger
from paddleseg_u2net.progress import Progress

_BLOCK = 1 << 15
_BUSY = {429, 500, 502, 503, 504}
_TRIES = 4  # of each address


class DownloadError(OSError):
    """A file could not be fetched, or is not the expected one; the message says why."""


class _Again(Exception):
    """It may work if it is tried again; the text says what happened."""


def fetch(
    addresses: Sequence[str],
    target: Union[str, Path],
    size: Optional[int] = None,
    checksum: Optional[str] = None,
    *,
    timeout: float = 20.0,
    check: Optional[Callable[[Path], object]] = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch a file to ``target``, unless it is there; it appears whole and checked, or not at all.

    Of processes that fetch the same target at the same time one does the work and the others wait.

    Args:
        addresses: where to get it, tried in this order: http, https, or a path.
        size: expected number of bytes; None: any.
        checksum: expected digest, ``sha256:...`` or ``md5:...``; None: any.
        timeout: seconds without a byte that count as a stall.
        check: is called with the path of the file before it gets its name; raises ValueError if
            it is not what was wanted. A file that was there already is not looked at.
        sleep: waits before an address is asked again after a cut, a stall or a busy server.
    """
    place = Path(target).resolve()
    if place.is_file():
        return Path(target)
    check_writable(place, name=str(target))
    waiting = f"waiting for another process that fetches {target}"
    with locked(place, lambda: logger.warning(waiting)) as alone:
        if place.is_file():
            return Path(target)
        # Where files cannot be locked, two processes must not write to one part.
        part = place.with_name(f".{place.name}.part" + ("" if alone else f"-{os.getpid()}"))
        reasons: List[str] = []
        for address in addresses:
            try:
                with naming(place, part):
                    if "://" in address:
                        _received(address, part, place.name, timeout, sleep)
                    else:
                        _copied(Path(address).expanduser(), part, place.name)
                    verify(part, size, checksum)
                    if check:
                        check(part)
                    part.replace(place)
                _discard(part)
                return Path(target)
            except DownloadError as error:
                reason = str(error)
            except ValueError as error:  # a file, but not the one that was wanted
                _discard(part)
                reason = str(error).replace(str(part), str(place))
            reasons.append(f"{_shown(address)}: {reason}")
            logger.warning(f"{place.name}: not from {reasons[-1]}")
    known = f" ({checksum})" if checksum else ""
    raise DownloadError(
        f"{target} could not be fetched:\n  " + "\n  ".join(reasons) + "\n"
        f"Try again later, or fetch it in another way and put the file at {target}{known}"
    )


def mirrored(mirror: Optional[str], filename: str) -> List[str]:
    """The address of a file in a mirror, which is an address, a folder or nothing."""
    if not mirror:
        return []
    if "://" in mirror:
        return [f"{mirror.rstrip('/')}/{filename}"]
    return [str(Path(mirror).expanduser() / filename)]


def verify(path: Path, size: Optional[int] = None, checksum: Optional[str] = None) -> None:
    """Raise ValueError if a file has another size in bytes or checksum; None: not compared."""
    found = path.stat().st_size
    if size is not None and found != size:
        raise ValueError(f"expected {size} bytes, got {found}")
    if checksum is None:
        return
    algorithm = checksum.partition(":")[0]
    # md5 tells files apart here, it protects nothing; some systems forbid it otherwise.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    got = f"{algorithm}:{digest.hexdigest()}"
    if got != checksum.lower():
        raise ValueError(f"expected {checksum}, got {got}")


def _copied(source: Path, part: Path, name: str) -> None:
    try:
        with source.open("rb") as file:
            _discard(part)
            blocks = iter(lambda: file.read(1 << 20), b"")
            _append(blocks, part, 0, source.stat().st_size, name)
    except (FileNotFoundError, IsADirectoryError):
        raise DownloadError("there is no such file") from None


def _received(
    address: str, part: Path, name: str, timeout: float, sleep: Callable[[float], None]
) -> None:
    """Fill the part from a server, in several tries if need be."""
    for tries in range(1, _TRIES + 1):
        try:
            _attempt(address, part, name, timeout)
            return
        except _Again as again:
            if tries == _TRIES:
                raise DownloadError(f"{again} (tried {tries} times)") from again
            pause = 2.0 ** (tries - 1)
            logger.warning(f"{name}: {again}; again in {pause:g} s")
            sleep(pause)


def _attempt(address: str, part: Path, name: str, timeout: float) -> None:
    """Ask once, for the rest of a part or for all."""
    have, version = _begun(part, address)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers.update({"Range": f"bytes={have}-", "If-Range": version})
    try:
        response = requests.get(address, headers=headers, stream=True, timeout=timeout)
    except requests.ReadTimeout as error:
        raise _Again(f"no answer for {timeout:g} s") from error
    except (requests.RequestException, ValueError) as error:
        raise DownloadError(str(error).replace(address, _shown(address))) from error
    with response:
        status = response.status_code
        rest = have > 0 and _is_rest(response, have, version)
        if have and status in (206, 412, 416) and not rest:
            _discard(part)
            _attempt(address, part, name, timeout)
            return
        if status in _BUSY:
            raise _Again(f"the server answers {status} {response.reason}")
        if status != 200 and not rest:
            raise DownloadError(f"the server answers {status} {response.reason}")
        packed = response.headers.get("Content-Encoding", "identity") != "identity"
        if not rest:
            have = 0
            _discard(part)
            version = _version(response)
            if version and not packed:  # or it cannot be continued
                write_text(_note(part), json.dumps([_shown(address), version]))
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() and not packed else None
        try:
            received = _append(response.iter_content(_BLOCK), part, have, total, name)
        except requests.RequestException as error:
            stalled = "timed out" in str(error)
            reason = f"no more came for {timeout:g} s" if stalled else "the connection broke"
            raise _Again(f"{reason} after {part.stat().st_size} bytes") from error
    if total is not None and received < total:
        raise _Again(f"expected {total} bytes, the answer ended after {received}")


def _append(blocks: Iterable[bytes], part: Path, have: int, total: Optional[int], name: str) -> int:
    """Append to a part of ``have`` bytes; how many it has then."""
    with Progress(total, name, "B", have) as progress, part.open("ab") as file:
        for block in blocks:
            have += len(block)
            file.write(block)
            progress.update(len(block))
        file.flush()
        # Syncing takes long; a kill while the file is being renamed would lose the part.
        os.fsync(file.fileno())
    return have


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _discard(part: Path) -> None:
    """In an order that never leaves old bytes with a new note."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _begun(part: Path, address: str) -> Tuple[int, str]:
    """Bytes and version of a part that can be continued from this address; 0 if there is none."""
    try:
        origin, version = json.loads(_note(part).read_text(encoding="utf-8"))
        return (part.stat().st_size, str(version)) if origin == _shown(address) else (0, "")
    except (OSError, ValueError, TypeError):
        return 0, ""


def _is_rest(response: requests.Response, have: int, version: str) -> bool:
    """Whether an answer is the rest of the very file that a part is of."""
    start = response.headers.get("Content-Range", "").partition("-")[0]
    # Some servers overlook If-Range.
    same = _version(response) in ("", version) and "Content-Encoding" not in response.headers
    return response.status_code == 206 and start == f"bytes {have}" and same


def _version(response: requests.Response) -> str:
    """What If-Range may carry: a strong ETag, or a date (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _shown(address: str) -> str:
    """The address without a name and password."""
    return re.sub("://[^/]*@", "://", address, count=1)
