"""One picture of a request: looked at, decoded, worked on and encoded, step by step."""

from __future__ import annotations

import contextlib
import io
from typing import Dict, Iterator, NamedTuple, Sequence

import numpy as np

from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.io.images import ImageError, Original, decode_original, open_picture
from paddleseg_u2net.removal import (
    NothingFound,
    Options,
    Removed,
    Remover,
    Scene,
    picture_background,
)
from paddleseg_u2net.removal.encoding import FORMATS, Encoding, encode
from paddleseg_u2net.service.settings import Settings
from paddleseg_u2net.service.web.errors import ServiceError
from paddleseg_u2net.service.work import Job
from paddleseg_u2net.text import one_line


class Looked(NamedTuple):
    """What a picture's header says: its pixels and its frames."""

    pixels: int
    frames: int

    def headers(self) -> Dict[str, str]:
        """Of the answer: which frame was taken, of several."""
        return {"X-Frame": f"1 of {self.frames}"} if self.frames > 1 else {}


class Answer(NamedTuple):
    """A finished picture as it is sent, and its pixels."""

    content: bytes
    media_type: str
    headers: Dict[str, str]
    pixels: int


def look(content: bytes, settings: Settings, name: str) -> Looked:
    """What the header of a picture says, which is not decoded.

    Raises:
        ServiceError: it is none, or has too many pixels.
    """
    with refusals():
        picture = open_picture(io.BytesIO(content), name)
    width, height = picture.size
    if width * height > settings.max_pixels:
        told = (
            f"{name}: expected at most {settings.max_pixels} pixels, found {width * height} "
            f"({width} x {height}); make the picture smaller"
        )
        raise ServiceError(413, "too_many_pixels", told)
    return Looked(width * height, getattr(picture, "n_frames", 1))


def scene(content: bytes, settings: Settings, name: str = "background") -> Scene:
    """A background of a file's content."""
    look(content, settings, name)
    with refusals("invalid_background"):
        return picture_background(content, name)


@contextlib.contextmanager
def refusals(code: str = "invalid_picture") -> Iterator[None]:
    """Turn what can be wrong with a picture, or in its work, into a ServiceError."""
    try:
        yield
    except ImageError as error:
        raise ServiceError(400, code, str(error)) from error
    except NothingFound as error:
        raise ServiceError(422, "nothing_found", str(error)) from error
    except BackendError as error:
        raise ServiceError(500, "model_failed", str(error)) from error


def decoded(job: Job, content: bytes, name: str) -> Original:
    """The pixels of a picture, upright, and what goes along with them."""
    with job.step("decode"), refusals():
        return decode_original(content, name)


def removed(job: Job, picture: np.ndarray, remover: Remover, options: Options) -> Removed:
    """The picture, finished."""
    with refusals():
        with job.step("network"):
            prepared = remover.prepare(picture)[None]
            probability = remover.pipeline.probabilities(prepared)[0]
        with job.step("finish"):
            return remover.finish(picture, probability, options)


def remove(
    job: Job, content: bytes, remover: Remover, options: Options, encoding: Encoding
) -> Answer:
    """The answer of ``/api/remove``."""
    original = decoded(job, content, "file")
    found = removed(job, original.picture, remover, options)
    with job.step("encode"), refusals():
        file = encode(found.picture, original.metadata, encoding)
    notes = (*original.notes, *found.notes, *encoding.notes(found.picture))
    media_type = FORMATS[encoding.format].media_type
    return Answer(file, media_type, told_of(found, notes), found.alpha.size)


def told_of(found: Removed, notes: Sequence[str]) -> Dict[str, str]:
    """Headers that say what was found."""
    told = {
        "X-Presence": f"{found.presence:.6g}",
        "X-Found": "true" if found.found else "false",
        "X-Area": f"{found.area:.6g}",
    }
    if found.box:
        told["X-Box"] = ",".join(map(str, found.box))
    if notes:
        told["X-Notes"] = one_line("; ".join(notes)).encode("ascii", "replace").decode()
    return told
