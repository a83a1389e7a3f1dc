"""What stands behind a foreground: nothing, a colour, a picture, or its own picture, blurred."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Tuple

import cv2
import numpy as np
from PIL import ImageColor

from paddleseg_u2net.io.images import (
    Original,
    PathLike,
    decode_original,
    eight_bit,
    read_original,
)
from paddleseg_u2net.io.images.profiles import of_profile
from paddleseg_u2net.removal.crop import Frame, Size
from paddleseg_u2net.removal.framing import framed, multiplied
from paddleseg_u2net.render import cutout

Colour = Tuple[int, int, int, int]
"""Red, green, blue and opacity, 0 to 255."""

_BLUR = re.compile(r"blur(?::(\d+(?:\.\d+)?)(%|px)?)?$")
# Standard deviation that is left of a blur where it is worked on: a picture is made smaller first.
_WORKED_ON = 16.0
# A pixel of which less than this is background has no say in what the background is there.
_LEAST = 1e-3
ALLOWED = (
    "transparent, a colour (white, #rgb, #rrggbb, #rrggbbaa), blur or blur:RADIUS (pixels, or per "
    "cent of the longer side: blur:2%)"
)


class Background:
    """Nothing: what is not the foreground's is transparent."""

    opaque = False

    def behind(self, frame: Frame, picture: np.ndarray, alpha: np.ndarray) -> Optional[np.ndarray]:
        """What stands behind the foreground.

        Args:
            frame: what the finished picture shows.
            picture: uint8 or uint16 (H, W, 3) or (H, W, 4), whose background is taken away.
            alpha: uint8 (H, W), its foreground's opacity.

        Returns:
            An array of the frame's size and the picture's type, (h, w, 3), or (h, w, 4) if this
            background is not opaque, or of one pixel (1, 1, ...) where all are alike; None for
            nothing.
        """
        return None

    def in_profile(self, profile: Optional[bytes]) -> Background:
        """The same for a picture whose colours are of an ICC profile; None: sRGB's."""
        return self

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __str__(self) -> str:
        return "transparent"


TRANSPARENT = Background()


@dataclass(frozen=True)
class Plain(Background):
    """One colour everywhere.

    Args:
        colour: red, green, blue and opacity, 0 to 255, in sRGB.
    """

    colour: Colour

    def __post_init__(self) -> None:
        if len(self.colour) != 4 or not all(0 <= value <= 255 for value in self.colour):
            raise ValueError(
                "background: expected red, green, blue and opacity of 0 to 255, got "
                f"{self.colour!r}"
            )

    @property
    def opaque(self) -> bool:  # type: ignore[override]
        """Whether nothing shines through."""
        return self.colour[3] == 255

    def behind(self, frame: Frame, picture: np.ndarray, alpha: np.ndarray) -> Optional[np.ndarray]:
        """See `Background.behind`."""
        values = self.colour[: 3 if self.opaque else 4]
        return as_deep(np.array([[values]], np.uint8), picture.dtype)

    def in_profile(self, profile: Optional[bytes]) -> Background:
        """See `Background.in_profile`."""
        own = np.array([[self.colour[:3]]], np.uint8)
        red, green, blue = of_profile(own, None, profile)[0, 0].tolist()
        return Plain((red, green, blue, self.colour[3]))

    def __str__(self) -> str:
        return "#" + "".join(f"{value:02x}" for value in self.colour[: 3 if self.opaque else 4])


@dataclass(frozen=True)
class Scene(Background):
    """Another picture, which covers the finished one: scaled, in the middle, the rest cut off.

    Args:
        picture: uint8 (H, W, 3) or (H, W, 4).
        name: of its file.
        profile: the ICC profile of its colours; None: they are sRGB's.
    """

    picture: np.ndarray = field(repr=False)
    name: str = "picture"
    profile: Optional[bytes] = field(default=None, repr=False)
    # What it became for the last profile, since many pictures have the same.
    _last: Optional[Scene] = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.picture.shape[2] == 4 and (self.picture[..., 3] == 255).all():
            object.__setattr__(self, "picture", np.ascontiguousarray(self.picture[..., :3]))

    @property
    def opaque(self) -> bool:  # type: ignore[override]
        """Whether nothing shines through."""
        return self.picture.shape[2] == 3

    def behind(self, frame: Frame, picture: np.ndarray, alpha: np.ndarray) -> Optional[np.ndarray]:
        """See `Background.behind`."""
        part = covering(self.picture, frame.size)
        found = framed(part, Frame((0, 0, part.shape[1], part.shape[0]), frame.size), "mirror")
        return as_deep(found, picture.dtype)

    def in_profile(self, profile: Optional[bytes]) -> Background:
        """See `Background.in_profile`."""
        if profile == self.profile:
            return self
        last = self._last
        if last is None or last.profile != profile:
            picture = self.picture.copy()
            picture[..., :3] = of_profile(picture[..., :3], self.profile, profile)
            last = Scene(picture, self.name, profile)
            object.__setattr__(self, "_last", last)
        return last

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scene) and self.picture is other.picture

    def __hash__(self) -> int:
        return id(self.picture)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Blur(Background):
    """The picture's own background, blurred, as of a lens that is wide open.

    The foreground is taken out before, and what is behind it filled in from around it, so that
    nothing of the object bleeds into the blur.

    Args:
        radius: the standard deviation of the Gaussian.
        unit: of the radius: ``px``, or ``%`` of the picture's longer side.
    """

    radius: float = 2.0
    unit: str = "%"
    opaque = True

    def __post_init__(self) -> None:
        if self.unit not in ("px", "%") or not 0 < self.radius <= (1e5, 100)[self.unit == "%"]:
            raise ValueError(
                "background: expected a blur of more than 0 pixels, or of up to 100 per cent of "
                f"the longer side, got {self}"
            )

    def behind(self, frame: Frame, picture: np.ndarray, alpha: np.ndarray) -> Optional[np.ndarray]:
        """See `Background.behind`."""
        radius = self.pixels(max(alpha.shape))
        return framed(blurred(cutout(picture, 255 - alpha), radius), frame, "mirror")

    def pixels(self, longest: int) -> float:
        """The radius in pixels of a picture whose longer side is this."""
        return self.radius if self.unit == "px" else self.radius / 100 * longest

    def __str__(self) -> str:
        return f"blur:{self.radius:g}{self.unit}"


def covering(picture: np.ndarray, size: Size) -> np.ndarray:
    """As much of the middle of a picture as has the proportions of a size; a view."""
    (height, width), (across, down) = picture.shape[:2], size
    seen = min(width, max(1, round(height * across / down)))
    tall = min(height, max(1, round(width * down / across)))
    left, top = (width - seen) // 2, (height - tall) // 2
    return picture[top : top + tall, left : left + seen]


def parse_background(text: str, may_read_files: bool = True) -> Background:
    """Give the background of a text.

    Args:
        text: ``transparent``; a colour by its name in CSS, or ``#rgb``, ``#rrggbb``,
            ``#rrggbbaa``; ``blur``, ``blur:12`` (pixels) or ``blur:2%`` (of the longer side); the
            path of a picture. Of a file that is called as a colour is, ``./white`` is the path.
        may_read_files: whether paths are allowed; never for a text of somebody else's.

    Raises:
        ValueError: it is none of these; the message says what is allowed.
        ImageError: the picture cannot be read.
    """
    name = text.strip()
    lower = name.lower()
    if lower == "transparent":
        return TRANSPARENT
    blur = _BLUR.match(lower)
    if blur:
        return Blur(float(blur[1]), blur[2] or "px") if blur[1] else Blur()
    colour = parse_colour(lower)
    if colour:
        return TRANSPARENT if colour[3] == 0 else Plain(colour)
    if may_read_files and not name.startswith("#") and _may_be_path(name):
        return _scene(read_original(name), name)
    allowed = ALLOWED + (", or the path of a picture" if may_read_files else "")
    raise ValueError(f"background: expected {allowed}; got {text!r}")


def picture_background(content: bytes, name: PathLike = "background") -> Scene:
    """Give the background of a picture file's content; ``name`` is what an `ImageError` names."""
    return _scene(decode_original(content, name), os.fspath(name))


def _scene(original: Original, name: str) -> Scene:
    picture = original.picture
    if picture.dtype == np.uint16:
        picture = eight_bit(picture)
    return Scene(picture, name, original.metadata.profile)


def parse_colour(text: str) -> Optional[Colour]:
    """The colour of a CSS name or #rgb, #rgba, #rrggbb, #rrggbbaa; None if it is none."""
    try:
        colour = ImageColor.getcolor(text, "RGBA")
    except ValueError:
        return None
    assert isinstance(colour, tuple)
    red, green, blue, opacity = colour
    return red, green, blue, opacity


def _may_be_path(name: str) -> bool:
    """Whether a text is meant as a path: else a colour that is misspelt would be a missing file."""
    return bool(Path(name).suffix) or "/" in name or os.sep in name or Path(name).is_file()


def as_deep(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """8-bit values as such of 8 or 16 bits."""
    return values if dtype == np.uint8 else values.astype(np.uint16) * 257


def blurred(background: np.ndarray, radius: float) -> np.ndarray:
    """A Gaussian blur of (H, W, 4) as opaque (H, W, 3); what is transparent has no part in it.

    Where a pixel has nothing opaque around it, a wider blur fills it.
    """
    height, width = background.shape[:2]
    factor = min(1.0, _WORKED_ON / radius)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # 16 bits on the way: floats of a large picture take gigabytes, and 8 would be rounded twice.
    small = multiplied(background)
    if factor < 1:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    # The means over pixels that made it smaller have blurred it already.
    sigma = math.sqrt((radius * factor) ** 2 - (1 - factor**2) / 12)
    found = filled(small.astype(np.float32) / 65535, sigma)
    small = np.rint(np.clip(found, 0, 1) * 65535).astype(np.uint16)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return large if background.dtype == np.uint16 else eight_bit(large)


def filled(shown: np.ndarray, sigma: float) -> np.ndarray:
    """Blur what is opaque, and fill in the rest from around it.

    Args:
        shown: float32 (h, w, 4), 0 to 1, colours times opacity, and opacity.
        sigma: the standard deviation of the Gaussian.

    Returns:
        Colours, float32 (h, w, 3).
    """
    height, width = shown.shape[:2]
    blur = cv2.GaussianBlur(shown, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    opacity = blur[..., 3:]
    colours = blur[..., :3] / np.maximum(opacity, _LEAST)
    if opacity.min() >= 0.5 or max(height, width) == 1:
        return colours
    # What is behind a large foreground comes from further away, little by little.
    half = (max(1, width // 2), max(1, height // 2))
    wider = filled(cv2.resize(shown, half, interpolation=cv2.INTER_AREA), sigma)
    wider = cv2.resize(wider, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.clip(opacity * 2, 0, 1)
    return colours * share + wider * (1 - share)
