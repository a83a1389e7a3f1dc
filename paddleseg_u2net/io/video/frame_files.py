"""Frames that are files of their own: read by the house's reading of images."""

from __future__ import annotations

import math
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Iterator, List, Optional, Tuple, Union

import cv2

from paddleseg_u2net.io.images import IMAGE_SUFFIXES, image_size, read_header, read_image
from paddleseg_u2net.io.video.sizes import shown_size
from paddleseg_u2net.io.video.types import Frame, PathLike, Size, Video, VideoError, VideoInfo

_NUMBERED = re.compile(r"%0?\d*d")


def is_pattern(source: PathLike) -> bool:
    """Whether `source` names several files, by ``*``, ``?``, ``[`` or ``%05d``."""
    text = os.fspath(source)
    return not Path(text).exists() and bool(re.search(r"[*?\[]", text) or _NUMBERED.search(text))


def natural(path: Path) -> List[Tuple[bool, Union[int, str]]]:
    """A key that sorts ``frame2`` before ``frame10``."""
    parts = re.split(r"(\d+)", path.name)
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


def find_frames(source: PathLike) -> List[Path]:
    """The files of a folder or pattern in their order."""
    place = Path(source)
    if place.is_dir():
        found = [p for p in place.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
    else:
        found = list(place.parent.glob(_NUMBERED.sub("*", place.name)))
        if _NUMBERED.search(place.name):
            before, after = _NUMBERED.split(place.name, 1)
            whole = re.compile(re.escape(before) + r"\d+" + re.escape(after))
            found = [path for path in found if whole.fullmatch(path.name)]
    return sorted((p for p in found if not p.name.startswith(".")), key=natural)


class FrameFiles(Video):
    """A folder or pattern of frames, `rate` a second."""

    def __init__(
        self,
        source: PathLike,
        start: Fraction,
        duration: Optional[Fraction],
        rate: Fraction,
        size: Optional[Size],
    ) -> None:
        super().__init__()
        if rate <= 0:
            raise VideoError(source, f"expected a rate above 0, found {rate}")
        paths = find_frames(source)
        if not paths:
            raise VideoError(source, "expected frames, found no picture; check the path")
        first = math.ceil(start * rate)
        last = len(paths) if duration is None else math.ceil((start + duration) * rate)
        self._paths, self._shift = paths[first:last], first / rate - start
        if not self._paths:
            raise VideoError(
                source, f"starts after its end: it has {len(paths)} frames, {rate} a second"
            )
        self._stored = image_size(self._paths[0])
        if read_header(self._paths[0]).alpha:
            self._notes.add("its transparency is left out: colours are taken as they are stored")
        self._size = shown_size(source, *self._stored, size)
        count = len(self._paths)
        self.info = VideoInfo(*self._size, rate, count, count / rate, ())

    def __iter__(self) -> Iterator[Frame]:
        for number, path in enumerate(self._paths):
            picture = read_image(path)
            if picture.shape[:2] != self._stored:
                (height, width), found = self._stored, picture.shape
                raise VideoError(
                    path,
                    f"expected a frame of {width}x{height} as the first, found "
                    f"{found[1]}x{found[0]}; make them of one size",
                )
            if self._size != self._stored:
                picture = cv2.resize(picture, self._size[::-1], interpolation=cv2.INTER_AREA)
            yield Frame(picture, self._shift + number / self.info.rate, number)
