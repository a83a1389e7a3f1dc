"""``/api/remove``: rembg's address, with its parameters and this project's."""

from __future__ import annotations

from functools import partial
from typing import Optional

from fastapi import FastAPI, Request
from starlette.responses import Response

from paddleseg_u2net.io.images import at_most_pixels
from paddleseg_u2net.service import pictures
from paddleseg_u2net.service.parameters import RemoveParameters, checked, values
from paddleseg_u2net.service.pictures import Answer, Files
from paddleseg_u2net.service.service import Asked, Service
from paddleseg_u2net.service.web.errors import ServiceError
from paddleseg_u2net.service.web.openapi import answers, query, sent
from paddleseg_u2net.service.work import Job

PATH = "/api/remove"
_URL = {
    "name": "url",
    "in": "query",
    "required": True,
    "schema": {"type": "string", "format": "uri"},
    "description": "Address of a picture, of a host that is allowed",
}
_FILES = {
    "file": {"type": "string", "format": "binary", "description": "The picture"},
    "url": {"type": "string", "format": "uri", "description": "In place of a file, if allowed"},
}


def add_remove(app: FastAPI, service: Service) -> None:
    """Serve it."""

    @app.post(
        PATH,
        summary="Remove the background of a picture that is sent",
        responses=answers(),
        openapi_extra={"requestBody": sent(RemoveParameters, _FILES, raw=True)},
    )
    async def post(request: Request) -> Response:
        return await service.handled(request, PATH, _removed)

    @app.get(
        PATH,
        summary="Remove the background of a picture at an address",
        responses=answers(),
        openapi_extra={"parameters": [_URL, *query(RemoveParameters)]},
    )
    async def get(request: Request) -> Response:
        return await service.handled(request, PATH, _removed)


async def _removed(asked: Asked) -> Response:
    service = asked.service
    fields, files = await asked.sent(raw="file")
    url, file = fields.pop("url", None), files.pop("file", None)
    background = files.pop("background", None)
    for name in files:
        told = f"{name}: there is no such file; expected file, and perhaps background"
        raise ServiceError(400, "unknown_parameter", told)
    parameters = checked(RemoveParameters, fields)
    remover = service.model(parameters.model)
    if (file is None) == (url is None):
        code = "missing_file" if file is None else "invalid_parameter"
        told = f"file: expected a picture, got {'none' if file is None else 'a url, too'}"
        raise ServiceError(400, code, told)
    with values(), at_most_pixels(service.settings.max_pixels):
        options, encoding = parameters.options(), parameters.encoding()

    async def came() -> Files:
        return Files(await picture_of(service, file, url, "url"), background)

    def work(job: Job, files: Files) -> Answer:
        behind = pictures.scene(job, files.background, "background")
        with values():
            chosen = options if behind is None else parameters.options(behind)
        return pictures.remove(job, files.picture, remover, chosen, encoding)

    made = partial(pictures.most_made, options=options)
    return await asked.finished(came, work, ("file", "background"), made)


async def picture_of(
    service: Service, file: Optional[bytes], url: Optional[str], name: str
) -> bytes:
    """The file that was sent, or what is at the address that was."""
    if file is not None:
        return file
    return await service.work.aside(service.fetcher.fetch, url, name)
