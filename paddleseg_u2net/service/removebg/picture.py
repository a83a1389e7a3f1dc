"""A picture as remove.bg's API makes it: region, size, crop, scale, position, background."""

from __future__ import annotations

import io
import math
import re
import zipfile
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from paddleseg_u2net.io.images import Metadata, eight_bit
from paddleseg_u2net.removal import (
    TRANSPARENT,
    Background,
    Box,
    Crop,
    NothingFound,
    Options,
    Remover,
)
from paddleseg_u2net.removal.composing import over
from paddleseg_u2net.removal.crop import Frame, lengths
from paddleseg_u2net.removal.encoding import FORMATS as FILES
from paddleseg_u2net.removal.encoding import Encoding, encode
from paddleseg_u2net.removal.framing import framed, resized
from paddleseg_u2net.service.pictures import Answer, decoded, refusals, removed
from paddleseg_u2net.service.web.errors import ServiceError
from paddleseg_u2net.service.work import Job

SIZES: Dict[str, float] = {
    "preview": 0.25e6,
    "small": 0.25e6,
    "regular": 0.25e6,
    "medium": 1.5e6,
    "hd": 4e6,
    "4k": 10e6,
    "full": 25e6,
    "50MP": 50e6,
    "auto": math.inf,
}
"""The most pixels of a result, by name."""

FORMATS = ("auto", "png", "jpg", "webp", "zip")
_WHOLE = "0% 0% 100% 100%"
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%$")
# "The maximum margin that can be added on each side is 50% of the subject or 500 pixels."
_MOST_OF_OBJECT, _MOST_PIXELS = 0.5, 500


class Wanted(NamedTuple):
    """What is asked for, but for the background; see `RemoveBgParameters`. ``margin``: None where
    nothing is cropped.
    """

    size: str
    format: str
    channels: str
    roi: str
    margin: Optional[str]
    scale: str
    position: str

    def check(self) -> Wanted:
        """The same, if all of it is there to be had; ValueError if not."""
        for name, value, allowed in (
            ("size", self.size, SIZES),
            ("format", self.format, FORMATS),
            ("channels", self.channels, ("rgba", "alpha")),
        ):
            if value not in allowed:
                raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
        self.region(100, 100)
        self.place()
        self.subject()
        try:
            Crop(self.margin or 0)
        except ValueError as error:
            raise ValueError(str(error).replace("crop:", "crop_margin:")) from error
        return self

    def region(self, width: int, height: int) -> Box:
        """What is looked at of a picture; ValueError if it is nothing."""
        parts = self.roi.split()
        ends = lengths(parts, (width, height) * 2) if len(parts) == 4 else None
        if ends is None:
            raise ValueError(f"roi: expected x1 y1 x2 y2, each in px or %, got {self.roi!r:.100}")
        left, right = sorted(min(width, end) for end in ends[::2])
        top, bottom = sorted(min(height, end) for end in ends[1::2])
        return left, top, right, bottom

    def subject(self) -> Optional[float]:
        """The object's share of the picture's sides; None: as it is."""
        found = _SHARE.match(self.scale)
        if self.scale == "original":
            return None
        if not found or not 10 <= float(found[1]) <= 100:
            raise ValueError(f"scale: expected original, or 10% to 100%, got {self.scale!r}")
        return float(found[1]) / 100

    def place(self) -> Optional[Tuple[float, float]]:
        """Where the object is, 0 to 1 across and down; None: where it was."""
        if self.position == "original":
            return None if self.scale == "original" else (0.5, 0.5)
        if self.position == "center":
            return 0.5, 0.5
        parts = [_SHARE.match(part) for part in self.position.split()]
        shares: List[float] = [float(part[1]) / 100 for part in parts if part]
        if len(parts) not in (1, 2) or len(shares) != len(parts) or max(shares) > 1:
            raise ValueError(
                "position: expected original, center, or one or two of 0% to 100%, got "
                f"{self.position!r}"
            )
        return shares[0], shares[-1]

    def frame(self, alpha: np.ndarray) -> Frame:
        """What is shown of a picture of this opacity."""
        height, width = alpha.shape
        box = Crop(0).box(alpha)
        if self.margin is not None:
            wide = _limited(Crop(self.margin).box(alpha), box)
            width, height = wide[2] - wide[0], wide[3] - wide[1]
        else:
            wide = (0, 0, width, height)
        share, place = self.subject(), self.place()
        if share is None and place is None:
            return Frame(wide, (width, height))
        across, down = box[2] - box[0], box[3] - box[1]
        factor = 1.0 if share is None else share * min(width / across, height / down)
        shown = max(1, int(width / factor + 0.5)), max(1, int(height / factor + 0.5))
        over_left, over_top = place or (0.5, 0.5)
        left = box[0] - int((shown[0] - across) * over_left + 0.5)
        top = box[1] - int((shown[1] - down) * over_top + 0.5)
        return Frame((left, top, left + shown[0], top + shown[1]), (width, height))


def _limited(wide: Box, box: Box) -> Box:
    """A box with margins, none of which is larger than remove.bg makes it."""
    most = [
        min(_MOST_PIXELS, int(_MOST_OF_OBJECT * side))
        for side in (box[2] - box[0], box[3] - box[1])
    ]
    return (
        max(wide[0], box[0] - most[0]),
        max(wide[1], box[1] - most[1]),
        min(wide[2], box[2] + most[0]),
        min(wide[3], box[3] + most[1]),
    )


def finished(
    job: Job, content: bytes, remover: Remover, wanted: Wanted, background: Optional[Background]
) -> Answer:
    """The answer with a picture.

    Raises:
        ServiceError: 400, there is no object in it, or it cannot be read.
    """
    original = decoded(job, content, "image_file")
    picture = original.picture
    picture = _reduced(eight_bit(picture) if picture.dtype == np.uint16 else picture, wanted.size)
    height, width = picture.shape[:2]
    left, top, right, bottom = wanted.region(width, height)
    if (right - left) * (bottom - top) == 0:
        told = f"roi: there is nothing inside of {wanted.roi!r} in a picture of {width} x {height}"
        raise ServiceError(400, "invalid_parameter", told)
    part = picture[top:bottom, left:right]
    found = removed(job, np.ascontiguousarray(part), remover, Options())
    with job.step("finish"):
        front, alpha = found.picture, found.alpha
        if part.shape != picture.shape:
            front = np.zeros((height, width, 4), np.uint8)
            alpha = np.zeros((height, width), np.uint8)
            front[top:bottom, left:right] = found.picture
            alpha[top:bottom, left:right] = found.alpha
        try:
            frame = wanted.frame(alpha)
        except NothingFound as error:
            told = "Could not identify foreground in image"
            raise ServiceError(400, "unknown_foreground", told) from error
        box = Crop(0).box(alpha)
        if wanted.channels == "alpha":
            shown = framed(alpha, frame)
        else:
            shown = framed(front, frame)
            shade = (background or TRANSPARENT).in_profile(original.metadata.profile)
            behind = shade.behind(frame, picture, alpha)
            shown = shown if behind is None else over(shown, behind)
    headers = {
        "X-Width": str(shown.shape[1]),
        "X-Height": str(shown.shape[0]),
        "X-Foreground-Top": str(box[1]),
        "X-Foreground-Left": str(box[0]),
        "X-Foreground-Width": str(box[2] - box[0]),
        "X-Foreground-Height": str(box[3] - box[1]),
        "X-Credits-Charged": "0",
    }
    with job.step("encode"), refusals():
        result, media_type = _encoded(shown, original.metadata, wanted.format)
    return Answer(result, media_type, headers, alpha.size)


def _reduced(picture: np.ndarray, size: str) -> np.ndarray:
    """A picture of no more pixels than a size has, in its proportions."""
    height, width = picture.shape[:2]
    factor = math.sqrt(SIZES[size] / (width * height))
    if factor >= 1:
        return picture
    small = max(1, int(width * factor)), max(1, int(height * factor))
    return resized(picture, *small)


def _encoded(picture: np.ndarray, metadata: Metadata, format_name: str) -> Tuple[bytes, str]:
    """The content of a file, and its type."""
    if format_name == "zip":
        return _zipped(picture, metadata), "application/zip"
    if format_name == "auto":
        clear = picture.ndim == 3 and picture.shape[2] == 4 and picture[..., 3].min() < 255
        format_name = "png" if clear or picture.ndim == 2 else "jpg"
    encoding = Encoding(format_name)
    return encode(picture, metadata, encoding), FILES[format_name].media_type


def _zipped(picture: np.ndarray, metadata: Metadata) -> bytes:
    """An archive of the colours and the opacity, each in a file."""
    if picture.ndim == 2:
        colours, alpha = np.zeros((*picture.shape, 3), np.uint8), picture
    else:
        colours = np.ascontiguousarray(picture[..., :3])
        opaque = np.full(picture.shape[:2], 255, np.uint8)
        alpha = picture[..., 3] if picture.shape[2] == 4 else opaque
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:  # both are compressed already
        archive.writestr("color.jpg", _encoded(colours, metadata, "jpg")[0])
        archive.writestr("alpha.png", _encoded(np.ascontiguousarray(alpha), metadata, "png")[0])
    return stream.getvalue()
