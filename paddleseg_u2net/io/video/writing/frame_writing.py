"""Frames to PNG files of their own, numbered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

import numpy as np

from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.io.images import write_png
from paddleseg_u2net.io.video.types import PathLike, Seconds, VideoError, VideoWriter
from paddleseg_u2net.io.video.writing.encoding import check_picture

_NUMBER = re.compile(r"%(0?)(\d*)d")


class FrameFilesWriter(VideoWriter):
    """A PNG file for each frame, whole or not at all: ``00001.png``, ``00002.png``, ..."""

    def __init__(
        self,
        path: PathLike,
        height: int,
        width: int,
        kind: str,
        codec: Optional[str],
        crf: Optional[int],
    ) -> None:
        super().__init__()
        if codec not in (None, "png") or crf is not None:
            raise VideoError(path, "PNG files are without loss: they take no codec and no crf")
        place = Path(path)
        if not place.suffix:
            place = place / "%05d.png"
        if not _NUMBER.search(place.name):
            raise VideoError(path, "expected a folder or a name with a number, such as %05d.png")
        check_writable(place.parent, folder=True)
        self._place, self._number, self._is_closed = place, 0, False
        self._shape, self._kind = (height, width), kind

    def write(self, picture: np.ndarray, time: Seconds) -> None:
        """Write the next file; its time is not kept."""
        check_picture(picture, self._shape, self._kind)
        self._number += 1
        write_png(self._file(self._number), picture, level=1)

    def _file(self, number: int) -> Path:
        text = _NUMBER.sub(lambda m: f"{number:{m[1]}{m[2]}d}", self._place.name)
        return self._place.with_name(text)

    def close(self, whole: bool = True) -> None:
        """Say what is left of an earlier video of more frames."""
        further = self._file(self._number + 1)
        if self._number and further.exists() and not self._is_closed:
            self._notes.add(f"{further} and what follows it are of an earlier video")
        self._is_closed = True
