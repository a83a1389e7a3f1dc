"""The ASGI app: which address is answered by what."""

from __future__ import annotations

import contextlib
import time
from typing import AsyncIterator, Dict, Mapping, Optional

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from paddleseg_u2net._version import __version__
from paddleseg_u2net.removal import Options, Remover
from paddleseg_u2net.service import pictures
from paddleseg_u2net.service.body import read_sent
from paddleseg_u2net.service.errors import ServiceError, add_handlers
from paddleseg_u2net.service.models import load_removers
from paddleseg_u2net.service.pages import SecurityHeaders, add_page
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.work import Cancelled, Work, attended


def create_app(settings: Settings, removers: Optional[Mapping[str, Remover]] = None) -> FastAPI:
    """Make the app, for any ASGI server.

    Args:
        settings: what it runs and refuses.
        removers: the models by name, the first is the usual one; None: they are loaded now.

    Raises:
        ValueError: a model cannot be loaded.
    """
    models = dict(removers or load_removers(settings))
    work = Work(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        work.close()

    app = FastAPI(
        title="paddleseg_u2net",
        version=__version__,
        description="Pictures without their background.",
        docs_url=None,  # its page is fetched from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.work = work
    add_handlers(app)
    add_page(app)
    app.add_middleware(SecurityHeaders)

    @app.post("/api/remove")
    async def remove(request: Request) -> Response:
        began = time.monotonic()
        with work.place():
            sent = await read_sent(request, settings)
            if "file" not in sent.files:
                raise ServiceError(400, "missing_file", "file: expected a picture, got none")
            content = sent.files["file"]
            remover, options = _parameters(sent.fields, models)

            async def finish() -> pictures.Answer:
                looked = await work.aside(pictures.look, content, settings, "file")
                return await work.picture(
                    looked.pixels,
                    lambda job: pictures.remove(job, content, remover, options, "file"),
                )

            try:
                left = settings.time_limit - (time.monotonic() - began)
                found = await attended(request, finish(), left)
            except Cancelled:
                return Response(status_code=499)
        return Response(found.content, 200, found.headers, found.media_type)

    @app.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "models": list(models), "version": __version__})

    return app


def _parameters(fields: Dict[str, str], models: Mapping[str, Remover]) -> tuple:
    name = fields.pop("model", next(iter(models)))
    if name not in models:
        told = f"model: expected one of {', '.join(models)}, got {name!r}"
        raise ServiceError(400, "invalid_parameter", told)
    try:
        options = Options(fields.pop("only", "foreground"))
    except ValueError as error:
        raise ServiceError(400, "invalid_parameter", str(error)) from error
    if fields:
        told = f"there is no parameter {next(iter(fields))!r}"
        raise ServiceError(400, "unknown_parameter", told)
    return models[name], options
