"""Moving pictures to frames and back, by PyAV: the only room that imports it.

Frames are always upright, RGB and `uint8`, with the exact times that the file gives them. Every
error of a video is a `VideoError` that begins with the path.
"""

from paddleseg_u2net.io.video.formats import VIDEO_FORMATS, VideoFormat, video_format
from paddleseg_u2net.io.video.opening import open_video
from paddleseg_u2net.io.video.types import (
    Frame,
    Notes,
    Size,
    Video,
    VideoError,
    VideoInfo,
    VideoWriter,
)
from paddleseg_u2net.io.video.writing import open_writer
