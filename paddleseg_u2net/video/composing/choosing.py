"""The background of a video from the word that a user has for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from PIL import Image

from paddleseg_u2net.io.images import IMAGE_SUFFIXES, ImageError
from paddleseg_u2net.io.video import VIDEO_FORMATS
from paddleseg_u2net.removal.backgrounds import TRANSPARENT, Background, Blur, parse_background
from paddleseg_u2net.removal.crop import Size
from paddleseg_u2net.video.composing.backgrounds import Backdrop, OutOfFocus, Still
from paddleseg_u2net.video.composing.film import Film


@dataclass(frozen=True)
class Moving(Background):
    """A video, which covers the finished one; see `Film`."""

    path: str
    opaque = True

    def __str__(self) -> str:
        return self.path


def video_background(text: str) -> Background:
    """Give the background of a text: what `parse_background` takes, or the path of a video.

    Raises:
        ValueError: it is none of these.
        ImageError, VideoError: it cannot be read.
    """
    path = Path(text.strip())
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES and not _moves(path):
        return parse_background(text)
    if suffix in VIDEO_FORMATS or path.is_file():
        Film(path, (16, 16)).close()  # what is wrong with it is said before anything begins
        return Moving(os.fspath(path))
    try:
        return parse_background(text)
    except ImageError:
        raise
    except ValueError as error:
        raise ValueError(f"{error}; a video may be one, too") from error


def backdrop(background: Background, size: Size) -> Optional[Backdrop]:
    """What stands behind the frames of a finished video of a size; None: nothing."""
    if background == TRANSPARENT:
        return None
    if isinstance(background, Moving):
        return Film(background.path, size)
    if isinstance(background, Blur):
        return OutOfFocus(background, size)
    return Still(background, size)


def _moves(path: Path) -> bool:
    """Whether a picture has several frames."""
    try:
        with Image.open(path) as picture:
            return int(getattr(picture, "n_frames", 1)) > 1
    except (OSError, ValueError):
        return False
