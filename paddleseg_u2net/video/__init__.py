"""Moving pictures: frames in, frames with their foreground's opacity out, steady over time."""

from paddleseg_u2net.video.mattes import mattes
from paddleseg_u2net.video.settings import Settings
from paddleseg_u2net.video.types import Matte

__all__ = ["Matte", "Settings", "mattes"]
