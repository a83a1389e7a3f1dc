"""A file, a folder or a pattern to the video that it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

from paddleseg_u2net.io import files
from paddleseg_u2net.io.video.animated_webp import AnimatedWebp, is_webp
from paddleseg_u2net.io.video.frame_files import FrameFiles, is_pattern
from paddleseg_u2net.io.video.reading import VideoFile
from paddleseg_u2net.io.video.types import PathLike, Seconds, Size, Video, VideoError, seconds


def open_video(
    source: PathLike,
    start: Seconds = 0,
    duration: Optional[Seconds] = None,
    rate: Optional[Seconds] = None,
    size: Optional[Size] = None,
) -> Video:
    """Open a video; it gives `Frame`s, in RGB as its colour tags say, upright, of square pixels.

    Args:
        source: A file of any container and codec that PyAV reads, a folder of frames, or a pattern
            of frames (``frames/*.png``, ``frames/%05d.png``), which are sorted by their numbers.
        start: Seconds of the video that are left out; the first frame is the first at or after it,
            and times count from there.
        duration: Seconds that are read; all by default.
        rate: Frames per second of a folder or pattern, which needs it; files know theirs.
        size: The shorter side of the frames in pixels, or (height, width), as they are to be seen.

    Raises:
        VideoError: It is none, has nothing to see, or cannot be shown rightly by this build.
        ModuleNotFoundError: PyAV is not installed.
    """
    begin = seconds(source, "start", start)
    length = None if duration is None else seconds(source, "duration", duration)
    if begin < 0 or (length is not None and length <= 0):
        raise VideoError(source, "expected start >= 0 and duration > 0 (seconds)")
    if is_pattern(source) or Path(source).is_dir():
        if rate is None:
            raise VideoError(source, "frames in files have no rate; give one (frames per second)")
        return FrameFiles(source, begin, length, seconds(source, "rate", rate), size)
    there = files.what_is(source)
    if there != "a file":
        raise VideoError(
            source, f"expected a video, a folder or a pattern of frames, found {there}"
        )
    if rate is not None:
        raise VideoError(source, "a rate is for folders of frames; a video has times of its own")
    if is_webp(source):
        return AnimatedWebp(os.fspath(source), begin, length, size)
    return VideoFile(os.fspath(source), begin, length, size)
