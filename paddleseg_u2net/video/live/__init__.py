"""Frames of a camera, which come when they come: the newest counts, and none is waited for."""

from paddleseg_u2net.video.live.matting import LiveMatting

__all__ = ["LiveMatting"]
