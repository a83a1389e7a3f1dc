"""Frames with their opacity to finished frames: what stands behind them, and how they are laid."""

from paddleseg_u2net.video.composing.backgrounds import Backdrop, OutOfFocus, Still
from paddleseg_u2net.video.composing.choosing import backdrop, video_background
from paddleseg_u2net.video.composing.composer import ONLY, Composer, lay
from paddleseg_u2net.video.composing.film import Film

__all__ = [
    "ONLY",
    "Backdrop",
    "Composer",
    "Film",
    "OutOfFocus",
    "Still",
    "backdrop",
    "lay",
    "video_background",
]
