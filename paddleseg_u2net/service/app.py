"""The ASGI app: which address is answered by what."""

from __future__ import annotations

import contextlib
from typing import AsyncIterator, Mapping, Optional

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response

from paddleseg_u2net._version import __version__
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.service.api import add_remove
from paddleseg_u2net.service.live.api import add_live
from paddleseg_u2net.service.models import load_removers
from paddleseg_u2net.service.removebg.api import add_removebg
from paddleseg_u2net.service.service import Service
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.web.errors import add_handlers
from paddleseg_u2net.service.web.pages import SecurityHeaders, add_page
from paddleseg_u2net.service.web.unread import Unread


def create_app(settings: Settings, models: Optional[Mapping[str, Remover]] = None) -> FastAPI:
    """Make the app, for any ASGI server.

    Args:
        settings: what it runs and refuses.
        models: by name, the first is the usual one; None: those of the settings are loaded now.

    Raises:
        ValueError: a model cannot be loaded.
    """
    service = Service(settings, models or load_removers(settings))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.work.close()

    app = FastAPI(
        title="paddleseg_u2net",
        version=__version__,
        description="Pictures without their background.",
        docs_url=None,  # its page is fetched from another host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.service = service
    add_handlers(app)
    add_remove(app, service)
    add_removebg(app, service)
    if settings.cameras:
        add_live(app, service)
    _add_watching(app, service)
    if not settings.api_keys:  # the page has none
        add_page(app)
    if settings.allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allow_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["X-Api-Key"],
            expose_headers=["*"],
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Unread)
    return app


def _add_watching(app: FastAPI, service: Service) -> None:
    """Serve what those ask for who watch the service."""

    @app.get("/health", summary="Whether the models answer")
    async def health() -> JSONResponse:
        ready = await service.answers() and not service.work.is_ending
        told = {
            "status": "ready" if ready else "not ready",
            "models": list(service.models),
            "cameras": service.settings.cameras,
            "version": __version__,
        }
        return JSONResponse(told, 200 if ready else 503, {"Cache-Control": "no-store"})

    @app.get("/metrics", summary="Counts and times, for Prometheus", response_class=Response)
    async def metrics() -> Response:
        content, kind = service.metrics.text()
        return Response(content, media_type=kind)
