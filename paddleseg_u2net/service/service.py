"""What all addresses share: keys, places, limits of time, and counts of what became of requests."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Awaitable, Callable, Mapping, Optional, Tuple

from fastapi import Request
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response

from paddleseg_u2net.log import logger
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.service.fetching import Fetcher
from paddleseg_u2net.service.metrics import Metrics
from paddleseg_u2net.service.models import probe
from paddleseg_u2net.service.pictures import Answer, Files, Looked, look
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.web.body import Sent, read_sent
from paddleseg_u2net.service.web.errors import ServiceError, answer, unforeseen
from paddleseg_u2net.service.work import Cancelled, Job, Work, attended

Handler = Callable[["Asked"], Awaitable[Response]]

# Who left gets nothing; the number is nginx's.
_LEFT = 499
_FAILURES = ("model_failed", "no_memory", "internal")


class Service:
    """Models, and whom they work for.

    Args:
        models: by name, the first is the usual one.
    """

    def __init__(self, settings: Settings, models: Mapping[str, Remover]) -> None:
        self.settings, self.models = settings, dict(models)
        self.metrics = Metrics()
        self.work = Work(settings, self.metrics)
        self.fetcher = Fetcher(settings)
        self.failed = False  # whether the last picture that was worked on did

    def model(self, name: Optional[str]) -> Remover:
        """A model by its name, or the usual one; ServiceError if there is none."""
        name = name or next(iter(self.models))
        if name not in self.models:
            told = f"model: expected one of {', '.join(self.models)}, got {name!r}"
            raise ServiceError(400, "unknown_model", told)
        return self.models[name]

    async def handled(self, request: Request, api: str, handle: Handler) -> Response:
        """The answer to a request that gets a place, or the error in its form."""
        asked = Asked(self, request)
        try:
            self.check_key(request)
            with self.work.place():
                response, outcome = await handle(asked), "done"
        except ServiceError as error:
            response, outcome = answer(request, error), error.code
            if error.status == 500:
                logger.error(f"{api}: {error.message}")
        except Cancelled:
            response, outcome = Response(status_code=_LEFT), "left"
        except Exception as error:
            response, outcome = answer(request, unforeseen(api, error)), "internal"
        if outcome in ("done", *_FAILURES):
            self.failed = outcome in _FAILURES
        self.metrics.requests.labels(api, outcome).inc()
        self.metrics.seconds.labels(api).observe(time.monotonic() - asked.began)
        return response

    def check_key(self, request: HTTPConnection) -> None:
        """Refuse, with a ServiceError, who has none of the keys, where there are some."""
        keys = self.settings.api_keys
        given = request.headers.get("x-api-key", "").encode()
        # All are looked at: how long it takes tells nothing.
        if keys and not sum(hmac.compare_digest(given, key.encode()) for key in keys):
            told = "X-Api-Key: expected one of this service's keys"
            raise ServiceError(403, "auth_failed", told)

    async def answers(self) -> bool:
        """Whether the models work: by the last request, or, where that failed, by a new try."""
        if self.failed:
            usual = next(iter(self.models.values()))
            try:
                await self.work.aside(probe, usual)
                self.failed = False
            except Exception as error:
                logger.error(f"/health: the model fails: {error}")
        return not self.failed


class Asked:
    """A request that has a place."""

    def __init__(self, service: Service, request: Request) -> None:
        self.service, self.request, self.began = service, request, time.monotonic()

    @property
    def _left(self) -> float:
        """Seconds until the answer is due."""
        return self.service.settings.time_limit - (time.monotonic() - self.began)

    async def sent(self, raw: str) -> Sent:
        """What was sent; see `read_sent`."""
        read = read_sent(self.request, self.service.settings, raw)
        try:
            with self.service.metrics.step("read"):
                sent = await asyncio.wait_for(read, self._left)
        except asyncio.TimeoutError as error:
            told = "the body took too long to come"
            raise ServiceError(408, "out_of_time", told, {"Connection": "close"}) from error
        except ClientDisconnect as error:
            raise Cancelled from error
        self.service.metrics.received.inc(sum(map(len, sent.files.values())))
        return sent

    async def finished(
        self,
        files: Callable[[], Awaitable[Files]],
        work: Callable[[Job, Files], Answer],
        names: Tuple[str, str],
        made: Callable[[Looked], int] = lambda looked: 0,
    ) -> Response:
        """The answer with a picture, while the client waits for it.

        Args:
            files: gives what came; it may be fetched.
            work: makes the answer of it, in a thread.
            names: of the picture and the background in errors.
            made: pixels of the finished picture, by what the header of the first one says.
        """
        service = self.service

        async def found() -> Response:
            came = await files()
            looked = await self._look(came.picture, names[0])
            pixels = max(looked.pixels, made(looked))
            if came.background is not None:
                pixels += (await self._look(came.background, names[1])).pixels
            done = await service.work.picture(pixels, lambda job: work(job, came))
            service.metrics.pixels.inc(done.pixels)
            service.metrics.sent.inc(len(done.content))
            headers = {**done.headers, **looked.headers(), "Cache-Control": "no-store"}
            return Response(done.content, 200, headers, done.media_type)

        return await attended(self.request, found(), self._left)

    async def _look(self, content: bytes, name: str) -> Looked:
        service = self.service
        return await service.work.aside(look, content, service.settings.max_pixels, name)
