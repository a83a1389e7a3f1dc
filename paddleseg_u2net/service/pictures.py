"""One picture of a request: looked at, decoded, worked on and encoded, step by step."""

from __future__ import annotations

import contextlib
import io
from typing import Dict, Iterator, NamedTuple, Optional, Sequence

import numpy as np

from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.io.images import (
    ImageError,
    Original,
    TooManyPixels,
    at_most_pixels,
    check_pixel_count,
    decode_original,
    open_picture,
)
from paddleseg_u2net.removal import (
    NothingFound,
    Options,
    Removed,
    Remover,
    Scene,
    picture_background,
)
from paddleseg_u2net.removal.encoding import FORMATS, Encoding, encode
from paddleseg_u2net.service.web.errors import ServiceError
from paddleseg_u2net.service.work import Job
from paddleseg_u2net.text import one_line


class Looked(NamedTuple):
    """What a picture's header says."""

    width: int
    height: int
    frames: int

    @property
    def pixels(self) -> int:
        """Of the picture."""
        return self.width * self.height

    def headers(self) -> Dict[str, str]:
        """Of the answer: which frame was taken, of several."""
        return {"X-Frame": f"1 of {self.frames}"} if self.frames > 1 else {}


class Answer(NamedTuple):
    """A finished picture as it is sent, and its pixels."""

    content: bytes
    media_type: str
    headers: Dict[str, str]
    pixels: int


class Files(NamedTuple):
    """The contents of what came: a picture, and perhaps another one to stand behind it."""

    picture: bytes
    background: Optional[bytes] = None


def look(content: bytes, most: int, name: str) -> Looked:
    """What the header of a picture says, which is not decoded.

    Raises:
        ServiceError: it is none, or has too many pixels.
    """
    with refusals(), at_most_pixels(most):
        picture = open_picture(io.BytesIO(content), name)
        check_pixel_count(picture.size, name)
        width, height = picture.size
        return Looked(width, height, getattr(picture, "n_frames", 1))


def most_made(looked: Looked, options: Options) -> int:
    """About the most pixels that the finished picture can have, whatever is found."""
    size = options.size or (0, 0)
    across, down = looked.width, looked.height
    if options.crop:
        above, right, below, left = options.crop.margins(across, down)
        across, down = left + across + right, above + down + below
    return max(size[0] * size[1], across * down)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn what can be wrong with a picture, or in its work, into a ServiceError."""
    try:
        yield
    except TooManyPixels as error:
        raise ServiceError(413, "too_many_pixels", str(error)) from error
    except ImageError as error:
        raise ServiceError(400, "invalid_picture", str(error)) from error
    except NothingFound as error:
        raise ServiceError(422, "nothing_found", str(error)) from error
    except BackendError as error:
        raise ServiceError(500, "model_failed", str(error)) from error
    except MemoryError as error:
        told = "there is not enough memory at the moment; ask again later"
        raise ServiceError(503, "no_memory", told, {"Retry-After": "10"}) from error


def decoded(job: Job, content: bytes, name: str) -> Original:
    """The pixels of a picture, upright, and what goes along with them."""
    with job.step("decode"), refusals():
        return decode_original(content, name)


def scene(job: Job, content: Optional[bytes], name: str) -> Optional[Scene]:
    """The background of a file's content; None of none."""
    if content is None:
        return None
    with job.step("decode"), refusals():
        return picture_background(content, name)


def removed(
    job: Job,
    picture: np.ndarray,
    remover: Remover,
    options: Options,
    profile: Optional[bytes] = None,
) -> Removed:
    """The picture, of this colour profile, finished."""
    with refusals():
        with job.step("network"):
            prepared = remover.prepare(picture)[None]
            probability = remover.pipeline.probabilities(prepared)[0]
        with job.step("finish"):
            return remover.finish(picture, probability, options, profile)


def remove(
    job: Job, content: bytes, remover: Remover, options: Options, encoding: Encoding
) -> Answer:
    """The answer of ``/api/remove``."""
    original = decoded(job, content, "file")
    profile = original.metadata.profile
    found = removed(job, original.picture, remover, options, profile)
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
