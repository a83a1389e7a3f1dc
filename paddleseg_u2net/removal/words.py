"""Options from the words that people say them in: texts, numbers and tuples."""

from __future__ import annotations

import inspect
from numbers import Integral
from typing import Iterable, Optional, Sequence, Tuple, Union

from paddleseg_u2net.removal.alpha import CLEAN
from paddleseg_u2net.removal.backgrounds import TRANSPARENT, Background, Plain, parse_background
from paddleseg_u2net.removal.crop import Crop, parse_size
from paddleseg_u2net.removal.options import Options
from paddleseg_u2net.text import did_you_mean

BackgroundLike = Union[str, Sequence[int], Background, None]
"""What `parse_background` takes, three or four numbers (red, green, blue, opacity), or a
`Background`; None is transparent."""


def options_of(
    only: str = "foreground",
    background: BackgroundLike = None,
    crop: Union[bool, int, float, str, Crop, None] = None,
    square: bool = False,
    size: Union[str, int, Tuple[int, int], None] = None,
    clean: Union[bool, float, None] = None,
    solid: bool = False,
    matting: str = "off",
    presence: float = 0.0,
    hard: bool = False,
    may_read_files: bool = True,
) -> Options:
    """Make the options of one picture.

    Args:
        only: ``foreground``, ``background`` or ``mask``.
        background: see `BackgroundLike`; texts as ``white``, ``#ff8800``, ``blur:2%`` or a path.
        crop: True: to the object; else the margin around it, ``20`` pixels or ``"5%"``.
        square: widen the crop to a square.
        size: ``(width, height)``, ``"800x600"``, or one number for a square.
        clean: drop specks and fill pinholes: True, or the least share of the largest object's area
            that is kept.
        solid: bodies are opaque inside.
        matting: ``band`` solves the opacity of edges anew, ``off`` leaves the map's.
        presence: of less than this, 0 to 1, nothing is kept.
        hard: edges without anything between 0 and 255.
        may_read_files: whether a background may be a path; never for words of somebody else's.

    Raises:
        ValueError: a value is none of these; the message says which are.
    """
    if square and (crop is None or crop is False):
        raise ValueError("square: has an effect with a crop only; ask for one, too")
    return Options(
        only=only,
        background=_background(background, may_read_files),
        crop=_crop(crop, square),
        size=parse_size(str(size)) if isinstance(size, (str, int)) else size,
        clean=(CLEAN if clean else None) if isinstance(clean, bool) else clean,
        solid=solid,
        matting=matting,
        presence=presence,
        hard=hard,
    )


WORDS = tuple(inspect.signature(options_of).parameters)[:-1]
"""The names of the options."""


def check_words(given: Iterable[str], asked: str) -> None:
    """Refuse names that are no option's; TypeError, as Python's. ``asked``: what was called."""
    for name in given:
        if name not in WORDS:
            hint = did_you_mean(name, WORDS) or f"; expected one of {', '.join(WORDS)}"
            raise TypeError(f"{asked}: there is no argument {name!r}{hint}")


def _background(given: BackgroundLike, may_read_files: bool) -> Background:
    if given is None or isinstance(given, Background):
        return given or TRANSPARENT
    if isinstance(given, str):
        return parse_background(given, may_read_files)
    colour = tuple(given) if isinstance(given, (tuple, list)) else ()
    if len(colour) not in (3, 4) or not all(isinstance(value, Integral) for value in colour):
        raise ValueError(
            "background: expected a text, or red, green, blue and perhaps opacity of 0 to 255, "
            f"got {given!r}"
        )
    red, green, blue, opacity = (int(value) for value in (*colour, 255)[:4])
    return Plain((red, green, blue, opacity))


def _crop(given: Union[bool, int, float, str, Crop, None], square: bool) -> Optional[Crop]:
    if given is None or given is False:
        return None
    if isinstance(given, Crop):
        return Crop(given.margin, given.square or square)
    return Crop(0 if given is True else given, square)
