"""One picture of a request: looked at, decoded, worked on and encoded, step by step."""

from __future__ import annotations

import io
from typing import Dict, NamedTuple

from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.io.images import ImageError, decode_image, open_picture, png_bytes
from paddleseg_u2net.removal import Options, Removed, Remover
from paddleseg_u2net.service.errors import ServiceError
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.work import Job


class Looked(NamedTuple):
    """What a picture's header says: its pixels and its frames."""

    pixels: int
    frames: int


class Answer(NamedTuple):
    """A finished picture as it is sent."""

    content: bytes
    media_type: str
    headers: Dict[str, str]


def look(content: bytes, settings: Settings, name: str) -> Looked:
    """What the header of a picture says, which is not decoded.

    Raises:
        ServiceError: it is none, or has too many pixels.
    """
    try:
        picture = open_picture(io.BytesIO(content), name)
    except ImageError as error:
        raise ServiceError(400, "invalid_picture", str(error)) from error
    width, height = picture.size
    if width * height > settings.max_pixels:
        told = (
            f"{name}: expected at most {settings.max_pixels} pixels, found {width * height} "
            f"({width} x {height}); make the picture smaller"
        )
        raise ServiceError(413, "too_many_pixels", told)
    return Looked(width * height, getattr(picture, "n_frames", 1))


def remove(job: Job, content: bytes, remover: Remover, options: Options, name: str) -> Answer:
    """The finished picture, as a PNG."""
    job.step()
    try:
        picture = decode_image(content, 4, name)
        job.step()
        prepared = remover.prepare(picture)[None]
        probability = remover.pipeline.probabilities(prepared)[0]
        job.step()
        removed = remover.finish(picture, probability, options)
    except ImageError as error:
        raise ServiceError(400, "invalid_picture", str(error)) from error
    except BackendError as error:
        raise ServiceError(500, "model_failed", str(error)) from error
    job.step()
    return Answer(png_bytes(removed.picture), "image/png", told_of(removed))


def told_of(removed: Removed) -> Dict[str, str]:
    """Headers that say what was found."""
    found = {
        "X-Presence": f"{removed.presence:.6g}",
        "X-Found": "true" if removed.found else "false",
        "X-Area": f"{removed.area:.6g}",
    }
    if removed.box:
        found["X-Box"] = ",".join(map(str, removed.box))
    if removed.notes:
        found["X-Notes"] = "; ".join(removed.notes)
    return found
