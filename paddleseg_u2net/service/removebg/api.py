"""``/v1.0/removebg``: the address, parameters and answers of remove.bg's API, as its clients know
them (https://www.remove.bg/api, as of 2024; checked against public clients of it).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Dict, Optional

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from paddleseg_u2net.removal import Background, Plain
from paddleseg_u2net.removal.backgrounds import parse_colour
from paddleseg_u2net.service import pictures
from paddleseg_u2net.service.api import picture_of
from paddleseg_u2net.service.parameters import checked, values
from paddleseg_u2net.service.pictures import Answer, Files
from paddleseg_u2net.service.removebg.picture import FORMATS, SIZES, Wanted, finished
from paddleseg_u2net.service.service import Asked, Service
from paddleseg_u2net.service.web.errors import ServiceError
from paddleseg_u2net.service.web.openapi import answers, sent
from paddleseg_u2net.service.work import Job

PATH = "/v1.0/removebg"
_SOURCES = ("image_file", "image_file_b64", "image_url")
_BACKGROUNDS = ("bg_color", "bg_image_file", "bg_image_url")
_HEX = re.compile(r"(?:[0-9a-f]{3}){1,2}|(?:[0-9a-f]{4}){1,2}")
_BINARY = {"type": "string", "format": "binary"}
_FILES = {
    "image_file": {**_BINARY, "description": "The picture; or one of the next two"},
    "image_file_b64": {"type": "string", "description": "The picture in base64"},
    "image_url": {"type": "string", "description": "Its address, of a host that is allowed"},
    "bg_image_file": {**_BINARY, "description": "A picture for the background"},
}
_ERRORS = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["title", "code"],
                "properties": {"title": {"type": "string"}, "code": {"type": "string"}},
            },
        }
    },
}
_PLACE = ("top", "left", "width", "height")
_DATA = {
    "type": "object",
    "properties": {
        "data": {
            "type": "object",
            "properties": {
                "result_b64": {"type": "string"},
                **{f"foreground_{name}": {"type": "integer"} for name in _PLACE},
            },
        }
    },
}
_TOLD = {
    "X-Width": "Of the finished picture",
    "X-Height": "Of the finished picture",
    **{f"X-Foreground-{name.title()}": "Of the object in the picture that came" for name in _PLACE},
    "X-Type": "other: kinds of objects are not told apart",
    "X-Credits-Charged": "0",
}


class RemoveBgParameters(BaseModel):
    """Those that are texts; the picture's sources are beside them."""

    model_config = ConfigDict(extra="forbid")

    size: str = Field(
        "preview",
        description="At most so many pixels: preview, small, regular 0.25 million, medium 1.5, hd "
        "4, 4k 10, full 25, 50MP 50; auto: as it came",
        json_schema_extra={"enum": list(SIZES)},
    )
    format: str = Field(
        "auto",
        description="auto: png where something is transparent, else jpg; zip: color.jpg and "
        "alpha.png",
        json_schema_extra={"enum": list(FORMATS)},
    )
    channels: str = Field("rgba", json_schema_extra={"enum": ["rgba", "alpha"]})
    roi: str = Field(
        "0% 0% 100% 100%", description="x1 y1 x2 y2, each in px or %: what is looked at"
    )
    crop: bool = Field(False, description="Cut off what is empty around the object")
    crop_margin: str = Field("0", description="30px or 10%, one, two or four of them")
    scale: str = Field("original", description="Of the object in the picture: 10% to 100%")
    position: str = Field("original", description="original, center, or one or two of 0% to 100%")
    bg_color: str = Field("", description="81d4fa, fff, 81d4fa77, or a name")
    bg_image_url: str = Field("", description="Address of a picture, of a host that is allowed")
    type: str = Field("auto", description="Taken, without effect: there is one model for all")
    type_level: str = Field("1", description="none: no X-Type")
    semitransparency: bool = Field(True, description="Taken, without effect")
    add_shadow: bool = Field(False, description="Refused: no shadows are made")
    shadow_type: str = Field("none", description="Refused but for none and auto")
    shadow_opacity: Optional[str] = Field(None, description="Taken, without effect")

    def wanted(self) -> Wanted:
        """What they mean, but for the background; ValueError if one has no such value."""
        if self.add_shadow or self.shadow_type not in ("", "none", "auto"):
            raise ValueError("add_shadow, shadow_type: no shadows are made here; leave them out")
        return Wanted(
            self.size,
            self.format,
            self.channels,
            self.roi,
            self.crop_margin if self.crop else None,
            self.scale,
            self.position,
        ).check()


def add_removebg(app: FastAPI, service: Service) -> None:
    """Serve it."""

    @app.post(
        PATH,
        summary="Remove a background, as remove.bg's API does",
        responses=answers(
            _ERRORS, _TOLD, ("image/png", "image/jpeg", "image/webp", "application/zip"), _DATA
        ),
        openapi_extra={"requestBody": sent(RemoveBgParameters, _FILES)},
    )
    async def post(request: Request) -> Response:
        return await service.handled(request, PATH, _removed)


async def _removed(asked: Asked) -> Response:
    service = asked.service
    fields, files = await asked.sent(raw="image_file")
    fields = {name: text for name, text in fields.items() if text or name not in _SOURCES}
    file, url = _source(fields, files)
    scene = files.pop("bg_image_file", None)
    for name in files:
        raise ServiceError(400, "unknown_parameter", f"{name}: there is no such file")
    parameters = checked(RemoveBgParameters, fields)
    given = [scene is not None, bool(parameters.bg_color), bool(parameters.bg_image_url)]
    if sum(given) > 1:
        told = f"{', '.join(_BACKGROUNDS)}: there can be one of them, got {sum(given)}"
        raise ServiceError(400, "multiple_backgrounds", told)
    with values():
        wanted, background = parameters.wanted(), colour(parameters.bg_color)

    async def came() -> Files:
        behind = scene
        if parameters.bg_image_url:
            behind = await picture_of(service, None, parameters.bg_image_url, "bg_image_url")
        return Files(await picture_of(service, file, url, "image_url"), behind)

    def work(job: Job, files: Files) -> Answer:
        behind = pictures.scene(job, files.background, "bg_image_file") or background
        return finished(job, files.picture, service.model(None), wanted, behind)

    response = await asked.finished(came, work, ("image_file", "bg_image_file"))
    if parameters.type_level != "none":
        response.headers["X-Type"] = "other"
    if "application/json" in asked.request.headers.get("accept", ""):
        return _in_json(response)
    return response


def _source(fields: Dict[str, str], files: Dict[str, bytes]) -> tuple:
    """The picture that was sent, or the address of one."""
    given = [name for name in _SOURCES if name in fields or name in files]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        told = f"{', '.join(_SOURCES)}: expected one of them, got {found}"
        raise ServiceError(400, "multiple_sources" if given else "missing_source", told)
    url, text = fields.pop("image_url", None), fields.pop("image_file_b64", None)
    file = files.pop("image_file", None)
    if "image_file" in fields:  # a text where a file was meant
        raise ServiceError(400, "invalid_parameter", "image_file: expected a file, got a text")
    if text is not None:
        try:
            file = base64.b64decode(text.partition("base64,")[2] or text, validate=True)
        except (binascii.Error, ValueError) as error:
            told = f"image_file_b64: expected base64: {error}"
            raise ServiceError(400, "invalid_parameter", told) from error
    return file, url


def colour(text: str) -> Optional[Background]:
    """The background of a ``bg_color``; None of an empty one."""
    name = text.strip().lower()
    if not name:
        return None
    found = parse_colour(f"#{name}" if _HEX.fullmatch(name) else name)
    if found is None:
        raise ValueError(f"bg_color: expected 81d4fa, fff, 81d4fa77 or a name, got {text!r}")
    return Plain(found)


def _in_json(response: Response) -> Response:
    """The same answer for a client that asked for JSON."""
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in ("content-length", "content-type")
    }
    data: Dict[str, Any] = {"result_b64": base64.b64encode(bytes(response.body)).decode()}
    for name in _PLACE:
        data[f"foreground_{name}"] = int(headers[f"x-foreground-{name}"])
    return JSONResponse({"data": data}, headers=headers)
