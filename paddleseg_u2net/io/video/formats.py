"""Which video a suffix means: its container, its codecs, and whether it holds transparency."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, NamedTuple, Optional

from paddleseg_u2net.io.video.types import PathLike, VideoError


class VideoFormat(NamedTuple):
    """A container and the codecs that are taken in it unless another is asked for."""

    container: str  # FFmpeg's name; empty: a file for each frame
    codec: str
    alpha_codec: Optional[str] = None  # None: it has no transparency

    @property
    def has_alpha(self) -> bool:
        """Whether it holds transparency."""
        return self.alpha_codec is not None


FRAMES = VideoFormat("", "png", "png")
VIDEO_FORMATS: Dict[str, VideoFormat] = {
    ".mp4": VideoFormat("mp4", "libx264"),
    ".m4v": VideoFormat("mp4", "libx264"),
    ".mov": VideoFormat("mov", "libx264", "prores_ks"),
    ".mkv": VideoFormat("matroska", "libx264", "libvpx-vp9"),
    ".webm": VideoFormat("webm", "libvpx-vp9", "libvpx-vp9"),
    ".webp": VideoFormat("webp", "libwebp_anim", "libwebp_anim"),
    ".png": FRAMES,  # `frames/%05d.png`, or a folder
}


def video_format(path: PathLike, alpha: bool = False) -> VideoFormat:
    """Return the format of a file's name; a name without a suffix is a folder of PNG files.

    Raises:
        VideoError: It is none of `VIDEO_FORMATS`, or one without transparency where ``alpha``.
    """
    suffix = Path(path).suffix.lower()
    found = VIDEO_FORMATS.get(suffix, None if suffix else FRAMES)
    if found is None:
        known = ", ".join(VIDEO_FORMATS)
        raise VideoError(path, f"expected a name that ends in one of {known}, found {suffix}")
    if alpha and not found.has_alpha:
        able = ", ".join(s for s, format_ in VIDEO_FORMATS.items() if format_.has_alpha)
        raise VideoError(
            path,
            f"{suffix} holds no transparency; name a file that ends in one of {able}, or give a "
            "background",
        )
    return found
