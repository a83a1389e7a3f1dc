"""Everything that is answered with an error, in the form of the API that was asked."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from paddleseg_u2net.log import logger
from paddleseg_u2net.text import one_line

REMOVE_BG = "/v1.0/"

# What the framework itself refuses.
_CODES = {404: "not_found", 405: "method_not_allowed"}


class ServiceError(Exception):
    """A request that is refused or fails.

    Args:
        status: of HTTP.
        code: for programs; docs/background_removal.md has a list.
        message: for people: what was expected, what came.
        headers: of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Optional[Mapping[str, str]] = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def unforeseen(name: str, error: Exception) -> ServiceError:
    """What a client is told of an error that nobody foresaw; the log gets all of it."""
    logger.error(f"{name}: unforeseen", exc_info=error)
    return ServiceError(
        500, "internal", "the service failed at this request; its log has the reason"
    )


def answer(request: HTTPConnection, error: ServiceError) -> JSONResponse:
    """The answer; of addresses that are remove.bg's in its form."""
    message = one_line(error.message)
    content: Dict[str, Any] = {"error": {"code": error.code, "message": message}}
    if request.url.path.startswith(REMOVE_BG):
        content = {"errors": [{"title": message, "code": error.code}]}
    request.scope["outcome"] = error.code
    return JSONResponse(content, error.status, {"Cache-Control": "no-store", **error.headers})


def add_handlers(app: FastAPI) -> None:
    """Let all errors of an app be answered in JSON."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ServiceError)
        return answer(request, error)

    async def of_the_framework(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "refused")
        told = f"{request.method} {request.url.path}: {error.detail}"
        return answer(request, ServiceError(error.status_code, code, told, error.headers))

    async def any_other(request: Request, error: Exception) -> JSONResponse:
        return answer(request, unforeseen(f"{request.method} {request.url.path}", error))

    app.add_exception_handler(ServiceError, ours)
    app.add_exception_handler(HTTPException, of_the_framework)
    app.add_exception_handler(Exception, any_other)
