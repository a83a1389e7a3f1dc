"""The parameters of ``/api/remove``: this project's options, and what rembg's server takes."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, Iterator, Mapping, Optional, Type, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from paddleseg_u2net.io.images import TooManyPixels
from paddleseg_u2net.removal import Options, options_of, rembg_words
from paddleseg_u2net.removal.encoding import FORMATS, Encoding
from paddleseg_u2net.removal.options import MATTING
from paddleseg_u2net.service.web.errors import ServiceError
from paddleseg_u2net.text import did_you_mean

Parameters = TypeVar("Parameters", bound=BaseModel)

_YES, _NO = ("true", "yes", "on"), ("", "false", "no", "off", "none")


class RemoveParameters(BaseModel):
    """All of them; each may stand in the form or in the address."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: Optional[str] = Field(None, description="One of the service's models, else its first")
    only: str = Field(
        "foreground",
        description="What is kept: the foreground, what it leaves of the picture, or its opacity",
        json_schema_extra={"enum": ["foreground", "background", "mask"]},
    )
    background: Optional[str] = Field(
        None,
        description="transparent, a colour (white, #rgb, #rrggbb, #rrggbbaa), blur or "
        "blur:RADIUS; or a file",
    )
    crop: str = Field("false", description="true: to the object; or a margin, as 20 or 5%")
    square: bool = Field(False, description="Widen the crop to a square")
    size: Optional[str] = Field(None, description="WIDTHxHEIGHT of the finished picture")
    clean: str = Field(
        "false",
        description="true: drop specks and fill pinholes; or the least share of the largest "
        "object's area that is kept",
    )
    solid: bool = Field(False, description="Bodies are opaque inside; rims, hair and glass stay")
    matting: str = Field(
        "off",
        description="band: the opacity of edges from the picture's colours",
        json_schema_extra={"enum": list(MATTING)},
    )
    presence: float = Field(0.0, ge=0, le=1, description="Of less than this nothing is kept")
    hard: bool = Field(False, description="Edges without anything half transparent")
    format: str = Field(
        "png", description="Of the answer", json_schema_extra={"enum": list(FORMATS)}
    )
    quality: Optional[str] = Field(None, description="1 to 100 of a lossy format, or lossless")
    keep_exif: bool = Field(False, description="Keep EXIF data and XMP, which may be private")
    om: bool = Field(False, description="As rembg's: only=mask")
    ppm: bool = Field(False, description="As rembg's: hard")
    bgc: Optional[str] = Field(None, description="As rembg's: background R,G,B or R,G,B,A")
    a: bool = Field(False, description="As rembg's: matting=band")
    af: int = Field(240, ge=0, le=255, description="As rembg's; without effect")
    ab: int = Field(10, ge=0, le=255, description="As rembg's; without effect")
    ae: int = Field(10, ge=0, description="As rembg's; without effect")
    dc: bool = Field(False, description="As rembg's; edges always have their own colours")
    vm: bool = Field(False, description="As rembg's; refused, there is no such network")
    extras: Optional[str] = Field(None, description="As rembg's; refused unless empty")

    def options(self, scene: Any = None) -> Options:
        """The options that they mean.

        Args:
            scene: the `Background` of a file that was sent; None if there is none.

        Raises:
            ValueError: a value is none that there is, or two contradict each other.
        """
        if self.extras and not _is_empty(self.extras):
            raise ValueError("extras: there are no extra parameters here; leave it out")
        words: Dict[str, Any] = {
            "only": self.only,
            "background": self.background,
            "crop": _switch(self.crop),
            "square": self.square,
            "size": self.size,
            "clean": _number("clean", _switch(self.clean)),
            "solid": self.solid,
            "matting": self.matting,
            "presence": self.presence,
            "hard": self.hard,
        }
        if scene is not None:
            words["background"] = scene
        given = {*self.model_fields_set, *(["background"] if scene is not None else [])}
        colour = None if self.bgc is None else _colour(self.bgc)
        for name, value in rembg_words(
            self.om, self.ppm, colour, self.vm, alpha_matting=self.a
        ).items():
            if name in given and words[name] != value:
                raise ValueError(f"{name}: it is said twice, by a parameter of rembg's too")
            words[name] = value
        return options_of(**words, may_read_files=False)

    def encoding(self) -> Encoding:
        """The format of the answer; ValueError if there is no such one."""
        quality = self.quality and (int(self.quality) if self.quality.isdecimal() else self.quality)
        return Encoding(self.format, quality or None, self.keep_exif)


def checked(kind: Type[Parameters], fields: Mapping[str, str]) -> Parameters:
    """The parameters of a form.

    Raises:
        ServiceError: 400, one of them is unknown or has no such value.
    """
    known = kind.model_fields
    for name in fields:
        if name not in known:
            told = f"{name}: there is no such parameter{did_you_mean(name, known)}"
            raise ServiceError(400, "unknown_parameter", told)
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}, got {first['input']!r:.100}"
        raise ServiceError(400, "invalid_parameter", told) from error


@contextlib.contextmanager
def values() -> Iterator[None]:
    """Turn what is no value of a parameter into a ServiceError."""
    try:
        yield
    except TooManyPixels as error:
        raise ServiceError(413, "too_many_pixels", str(error)) from error
    except ValueError as error:
        raise ServiceError(400, "invalid_parameter", str(error)) from error


def _is_empty(text: str) -> bool:
    """Whether it is JSON that says nothing."""
    try:
        return not json.loads(text)
    except (ValueError, RecursionError):
        return False


def _switch(text: str) -> Union[bool, str]:
    """True, False, or what else it says."""
    word = text.strip().lower()
    return word in _YES if word in _YES + _NO else text


def _number(name: str, value: Union[bool, str]) -> Union[bool, float]:
    if isinstance(value, bool):
        return value
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{name}: expected true, false or a number, got {value!r}") from None


def _colour(text: str) -> tuple:
    try:
        colour = tuple(int(part) for part in text.split(","))
    except ValueError:
        colour = ()
    if len(colour) not in (3, 4):
        raise ValueError(f"bgc: expected R,G,B or R,G,B,A of 0 to 255, got {text!r}")
    return colour
