"""What a client sends, read within the limits: bytes, counted as they come, and time."""

from __future__ import annotations

import asyncio
import json
from typing import Any, AsyncIterator, Dict, NamedTuple

from fastapi import Request
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.web.errors import ServiceError

_MOST_FILES, _MOST_FIELDS = 4, 100
_RAW = ("image/", "application/octet-stream")


class Sent(NamedTuple):
    """The fields of a form and of the address, as texts, and the files."""

    fields: Dict[str, str]
    files: Dict[str, bytes]


class _InMemory(MultiPartParser):
    """Files stay in memory: it is bounded by the limit of bytes, a disk may be full."""

    spool_max_size = 1 << 62
    max_file_size = spool_max_size  # its name in older versions


async def read_sent(request: Request, settings: Settings, raw: str) -> Sent:
    """All that a request says: its query, and a form, a JSON object, or a picture as its body.

    Args:
        raw: the name of a picture that is the whole body, of the type ``image/...``.

    Raises:
        ServiceError: 400, 408, 413 or 415; the message says what is wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = _limited(request, settings)
    fields: Dict[str, str] = {}
    files: Dict[str, bytes] = {}
    for name, value in request.query_params.multi_items():
        _add(name, value, fields, files)
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        for name, value in (await _form(request, kind, stream, settings)).multi_items():
            if isinstance(value, UploadFile):
                value = await value.read()
            _add(name, value, fields, files)
    elif kind == "application/json":
        for name, value in _json_object(await _all(stream)).items():
            _add(name, value, fields, files)
    elif kind.startswith(_RAW):
        _add(raw, await _all(stream), fields, files)
    elif kind or await _all(stream):
        raise ServiceError(
            415,
            "unsupported_media_type",
            "Content-Type: expected multipart/form-data, application/x-www-form-urlencoded, "
            f"application/json or image/..., got {kind or 'none'}",
        )
    return Sent(fields, files)


async def _form(request: Request, kind: str, stream: Any, settings: Settings) -> Any:
    try:
        if kind != "multipart/form-data":
            return await FormParser(request.headers, stream).parse()
        parser = _InMemory(
            request.headers,
            stream,
            max_files=_MOST_FILES,
            max_fields=_MOST_FIELDS,
            max_part_size=settings.max_bytes,
        )
        return await parser.parse()
    except (MultiPartException, FormParserError) as error:
        what = getattr(error, "message", str(error))
        raise ServiceError(400, "invalid_form", f"the form cannot be read: {what}") from error


def _add(name: str, value: Any, fields: Dict[str, str], files: Dict[str, bytes]) -> None:
    if not name or not name.isprintable():  # such as of a picture that is called a form
        raise ServiceError(
            400,
            "invalid_form",
            "the form has a field without a name; send a picture as a file of a form (curl -F "
            "file=@photo.jpg) or with its own Content-Type, as image/jpeg",
        )
    if name in fields or name in files:
        raise ServiceError(400, "invalid_parameter", f"{name}: it came twice; send it once")
    if isinstance(value, bytes):
        files[name] = value
    else:
        fields[name] = value


def _json_object(content: bytes) -> Dict[str, str]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ServiceError(400, "invalid_json", f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        told = f"expected a JSON object of parameters, got a {type(value).__name__}"
        raise ServiceError(400, "invalid_json", told)
    # As in a form, where all is text.
    texts = {True: "true", False: "false"}
    found = {}
    for name, entry in value.items():
        if isinstance(entry, (list, dict)):
            told = f"{name}: expected a text, a number, true or false, got a {type(entry).__name__}"
            raise ServiceError(400, "invalid_parameter", told)
        if entry is not None:
            found[name] = texts[entry] if isinstance(entry, bool) else str(entry)
    return found


async def _all(stream: AsyncIterator[bytes]) -> bytes:
    found = bytearray()
    async for block in stream:
        found += block
    return bytes(found)


async def _limited(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """The body as it comes; an error at the first byte too many, or where none comes for long."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > settings.max_bytes:
        raise _too_large(settings)
    count = 0
    blocks = request.stream().__aiter__()
    while True:
        try:
            block = await asyncio.wait_for(blocks.__anext__(), settings.stall)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError as error:
            told = f"nothing came for {settings.stall:g} s after {count} bytes of the body"
            raise ServiceError(408, "stalled", told, {"Connection": "close"}) from error
        count += len(block)
        if count > settings.max_bytes:
            raise _too_large(settings)
        yield block


def _too_large(settings: Settings) -> ServiceError:
    told = f"expected a body of at most {settings.max_bytes} bytes; send a smaller picture"
    return ServiceError(413, "too_many_bytes", told, {"Connection": "close"})
