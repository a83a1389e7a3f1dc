"""Animated WebP, by Pillow: FFmpeg reads it from version 9 on only."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, BinaryIO, Iterator, List, Optional, Tuple

import cv2
import numpy as np
from PIL import ImageSequence

from paddleseg_u2net.io import files
from paddleseg_u2net.io.images.opening import ImageError, open_picture
from paddleseg_u2net.io.video.sizes import shown_size
from paddleseg_u2net.io.video.types import Frame, PathLike, Size, Video, VideoError, VideoInfo


def is_webp(path: PathLike) -> bool:
    """Whether it is one by its content."""
    with files.open_file(path) as stream:
        head = stream.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


class AnimatedWebp(Video):
    """An animation, each frame as long as it says."""

    def __init__(
        self, path: str, start: Fraction, duration: Optional[Fraction], size: Optional[Size]
    ) -> None:
        super().__init__()
        self._path = path
        width, height, times, length = _scanned(path)
        self._size = shown_size(path, height, width, size)
        end = length if duration is None else min(length, start + duration)
        # The number of each frame that is given, and its time.
        self._given = {n: time - start for n, time in enumerate(times) if start <= time < end}
        if not self._given:
            raise VideoError(
                path, f"found no frame from {float(start):.3f} s on; it is {float(length):.3f} s"
            )
        self._notes.add("its transparency is left out: colours are taken as they are stored")
        rate = len(times) / length
        self.info = VideoInfo(*self._size, rate, len(self._given), end - start, tuple(self._notes))

    def __iter__(self) -> Iterator[Frame]:
        number = 0
        with files.open_file(self._path) as stream:
            picture = _opened(stream, self._path)
            for index, frame in enumerate(_frames(picture, self._path)):
                if index not in self._given:
                    continue
                array = np.array(frame.convert("RGBA"))[..., :3]
                if array.shape[:2] != self._size:
                    array = cv2.resize(array, self._size[::-1], interpolation=cv2.INTER_AREA)
                yield Frame(np.ascontiguousarray(array), self._given[index], number)
                number += 1


def _scanned(path: str) -> Tuple[int, int, List[Fraction], Fraction]:
    """Width, height, the times of the frames and the whole length, in seconds."""
    times, now = [], Fraction(0)
    with files.open_file(path) as stream:
        picture = _opened(stream, path)
        for frame in _frames(picture, path):
            times.append(now)
            now += Fraction(max(1, frame.info.get("duration", 0)), 1000)
        return (*picture.size, times, now)


def _frames(picture: Any, path: str) -> Iterator[Any]:
    try:
        for frame in ImageSequence.Iterator(picture):
            frame.load()
            yield frame
    except (OSError, SyntaxError, EOFError) as error:
        raise VideoError(path, f"a frame cannot be decoded ({error})") from error


def _opened(stream: BinaryIO, path: str) -> Any:
    try:
        return open_picture(stream, path)
    except ImageError as error:
        raise VideoError(path, str(error).partition(": ")[2]) from error
