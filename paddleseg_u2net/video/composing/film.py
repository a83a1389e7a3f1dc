"""A video that stands behind another one."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Generator, List, NamedTuple, Optional

import cv2
import numpy as np

from paddleseg_u2net.io.images import PathLike
from paddleseg_u2net.io.video import Video, VideoError, open_video
from paddleseg_u2net.removal.backgrounds import covering
from paddleseg_u2net.removal.crop import Size
from paddleseg_u2net.video.composing.backgrounds import Backdrop


class _Shown(NamedTuple):
    """A picture, and from when on it is seen."""

    since: Fraction
    picture: np.ndarray


class Film(Backdrop):
    """A video that covers the frames, at its own times, and from its beginning again at its end.

    Args:
        path: its file.
        size: of the finished video.

    Raises:
        VideoError: it cannot be read, or has no frame.
    """

    def __init__(self, path: PathLike, size: Size) -> None:
        self._path, self._size = path, size
        self._notes: List[str] = []
        self._coming = self._played()
        self._next: Optional[_Shown] = None
        self._picture = self._scaled(next(self._coming).picture)

    def at(self, time: Fraction, picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """See `Backdrop.at`."""
        now = None
        while True:
            if self._next is None:
                self._next = next(self._coming, None)
            if self._next is None or self._next.since > time:
                break
            now, self._next = self._next, None
        if now is not None:
            self._picture = self._scaled(now.picture)
        return self._picture

    def notes(self) -> List[str]:
        """See `Backdrop.notes`."""
        return self._notes

    def close(self) -> None:
        """See `Backdrop.close`."""
        self._coming.close()

    def _played(self) -> Generator[_Shown, None, None]:
        """Its pictures, again and again; of a single one only that, as it stays."""
        begun = Fraction(0)
        for _ in itertools.count():
            count, last = 0, Fraction(0)
            with self._open() as film:
                for frame in film:
                    last, count = frame.time, count + 1
                    yield _Shown(begun + last, frame.picture)
                self._notes = film.notes()
                begun += last + 1 / film.info.rate
            if count == 0:
                raise VideoError(self._path, "expected a video, got one without frames")
            if count == 1:
                return

    def _open(self) -> Video:
        """It, at the size at which it just covers the frames, if that is smaller than its own."""
        film = open_video(self._path)
        own = film.info.width, film.info.height
        scale = max(side / whole for side, whole in zip(self._size, own))
        if scale >= 1:
            return film
        film.close()
        width, height = (math.ceil(whole * scale) for whole in own)
        return open_video(self._path, size=(height, width))

    def _scaled(self, picture: np.ndarray) -> np.ndarray:
        part = covering(picture, self._size)
        if part.shape[1::-1] == self._size:
            return np.ascontiguousarray(part)
        smaller = part.shape[1] * part.shape[0] > self._size[0] * self._size[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return cv2.resize(part, self._size, interpolation=how)
